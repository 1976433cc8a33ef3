//! The few packets that are written and read for every message, without the codec.

use catena_mqtt::{EncodeError, PacketId, PublishHead, Qos, Version, encode};

/// Bytes at the start of a payload: time, publisher, sequence number.
pub(crate) const STAMP_BYTES: usize = 16;

/// What a payload carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// When the message was due, in nanoseconds since the run began.
    pub(crate) due_ns: u64,
    pub(crate) publisher: u32,
    /// From 0 for each publisher.
    pub(crate) sequence: u32,
}

impl Stamp {
    /// Of no publisher.
    pub(crate) const FOREIGN: Self = Self {
        due_ns: 0,
        publisher: u32::MAX,
        sequence: u32::MAX,
    };

    pub(crate) fn bytes(self) -> [u8; STAMP_BYTES] {
        let due = u128::from(self.due_ns) << 64;
        let publisher = u128::from(self.publisher) << 32;
        (due | publisher | u128::from(self.sequence)).to_be_bytes()
    }

    /// Reads the start of a payload. `None`: it is none of ours.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let bytes: [u8; STAMP_BYTES] = payload.get(..STAMP_BYTES)?.try_into().ok()?;
        let whole = u128::from_be_bytes(bytes);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the parts are cut out of the whole"
        )]
        Some(Self {
            due_ns: (whole >> 64) as u64,
            publisher: (whole >> 32) as u32,
            sequence: whole as u32,
        })
    }
}

/// A PUBLISH in which stamp and packet identifier are patched.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where the packet identifier is, above QoS 0.
    packet_id: Option<usize>,
    payload: usize,
}

impl Template {
    /// A template with a payload of so many bytes, at least those of the stamp.
    pub(crate) fn new(
        version: Version,
        topic: &str,
        qos: Qos,
        retain: bool,
        payload_bytes: usize,
    ) -> Result<Self, EncodeError> {
        let payload = vec![b'x'; payload_bytes.max(STAMP_BYTES)];
        Self::over(version, topic, qos, retain, &payload)
    }

    /// A template with retain flag and no payload, so without stamp: it has the broker forget.
    pub(crate) fn empty(version: Version, topic: &str, qos: Qos) -> Result<Self, EncodeError> {
        Self::over(version, topic, qos, true, &[])
    }

    fn over(
        version: Version,
        topic: &str,
        qos: Qos,
        retain: bool,
        payload: &[u8],
    ) -> Result<Self, EncodeError> {
        let head = PublishHead {
            qos,
            retain,
            packet_id: PacketId::new(1),
            topic,
            ..PublishHead::default()
        };
        let mut bytes = Vec::new();
        encode::publish(&mut bytes, version, &head, &[], payload)?;
        let payload = bytes.len() - payload.len();
        // An empty property section stands between.
        let properties = usize::from(version.is_v5());
        let packet_id = (qos != Qos::AtMostOnce).then(|| payload - properties - 2);
        Ok(Self {
            bytes,
            packet_id,
            payload,
        })
    }

    /// Appends a message. Its packet identifier follows from the sequence number, so that it is
    /// free again long before it comes back.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>, stamp: Stamp) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let Some(offset) = self.packet_id {
            #[expect(clippy::cast_possible_truncation, reason = "the remainder fits")]
            let packet_id = (stamp.sequence % u32::from(u16::MAX)) as u16 + 1;
            let at = start + offset;
            if let Some(place) = out.get_mut(at..at + 2) {
                place.copy_from_slice(&packet_id.to_be_bytes());
            }
        }
        let at = start + self.payload;
        if let Some(place) = out.get_mut(at..at + STAMP_BYTES) {
            place.copy_from_slice(&stamp.bytes());
        }
    }
}

/// What a load generator needs of a delivered PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery<'a> {
    pub(crate) qos: u8,
    /// 0 at QoS 0.
    pub(crate) packet_id: u16,
    pub(crate) payload: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// Reads the body of a PUBLISH. `None`: it is malformed.
    #[inline]
    pub(crate) fn read(version: Version, first_byte: u8, body: &'a [u8]) -> Option<Self> {
        let qos = first_byte >> 1 & 0b11;
        let topic_bytes = usize::from(number(body)?);
        let mut rest = body.get(2 + topic_bytes..)?;
        let mut packet_id = 0;
        if qos > 0 {
            packet_id = number(rest)?;
            rest = rest.get(2..)?;
        }
        if version.is_v5() {
            let mut length = 0;
            for shift in [0, 7, 14, 21] {
                let (byte, after) = rest.split_first()?;
                rest = after;
                length |= usize::from(byte & 0x7F) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            rest = rest.get(length..)?;
        }
        Some(Self {
            qos,
            packet_id,
            payload: rest,
        })
    }
}

/// First byte of PUBACK.
pub(crate) const PUBACK: u8 = 0x40;
/// First byte of PUBREC.
pub(crate) const PUBREC: u8 = 0x50;
/// First byte of PUBREL.
pub(crate) const PUBREL: u8 = 0x62;
/// First byte of PUBCOMP.
pub(crate) const PUBCOMP: u8 = 0x70;

/// Appends an acknowledgement of success.
#[inline]
pub(crate) fn acknowledge(out: &mut Vec<u8>, first_byte: u8, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    out.extend_from_slice(&[first_byte, 2, high, low]);
}

/// Packet identifier and reason code of an acknowledgement's body. A code that is left out is
/// success.
#[inline]
pub(crate) fn acknowledged(body: &[u8]) -> Option<(u16, u8)> {
    Some((number(body)?, body.get(2).copied().unwrap_or_default()))
}

#[inline]
fn number(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use catena_mqtt::{Frame, Packet, frame};

    use super::*;

    #[test]
    fn templates_are_publishes_with_their_stamp() {
        let stamp = Stamp {
            due_ns: u64::MAX - 1,
            publisher: 7,
            sequence: 65_535,
        };
        for version in [Version::V31, Version::V311, Version::V5] {
            for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
                for bytes in [0, 200, 20_000] {
                    let template = Template::new(version, "a/b", qos, true, bytes).unwrap();
                    let mut out = b"before".to_vec();
                    template.put(&mut out, stamp);
                    let Ok(Frame::Complete {
                        first_byte, body, ..
                    }) = frame::next(&out[6..], 1 << 20)
                    else {
                        panic!("no frame");
                    };
                    let Ok(Packet::Publish(publish)) = Packet::decode(version, first_byte, body)
                    else {
                        panic!("no PUBLISH");
                    };
                    assert_eq!((publish.topic, publish.qos), ("a/b", qos));
                    assert_eq!(publish.payload.len(), bytes.max(STAMP_BYTES));
                    let read = Delivery::read(version, first_byte, body).unwrap();
                    assert_eq!(read.payload, publish.payload);
                    assert_eq!(Stamp::read(read.payload), Some(stamp));
                    // 65,535 comes around to 1.
                    let expected = publish.packet_id.map_or(0, PacketId::number);
                    assert_eq!(read.packet_id, expected);
                    assert_eq!(expected, u16::from(qos != Qos::AtMostOnce));
                }
            }
        }
    }

    #[test]
    fn properties_of_deliveries_are_skipped() {
        let body = b"\x00\x01t\x03\x0B\x80\x01payload";
        let read = Delivery::read(Version::V5, 0x30, body).unwrap();
        assert_eq!(read.payload, b"payload");
        assert_eq!(Delivery::read(Version::V5, 0x30, b"\x00\x09t"), None);
    }

    #[test]
    fn strangers_have_no_stamp() {
        assert_eq!(Stamp::read(b"short"), None);
    }
}
