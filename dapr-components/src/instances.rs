//! Instances of a component: one for each Component resource, told apart by the metadata
//! `x-component-instance` of each call.
//!
//! An Init makes an instance, and replaces the one that was there: the old one is closed first, so
//! that it does not fight the new one for its client ID. There is no call that ends an instance, so
//! it also goes when its sidecar has gone: no connection has used it for a while.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Request, Status};

use crate::context::Context;
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

#[derive(Debug)]
struct Slot<C> {
    /// Held while an instance is made or closed.
    changing: tokio::sync::Mutex<()>,
    current: Mutex<Option<Current<C>>>,
}

#[derive(Debug)]
struct Current<C> {
    instance: Arc<C>,
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
        self.close_slot(&slot).await;
        let init = Init {
            name,
            flavour,
            properties: Properties::new(properties),
        };
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
        let slots = self.slots();
        let all = slots.iter().filter_map(|(name, slot)| {
            let current = slot.current();
            let instance = current.as_ref().map(|it| Arc::clone(&it.instance));
            instance.map(|instance| (name.clone(), instance))
        });
        all.collect()
    }

    /// Whether each instance is connected to the broker.
    #[must_use]
    pub fn are_connected(&self) -> bool {
        self.all().iter().all(|(_, it)| it.is_connected())
    }

    /// Whether a sidecar is connected that has used an instance.
    #[must_use]
    pub fn are_in_use(&self) -> bool {
        let now = Instant::now();
        let slots: Vec<_> = self.slots().values().cloned().collect();
        slots
            .iter()
            .any(|slot| slot.unused_for(now).is_none_or(|it| it.is_zero()))
    }

    /// Closes the instances that nobody has used for the time of grace.
    pub async fn close_unused(&self, now: Instant) {
        let slots = self.slots().clone();
        for (name, slot) in slots {
            let is_over = |slot: &Slot<C>| {
                slot.unused_for(now)
                    .is_some_and(|unused| unused >= self.grace)
            };
            if !is_over(&slot) {
                continue;
            }
            let changing = slot.changing.lock().await;
            if is_over(&slot) && self.close_slot(&slot).await {
                tracing::info!(component = %name, kind = C::KIND, "instance closed: not in use");
            }
            drop(changing);
        }
    }

    /// Closes all of them, side by side.
    pub async fn close_all(&self) {
        let slots: Vec<_> = self.slots().values().cloned().collect();
        let mut closing = Vec::new();
        for slot in &slots {
            let Some(current) = slot.current().take() else {
                continue;
            };
            closing.push(current.instance);
        }
        for instance in closing {
            instance.close().await;
        }
    }

    async fn open(&self, slot: &Slot<C>, init: Init, peer: Peer) -> Result<Arc<C>, Status> {
        let name = init.name.clone();
        let began = Instant::now();
        let opened = C::open(init, &self.context).await;
        let elapsed = began.elapsed();
        match opened {
            Ok(instance) => {
                tracing::info!(component = %name, kind = C::KIND, ?elapsed, "instance is ready");
                let instance = Arc::new(instance);
                *slot.current() = Some(Current {
                    instance: Arc::clone(&instance),
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

    /// Closes what is in the slot, if anything.
    async fn close_slot(&self, slot: &Slot<C>) -> bool {
        let Some(current) = slot.current().take() else {
            return false;
        };
        current.instance.close().await;
        true
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
    fn current(&self) -> MutexGuard<'_, Option<Current<C>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The instance, noted as used by this connection.
    fn touch(&self, peer: &Peer) -> Option<Arc<C>> {
        let mut current = self.current();
        let current = current.as_mut()?;
        if !current.peers.iter().any(|other| other.is(peer)) {
            current.peers.retain(Peer::is_alive);
            current.peers.push(peer.clone());
        }
        current.unused_since = None;
        Some(Arc::clone(&current.instance))
    }

    /// How long no connection and no stream has used the instance; `None` without an instance or
    /// while one does.
    fn unused_for(&self, now: Instant) -> Option<Duration> {
        let mut current = self.current();
        let current = current.as_mut()?;
        if current.peers.iter().any(Peer::is_alive) || current.instance.is_in_use() {
            current.unused_since = None;
            return None;
        }
        let since = *current.unused_since.get_or_insert(now);
        Some(now.saturating_duration_since(since))
    }
}

fn peer<R>(request: &Request<R>) -> Peer {
    request.extensions().get().cloned().unwrap_or_default()
}
