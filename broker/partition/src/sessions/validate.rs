//! Checks every documented invariant of the sessions. For tests and simulation.

use std::collections::BTreeMap;

use catena_types::{Fault, SessionId, invariant};

use super::record::{HalfFinished, Session, State};
use super::state::{Counts, Sessions};
use crate::asks::Asks;
use crate::{Asked, Then};

impl Sessions {
    /// Checks the state.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    pub(crate) fn validate(&self, asks: &Asks) -> Result<(), Fault> {
        self.table.validate()?;
        let mut sums = Counts::default();
        let mut timers = 0;
        for session in self.table.ascending() {
            session.validate()?;
            sums.count_in(session);
            let id = session.id;
            let number = id.packed() as u32;
            invariant!(
                number < self.next,
                "session IDs have been given out",
                id = id
            );
            if let Some(due) = session.due() {
                timers += 1;
                invariant!(
                    self.timers.contains(&(due, id)),
                    "what is due is timed",
                    id = id
                );
            }
        }
        invariant!(
            self.timers.len() == timers,
            "each timer has something due",
            timers = timers
        );
        let counts = &self.counts;
        invariant!(
            counts.connected == sums.connected,
            "connected sessions are counted"
        );
        invariant!(
            counts.persistent == sums.persistent,
            "persistent sessions are counted"
        );
        invariant!(counts.wills == sums.wills, "wills are counted");
        invariant!(
            counts.will_bytes == sums.will_bytes,
            "bytes of wills are counted"
        );
        invariant!(
            counts.half_finished == sums.half_finished,
            "exchanges are counted"
        );
        self.validate_asks(asks)
    }

    /// Open asks and what the sessions say of them agree.
    fn validate_asks(&self, asks: &Asks) -> Result<(), Fault> {
        let mut subscribing: BTreeMap<SessionId, u32> = BTreeMap::new();
        let mut asking: BTreeMap<SessionId, usize> = BTreeMap::new();
        for ask in asks.numbers().filter_map(|number| asks.find(number)) {
            if let Then::Received { session, .. } = ask.then {
                *asking.entry(session).or_default() += 1;
            }
            match &*ask.what {
                Asked::Subscribe { session, .. } => *subscribing.entry(*session).or_default() += 1,
                Asked::EndSession { session } => {
                    let gone = self.table.find(*session).is_none();
                    invariant!(gone, "a session that ends elsewhere is gone", id = session);
                }
                Asked::Publish(_) | Asked::Unsubscribe { .. } => {}
            }
        }
        for session in self.table.ascending() {
            let id = session.id;
            let open = subscribing.get(&id).copied().unwrap_or(0);
            invariant!(
                session.subscribing == open,
                "SUBSCRIBEs in flight are counted",
                id = id
            );
            let waiting = session.half_finished();
            let waiting = waiting
                .filter(|(_, state)| *state != HalfFinished::Received)
                .count();
            let open = asking.get(&id).copied().unwrap_or(0);
            invariant!(
                waiting == open,
                "an exchange that waits has an open ask",
                id = id
            );
        }
        Ok(())
    }
}

impl Session {
    fn validate(&self) -> Result<(), Fault> {
        let id = self.id;
        invariant!(
            self.generation.number() > 0,
            "generations begin with 1",
            id = id
        );
        let empty = self
            .half_finished
            .as_ref()
            .is_some_and(|all| all.is_empty());
        invariant!(!empty, "no exchange takes no memory", id = id);
        for (place, partition) in self.ranges.iter().enumerate() {
            let first = self.ranges.iter().position(|other| other == partition);
            invariant!(first == Some(place), "a partition has one range", id = id);
        }
        match &self.state {
            State::Connected { .. } => {}
            State::Offline { ends, will_due } => {
                let both = will_due.is_some() == self.will.is_some();
                invariant!(
                    both,
                    "a will of an offline session is due some time",
                    id = id
                );
                let early = will_due.is_none_or(|due| due <= *ends);
                invariant!(early, "a will does not wait beyond its session", id = id);
                invariant!(
                    self.expiry_seconds > 0,
                    "who has no interval has ended",
                    id = id
                );
            }
        }
        Ok(())
    }
}
