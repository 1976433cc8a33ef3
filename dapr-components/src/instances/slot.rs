//! The instances of one name, and which of them a call is for. Neither makes nor closes any.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::context::Claim;
use crate::peer::Peer;

use super::{Component, Init};

/// For numbers of instances.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The instances of one name.
#[derive(Debug)]
pub(super) struct Slot<C> {
    /// Held while an instance is made or closed.
    pub(super) changing: tokio::sync::Mutex<()>,
    /// The one that was made last is the last.
    current: Mutex<Vec<Current<C>>>,
}

/// An instance, as long as its sidecar may call it.
#[derive(Debug)]
pub(super) struct Current<C> {
    /// No other has it.
    pub(super) number: u64,
    init: Init,
    pub(super) identity: Option<String>,
    /// `None` after nobody has used it for a while.
    open: Option<Open<C>>,
    /// Whose Init made it.
    maker: Peer,
    /// The connections that have used it.
    peers: Vec<Peer>,
    unused_since: Option<Instant>,
}

/// An instance that is there.
#[derive(Debug)]
pub(super) struct Open<C> {
    pub(super) instance: Arc<C>,
    _claim: Option<Claim>,
}

/// What an instance that is closed can be made from again.
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) init: Init,
    pub(super) maker: Peer,
}

/// Which instances a call may be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those that its connection has used, or that its process has made: a sidecar makes a new
    /// connection without an Init.
    Own,
    /// Else one whose connections are gone, else the latest: for tools, and for sidecars whose
    /// process cannot be seen.
    Anybodys,
}

impl<C> Default for Slot<C> {
    fn default() -> Self {
        Self {
            changing: tokio::sync::Mutex::default(),
            current: Mutex::default(),
        }
    }
}

impl<C: Component> Slot<C> {
    pub(super) fn current(&self) -> MutexGuard<'_, Vec<Current<C>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instances that are there.
    pub(super) fn open(&self) -> Vec<Arc<C>> {
        let current = self.current();
        let open = current.iter().filter_map(|it| it.open.as_ref());
        open.map(|open| Arc::clone(&open.instance)).collect()
    }

    /// Takes some out.
    pub(super) fn take(&self, which: impl FnMut(&mut Current<C>) -> bool) -> Vec<Current<C>> {
        self.current().extract_if(.., which).collect()
    }

    /// Takes the instances out that nobody has used for the time of grace, or whose sidecar has
    /// ended: what it had not answered may be for another one. What they were made from stays where
    /// somebody may call them again.
    pub(super) fn take_unused(&self, now: Instant, grace: Duration) -> Vec<Open<C>> {
        let mut all = self.current();
        let mut unused = Vec::new();
        let mut index = 0;
        while let Some(current) = all.get_mut(index) {
            let maker = current.maker.clone();
            let has_ended = maker.process_lives() == Some(false);
            let is_over = |unused: Duration| has_ended || unused >= grace;
            if !current.unused_for(now).is_some_and(is_over) {
                index += 1;
                continue;
            }
            unused.extend(current.open.take());
            let has_another = |it: &Current<C>| it.maker.process() == maker.process();
            let is_callable = !has_ended && !all.iter().skip(index + 1).any(has_another);
            match is_callable {
                true => index += 1,
                false => drop(all.remove(index)),
            }
        }
        unused
    }

    /// The instance that a connection uses, if it is there.
    pub(super) fn touch(&self, whose: Whose, peer: &Peer) -> Option<Arc<C>> {
        let mut all = self.current();
        let index = whose.index(&all, peer)?;
        let current = all.get_mut(index)?;
        let instance = Arc::clone(&current.open.as_ref()?.instance);
        if !current.is_connected(peer) {
            current.peers.retain(Peer::is_alive);
            current.peers.push(peer.clone());
        }
        current.unused_since = None;
        Some(instance)
    }

    /// The instance that a connection uses, if it is closed.
    pub(super) fn closed(&self, whose: Whose, peer: &Peer) -> Option<Closed> {
        let all = self.current();
        let current = all.get(whose.index(&all, peer)?)?;
        current.open.is_none().then(|| Closed {
            number: current.number,
            init: current.init.clone(),
            maker: current.maker.clone(),
        })
    }
}

impl Whose {
    fn index<C: Component>(self, all: &[Current<C>], peer: &Peer) -> Option<usize> {
        let left = |it: &Current<C>| !it.is_used();
        let same = |it: &Current<C>| it.maker.is_process_of(peer);
        match self {
            Self::Own => { all.iter().rposition(|it| it.is_connected(peer)) }
                .or_else(|| all.iter().rposition(|it| same(it) && left(it)))
                .or_else(|| all.iter().rposition(same)),
            Self::Anybodys => { all.iter().rposition(left) }.or_else(|| all.len().checked_sub(1)),
        }
    }
}

