//! Copies of what otherwise is only lent: planted bugs keep things for later.

use catena_mqtt::Qos;
use catena_partition::{
    Attachment, AttachmentIndex, Delivery, Numbered, Outgoing, OutgoingPublish, OwnedPublish,
    Request, RequestNumber, StoreRequest,
};
use catena_rpc::topics;
use catena_store::Command;
use catena_types::{Generation, Moment, Position, SessionId, Stamp};

/// A request that was answered and not applied.
#[derive(Debug)]
pub(crate) struct HeldRequest {
    number: RequestNumber,
    what: Held,
}

#[derive(Debug)]
enum Held {
    Publish(OwnedPublish),
    Store(Box<OwnedStore>),
}

/// A request to the state store whose response nobody hears.
#[derive(Debug)]
struct OwnedStore {
    session: SessionId,
    attachment: Attachment,
    payload: Vec<u8>,
    timestamp: Option<Vec<u8>>,
}

impl HeldRequest {
    /// Keeps a publish with its number.
    pub(crate) fn publish(number: RequestNumber, publish: OwnedPublish) -> Self {
        let what = Held::Publish(publish);
        Self { number, what }
    }

    /// Keeps a request to the state store.
    pub(crate) fn store(number: RequestNumber, request: &StoreRequest<'_>) -> Self {
        let mut payload = Vec::new();
        if let Ok(command) = &request.command {
            command.encode(&mut payload);
        }
        let what = Held::Store(Box::new(OwnedStore {
            session: request.session,
            attachment: request.attachment,
            payload,
            timestamp: request.timestamp.map(<[u8]>::to_vec),
        }));
        Self { number, what }
    }

    /// As it would have been asked.
    pub(crate) fn numbered(&self) -> Numbered<'_> {
        let request = match &self.what {
            Held::Publish(publish) => Request::Publish(publish.borrow()),
            Held::Store(store) => Request::Store(Box::new(store.borrow())),
        };
        let number = self.number;
        Numbered { number, request }
    }
}

impl OwnedStore {
    fn borrow(&self) -> StoreRequest<'_> {
        StoreRequest {
            session: self.session,
            attachment: self.attachment,
            client_id: None,
            command: Command::parse(&self.payload),
            timestamp: self.timestamp.as_deref(),
            fencing_token: None,
            persist: false,
            unsupported_version: None,
            response_topic: "nobody",
            correlation: b"none",
            expiry_seconds: None,
            again: false,
            random: 0,
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

    /// The properties and the payload, if it is a response of the state store.
    pub(crate) fn response(&mut self) -> Option<(&mut Vec<u8>, &mut Vec<u8>)> {
        match &mut self.what {
            Owned::Publish(publish) if topics::is_reserved(&publish.topic) => {
                Some((&mut publish.properties, &mut publish.payload))
            }
            Owned::Publish(_) | Owned::Release(_) => None,
        }
    }

    /// Makes it look new.
    pub(crate) fn lose_dup(&mut self) {
        if let Owned::Publish(publish) = &mut self.what {
            publish.dup = false;
        }
    }
}
