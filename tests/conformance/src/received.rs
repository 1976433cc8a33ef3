//! What came from the broker, owned.

use std::fmt;

use catena_mqtt::{Forwarded, Limits, Packet, PacketId, Property, Publish, Qos, Version};

/// A packet as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    version: Version,
    first_byte: u8,
    body: Vec<u8>,
    size: usize,
}

impl Received {
    /// A packet of `size` bytes.
    pub(crate) fn new(version: Version, first_byte: u8, body: &[u8], size: usize) -> Self {
        Self {
            version,
            first_byte,
            body: body.to_vec(),
            size,
        }
    }

    /// The packet, which every check of the codec has passed.
    ///
    /// # Panics
    /// If the broker has sent what no packet is.
    #[must_use]
    #[track_caller]
    pub fn packet(&self) -> Packet<'_> {
        match Packet::decode(self.version, self.first_byte, &self.body) {
            Ok(packet) => packet,
            Err(error) => panic!(
                "the broker sent {:02x} {:02x?}: {error}",
                self.first_byte, self.body
            ),
        }
    }

    /// Packet type and flags.
    #[must_use]
    pub fn first_byte(&self) -> u8 {
        self.first_byte
    }

    /// The bytes after the fixed header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The size of the packet in bytes, fixed header included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The message, if it is a PUBLISH.
    #[must_use]
    #[track_caller]
    pub fn message(&self) -> Option<Message> {
        match self.packet() {
            Packet::Publish(publish) => Some(Message::new(&publish, self.size)),
            _ => None,
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Packet::decode(self.version, self.first_byte, &self.body) {
            Ok(packet) => packet.fmt(f),
            Err(error) => write!(f, "{:02x} {:02x?}: {error}", self.first_byte, self.body),
        }
    }
}

/// A PUBLISH from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether it may have been sent before.
    pub dup: bool,
    /// The QoS of the delivery.
    pub qos: Qos,
    /// RETAIN.
    pub retain: bool,
    /// The topic name, empty behind an alias.
    pub topic: String,
    /// Present above QoS 0.
    pub packet_id: Option<PacketId>,
    /// The alias.
    pub topic_alias: Option<u16>,
    /// What is left of its lifetime, in seconds.
    pub expiry: Option<u32>,
    /// The subscription identifiers, sorted.
    pub subscription_ids: Vec<u32>,
    /// The bytes of the properties that the broker passes on.
    pub forwarded: Vec<u8>,
    /// What the publisher says.
    pub payload: String,
    /// Bytes of the packet.
    pub size: usize,
}

impl Message {
    fn new(publish: &Publish<'_>, size: usize) -> Self {
        let mut forwarded = Vec::new();
        publish.forwarded.copy_to(&mut forwarded);
        let mut subscription_ids: Vec<u32> = publish.subscription_ids.iter().collect();
        subscription_ids.sort_unstable();
        Self {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic.to_owned(),
            packet_id: publish.packet_id,
            topic_alias: publish.topic_alias.map(|alias| alias.get()),
            expiry: publish.message_expiry,
            subscription_ids,
            forwarded,
            payload: String::from_utf8_lossy(publish.payload).into_owned(),
            size,
        }
    }

    /// The packet identifier.
    ///
    /// # Panics
    /// If it came at QoS 0.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> PacketId {
        self.packet_id.expect("a packet identifier")
    }

    /// The properties that the broker passes on, in order.
    ///
    /// # Panics
    /// Never: the codec has checked them.
    #[must_use]
    pub fn properties(&self) -> Vec<Property<'_>> {
        let forwarded = Forwarded::parse(&self.forwarded, &Limits::DEFAULT);
        forwarded.expect("checked properties").iter().collect()
    }
}
