//! What a partition hands to a frontend: lent for one call, under the partition's lock.

use catena_mqtt::Qos;
use catena_types::{Generation, Moment, Position, SessionId, Stamp};

use crate::{AttachmentIndex, SharedBody};

/// One thing to send to one connection.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The frontend's handle of the connection.
    pub connection: u32,
    /// The connection that is attached; a frontend whose connection is another ignores it.
    pub generation: Generation,
    /// The session.
    pub session: SessionId,
    /// The handle for the acknowledgement.
    pub attachment: AttachmentIndex,
    /// When the head ordered it: a frontend takes the lowest first.
    pub stamp: Stamp,
    /// What to send.
    pub what: Outgoing<'a>,
}

/// What to send.
#[derive(Debug, Clone, Copy)]
pub enum Outgoing<'a> {
    /// PUBLISH.
    Publish(OutgoingPublish<'a>),
    /// PUBREL, after a PUBREC that is now committed or was so before a resume.
    Release {
        /// The position of the message; gives the packet ID.
        position: Position,
    },
}

/// A PUBLISH to be encoded for one receiver.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingPublish<'a> {
    /// The topic name.
    pub topic: &'a str,
    /// The QoS granted.
    pub qos: Qos,
    /// The RETAIN flag for this receiver.
    pub retain: bool,
    /// It may have been sent before.
    pub dup: bool,
    /// Its place in the queue. `None` only at QoS 0, for what is sent at most once and never
    /// acknowledged; at QoS 0 *with* a position, acknowledge when it is written.
    pub position: Option<Position>,
    /// When it expires, in partition time.
    pub expires: Option<Moment>,
    /// The identifiers of all matching subscriptions.
    pub subscription_ids: &'a [u32],
    /// The encoded properties that are passed on unchanged.
    pub properties: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// What holds the payload, at its end, if it is large: the frontend may keep it instead of a
    /// copy.
    pub shared: Option<&'a SharedBody>,
}

/// What a frontend says to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Written, or given up for good (and acknowledged by the frontend if it has a position).
    Yes,
    /// Not now: the queue waits until the frontend resumes it.
    NotNow,
}

/// A frontend's side of an exchange with a partition.
pub trait Receiver {
    /// The answer to a request.
    fn reply(&mut self, number: crate::RequestNumber, reply: crate::Reply);
    /// Something unasked.
    fn notice(&mut self, notice: crate::Notice);
    /// Something to send. Called in queue order per session.
    fn deliver(&mut self, delivery: &Delivery<'_>) -> Taken;
}
