//! One client as a worker keeps it. What few clients need at a time stands in a box, so that an
//! idle one stays small.

use std::sync::Arc;

use catena_connection::{Connection, Settings};
use catena_mqtt::Version;
use catena_types::{Generation, Moment, PartitionId, PartitionSet, Position, SessionId};

use super::ending::Ending;
use super::limits::{OUTPUT_BYTES_PAUSE, OUTSTANDING_MAX};
use super::output::Output;
use super::stalled::Stalled;

/// What a listener demands of its connections. Shared by all of them.
#[derive(Debug)]
pub struct Rules {
    /// The listener's name, for log lines.
    pub listener: Box<str>,
    /// What the connection core enforces. `packet_ids_per_range` must be that of the port.
    pub settings: Settings,
    /// Whether a CONNECT waits for [`Worker::handle_authenticated`](super::Worker).
    pub authenticate: bool,
}

/// A client whose socket is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// The client.
    pub slot: u32,
    /// How.
    pub urgency: Urgency,
}

/// How a socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// After its output is flushed, within the shell's patience.
    Flush,
    /// After one attempt to send what is left: another connection waits for the session.
    Now,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: Connection,
    pub(crate) rules: Arc<Rules>,
    pub(crate) out: Output,
    /// Empty until CONNECT.
    pub(crate) client_id: Arc<str>,
    /// The session, if `has_session`.
    pub(crate) session: SessionId,
    /// The earliest entry that the timers have for this client.
    pub(crate) alarm: Moment,
    pub(crate) generation: Generation,
    /// Tells clients of one slot apart.
    pub(crate) epoch: u32,
    /// Requests whose replies are waited for.
    pub(crate) outstanding: u32,
    pub(crate) has_session: bool,
    /// The shell takes large payloads by reference.
    pub(crate) takes_apart: bool,
    /// On the list of clients with new output.
    pub(crate) is_dirty: bool,
    /// The shell was told not to read.
    pub(crate) is_paused: bool,
    /// The shell has closed the socket.
    pub(crate) is_socket_closed: bool,
    /// Where the session may have deliveries for this connection.
    pub(crate) attached: PartitionSet,
    /// The position after the last that was taken, by partition, in their order.
    pub(crate) taken: Vec<(PartitionId, Position)>,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few clients have at a time.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    /// Input that is not a whole packet yet, or that waits for an answer of the broker.
    pub(crate) partial: Vec<u8>,
    /// The client ID that the broker has chosen, until CONNACK tells it.
    pub(crate) assigned_client_id: Option<Box<str>>,
    pub(crate) stalled: Stalled,
    pub(crate) ending: Option<Ending>,
}

impl Client {
    pub(crate) fn new(now: Moment, rules: Arc<Rules>, epoch: u32) -> Self {
        Self {
            connection: Connection::new(now),
            rules,
            out: Output::default(),
            client_id: Arc::default(),
            session: SessionId::from_packed(0),
            alarm: Moment::NEVER,
            generation: Generation::default(),
            epoch,
            outstanding: 0,
            has_session: false,
            takes_apart: false,
            is_dirty: false,
            is_paused: false,
            is_socket_closed: false,
            attached: PartitionSet::EMPTY,
            taken: Vec::new(),
            rare: None,
        }
    }

    /// Whether it speaks MQTT 3.1 or 3.1.1.
    pub(crate) fn is_v3(&self) -> bool {
        self.connection
            .version()
            .is_some_and(|version| version != Version::V5)
    }

    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.ending.is_some())
    }

    /// Whether more input is wanted now.
    #[inline]
    pub(crate) fn reads(&self) -> bool {
        self.out.backlog() <= OUTPUT_BYTES_PAUSE
            && self.outstanding <= OUTSTANDING_MAX
            && !self.connection.is_waiting()
            && !self.is_ending()
    }

    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The stalled queues, if there are any.
    #[inline]
    pub(crate) fn stalled(&mut self) -> Option<&mut Stalled> {
        let rare = self.rare.as_deref_mut()?;
        (!rare.stalled.is_empty()).then_some(&mut rare.stalled)
    }

    /// Takes the input that was put aside.
    #[inline]
    pub(crate) fn take_partial(&mut self) -> Vec<u8> {
        match &mut self.rare {
            Some(rare) => std::mem::take(&mut rare.partial),
            None => Vec::new(),
        }
    }

    /// Notes that a delivery of `partition` was taken.
    #[inline]
    pub(crate) fn note_taken(&mut self, partition: PartitionId, position: Position) {
        let next = position.plus(1);
        match self.taken.binary_search_by_key(&partition, |entry| entry.0) {
            Ok(index) => {
                let first_unsent = &mut self.taken[index].1;
                *first_unsent = next.max(*first_unsent);
            }
            Err(index) => self.taken.insert(index, (partition, next)),
        }
    }

    /// The first position of `partition` that was not taken.
    pub(crate) fn first_unsent(&self, partition: PartitionId) -> Position {
        match self.taken.binary_search_by_key(&partition, |entry| entry.0) {
            Ok(index) => self.taken[index].1,
            Err(_) => Position::default(),
        }
    }

    /// Gives back what is not needed now.
    #[inline]
    pub(crate) fn trim(&mut self) {
        if self.rare.as_ref().is_some_and(|rare| rare.is_empty()) {
            self.rare = None;
        }
    }
}

impl Rare {
    fn is_empty(&self) -> bool {
        self.partial.capacity() == 0
            && self.assigned_client_id.is_none()
            && self.stalled.is_empty()
            && self.ending.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_client_stays_within_its_budget() {
        let size = size_of::<Client>();
        assert!(size <= 350, "{size} bytes");
    }
}
