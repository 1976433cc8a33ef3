//! Requests to the state store as bytes in which what differs is patched.

use std::ops::Range;

use catena_mqtt::{PacketId, Property, PublishHead, Qos, Version, encode};
use catena_rpc::{names, topics};
use catena_store::{Command, Delete, DeleteCondition, Lifetime, Set, SetCondition, Write};

use crate::bench::wire::{STAMP_BYTES, Stamp};
use crate::client::Failure;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 16;

/// What is asked about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Set,
    /// With a lifetime.
    SetFor(Lifetime),
    Get,
    Delete,
}

/// A request to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) operation: Operation,
    pub(super) key: u32,
}

/// The requests of one client.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    set: Template,
    set_for: Template,
    get: Template,
    delete: Template,
}

/// A PUBLISH in which stamp, time, key, lifetime and packet identifier are patched.
#[derive(Clone, Debug)]
struct Template {
    bytes: Vec<u8>,
    packet_id: Range<usize>,
    correlation: Range<usize>,
    time: Range<usize>,
    key: Range<usize>,
    lifetime: Option<Range<usize>>,
}

/// Seconds for which the broker is to carry a request out, and to know it again.
const EXPIRY_SECONDS: u32 = 10;
/// Digits of wall time, of the number of a key, and of a lifetime. The markers of what is patched
/// occur nowhere else in a request.
const TIME: &[u8] = b"900000000000009";
const KEY: &[u8] = b"8000000008";
const LIFETIME: u64 = 7_000_000_000_007;
const CORRELATION: [u8; STAMP_BYTES] = [0xC5; STAMP_BYTES];

impl Requests {
    /// Requests with values of so many bytes, answered to this topic.
    pub(super) fn new(response_topic: &str, value_bytes: usize) -> Result<Self, Failure> {
        let key = format!("bench:{}", String::from_utf8_lossy(KEY));
        let key = key.as_bytes();
        let value = vec![b'x'; value_bytes];
        let set = |lifetime| {
            Command::Write(Write::Set(Set {
                key,
                value: &value,
                condition: SetCondition::Always,
                lifetime,
            }))
        };
        let condition = DeleteCondition::Always;
        let delete = Command::Write(Write::Delete(Delete { key, condition }));
        let template = |command| Template::new(&command, response_topic);
        Ok(Self {
            set: template(set(None))?,
            set_for: template(set(Lifetime::from_millis(LIFETIME)))?,
            get: template(Command::Get { key })?,
            delete: template(delete)?,
        })
    }

    /// Appends a request. `time` is the wall time as text.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>, ask: Ask, stamp: Stamp, time: &WallText) {
        match ask.operation {
            Operation::Set => self.set.put(out, ask.key, stamp, time, None),
            Operation::SetFor(life) => self.set_for.put(out, ask.key, stamp, time, Some(life)),
            Operation::Get => self.get.put(out, ask.key, stamp, time, None),
            Operation::Delete => self.delete.put(out, ask.key, stamp, time, None),
        }
    }
}

impl Template {
    fn new(command: &Command<'_>, response_topic: &str) -> Result<Self, Failure> {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        let mut forwarded = Vec::new();
        Property::ResponseTopic(response_topic).encode(&mut forwarded)?;
        Property::CorrelationData(&CORRELATION).encode(&mut forwarded)?;
        let time = format!("{}:00000:bench", String::from_utf8_lossy(TIME));
        Property::UserProperty(names::TIMESTAMP, &time).encode(&mut forwarded)?;
        let head = PublishHead {
            qos: Qos::AtLeastOnce,
            packet_id: PacketId::new(1),
            topic: topics::INVOKE,
            message_expiry: Some(EXPIRY_SECONDS),
            ..PublishHead::default()
        };
        let mut bytes = Vec::new();
        encode::publish(&mut bytes, Version::V5, &head, &forwarded, &payload)?;
        let topic = place(&bytes, topics::INVOKE.as_bytes())?;
        Ok(Self {
            packet_id: topic.end..topic.end + 2,
            correlation: place(&bytes, &CORRELATION)?,
            time: place(&bytes, TIME)?,
            key: place(&bytes, KEY)?,
            lifetime: place(&bytes, LIFETIME.to_string().as_bytes()).ok(),
            bytes,
        })
    }

