//! Stored messages: each body once, freed when the last queue entry or retained topic lets go.

use catena_mqtt::Qos;
use catena_types::{Fault, Moment, Pool, Stamp, invariant};

use super::limits::MESSAGE_BYTES;
use crate::Publish;
use crate::body::{Body, SharedBody};

/// A place in [`Messages`].
pub(crate) type MessageIndex = u32;

/// A stored message.
#[derive(Debug)]
pub(crate) struct Message {
    /// The passed-on properties, then the payload.
    body: Body,
    /// When it was ordered: unique within the partition, so also its name in snapshots.
    pub(crate) stamp: Stamp,
    /// When it expires, in partition time.
    pub(crate) expires: Moment,
    /// Its topic.
    pub(crate) topic: u32,
    /// Its recipients, as a set; [`super::sets::EMPTY`] if it is only retained.
    pub(crate) set: u32,
    /// Queue entries and retained topics that refer to it.
    pub(crate) references: u32,
    properties_len: u32,
    /// At which QoS it was published.
    pub(crate) qos: Qos,
    /// Whether it was published with RETAIN.
    pub(crate) retain: bool,
}

impl Message {
    /// The encoded properties that are passed on unchanged.
    pub(crate) fn properties(&self) -> &[u8] {
        &self.body.bytes()[..self.properties_len as usize]
    }

    /// The payload.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.body.bytes()[self.properties_len as usize..]
    }

    /// What holds the payload, at its end, if it can be shared.
    #[inline]
    pub(crate) fn shared(&self) -> Option<&SharedBody> {
        self.body.shared()
    }

    /// Bytes of properties and payload.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.body.bytes().len() as u64
    }

    /// When it expires, if ever.
    pub(crate) fn expiry(&self) -> Option<Moment> {
        (self.expires != Moment::NEVER).then_some(self.expires)
    }

    /// From the parts of a snapshot; nobody refers to it yet.
    pub(super) fn from_parts(parts: &MessageParts<'_>) -> Self {
        Self {
            body: Body::new(&[parts.properties], parts.payload),
            stamp: parts.stamp,
            expires: parts.expires,
            topic: parts.topic,
            set: parts.set,
            references: 0,
            properties_len: parts.properties.len() as u32,
            qos: parts.qos,
            retain: parts.retain,
        }
    }
}

/// What a snapshot says of a message.
pub(super) struct MessageParts<'a> {
    pub(super) stamp: Stamp,
    pub(super) expires: Moment,
    pub(super) topic: u32,
    pub(super) set: u32,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) properties: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// The stored messages of a partition.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    slab: Pool<Message>,
    bytes: u64,
}

impl Messages {
    /// Stores a message with one reference, which is the caller's.
    pub(crate) fn store(&mut self, publish: &Publish<'_>, order: Order) -> MessageIndex {
        let properties_len: usize = publish.properties.iter().map(|part| part.len()).sum();
        self.insert(Message {
            body: Body::new(&publish.properties, publish.payload),
            stamp: order.stamp,
            expires: order.expires,
            topic: order.topic,
            set: order.set,
            references: 1,
            properties_len: properties_len as u32,
            qos: publish.qos,
            retain: publish.retain,
        })
    }

    pub(super) fn insert(&mut self, message: Message) -> MessageIndex {
        self.bytes += message.body_bytes() + MESSAGE_BYTES;
        self.slab.insert(message)
    }

    /// The message at `index`.
    pub(crate) fn at(&self, index: MessageIndex) -> Option<&Message> {
        self.slab.at(index)
    }

    /// Adds a reference.
    pub(crate) fn refer(&mut self, index: MessageIndex) -> Result<(), Fault> {
        let message = self.slab.at_mut(index);
        invariant!(
            message.is_some(),
            "a referenced message is stored",
            index = index
        );
        if let Some(message) = message {
            message.references += 1;
        }
        Ok(())
    }

    /// Takes one reference back, the last one with the message. Then what the message referred to
    /// comes out.
    pub(crate) fn release(&mut self, index: MessageIndex) -> Result<Option<Referred>, Fault> {
        let Some(message) = self.slab.at_mut(index) else {
            return Err(Fault::new(
                "a released message is stored",
                format!("index={index}"),
            ));
        };
        invariant!(
            message.references > 0,
            "a released message was referenced",
            index = index
        );
        message.references -= 1;
        if message.references > 0 {
            return Ok(None);
        }
        self.bytes -= message.body_bytes() + MESSAGE_BYTES;
        let referred = Referred {
            topic: message.topic,
            set: message.set,
        };
        self.slab.remove(index);
        Ok(Some(referred))
    }

    /// Bytes by the partition's accounting.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many are stored.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All messages with their indices, in no meaningful order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageIndex, &Message)> {
        self.slab.iter()
    }
}

/// What a message refers to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Referred {
    /// Its topic.
    pub(crate) topic: u32,
    /// Its recipients.
    pub(crate) set: u32,
}

/// Where a message stands in the order of things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    /// Its stamp.
    pub(crate) stamp: Stamp,
    /// When it expires.
    pub(crate) expires: Moment,
    /// Its topic.
    pub(crate) topic: u32,
    /// Its recipients.
    pub(crate) set: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_record_stays_small() {
        // Of the 200 bytes that a queued message of 64 may cost, with entry, table and allocator.
        assert!(
            size_of::<Option<Message>>() <= 56,
            "{}",
            size_of::<Option<Message>>()
        );
    }
}
