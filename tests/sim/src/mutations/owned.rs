//! Copies of what otherwise is only lent: planted bugs keep things for later.

use catena_mqtt::Qos;
use catena_partition::{
    AttachmentIndex, Delivery, Numbered, Outgoing, OutgoingPublish, OwnedPublish, Request,
    RequestNumber,
};
use catena_types::{Generation, Moment, Position, SessionId, Stamp};

/// A publish that was acknowledged and not applied.
#[derive(Debug)]
pub(crate) struct HeldPublish {
    number: RequestNumber,
    publish: OwnedPublish,
}

impl HeldPublish {
    /// Keeps a publish with its number.
    pub(crate) fn new(number: RequestNumber, publish: OwnedPublish) -> Self {
        Self { number, publish }
    }

    /// As it would have been asked.
    pub(crate) fn numbered(&self) -> Numbered<'_> {
        Numbered {
            number: self.number,
            request: Request::Publish(self.publish.borrow()),
        }
    }
}

/// A copy of a delivery.
#[derive(Debug, Clone)]
pub(crate) struct OwnedDelivery {
    connection: u32,
    generation: Generation,
    session: SessionId,
    attachment: AttachmentIndex,
    stamp: Stamp,
    what: Owned,
}

#[derive(Debug, Clone)]
enum Owned {
    Publish(Box<OwnedOutgoing>),
    Release(Position),
}

#[derive(Debug, Clone)]
struct OwnedOutgoing {
    topic: String,
    qos: Qos,
    retain: bool,
    dup: bool,
    position: Option<Position>,
    expires: Option<Moment>,
    subscription_ids: Vec<u32>,
    properties: Vec<u8>,
    payload: Vec<u8>,
}

impl OwnedDelivery {
    /// Copies a delivery.
    pub(crate) fn copy(delivery: &Delivery<'_>) -> Self {
        let what = match &delivery.what {
            Outgoing::Release { position } => Owned::Release(*position),
            Outgoing::Publish(publish) => Owned::Publish(Box::new(OwnedOutgoing {
                topic: publish.topic.to_owned(),
                qos: publish.qos,
                retain: publish.retain,
                dup: publish.dup,
                position: publish.position,
                expires: publish.expires,
                subscription_ids: publish.subscription_ids.to_vec(),
                properties: publish.properties.to_vec(),
                payload: publish.payload.to_vec(),
            })),
        };
        Self {
            connection: delivery.connection,
            generation: delivery.generation,
            session: delivery.session,
            attachment: delivery.attachment,
            stamp: delivery.stamp,
            what,
        }
    }

    /// As it was.
    pub(crate) fn borrow(&self) -> Delivery<'_> {
        let what = match &self.what {
            Owned::Release(position) => Outgoing::Release {
                position: *position,
            },
            Owned::Publish(publish) => Outgoing::Publish(OutgoingPublish {
                topic: &publish.topic,
                qos: publish.qos,
                retain: publish.retain,
                dup: publish.dup,
                position: publish.position,
                expires: publish.expires,
                subscription_ids: &publish.subscription_ids,
                properties: &publish.properties,
                payload: &publish.payload,
                shared: None,
            }),
        };
        Delivery {
            connection: self.connection,
            generation: self.generation,
            session: self.session,
            attachment: self.attachment,
            stamp: self.stamp,
            what,
        }
    }

    /// Whether it is a message that must not be lost.
    pub(crate) fn is_reliable(&self) -> bool {
        matches!(&self.what, Owned::Publish(publish) if publish.qos != Qos::AtMostOnce)
    }

    /// Makes it look new.
    pub(crate) fn lose_dup(&mut self) {
        if let Owned::Publish(publish) = &mut self.what {
            publish.dup = false;
        }
    }
}
