//! Instances of a component: one for each Component resource, told apart by the metadata
//! `x-component-instance` of each call.
//!
//! An Init makes an instance, and replaces the one that was there: the old one is closed first, so
//! that it does not fight the new one for its client ID. There is no call that ends an instance.
//! One that no connection has used for a while is closed, and made again when it is called: a
//! sidecar closes a connection that it has not used for half an hour, and never repeats Init.
//!
//! Sidecars of several applications may share this process and have a resource of the same name.
//! Each is a process with connections of its own, and has an instance of its own: an Init replaces
//! what was made over the same connection, by the same process or one that is gone, or with the
//! same identity.

mod slot;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Request, Status};

use crate::context::{Claim, Context, Owner};
use crate::logging;
use crate::metadata::{Properties, names};
use crate::peer::Peer;
use crate::remembered::Remembered;

pub(crate) use slot::Whose;
use slot::{Closed, Current, Open, Slot};

/// A kind of component.
pub trait Component: Send + Sync + Sized + 'static {
    /// Its name in logs, metrics and files.
    const KIND: &'static str;

    /// The names in metadata that it knows, beside those of the connection.
    const NAMES: &[&'static str];

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
        let slot = self.slot(&name);
        let changing = slot.changing.lock().await;
        let init = Init {
            name: name.clone(),
            flavour,
            properties: Properties::new(properties.clone()),
        };
        self.close_replaced(&slot, &init, &peer).await;
        let peers = (peer.clone(), peer.clone());
        let instance = self.open(&slot, init, peers).await;
        drop(changing);
        if let (Some(remembered), Ok(_)) = (&self.remembered, &instance) {
            remembered.keep((&name, peer.process()), flavour, &properties);
        }
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
        let slot = self.slots().get(&name).map(Arc::clone);
        let own = slot.as_ref().and_then(|slot| slot.touch(Whose::Own, &peer));
        if let Some(instance) = own {
            return Ok(instance);
        }
        let slot = self.slot(&name);
        let changing = slot.changing.lock().await;
        let instance = self.find_in(&slot, name, peer).await;
        drop(changing);
        instance
    }

    /// What belongs to the process that calls counts more than what belongs to others.
    async fn find_in(
        &self,
        slot: &Slot<C>,
        name: InstanceName,
        peer: Peer,
    ) -> Result<Arc<C>, Status> {
        for whose in [Whose::Own, Whose::Anybodys] {
            if let Some(instance) = slot.touch(whose, &peer) {
                return Ok(instance);
            }
            if let Some(closed) = slot.closed(whose, &peer) {
                return self.reopen(slot, closed, peer).await;
            }
            let remembered = self.remembered.as_ref();
            let before = remembered.and_then(|it| it.recall(&name, whose, peer.process()));
            if let Some((flavour, properties)) = before {
                tracing::info!(component = %name, kind = C::KIND, "instance is made as before");
                let init = Init {
                    name,
                    flavour,
                    properties: Properties::new(properties),
                };
                return self.open(slot, init, (peer.clone(), peer)).await;
            }
        }
        Err(Status::failed_precondition(format!(
            "component instance {name} is not initialised: the component was restarted after the \
             sidecar; restart the sidecar too"
        )))
    }

    /// Makes an instance again that nobody had used. If that fails, or the caller does not wait for
    /// it, the next call tries once more.
    async fn reopen(&self, slot: &Slot<C>, closed: Closed, peer: Peer) -> Result<Arc<C>, Status> {
        let instance = self.open(slot, closed.init, (closed.maker, peer)).await?;
        slot.take(|it| it.number == closed.number);
        Ok(instance)
    }

    /// All that there are.
    #[must_use]
    pub fn all(&self) -> Vec<(InstanceName, Arc<C>)> {
        let mut all = Vec::new();
        for (name, slot) in &*self.slots() {
            let instances = slot.open();
            all.extend(instances.into_iter().map(|it| (name.clone(), it)));
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

    /// Closes the instances that nobody has used for the time of grace. They are made again if
    /// their sidecar calls.
    pub async fn close_unused(&self, now: Instant) {
        let slots = self.slots().clone();
        for (name, slot) in slots {
            let changing = slot.changing.lock().await;
            for unused in slot.take_unused(now, self.grace) {
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
                current.close().await;
            }
        }
    }

    async fn open(
        &self,
        slot: &Slot<C>,
        init: Init,
        peers: (Peer, Peer),
    ) -> Result<Arc<C>, Status> {
        let name = init.name.clone();
        logging::explain_level(&init, C::KIND);
        for (unknown, meant) in names::unknown(&init.properties, C::NAMES) {
            let meant = meant.map(|meant| format!("; is `{meant}` meant?"));
            let meant = meant.unwrap_or_default();
            tracing::warn!(component = %name, kind = C::KIND,
                "metadata `{unknown}` means nothing here{meant}");
        }
        let identity = C::identity(&init);
        let claim = match &identity {
            Some(identity) => Some(self.claim(identity, &name)?),
            None => None,
        };
        let began = Instant::now();
        let opened = C::open(init.clone(), &self.context).await;
        let elapsed = began.elapsed();
        match opened {
            Ok(instance) => {
                tracing::info!(component = %name, kind = C::KIND, ?elapsed, "instance is ready");
                let instance = Arc::new(instance);
                let open = Open::new(Arc::clone(&instance), claim);
                slot.current()
                    .push(Current::new(init, identity, open, peers));
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
            left.close().await;
        }
        let is_replaced = |it: &mut Current<C>| {
            let is_left = !it.is_used() && !it.is_for_another(peer);
            it.is_connected(peer) || is_left || is_same(it)
        };
        for replaced in slot.take(is_replaced) {
            let is_another = !replaced.is_connected(peer) && !replaced.is_of_process(peer);
            if is_another && replaced.is_used() {
                tracing::warn!(
                    component = %init.name,
                    kind = C::KIND,
                    "another sidecar that is still there had this client ID: give each replica \
                     its own, such as clientId \"{{podName}}\" or \"{{uuid}}\""
                );
            }
            replaced.close().await;
        }
    }

    fn slot(&self, name: &InstanceName) -> Arc<Slot<C>> {
        let mut slots = self.slots();
        let slot = slots.entry(name.clone()).or_default();
        Arc::clone(slot)
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Arc<Slot<C>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn peer<R>(request: &Request<R>) -> Peer {
    request.extensions().get().cloned().unwrap_or_default()
}
