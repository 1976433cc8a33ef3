//! PUBLISH to bytes: header, then copies of topic, forwarded properties and payload.

use std::num::NonZeroU16;

use crate::error::EncodeError;
use crate::packet::{self, Publish};
use crate::packet_id::PacketId;
use crate::qos::Qos;
use crate::version::Version;
use crate::writer::{remaining_length, variable_byte_integer, variable_byte_integer_size};

/// What of a PUBLISH differs from receiver to receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishHead<'a> {
    /// Whether this may be sent for the second time [MQTT-3.3.1-1]. Not written for QoS 0.
    pub dup: bool,
    /// The quality of service of this hop.
    pub qos: Qos,
    /// RETAIN as the receiver is to see it.
    pub retain: bool,
    /// Written exactly if the QoS is above 0, where it has to be present.
    pub packet_id: Option<PacketId>,
    /// A valid topic name, or nothing if the receiver knows the alias.
    pub topic: &'a str,
    /// A topic alias that the receiver allows.
    pub topic_alias: Option<NonZeroU16>,
    /// What is left of the lifetime, in seconds.
    pub message_expiry: Option<u32>,
    /// The receiver's subscriptions that match, 1 to 268,435,455 each.
    pub subscription_ids: &'a [u32],
}

/// Appends a PUBLISH to `out`. `forwarded` are the bytes of
/// [`Forwarded`](crate::Forwarded::copy_to). Under MQTT 3 everything that needs properties is
/// left out.
///
/// # Errors
/// What cannot be expressed, a QoS above 0 without packet identifier included. `out` is unchanged
/// then.
#[inline]
pub fn publish(
    out: &mut Vec<u8>,
    version: Version,
    head: &PublishHead<'_>,
    forwarded: &[u8],
    payload: &[u8],
) -> Result<(), EncodeError> {
    let ids = head.subscription_ids.iter().copied();
    let layout = Layout::of(version, head, ids.clone(), forwarded.len(), payload.len())?;
    out.reserve(layout.size());
    layout.write(out, version, head, ids);
    if version.is_v5() {
        out.extend_from_slice(forwarded);
    }
    out.extend_from_slice(payload);
    Ok(())
}

/// As [`publish`], but without the payload: `payload_len` bytes of it have to follow, from wherever
/// they are.
///
/// # Errors
/// As [`publish`].
#[inline]
pub fn publish_beginning(
    out: &mut Vec<u8>,
    version: Version,
    head: &PublishHead<'_>,
    forwarded: &[u8],
    payload_len: usize,
) -> Result<(), EncodeError> {
    let ids = head.subscription_ids.iter().copied();
    let layout = Layout::of(version, head, ids.clone(), forwarded.len(), payload_len)?;
    out.reserve(layout.size() - payload_len);
    layout.write(out, version, head, ids);
    if version.is_v5() {
        out.extend_from_slice(forwarded);
    }
    Ok(())
}

/// The size of the packet that [`publish`] writes, in bytes: to be compared with the receiver's
/// Maximum Packet Size [MQTT-3.1.2-24]. What cannot be written at all is larger than any limit.
#[inline]
#[must_use]
pub fn publish_size(
    version: Version,
    head: &PublishHead<'_>,
    forwarded: &[u8],
    payload: &[u8],
) -> usize {
    let ids = head.subscription_ids.iter().copied();
    match Layout::of(version, head, ids, forwarded.len(), payload.len()) {
        Ok(layout) => layout.size(),
        Err(_) => usize::MAX,
    }
}

