//! Instances of a component: one for each Component resource, told apart by the metadata
//! `x-component-instance` of each call.
//!
//! An Init makes an instance, and replaces the one that was there: the old one is closed first, so
//! that it does not fight the new one for its client ID. There is no call that ends an instance, so
//! it also goes when its sidecar has gone: no connection has used it for a while.
//!
//! Sidecars of several applications may share this process and have a resource of the same name.
//! Each has a connection of its own, and so an instance of its own: an Init replaces what was made
//! over the same connection, over one that is gone, or with the same identity.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Request, Status};

use crate::context::{Claim, Context, Owner};
use crate::logging;
use crate::metadata::Properties;
use crate::peer::Peer;
use crate::remembered::Remembered;

/// A kind of component.
pub trait Component: Send + Sync + Sized + 'static {
    /// Its name in logs, metrics and files.
    const KIND: &'static str;

    /// Makes an instance: has 4 s for an answer with the real cause, since a sidecar waits no
    /// longer than 5 s.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for metadata that makes no sense, `UNAVAILABLE` and others for a broker
    /// that cannot be reached or refuses.
    fn open(init: Init, context: &Context) -> impl Future<Output = Result<Self, Status>> + Send;

    /// What two instances at once, of any kind, cannot share: a client ID at a broker. An Init
    /// with the identity of an instance of its kind and name replaces that.
    fn identity(init: &Init) -> Option<String>;

    /// What is said to an Init with the identity of another instance that is in use: which, and
    /// what to change.
    fn taken(owner: &Owner) -> Status;

    /// Ends it, without acknowledging what nobody has answered. The broker's session stays.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// Whether it is connected to the broker.
    fn is_connected(&self) -> bool;

    /// Whether a sidecar uses it right now, other than by calls: an open stream.
    fn is_in_use(&self) -> bool {
        false
    }
}

/// What an instance is made from.
#[derive(Clone, Debug)]
pub struct Init {
    /// Which instance.
    pub name: InstanceName,
    /// Whose spelling and defaults the type of the component stands for.
    pub flavour: Flavour,
    /// `spec.metadata`.
    pub properties: Properties,
}

/// The type of a component, that is, the socket that it was reached by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    /// `pubsub.catena` and `state.catena`, and names of the user's own.
    #[default]
    Catena,
    /// The first generation of Azure's types: `pubsub.aio-mq-pubsub-pluggable` and
    /// `state.aio-mq-statestore-pluggable`.
    AzureFirst,
    /// The second: `pubsub.azure.iotoperations` and `state.azure.iotoperations`.
    AzureSecond,
}

/// The name of a Component resource; empty is the default instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName(Arc<str>);

/// All instances of one kind.
#[derive(Debug)]
pub struct Instances<C> {
    slots: Mutex<BTreeMap<InstanceName, Arc<Slot<C>>>>,
    context: Context,
    remembered: Option<Remembered>,
    grace: Duration,
}

/// The instances of one name. Sidecars of different applications, each with a connection of its
/// own, may have a resource of the same name and share this process.
#[derive(Debug)]
struct Slot<C> {
    /// Held while an instance is made or closed.
    changing: tokio::sync::Mutex<()>,
    /// The one that was used last is the last.
    current: Mutex<Vec<Current<C>>>,
}

#[derive(Debug)]
struct Current<C> {
    instance: Arc<C>,
    identity: Option<String>,
    _claim: Option<Claim>,
    peers: Vec<Peer>,
    unused_since: Option<Instant>,
}

/// The metadata that names the instance.
pub const INSTANCE_KEY: &str = "x-component-instance";

impl InstanceName {
    /// From the name of a Component resource.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The instance that a call is for: absent and empty are the default one.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if the name is not ASCII.
    pub fn of<R>(request: &Request<R>) -> Result<Self, Status> {
        let Some(name) = request.metadata().get(INSTANCE_KEY) else {
            return Ok(Self::default());
        };
        let name = name.to_str().map_err(|_| {
            Status::invalid_argument(format!("the metadata {INSTANCE_KEY} is not ASCII text"))
        })?;
        Ok(Self::new(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "(default)"
        } else {
            &self.0
        })
    }
}