    /// Its packet identifier follows from the sequence number, so that it is free again long
    /// before it comes back.
    #[inline]
    fn put(
        &self,
        out: &mut Vec<u8>,
        key: u32,
        stamp: Stamp,
        time: &WallText,
        lifetime: Option<Lifetime>,
    ) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(packet) = out.get_mut(start..) else {
            return;
        };
        #[expect(clippy::cast_possible_truncation, reason = "the remainder fits")]
        let packet_id = (stamp.sequence % u32::from(u16::MAX)) as u16 + 1;
        let mut patch = |range: &Range<usize>, bytes: &[u8]| {
            if let Some(place) = packet.get_mut(range.clone()) {
                place.copy_from_slice(bytes);
            }
        };
        patch(&self.packet_id, &packet_id.to_be_bytes());
        patch(&self.correlation, &stamp.bytes());
        patch(&self.time, &time.0);
        patch(&self.key, &digits::<{ KEY.len() }>(key.into()));
        if let (Some(range), Some(lifetime)) = (&self.lifetime, lifetime) {
            patch(range, &digits::<13>(lifetime.millis()));
        }
    }
}

/// A wall time in milliseconds, as stamps of the store have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WallText([u8; TIME.len()]);

impl WallText {
    pub(super) fn of_millis(millis: u128) -> Self {
        Self(digits(u64::try_from(millis).unwrap_or_default()))
    }
}

/// A number with leading zeros; its last digits if it is too long.
#[inline]
fn digits<const N: usize>(mut number: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        let last = (number % 10) as u8;
        *digit += last;
        number /= 10;
    }
    text
}

/// Where something stands, which stands there once.
fn place(bytes: &[u8], what: &[u8]) -> Result<Range<usize>, Failure> {
    let mut places = bytes.windows(what.len()).enumerate();
    let found = places.find(|(_, window)| *window == what);
    let start = found.map(|(index, _)| index);
    let start = start.ok_or_else(|| Failure::general("cannot make a request"))?;
    Ok(start..start + what.len())
}

#[cfg(test)]
mod tests {
    use catena_mqtt::{Frame, Packet, frame};

    use super::*;

    /// Calls `check` with the parts of each request: key, time, stamp, and its command.
    #[test]
    fn requests_are_what_a_client_would_send() {
        let requests = Requests::new("answers/here", 100).unwrap();
        let life = Lifetime::from_millis(12_345).unwrap();
        let stamp = Stamp {
            due_ns: 7,
            publisher: 3,
            sequence: 65_536,
        };
        let time = WallText::of_millis(1_234_567);
        let key = b"bench:0000000042".as_slice();
        assert_eq!(key.len(), KEY_BYTES);
        let value = [b'x'; 100];
        let set = |lifetime| {
            Command::Write(Write::Set(Set {
                key,
                value: &value,
                condition: SetCondition::Always,
                lifetime,
            }))
        };
        let condition = DeleteCondition::Always;
        for (operation, expected) in [
            (Operation::Set, set(None)),
            (Operation::SetFor(life), set(Some(life))),
            (Operation::Get, Command::Get { key }),
            (
                Operation::Delete,
                Command::Write(Write::Delete(Delete { key, condition })),
            ),
        ] {
            let mut out = b"before".to_vec();
            requests.put(&mut out, Ask { operation, key: 42 }, stamp, &time);
            let Ok(Frame::Complete {
                first_byte, body, ..
            }) = frame::next(&out[6..], 1 << 20)
            else {
                panic!("no frame");
            };
            let Ok(Packet::Publish(publish)) = Packet::decode(Version::V5, first_byte, body) else {
                panic!("no PUBLISH");
            };
            assert_eq!(publish.packet_id, PacketId::new(2));
            assert_eq!(Command::parse(publish.payload), Ok(expected));
            let properties: Vec<_> = publish.forwarded.iter().collect();
            assert_eq!(
                properties,
                [
                    Property::ResponseTopic("answers/here"),
                    Property::CorrelationData(&stamp.bytes()),
                    Property::UserProperty("__ts", "000000001234567:00000:bench"),
                ]
            );
        }
    }
}
