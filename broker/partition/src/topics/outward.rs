//! What frontends have not taken yet: the tail's own, in no digest and no snapshot.

use catena_mqtt::Qos;
use catena_types::{FrontendId, Moment, SessionId, Stamp};

use super::limits::PUSHED_BYTES_MAX;
use crate::Publish;

/// What waits for each frontend worker.
#[derive(Debug, Default)]
pub(crate) struct Outward {
    frontends: Vec<Waiting>,
    woken: Vec<FrontendId>,
}

/// What waits for one frontend worker.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Attachments whose queue has something handed out and not taken.
    pub(super) ready: Vec<u32>,
    /// PUBRELs to send: attachment and position.
    pub(super) releases: Vec<(u32, u64)>,
    /// Messages at QoS 0, sent at most once.
    pub(super) pushes: Vec<Push>,
    /// Their bodies: passed-on properties, then payload.
    pub(super) bodies: Vec<u8>,
    /// A queue has got something that the pushes here come before.
    pub(super) pushes_first: bool,
    woken: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.releases.is_empty() && self.pushes.is_empty()
    }
}

/// A QoS 0 message for receivers on one frontend.
#[derive(Debug)]
pub(crate) struct Push {
    pub(super) to: PushTo,
    pub(super) topic: u32,
    pub(super) publisher: SessionId,
    pub(super) stamp: Stamp,
    pub(super) expires: Option<Moment>,
    pub(super) start: usize,
    pub(super) properties_len: u32,
    pub(super) payload_len: u32,
    pub(super) qos: Qos,
    pub(super) retain: bool,
}

/// Whom a push is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushTo {
    /// Those of a recipient set that are granted QoS 0 of it.
    Set(u32),
    /// One of them.
    Recipient {
        /// The recipient set.
        set: u32,
        /// Its place there.
        ordinal: u32,
    },
    /// One member of a share group.
    Member {
        /// Its attachment.
        attachment: u32,
        /// Its session.
        session: SessionId,
        /// Its subscription identifier.
        subscription_id: Option<u32>,
        /// Its Retain As Published.
        retain_as_published: bool,
    },
}

impl Outward {
    /// What waits for a frontend.
    pub(crate) fn waiting(&mut self, frontend: FrontendId) -> &mut Waiting {
        let index = usize::from(frontend.number());
        if index >= self.frontends.len() {
            self.frontends.resize_with(index + 1, Waiting::default);
        }
        let waiting = &mut self.frontends[index];
        if !waiting.woken {
            waiting.woken = true;
            self.woken.push(frontend);
        }
        waiting
    }

    /// Notes that something was queued for a frontend that its waiting pushes come before.
    pub(crate) fn put_pushes_first(&mut self, frontend: FrontendId) {
        if let Some(waiting) = self.frontends.get_mut(usize::from(frontend.number())) {
            waiting.pushes_first |= !waiting.pushes.is_empty();
        }
    }

    /// Takes what waits for a frontend; its buffers come back with [`Outward::put_back`].
    pub(crate) fn take(&mut self, frontend: FrontendId) -> Option<Waiting> {
        let waiting = self.frontends.get_mut(usize::from(frontend.number()))?;
        if waiting.is_empty() {
            return None;
        }
        Some(std::mem::take(waiting))
    }

    /// Gives the emptied buffers back.
    pub(crate) fn put_back(&mut self, frontend: FrontendId, mut waiting: Waiting) {
        waiting.ready.clear();
        waiting.releases.clear();
        waiting.pushes.clear();
        waiting.bodies.clear();
        if waiting.bodies.capacity() > 1 << 20 {
            waiting.bodies = Vec::new();
        }
        waiting.pushes_first = false;
        waiting.woken = false;
        if let Some(place) = self.frontends.get_mut(usize::from(frontend.number()))
            && place.is_empty()
        {
            waiting.woken = place.woken;
            *place = waiting;
        }
    }

    /// Tells which frontends something new waits for, each once.
    pub(crate) fn woken(&mut self, mut each: impl FnMut(FrontendId)) {
        for frontend in self.woken.drain(..) {
            if let Some(waiting) = self.frontends.get_mut(usize::from(frontend.number())) {
                waiting.woken = false;
                if !waiting.is_empty() {
                    each(frontend);
                }
            }
        }
    }

    /// All frontends that could be known: 0 up to here.
    pub(crate) fn frontends(&self) -> u16 {
        self.frontends.len().min(usize::from(u16::MAX)) as u16
    }

    /// Makes sure that a frontend is among those known.
    pub(crate) fn know(&mut self, frontend: FrontendId) {
        let count = usize::from(frontend.number()) + 1;
        if count > self.frontends.len() {
            self.frontends.resize_with(count, Waiting::default);
        }
    }
}

impl Waiting {
    /// Adds a message. `false` if too much waits already.
    pub(crate) fn push(&mut self, publish: &Publish<'_>, to: PushTo, order: PushOrder) -> bool {
        let properties_len: usize = publish.properties.iter().map(|part| part.len()).sum();
        let more = properties_len + publish.payload.len();
        if !self.bodies.is_empty() && self.bodies.len() + more > PUSHED_BYTES_MAX {
            return false;
        }
        let start = self.bodies.len();
        for part in publish.properties {
            self.bodies.extend_from_slice(part);
        }
        self.bodies.extend_from_slice(publish.payload);
        self.pushes.push(Push {
            to,
            topic: order.topic,
            publisher: publish.publisher,
            stamp: order.stamp,
            expires: order.expires,
            start,
            properties_len: properties_len as u32,
            payload_len: publish.payload.len() as u32,
            qos: publish.qos,
            retain: publish.retain,
        });
        true
    }
}

/// Where a push stands in the order of things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PushOrder {
    pub(crate) topic: u32,
    pub(crate) stamp: Stamp,
    pub(crate) expires: Option<Moment>,
}