impl<C: Component> Current<C> {
    /// One that is there from now on, for who made it first and for who calls it now.
    pub(super) fn new(
        init: Init,
        identity: Option<String>,
        open: Open<C>,
        (maker, peer): (Peer, Peer),
    ) -> Self {
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            init,
            identity,
            open: Some(open),
            maker,
            peers: vec![peer],
            unused_since: None,
        }
    }

    /// Whether it was used over this connection.
    pub(super) fn is_connected(&self, peer: &Peer) -> bool {
        self.peers.iter().any(|other| other.is(peer))
    }

    /// Whether it belongs to a process that still lives, other than that of the connection.
    pub(super) fn is_for_another(&self, peer: &Peer) -> bool {
        self.maker.process_lives() == Some(true) && !self.maker.is_process_of(peer)
    }

    /// Whether the process of the connection has made it.
    pub(super) fn is_of_process(&self, peer: &Peer) -> bool {
        self.maker.is_process_of(peer)
    }

    /// Whether a connection or stream uses it.
    pub(super) fn is_used(&self) -> bool {
        let is_in_use = |open: &Open<C>| open.instance.is_in_use();
        self.peers.iter().any(Peer::is_alive) || self.open.as_ref().is_some_and(is_in_use)
    }

    /// Ends it, if it is there.
    pub(super) async fn close(self) {
        if let Some(open) = self.open {
            open.instance.close().await;
        }
    }

    /// How long nobody has used it; `None` while somebody does.
    fn unused_for(&mut self, now: Instant) -> Option<Duration> {
        if self.is_used() {
            self.unused_since = None;
            return None;
        }
        let since = *self.unused_since.get_or_insert(now);
        Some(now.saturating_duration_since(since))
    }
}

impl<C> Open<C> {
    pub(super) fn new(instance: Arc<C>, claim: Option<Claim>) -> Self {
        Self {
            instance,
            _claim: claim,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, getpid, getppid};
    use tonic::Status;

    use super::*;
    use crate::context::{Context, Owner};
    use crate::instances::{Flavour, InstanceName};
    use crate::metadata::Properties;

    const GRACE: Duration = Duration::from_secs(60);

    #[derive(Debug)]
    struct Numbered(u8);

    impl Component for Numbered {
        const KIND: &'static str = "numbered";
        const NAMES: &[&'static str] = &[];

        async fn open(_: Init, _: &Context) -> Result<Self, Status> {
            Ok(Self(0))
        }

        fn identity(_: &Init) -> Option<String> {
            None
        }

        fn taken(_: &Owner) -> Status {
            Status::invalid_argument("taken")
        }

        async fn close(&self) {}

        fn is_connected(&self) -> bool {
            true
        }
    }

    fn add(slot: &Slot<Numbered>, number: u8, peer: Peer) {
        let init = Init {
            name: InstanceName::default(),
            flavour: Flavour::Catena,
            properties: Properties::default(),
        };
        let open = Open::new(Arc::new(Numbered(number)), None);
        let current = Current::new(init, None, open, (peer.clone(), peer));
        slot.current().push(current);
    }

    fn touched(slot: &Slot<Numbered>, process: Pid) -> Option<u8> {
        let connection = Arc::new(());
        let peer = Peer::of(Some(process), &connection);
        slot.touch(Whose::Own, &peer).map(|instance| instance.0)
    }

    /// Two sidecars with a resource of the same name, whose connections have both been idle.
    #[test]
    fn a_new_connection_finds_what_its_process_has_made() {
        let slot = Slot::default();
        let connection = Arc::new(());
        add(&slot, 1, Peer::of(Some(getpid()), &connection));
        add(&slot, 2, Peer::of(getppid(), &connection));
        drop(connection);
        assert_eq!(touched(&slot, getpid()), Some(1));
        assert_eq!(touched(&slot, getppid().unwrap()), Some(2));
        let tool = Pid::from_raw(i32::MAX).unwrap();
        assert_eq!(touched(&slot, tool), None);
        let connection = Arc::new(());
        let tool = Peer::of(Some(tool), &connection);
        assert!(slot.touch(Whose::Anybodys, &tool).is_some());
    }

    #[test]
    fn what_is_closed_can_be_made_again_while_its_process_lives() {
        let slot = Slot::default();
        let ended = Pid::from_raw(i32::MAX).unwrap();
        let connection = Arc::new(());
        let parent = getppid().unwrap();
        for (number, process) in [(1, ended), (2, getpid()), (3, parent), (4, parent)] {
            add(&slot, number, Peer::of(Some(process), &connection));
        }
        let now = Instant::now();
        assert_eq!(slot.take_unused(now + GRACE, GRACE).len(), 0);
        drop(connection);
        // A sidecar that has ended is not waited for.
        let closed = slot.take_unused(now, GRACE);
        assert_eq!(
            closed.iter().map(|it| it.instance.0).collect::<Vec<_>>(),
            [1]
        );
        let closed = slot.take_unused(now + GRACE, GRACE);
        assert_eq!(closed.len(), 3);
        assert_eq!(touched(&slot, getpid()), None);
        // The third was replaced by the fourth.
        assert_eq!(slot.current().len(), 2);
        for process in [parent, getpid()] {
            let connection = Arc::new(());
            let closed = slot.closed(Whose::Own, &Peer::of(Some(process), &connection));
            assert_eq!(closed.unwrap().maker.process(), Some(process));
        }
    }
}