impl<C: Component> Instances<C> {
    /// None yet. An instance without connection and stream is closed after `grace`.
    #[must_use]
    pub fn new(context: Context, grace: Duration) -> Self {
        Self {
            slots: Mutex::default(),
            context,
            remembered: None,
            grace,
        }
    }

    /// Keeps what Init said in files of this folder: a process that comes after this one makes the
    /// instances again when they are called, since a sidecar does not.
    #[must_use]
    pub fn remembering(mut self, folder: Option<std::path::PathBuf>) -> Self {
        self.remembered = folder.map(|folder| Remembered::new(folder, C::KIND));
        self
    }

    /// The context given.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Makes the instance that the call names, in place of the one that there may be.
    ///
    /// # Errors
    ///
    /// Those of [`InstanceName::of`] and [`Component::open`].
    pub async fn init<R>(
        &self,
        request: &Request<R>,
        flavour: Flavour,
        properties: HashMap<String, String>,
    ) -> Result<Arc<C>, Status> {
        let name = InstanceName::of(request)?;
        let peer = peer(request);
        if let Some(remembered) = &self.remembered {
            remembered.keep(&name, flavour, &properties);
        }
        let slot = self.slot(&name);
        let changing = slot.changing.lock().await;
        let init = Init {
            name,
            flavour,
            properties: Properties::new(properties),
        };
        self.close_replaced(&slot, &init, &peer).await;
        let instance = self.open(&slot, init, peer).await;
        drop(changing);
        instance
    }

    /// The instance that the call names.
    ///
    /// # Errors
    ///
    /// `FAILED_PRECONDITION` without an Init before; those of [`InstanceName::of`].
    pub async fn find<R>(&self, request: &Request<R>) -> Result<Arc<C>, Status> {
        let name = InstanceName::of(request)?;
        let peer = peer(request);
        let found = self.slots().get(&name).map(Arc::clone);
        if let Some(instance) = found.as_ref().and_then(|slot| slot.touch(&peer)) {
            return Ok(instance);
        }
        let before = self.remembered.as_ref().and_then(|it| it.recall(&name));
        let Some((flavour, properties)) = before else {
            return Err(Status::failed_precondition(format!(
                "component instance {name} is not initialised: the component was restarted after \
                 the sidecar; restart the sidecar too"
            )));
        };
        let slot = self.slot(&name);
        let changing = slot.changing.lock().await;
        if let Some(instance) = slot.touch(&peer) {
            return Ok(instance);
        }
        tracing::info!(component = %name, kind = C::KIND, "instance is made as before");
        let init = Init {
            name,
            flavour,
            properties: Properties::new(properties),
        };
        let instance = self.open(&slot, init, peer).await;
        drop(changing);
        instance
    }

    /// All that there are.
    #[must_use]
    pub fn all(&self) -> Vec<(InstanceName, Arc<C>)> {
        let mut all = Vec::new();
        for (name, slot) in &*self.slots() {
            let current = slot.current();
            let instances = current.iter().map(|it| Arc::clone(&it.instance));
            all.extend(instances.map(|instance| (name.clone(), instance)));
        }
        all
    }

    /// Whether each instance is connected to the broker.
    #[must_use]
    pub fn are_connected(&self) -> bool {
        self.all().iter().all(|(_, it)| it.is_connected())
    }

    /// Whether a sidecar is connected that has used an instance.
    #[must_use]
    pub fn are_in_use(&self) -> bool {
        let slots: Vec<_> = self.slots().values().cloned().collect();
        slots
            .iter()
            .any(|slot| slot.current().iter().any(Current::is_used))
    }

    /// Closes the instances that nobody has used for the time of grace.
    pub async fn close_unused(&self, now: Instant) {
        let slots = self.slots().clone();
        for (name, slot) in slots {
            let changing = slot.changing.lock().await;
            for unused in slot.take(|it| it.unused_for(now).is_some_and(|it| it >= self.grace)) {
                unused.instance.close().await;
                tracing::info!(component = %name, kind = C::KIND, "instance closed: not in use");
            }
            drop(changing);
        }
    }

    /// Closes all of them.
    pub async fn close_all(&self) {
        let slots: Vec<_> = self.slots().values().cloned().collect();
        for slot in slots {
            for current in slot.take(|_| true) {
                current.instance.close().await;
            }
        }
    }

