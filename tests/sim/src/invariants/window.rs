//! Of ARCHITECTURE.md, invariant 6, "Memory is bounded by configuration for any behaviour of
//! clients": what is in flight to a client is bounded by its Receive Maximum [MQTT-3.3.4-9], and no
//! packet ID stands for two messages at once [MQTT-2.2.1-4].

use std::collections::BTreeMap;

use catena_types::Moment;

use super::Verdict;
use crate::model::MessageId;
use crate::violation::Violation;

const NAME: &str = "window";

/// What one connection has in flight to its client, as the client sees it.
#[derive(Debug, Default)]
pub(crate) struct Window {
    max: usize,
    /// `None` for a message that names no ID: an empty one.
    open: BTreeMap<u16, Option<MessageId>>,
}

impl Window {
    /// A new connection of a client that takes so many.
    pub(crate) fn new(max: u16) -> Self {
        Self {
            max: usize::from(max),
            open: BTreeMap::new(),
        }
    }

    /// A PUBLISH at QoS 1 or 2 came.
    ///
    /// # Errors
    /// If its packet ID is in use, or there are more than allowed.
    pub(crate) fn open(
        &mut self,
        now: Moment,
        packet_id: u16,
        message: Option<MessageId>,
    ) -> Verdict {
        if let Some(before) = self.open.insert(packet_id, message) {
            let detail =
                format!("packet ID {packet_id} in use by {before:?} came with {message:?}");
            return Err(Violation::new(NAME, now, detail));
        }
        if self.open.len() > self.max {
            let detail = format!("{} in flight, above {}", self.open.len(), self.max);
            return Err(Violation::new(NAME, now, detail));
        }
        Ok(())
    }

    /// PUBACK or PUBCOMP was sent.
    pub(crate) fn close(&mut self, packet_id: u16) {
        self.open.remove(&packet_id);
    }
}
