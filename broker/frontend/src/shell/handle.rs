//! Asking and changing a frontend while it runs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use super::accept::Workers;
use super::admission::{Admission, Refusal};
use super::doorway::Handshakes;
use super::listener::{Listener, Terms};
use super::mailbox::Message;
use super::ready::lock;
use crate::error::Error;
use crate::options::{Address, ListenerOptions, Protocol};
use crate::worker::Stats;

/// A frontend that runs, or is about to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// A listener as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerStatus {
    /// Its name.
    pub name: String,
    /// Where it listens, with the port that the system has chosen.
    pub address: Address,
    /// What is spoken.
    pub protocol: Protocol,
    /// Whether it is spoken over TLS.
    pub is_encrypted: bool,
    /// Connections open now.
    pub connections: u32,
    /// Connections accepted so far.
    pub accepted: u64,
}

/// What a handle and its service share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) workers: Arc<Workers>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) handshakes: Arc<Handshakes>,
    ids_per_range: u16,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The listeners, in the order of the options.
    pub fn listeners(&self) -> Vec<ListenerStatus> {
        let status = |listener: &Arc<Listener>| {
            let terms = listener.terms();
            ListenerStatus {
                name: listener.name.clone(),
                address: listener.address.clone(),
                protocol: terms.options.protocol,
                is_encrypted: terms.tls.is_some(),
                connections: listener.connections.load(Ordering::Relaxed),
                accepted: listener.accepted.load(Ordering::Relaxed),
            }
        };
        lock(&self.shared.listeners).iter().map(status).collect()
    }

    /// What each worker has counted. Those that have ended are left out.
    pub async fn stats(&self) -> Vec<Stats> {
        let mut all = Vec::new();
        for mailbox in &self.shared.workers.mailboxes {
            let (answer, stats) = oneshot::channel();
            mailbox.send(Message::Stats(answer));
            all.extend(stats.await);
        }
        all
    }

    /// Connections refused so far, for this reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.shared.admission.refused(refusal)
    }

    /// The most connections that one network address has now.
    pub fn most_connections_per_address(&self) -> u32 {
        self.shared.admission.most_per_address()
    }

    /// Handshakes under way.
    pub fn handshakes(&self) -> u32 {
        self.shared.handshakes.under_way.load(Ordering::Relaxed)
    }

    /// Handshakes that had to wait because there were too many.
    pub fn handshakes_delayed(&self) -> u64 {
        self.shared.handshakes.delayed.load(Ordering::Relaxed)
    }

    /// Reads all TLS credentials again; they are for new connections.
    ///
    /// # Errors
    /// The first listener whose new credentials cannot be used. It and all others keep those they
    /// have.
    pub fn reload_tls(&self) -> Result<(), Error> {
        let listeners = lock(&self.shared.listeners);
        let load = |listener: &Arc<Listener>| {
            let options = listener.terms().options.clone();
            Terms::load(options, self.shared.ids_per_range)
        };
        let terms = listeners.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        for (listener, terms) in listeners.iter().zip(terms) {
            listener.set_terms(terms);
        }
        Ok(())
    }

    /// Listens as these options say: new listeners begin, those that are not named any more stop,
    /// others have new terms for new connections. Connections that are open go on.
    ///
    /// # Errors
    /// The first listener that cannot listen or whose credentials cannot be used; then nothing is
    /// changed.
    pub fn reload_listeners(&self, options: &[ListenerOptions]) -> Result<(), Error> {
        self.shared.bind_all(options)?;
        self.shared.accept();
        Ok(())
    }
}

impl Shared {
    pub(crate) fn new(
        workers: Arc<Workers>,
        admission: Arc<Admission>,
        ids_per_range: u16,
    ) -> Self {
        Self {
            workers,
            admission,
            handshakes: Arc::default(),
            ids_per_range,
            listeners: Mutex::default(),
        }
    }

    /// Binds what is new, changes what is known, stops what is gone. Nothing if something is wrong.
    pub(crate) fn bind_all(&self, options: &[ListenerOptions]) -> Result<(), Error> {
        let mut listeners = lock(&self.listeners);
        let load = |options: &ListenerOptions| Terms::load(options.clone(), self.ids_per_range);
        let terms = options.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let known = |terms: &Arc<Terms>| {
            let is_same = |listener: &&Arc<Listener>| {
                listener.name == terms.options.name && listener.configured == terms.options.address
            };
            listeners.iter().find(is_same).map(Arc::clone)
        };
        let bind = |terms: Arc<Terms>| match known(&terms) {
            Some(listener) => Ok((listener, Some(terms))),
            None => Listener::bind(terms).map(|listener| (listener, None)),
        };
        let bound = terms.into_iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        let mut next = Vec::with_capacity(bound.len());
        for (listener, terms) in bound {
            if let Some(terms) = terms {
                listener.set_terms(terms);
            }
            next.push(listener);
        }
        for old in listeners.iter() {
            if !next.iter().any(|listener| Arc::ptr_eq(listener, old)) {
                old.stop();
            }
        }
        *listeners = next;
        Ok(())
    }

    /// Begins to accept on listeners that do not yet.
    pub(crate) fn accept(&self) {
        if let Some(first) = self.workers.mailboxes.first() {
            for listener in lock(&self.listeners).iter() {
                if listener.is_unused() {
                    first.send(Message::Listen(Arc::clone(listener)));
                }
            }
        }
    }

    /// Accepts no more, for good.
    pub(crate) fn stop(&self) {
        for listener in lock(&self.listeners).drain(..) {
            listener.stop();
        }
    }
}