    async fn open(&self, slot: &Slot<C>, init: Init, peer: Peer) -> Result<Arc<C>, Status> {
        let name = init.name.clone();
        logging::explain_level(&init, C::KIND);
        let identity = C::identity(&init);
        let claim = match &identity {
            Some(identity) => Some(self.claim(identity, &name)?),
            None => None,
        };
        let began = Instant::now();
        let opened = C::open(init, &self.context).await;
        let elapsed = began.elapsed();
        match opened {
            Ok(instance) => {
                tracing::info!(component = %name, kind = C::KIND, ?elapsed, "instance is ready");
                let instance = Arc::new(instance);
                slot.current().push(Current {
                    instance: Arc::clone(&instance),
                    identity,
                    _claim: claim,
                    peers: vec![peer],
                    unused_since: None,
                });
                Ok(instance)
            }
            Err(status) => {
                let error = status.message();
                tracing::warn!(component = %name, kind = C::KIND, error, "instance not made");
                Err(status)
            }
        }
    }

    fn claim(&self, identity: &str, name: &InstanceName) -> Result<Claim, Status> {
        let owner = Owner {
            kind: C::KIND,
            name: name.clone(),
        };
        let claimed = self.context.claim(identity.to_owned(), owner);
        claimed.map_err(|other| {
            let status = C::taken(&other);
            let error = status.message();
            tracing::warn!(component = %name, kind = C::KIND, error, "instance not made");
            status
        })
    }

    /// Closes what an Init replaces: in its slot, and what a resource that had another name has
    /// left behind.
    async fn close_replaced(&self, slot: &Slot<C>, init: &Init, peer: &Peer) {
        let identity = C::identity(init);
        let is_same = |it: &Current<C>| identity.is_some() && it.identity == identity;
        let others: Vec<_> = self.slots().values().cloned().collect();
        for left in others
            .iter()
            .flat_map(|it| it.take(|it| is_same(it) && !it.is_used()))
        {
            left.instance.close().await;
        }
        let is_replaced = |it: &mut Current<C>| {
            let is_own = it.peers.iter().any(|other| other.is(peer));
            is_own || !it.is_used() || is_same(it)
        };
        for replaced in slot.take(is_replaced) {
            let is_own = replaced.peers.iter().any(|other| other.is(peer));
            if !is_own && replaced.is_used() {
                tracing::warn!(
                    component = %init.name,
                    kind = C::KIND,
                    "another sidecar that is still there had this client ID: give each replica \
                     its own, such as clientId \"{{podName}}\" or \"{{uuid}}\""
                );
            }
            replaced.instance.close().await;
        }
    }

    fn slot(&self, name: &InstanceName) -> Arc<Slot<C>> {
        let mut slots = self.slots();
        let slot = slots.entry(name.clone()).or_insert_with(|| {
            Arc::new(Slot {
                changing: tokio::sync::Mutex::default(),
                current: Mutex::default(),
            })
        });
        Arc::clone(slot)
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Arc<Slot<C>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Component> Slot<C> {
    fn current(&self) -> MutexGuard<'_, Vec<Current<C>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes some out.
    fn take(&self, which: impl FnMut(&mut Current<C>) -> bool) -> Vec<Current<C>> {
        self.current().extract_if(.., which).collect()
    }

    /// The instance that a connection uses: its own; else one whose connections are gone, since a
    /// sidecar makes a new connection without an Init; else the latest, for tools.
    fn touch(&self, peer: &Peer) -> Option<Arc<C>> {
        let mut all = self.current();
        let own = |it: &Current<C>| it.peers.iter().any(|other| other.is(peer));
        let left = |it: &Current<C>| !it.is_used();
        let index = { all.iter().rposition(own) }
            .or_else(|| all.iter().rposition(left))
            .or_else(|| all.len().checked_sub(1))?;
        let current = all.get_mut(index)?;
        if !own(current) {
            current.peers.retain(Peer::is_alive);
            current.peers.push(peer.clone());
        }
        current.unused_since = None;
        Some(Arc::clone(&current.instance))
    }
}

impl<C: Component> Current<C> {
    /// Whether a connection or stream uses it.
    fn is_used(&self) -> bool {
        self.peers.iter().any(Peer::is_alive) || self.instance.is_in_use()
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

fn peer<R>(request: &Request<R>) -> Peer {
    request.extensions().get().cloned().unwrap_or_default()
}