/// Writes a decoded packet: forwarded properties in pieces, subscription identifiers from the
/// bytes.
pub(crate) fn publish_from(
    out: &mut Vec<u8>,
    version: Version,
    publish: &Publish<'_>,
) -> Result<(), EncodeError> {
    let head = PublishHead {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        packet_id: publish.packet_id,
        topic: publish.topic,
        topic_alias: publish.topic_alias,
        message_expiry: publish.message_expiry,
        subscription_ids: &[],
    };
    let ids = publish.subscription_ids.iter();
    let forwarded = publish.forwarded.len();
    let layout = Layout::of(
        version,
        &head,
        ids.clone(),
        forwarded,
        publish.payload.len(),
    )?;
    out.reserve(layout.size());
    layout.write(out, version, &head, ids);
    if version.is_v5() {
        publish.forwarded.copy_to(out);
    }
    out.extend_from_slice(publish.payload);
    Ok(())
}

/// The lengths within a PUBLISH.
struct Layout {
    topic: u16,
    properties: u32,
    remaining: u32,
}

impl Layout {
    #[inline]
    fn of(
        version: Version,
        head: &PublishHead<'_>,
        ids: impl Iterator<Item = u32>,
        forwarded: usize,
        payload: usize,
    ) -> Result<Self, EncodeError> {
        let topic = u16::try_from(head.topic.len()).map_err(|_| EncodeError::FieldTooLong)?;
        if head.qos != Qos::AtMostOnce && head.packet_id.is_none() {
            return Err(EncodeError::PacketIdMissing);
        }
        let packet_id = if head.qos == Qos::AtMostOnce { 0 } else { 2 };
        let mut remaining = 2 + usize::from(topic) + packet_id + payload;
        let mut properties = 0;
        if version.is_v5() {
            let expiry = if head.message_expiry.is_some() { 5 } else { 0 };
            let alias = if head.topic_alias.is_some() { 3 } else { 0 };
            let mut bytes = expiry + alias + forwarded;
            for id in ids {
                bytes += 1 + variable_byte_integer_size(expressible(id)?);
            }
            properties = remaining_length(bytes)?;
            remaining += variable_byte_integer_size(properties) + bytes;
        }
        Ok(Self {
            topic,
            properties,
            remaining: remaining_length(remaining)?,
        })
    }

    #[inline]
    const fn size(&self) -> usize {
        1 + variable_byte_integer_size(self.remaining) + self.remaining as usize
    }

    /// Writes everything before the forwarded properties.
    #[inline]
    fn write(
        &self,
        out: &mut Vec<u8>,
        version: Version,
        head: &PublishHead<'_>,
        ids: impl Iterator<Item = u32>,
    ) {
        // DUP is 0 for QoS 0 [MQTT-3.3.1-2].
        let dup = head.dup && head.qos != Qos::AtMostOnce;
        out.push(
            packet::PUBLISH << 4
                | u8::from(dup) << 3
                | (head.qos as u8) << 1
                | u8::from(head.retain),
        );
        put_number(out, self.remaining);
        out.extend_from_slice(&self.topic.to_be_bytes());
        out.extend_from_slice(head.topic.as_bytes());
        if let (Some(packet_id), true) = (head.packet_id, head.qos != Qos::AtMostOnce) {
            out.extend_from_slice(&packet_id.number().to_be_bytes());
        }
        if !version.is_v5() {
            return;
        }
        put_number(out, self.properties);
        if let Some(seconds) = head.message_expiry {
            out.push(0x02);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        if let Some(alias) = head.topic_alias {
            out.push(0x23);
            out.extend_from_slice(&alias.get().to_be_bytes());
        }
        for id in ids {
            out.push(0x0B);
            put_number(out, id);
        }
    }
}

#[inline]
fn put_number(out: &mut Vec<u8>, number: u32) {
    if let Ok(byte @ 0..0x80) = u8::try_from(number) {
        out.push(byte);
    } else {
        let (bytes, size) = variable_byte_integer(number);
        out.extend_from_slice(bytes.get(..size).unwrap_or_default());
    }
}

/// `number` if a variable byte integer can express it.
#[inline]
fn expressible(number: u32) -> Result<u32, EncodeError> {
    remaining_length(number as usize).map_err(|_| EncodeError::NumberTooLarge)
}
