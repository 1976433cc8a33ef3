//! What a load generator needs of a response of the state store.

use super::request::Operation;
use crate::bench::wire::Stamp;

/// A response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Response<'a> {
    /// 0 at QoS 0.
    pub(super) packet_id: u16,
    /// What the request carried. None: it answers none of ours.
    pub(super) stamp: Option<Stamp>,
    pub(super) payload: &'a [u8],
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// As it should be.
    Right,
    /// There is no such key.
    Missing,
    /// It was refused, in these words.
    Refused(&'a str),
    /// That is no answer to this request.
    Wrong,
}

impl<'a> Response<'a> {
    /// Reads the body of a PUBLISH of MQTT 5. `None`: it is malformed.
    #[inline]
    pub(super) fn read(first_byte: u8, body: &'a [u8]) -> Option<Self> {
        let mut rest = body;
        take(&mut rest, 2 + number(body)?)?;
        let mut packet_id = 0;
        if first_byte >> 1 & 0b11 > 0 {
            packet_id = u16::try_from(number(rest)?).ok()?;
            take(&mut rest, 2)?;
        }
        let length = variable(&mut rest)?;
        let mut properties = take(&mut rest, length)?;
        let mut stamp = None;
        while let Some((&name, after)) = properties.split_first() {
            properties = after;
            match name {
                // Payload Format Indicator
                0x01 => take(&mut properties, 1)?,
                // Message Expiry Interval
                0x02 => take(&mut properties, 4)?,
                // Topic Alias
                0x23 => take(&mut properties, 2)?,
                // Subscription Identifier
                0x0B => {
                    variable(&mut properties)?;
                    continue;
                }
                // User Property
                0x26 => {
                    text(&mut properties)?;
                    text(&mut properties)?
                }
                // Correlation Data
                0x09 => {
                    let data = text(&mut properties)?;
                    stamp = Stamp::read(data);
                    data
                }
                // Content Type, Response Topic
                0x03 | 0x08 => text(&mut properties)?,
                _ => return None,
            };
        }
        Some(Self {
            packet_id,
            stamp,
            payload: rest,
        })
    }

    /// Judges it as the answer to an operation with values of so many bytes.
    #[inline]
    pub(super) fn verdict(&self, operation: Operation, value_bytes: usize) -> Verdict<'a> {
        let payload = self.payload;
        if let Some(text) = payload.strip_prefix(b"-ERR ") {
            let text = std::str::from_utf8(text.trim_ascii_end());
            return text.map_or(Verdict::Wrong, Verdict::Refused);
        }
        let is_right = match operation {
            Operation::Set | Operation::SetFor(_) => payload == b"+OK\r\n",
            Operation::Delete => payload == b":1\r\n",
            Operation::Get => is_value(payload, value_bytes),
        };
        match payload {
            _ if is_right => Verdict::Right,
            b"$-1\r\n" | b":0\r\n" => Verdict::Missing,
            _ => Verdict::Wrong,
        }
    }
}

/// Whether a payload is a value of so many bytes.
fn is_value(payload: &[u8], value_bytes: usize) -> bool {
    let Some(rest) = payload.strip_prefix(b"$") else {
        return false;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = rest.get(..digits).unwrap_or_default();
    let length = std::str::from_utf8(length).ok();
    length.and_then(|text| text.parse().ok()) == Some(value_bytes)
        && rest.len() == digits + 2 + value_bytes + 2
}

fn number(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [high, low, ..] => Some(u16::from_be_bytes([*high, *low]).into()),
        _ => None,
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(bytes)?;
    take(bytes, 2 + length)?.get(2..)
}

fn variable(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let byte = *take(bytes, 1)?.first()?;
        value |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_past_any_properties() {
        let stamp = Stamp {
            due_ns: 1,
            publisher: 2,
            sequence: 3,
        };
        let mut properties =
            b"\x01\x01\x02\0\0\0\x09\x0B\x80\x01\x23\0\x01\x26\0\x01a\0\x01b".to_vec();
        properties.extend(b"\x03\0\x01c\x09\0\x10");
        properties.extend(stamp.bytes());
        let mut body = b"\0\x01t\0\x07".to_vec();
        body.push(properties.len() as u8);
        body.extend(properties);
        body.extend(b"+OK\r\n");
        let expected = Response {
            packet_id: 7,
            stamp: Some(stamp),
            payload: b"+OK\r\n",
        };
        assert_eq!(Response::read(0x32, &body), Some(expected));
        for end in 0..body.len() - 5 {
            assert_eq!(Response::read(0x32, &body[..end]), None, "{end}");
        }
        assert_eq!(Response::read(0x30, b"\0\x01t\x02\x7F\0"), None);
    }

    #[test]
    fn answers_are_judged_by_what_was_asked() {
        let judge = |payload, operation| {
            let response = Response {
                packet_id: 0,
                stamp: None,
                payload,
            };
            response.verdict(operation, 3)
        };
        let (set, get, delete) = (Operation::Set, Operation::Get, Operation::Delete);
        for (payload, operation, expected) in [
            (&b"+OK\r\n"[..], set, Verdict::Right),
            (b"$3\r\nabc\r\n", get, Verdict::Right),
            (b":1\r\n", delete, Verdict::Right),
            (b"$4\r\nabcd\r\n", get, Verdict::Wrong),
            (b"$3\r\nab\r\n", get, Verdict::Wrong),
            (b"+OK\r\n", get, Verdict::Wrong),
            (b"", set, Verdict::Wrong),
            (b"$-1\r\n", get, Verdict::Missing),
            (b":0\r\n", delete, Verdict::Missing),
            (
                b"-ERR syntax error\r\n",
                set,
                Verdict::Refused("syntax error"),
            ),
        ] {
            assert_eq!(judge(payload, operation), expected, "{payload:?}");
        }
    }
}
