//! The will in a CONNECT: what the server publishes if the connection ends badly.

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::properties::{Forwarded, ForwardedBuilder, Property, PropertySet, Section};
use crate::qos::Qos;
use crate::reader::Reader;
use crate::topic;
use crate::version::Version;
use crate::writer::Sink;

/// The message that the server publishes for the client when the connection ends without a
/// normal DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Its quality of service.
    pub qos: Qos,
    /// Whether it becomes the topic's retained message.
    pub retain: bool,
    /// Where it is published: a valid topic name.
    pub topic: &'a str,
    /// How long it waits for the client to come back, in seconds.
    pub delay_seconds: u32,
    /// Its lifetime once published, in seconds.
    pub message_expiry: Option<u32>,
    /// Its other properties, user properties in their order [MQTT-3.1.3-10].
    pub forwarded: Forwarded<'a>,
    /// The application's bytes.
    pub payload: &'a [u8],
}

impl<'a> Will<'a> {
    /// Reads properties, topic and payload [MQTT-3.1.2-9].
    pub(super) fn decode(
        version: Version,
        qos: Qos,
        retain: bool,
        reader: &mut Reader<'a>,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let mut will = Self {
            qos,
            retain,
            topic: "",
            delay_seconds: 0,
            message_expiry: None,
            forwarded: Forwarded::EMPTY,
            payload: &[],
        };
        if version.is_v5() {
            will.decode_properties(reader, limits)?;
        }
        will.topic = topic::decode(reader.binary()?, limits)?;
        if will.topic.is_empty() {
            return Err(DecodeError::protocol("empty will topic"));
        }
        will.payload = reader.binary()?;
        Ok(will)
    }

    fn decode_properties(
        &mut self,
        reader: &mut Reader<'a>,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        const ALLOWED: PropertySet = PropertySet::of(&[0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26]);
        let mut section = Section::open(reader, ALLOWED, limits)?;
        let mut forwarded = ForwardedBuilder::default();
        while let Some(id) = section.next_id()? {
            match id {
                0x02 => self.message_expiry = Some(section.reader().u32()?),
                0x18 => self.delay_seconds = section.reader().u32()?,
                _ => {
                    section.check_value(id)?;
                    forwarded.add(section.position());
                    continue;
                }
            }
            forwarded.skip(section.position());
        }
        self.forwarded = forwarded.finish(&section);
        Ok(())
    }

    pub(super) fn write(&self, version: Version, sink: &mut dyn Sink) {
        if version.is_v5() {
            sink.section(&|sink| self.write_properties(sink));
        }
        sink.string(self.topic);
        sink.binary(self.payload);
    }

    fn write_properties(&self, sink: &mut dyn Sink) {
        if self.delay_seconds > 0 {
            Property::WillDelayInterval(self.delay_seconds).write(sink);
        }
        if let Some(seconds) = self.message_expiry {
            Property::MessageExpiryInterval(seconds).write(sink);
        }
        self.forwarded.parts().for_each(|part| sink.put(part));
    }
}
