//! What is kept of one session. Small, since most sessions are idle and there may be millions:
//! whatever only some sessions have stands behind a pointer.

use std::collections::BTreeMap;

use catena_mqtt::PacketId;
use catena_types::{FrontendId, Generation, Moment, PartitionId, PartitionSet, SessionId};

use crate::{Connect, Origin, OwnedPublish, Publish, Will};

/// A session [MQTT-3.1.3-2].
#[derive(Debug)]
pub(super) struct Session {
    /// Never reused.
    pub(super) id: SessionId,
    /// Whose session it is.
    pub(super) client_id: Box<str>,
    /// Which connection has it or had it last.
    pub(super) generation: Generation,
    /// How long it outlives its connection; `u32::MAX` for ever.
    pub(super) expiry_seconds: u32,
    /// Whether a connection has it.
    pub(super) state: State,
    /// The will of its connection, until published or forgotten [MQTT-3.1.2-7].
    pub(super) will: Option<Box<KeptWill>>,
    /// Inbound QoS 2 exchanges without PUBREL; `None` rather than empty.
    #[expect(
        clippy::box_collection,
        reason = "most sessions have none; a pointer is smaller"
    )]
    pub(super) half_finished: Option<Box<BTreeMap<PacketId, HalfFinished>>>,
    /// The partitions that have a range of packet IDs, in order of first use.
    pub(super) ranges: Box<[PartitionId]>,
    /// Where it may have subscriptions and queues. Only grows: what has been routed there once is
    /// freed when the session ends.
    pub(super) partitions: PartitionSet,
    /// SUBSCRIBEs that the routing chain has not answered.
    pub(super) subscribing: u32,
}

/// Whether a connection has the session.
#[derive(Debug)]
pub(super) enum State {
    /// A connection has it.
    Connected {
        /// The frontend worker that has the connection.
        frontend: FrontendId,
        /// That frontend's handle of it.
        connection: u32,
        /// Who gets the session once this connection is closed [MQTT-3.1.4-3].
        waiting: Option<Box<Newcomer>>,
    },
    /// None has.
    Offline {
        /// When the session ends.
        ends: Moment,
        /// When its will is due; `Some` exactly if there is a will, never later than `ends`.
        will_due: Option<Moment>,
    },
}

/// A will kept for a connection.
#[derive(Debug)]
pub(super) struct KeptWill {
    /// Seconds to wait after the connection has ended.
    pub(super) delay_seconds: u32,
    /// The message.
    pub(super) publish: OwnedPublish,
}

/// How far an inbound QoS 2 exchange has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HalfFinished {
    /// The topic's partition has not answered yet.
    Asking {
        /// Who waits for it: the newest that sent the message.
        origin: Origin,
    },
    /// Its topic has it: PUBREC may have left.
    Received,
}

/// A connection on its way to a session.
#[derive(Debug)]
pub(super) struct Newcomer {
    /// Who is answered.
    pub(super) origin: Origin,
    /// Whether an old session ends first.
    pub(super) clean_start: bool,
    /// The session expiry interval in seconds; `u32::MAX` never expires.
    pub(super) expiry_seconds: u32,
    /// The frontend worker that asks.
    pub(super) frontend: FrontendId,
    /// That frontend's handle of the connection.
    pub(super) connection: u32,
    /// The will, if any. Its publisher is filled in with the session.
    pub(super) will: Option<Box<KeptWill>>,
}

impl Session {
    /// Whether a connection has the session.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// When a timer has something to do for it.
    pub(super) fn due(&self) -> Option<Moment> {
        match self.state {
            State::Connected { .. } => None,
            State::Offline { ends, will_due } => {
                let due = will_due.map_or(ends, |will| will.min(ends));
                (due != Moment::NEVER).then_some(due)
            }
        }
    }

    /// Inbound QoS 2 exchanges without PUBREL.
    pub(super) fn half_finished(&self) -> impl Iterator<Item = (PacketId, HalfFinished)> + '_ {
        let all = self.half_finished.iter().flat_map(|all| all.iter());
        all.map(|(packet_id, state)| (*packet_id, *state))
    }
}

impl KeptWill {
    /// A copy of the will that came with CONNECT.
    pub(super) fn copy(will: &Will<'_>, publisher: SessionId) -> Box<Self> {
        let publish = OwnedPublish::copy(&Publish {
            publisher,
            ..will.publish
        });
        Box::new(Self {
            delay_seconds: will.delay_seconds,
            publish,
        })
    }
}

impl Newcomer {
    /// The connection that asks by `connect`.
    pub(super) fn copy(origin: Origin, connect: &Connect<'_>) -> Self {
        // Its session is not known before it gets one.
        let nobody = SessionId::from_packed(0);
        Self {
            origin,
            clean_start: connect.clean_start,
            expiry_seconds: connect.expiry_seconds,
            frontend: connect.frontend,
            connection: connect.connection,
            will: connect
                .will
                .as_ref()
                .map(|will| KeptWill::copy(will, nobody)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_is_small() {
        // Two index entries of 4 bytes and the client ID come on top.
        assert!(size_of::<Session>() <= 136, "{}", size_of::<Session>());
    }
}
