//! Replies: written by the broker, read by clients.
//!
//! Clients compare the short ones as whole byte strings: nothing may be added to them.

use catena_hlc::Version;

use crate::resp3::{Item, Malformed, Reader, write_array, write_bytes, write_signed};
use crate::{NODE, Refusal};

/// The number that means: a condition was not met, nothing was done.
pub const NOT_APPLIED: i64 = -1;

/// How long a key lives on that lives for ever.
pub const LIVES_FOREVER: i64 = -1;

/// How long a key lives on that does not exist.
pub const LIVES_NOT: i64 = -2;

/// The text of a version: 15 and 5 digits, two colons and the node.
const VERSION_BYTES: usize = 22 + NODE.len();

/// The names of what this server can do beyond the published protocol.
pub const FEATURES: &[&str] = &[
    "cas", "mget", "multi", "absent", "pttl", "getpx", "incrby", "resume",
];

/// The reply to a command that is no scan, multi-get, get with time to live, group or question for
/// features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// It is done.
    Ok,
    /// How many keys were removed, the sum of an increment, the milliseconds that a key lives on;
    /// [`NOT_APPLIED`] if a condition was not met.
    Number(i64),
    /// The value of a key.
    Value(&'a [u8]),
    /// There is no such key.
    Null,
    /// It is refused, in these words ([`Refusal::from_text`]).
    Refused(&'a str),
}

impl<'a> Reply<'a> {
    /// Reads the payload of a response.
    ///
    /// # Errors
    /// [`Malformed`] if it is none of these.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let reply = Self::read(&mut reader)?;
        reader.end()?;
        Ok(reply)
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.item()? {
            Item::Simple("OK") => Ok(Self::Ok),
            Item::Error(text) => text
                .strip_prefix("ERR ")
                .map(Self::Refused)
                .ok_or(Malformed),
            Item::Number(number) => Ok(Self::Number(number)),
            Item::Bytes(value) => Ok(Self::Value(value)),
            Item::Null => Ok(Self::Null),
            Item::Simple(_) | Item::Array(_) => Err(Malformed),
        }
    }

    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ok => ok(out),
            Self::Number(number) => self::number(out, *number),
            Self::Value(bytes) => value(out, bytes),
            Self::Null => null(out),
            Self::Refused(text) => error(out, text),
        }
    }
}

/// Appends `+OK`.
pub fn ok(out: &mut Vec<u8>) {
    out.extend_from_slice(b"+OK\r\n");
}

/// Appends `:-1`: a condition was not met.
pub fn not_applied(out: &mut Vec<u8>) {
    out.extend_from_slice(b":-1\r\n");
}

/// Appends a number.
pub fn number(out: &mut Vec<u8>, number: i64) {
    out.push(b':');
    write_signed(out, number);
    out.extend_from_slice(b"\r\n");
}

/// Appends a value.
pub fn value(out: &mut Vec<u8>, value: &[u8]) {
    write_bytes(out, value);
}

/// Appends a value and the milliseconds that its key lives on, or [`LIVES_FOREVER`].
pub fn value_with_time_to_live(out: &mut Vec<u8>, value: &[u8], millis: i64) {
    write_array(out, 2);
    write_bytes(out, value);
    number(out, millis);
}

/// Appends `$-1`: there is no such key.
pub fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"$-1\r\n");
}

/// Appends a refusal.
pub fn refusal(out: &mut Vec<u8>, refusal: Refusal) {
    error(out, refusal.text());
}

fn error(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"-ERR ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a page of a scan: its keys, and where the next one begins unless this is the last.
pub fn page(out: &mut Vec<u8>, keys: &[&[u8]], token: Option<&[u8]>) {
    write_array(out, if token.is_some() { 2 } else { 1 });
    write_array(out, keys.len());
    keys.iter().for_each(|key| write_bytes(out, key));
    token.iter().for_each(|token| write_bytes(out, token));
}

/// Begins the results of a multi-get or an applied group: `count` pairs of a reply and
/// [`version`] follow, each behind [`result`].
pub fn results(out: &mut Vec<u8>, count: usize) {
    write_array(out, count);
}

/// Begins one result: a reply and a [`version`] follow.
pub fn result(out: &mut Vec<u8>) {
    write_array(out, 2);
}

/// Appends the version that belongs to the reply before it, if there is one.
pub fn version(out: &mut Vec<u8>, version: Option<Version>) {
    let Some(version) = version else {
        return null(out);
    };
    let mut text = Vec::with_capacity(VERSION_BYTES);
    version.stamp(NODE).write(&mut text);
    write_bytes(out, &text);
}

/// Appends the reply of a group of which nothing was done because of the write at `index`, counted
/// from 0.
pub fn group_unmet(out: &mut Vec<u8>, index: usize) {
    write_array(out, 2);
    not_applied(out);
    number(out, i64::try_from(index).unwrap_or(i64::MAX));
}

/// Appends what this server can do beyond the published protocol.
pub fn features(out: &mut Vec<u8>) {
    write_array(out, FEATURES.len());
    FEATURES
        .iter()
        .for_each(|name| write_bytes(out, name.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reply: Reply<'_>, payload: &str) {
        let mut out = Vec::new();
        reply.encode(&mut out);
        assert_eq!(out, payload.as_bytes());
        assert_eq!(Reply::parse(payload.as_bytes()), Ok(reply));
        for end in 0..payload.len() {
            assert_eq!(Reply::parse(&payload.as_bytes()[..end]), Err(Malformed));
        }
        out.push(b' ');
        assert_eq!(Reply::parse(&out), Err(Malformed));
    }

    #[test]
    fn payloads_are_those_that_clients_compare() {
        check(Reply::Ok, "+OK\r\n");
        check(Reply::Number(NOT_APPLIED), ":-1\r\n");
        check(Reply::Number(0), ":0\r\n");
        check(Reply::Number(1), ":1\r\n");
        check(Reply::Value(b""), "$0\r\n\r\n");
        check(Reply::Value(b"v\r\n1"), "$4\r\nv\r\n1\r\n");
        check(Reply::Null, "$-1\r\n");
        for refusal in Refusal::ALL {
            check(
                Reply::Refused(refusal.text()),
                &format!("-ERR {}\r\n", refusal.text()),
            );
        }
    }

    #[test]
    fn other_payloads_are_refused() {
        for payload in [
            "",
            "-1\r\n",
            "+ok\r\n",
            "-ERR: no\r\n",
            "*1\r\n*0\r\n",
            "OK",
        ] {
            assert_eq!(
                Reply::parse(payload.as_bytes()),
                Err(Malformed),
                "{payload}"
            );
        }
    }
}
