//! What a partition answers, and what it tells a frontend unasked.

use catena_mqtt::ReasonCode;
use catena_types::{Generation, PartitionId, PartitionSet, RoutingVersion, SessionId};

use crate::RequestNumber;

/// Who asked, and under which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A frontend worker.
    Frontend(catena_types::FrontendId, RequestNumber),
    /// A partition, for one of its asks.
    Partition(PartitionId, u64),
    /// Nobody waits for an answer: a timer, or the broker itself.
    Nobody,
}

/// The answer to one request. A refusal is an answer too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To `Publish` and `Receive`: success, 0x10 no matching subscribers, or 0x97 quota exceeded.
    Published(ReasonCode),
    /// To `Connect`.
    Connected(Box<Connected>),
    /// To `Connect`, refused: 0x97 above the limit of sessions, 0x88 while the partition stops.
    ConnectRefused(ReasonCode),
    /// To `Range`: the place of the partition's range, counted from 0 in order of first use.
    Ranged {
        /// The partition that the range is for.
        partition: PartitionId,
        /// Its place; the first packet ID is 1 + place × IDs per range.
        place: u16,
    },
    /// To `Subscribe`.
    Subscribed(Box<Subscribed>),
    /// To `Unsubscribe`: a code for each filter.
    Unsubscribed {
        /// UNSUBACK codes in the order of the filters.
        codes: Box<[ReasonCode]>,
    },
    /// To `Release`: whether the packet ID was known (PUBCOMP 0x00 or 0x92).
    Released {
        /// Whether there was such an exchange.
        known: bool,
    },
    /// To `Attach`, `Detach`, `Ack`, `Disconnect`, `Closed`: done, or of no consequence any more.
    Done,
    /// Refused: the session has a newer connection, or has ended.
    Stale,
}

/// A session that is now this connection's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The session.
    pub session: SessionId,
    /// The connection's generation.
    pub generation: Generation,
    /// Whether there was a session to resume.
    pub present: bool,
    /// The partitions that have ranges of packet IDs, in their order.
    pub ranges: Box<[PartitionId]>,
    /// Where a resumed session may have deliveries: attach there.
    pub partitions: PartitionSet,
}

/// Subscriptions that every partition concerned knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// The routing version from which on all of them match with it.
    pub version: RoutingVersion,
    /// SUBACK codes in the order of the filters.
    pub codes: Box<[ReasonCode]>,
    /// Partitions where the session now may have deliveries.
    pub partitions: PartitionSet,
}

/// What a partition tells a frontend unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Another connection wants the session: send DISCONNECT 0x8E, close the socket, detach, then
    /// answer with `Closed` [MQTT-3.1.4-3].
    TakenOver {
        /// The frontend's handle of the connection.
        connection: u32,
        /// The session.
        session: SessionId,
        /// The connection's generation.
        generation: Generation,
    },
}
