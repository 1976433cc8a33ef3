//! What requesters ask of a partition. Requests borrow from the batch they were read in.

use catena_mqtt::{PacketId, Qos, ReasonCode};
use catena_types::{FrontendId, Generation, PartitionId, Position, SessionId};

use crate::StoreRequest;

/// The number of a request: per requester and partition, ascending without gaps.
pub type RequestNumber = u64;

/// A request with its number, by which the reply comes back.
#[derive(Debug, Clone)]
pub struct Numbered<'a> {
    /// The requester's number for it.
    pub number: RequestNumber,
    /// What is asked.
    pub request: Request<'a>,
}

/// Everything that a frontend can ask of a partition.
#[derive(Debug, Clone)]
pub enum Request<'a> {
    /// To `partition(topic)`: QoS 0 or 1 from a client, or any QoS from another partition.
    Publish(Publish<'a>),
    /// To each partition where a resumed session has subscriptions: deliver here from now on.
    Attach {
        /// The session.
        session: SessionId,
        /// Where its connection is.
        attachment: Attachment,
    },
    /// To each partition the connection was attached to, when it has ended.
    Detach {
        /// The session.
        session: SessionId,
        /// The connection that ended; an older one than the attached is ignored.
        generation: Generation,
        /// Deliveries from here on were never written to the socket; those before may have been.
        first_unsent: Position,
    },
    /// To the partition a delivery came from: `count` positions from `from` on.
    Ack {
        /// The session.
        session: SessionId,
        /// The connection that acknowledges.
        generation: Generation,
        /// The handle that came with the deliveries.
        attachment: AttachmentIndex,
        /// The first acknowledged position.
        from: Position,
        /// How many positions, ascending.
        count: u32,
        /// How far the exchange has come.
        phase: Phase,
    },
    /// To `partition(client ID)`: open or resume a session. Boxed: rare and large.
    Connect(Box<Connect<'a>>),
    /// The connection ended by itself, in whatever way.
    Disconnect {
        /// The session.
        session: SessionId,
        /// The connection that ended.
        generation: Generation,
        /// What becomes of the will.
        will: WillFate,
        /// A new session expiry interval from DISCONNECT, in seconds; `u32::MAX` never expires.
        expiry_seconds: Option<u32>,
    },
    /// The answer to [`crate::Notice::TakenOver`]: socket closed, everything detached.
    Closed {
        /// The session.
        session: SessionId,
        /// The connection that was closed.
        generation: Generation,
    },
    /// A range of packet IDs for deliveries that come from `partition`.
    Range {
        /// The session.
        session: SessionId,
        /// The connection that needs it.
        generation: Generation,
        /// The partition whose deliveries will use it.
        partition: PartitionId,
    },
    /// SUBSCRIBE with all its filters. Answered when every partition concerned knows of it.
    Subscribe(Box<Subscribe<'a>>),
    /// UNSUBSCRIBE with all its filters.
    Unsubscribe {
        /// The session.
        session: SessionId,
        /// The connection that asks.
        generation: Generation,
        /// The filters as sent; each gets a code in the reply.
        filters: Vec<&'a str>,
    },
    /// To the partition of a state key: a request to the state store. Boxed: large.
    Store(Box<StoreRequest<'a>>),
    /// To the session's partition: an inbound QoS 2 PUBLISH. Answered when its topic has it.
    Receive {
        /// The session that publishes.
        session: SessionId,
        /// The connection it came by.
        generation: Generation,
        /// The client's packet ID.
        packet_id: PacketId,
        /// The message.
        publish: Publish<'a>,
    },
    /// To the session's partition: an inbound PUBREL.
    Release {
        /// The session.
        session: SessionId,
        /// The connection it came by.
        generation: Generation,
        /// The client's packet ID.
        packet_id: PacketId,
    },
}

/// A message on its way in.
#[derive(Debug, Clone, Copy)]
pub struct Publish<'a> {
    /// The topic name, already validated.
    pub topic: &'a str,
    /// At which QoS it was published.
    pub qos: Qos,
    /// Whether it replaces (empty payload: removes) the retained message of its topic.
    pub retain: bool,
    /// The message expiry interval in seconds, already capped.
    pub expiry_seconds: Option<u32>,
    /// The encoded properties that are passed on unchanged, in up to three pieces.
    pub properties: [&'a [u8]; 3],
    /// The payload.
    pub payload: &'a [u8],
    /// The publishing session, for No Local and `hash-client`. Wills carry that of their session.
    pub publisher: SessionId,
    /// A random number of the head's, for share groups with the random strategy.
    pub random: u32,
}

/// Where a session's deliveries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// The frontend worker that has the connection.
    pub frontend: FrontendId,
    /// The frontend's own handle of the connection; comes back with each delivery.
    pub connection: u32,
    /// Which connection of the session it is.
    pub generation: Generation,
    /// How many unacknowledged messages it takes at once: its Receive Maximum. Share groups give it
    /// no more, nor does its queue where that is limited.
    pub share_credit: u16,
}

/// A partition's handle of a session's delivery queue: comes with a delivery, goes back with its
/// acknowledgement. Checked against the session, so a stale one is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttachmentIndex(pub u32);

/// How far an outgoing QoS 1 or 2 exchange has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// PUBREC: the receiver owns it, PUBREL may leave once this is committed.
    Received,
    /// PUBACK, PUBCOMP, an error in PUBREC, or (QoS 0) written to the socket: forget it.
    Complete,
}

/// A connection that wants a session.
#[derive(Debug, Clone)]
pub struct Connect<'a> {
    /// The client ID; never empty (the frontend has assigned one).
    pub client_id: &'a str,
    /// Clean Start, or 3.1.1 Clean Session: an old session is ended first.
    pub clean_start: bool,
    /// The session expiry interval in seconds, already capped; `u32::MAX` never expires.
    pub expiry_seconds: u32,
    /// The frontend worker that asks.
    pub frontend: FrontendId,
    /// The frontend's handle of the connection.
    pub connection: u32,
    /// The will, if any.
    pub will: Option<Will<'a>>,
}

/// A will as it came with CONNECT.
#[derive(Debug, Clone, Copy)]
pub struct Will<'a> {
    /// Seconds to wait after the connection has ended.
    pub delay_seconds: u32,
    /// The message. Its `publisher` is filled in by the partition.
    pub publish: Publish<'a>,
}

/// What becomes of the will when a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WillFate {
    /// A DISCONNECT with reason 0x00: forget it.
    Forget,
    /// Anything else: publish it after its delay or when the session ends.
    Publish,
}

/// A SUBSCRIBE.
#[derive(Debug, Clone)]
pub struct Subscribe<'a> {
    /// The session.
    pub session: SessionId,
    /// Where its connection is, for the partitions that have not seen it yet.
    pub attachment: Attachment,
    /// The subscription identifier, if any.
    pub subscription_id: Option<u32>,
    /// The filters, in order.
    pub filters: Vec<SubscribeFilter<'a>>,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy)]
pub struct SubscribeFilter<'a> {
    /// The filter as sent, with `$share/…` if it is shared.
    pub filter: &'a str,
    /// The granted QoS.
    pub qos: Qos,
    /// No Local.
    pub no_local: bool,
    /// Retain As Published.
    pub retain_as_published: bool,
    /// Which retained messages the subscription draws.
    pub replay: Replay,
    /// Set if the frontend refuses this filter; it is then only carried for its place.
    pub refused: Option<ReasonCode>,
}

/// Retain Handling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// 0: always.
    Always,
    /// 1: only if the subscription is new.
    IfNew,
    /// 2: never.
    Never,
}
