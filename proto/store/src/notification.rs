//! Key notifications: what an observer of a key is told.

use crate::resp3::{Malformed, Reader, write_array, write_bytes};

/// A change of a key. Its version travels beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification<'a> {
    /// The key has this value now.
    Set(&'a [u8]),
    /// The key is gone: deleted or expired.
    Delete,
    /// Changes were missed that are not kept any more; the next notification of the key tells its
    /// present state. Only clients that registered with `RESUME` are sent this.
    Gap,
}

impl<'a> Notification<'a> {
    /// Appends the payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Set(value) => {
                out.extend_from_slice(b"*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n");
                write_bytes(out, value);
            }
            Self::Delete => named(out, b"DELETE"),
            Self::Gap => named(out, b"GAP"),
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`Malformed`] if it is none of these.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let count = reader.array()?;
        if reader.bytes()? != b"NOTIFY" {
            return Err(Malformed);
        }
        let notification = match (reader.bytes()?, count) {
            (b"SET", 4) if reader.bytes()? == b"VALUE" => Self::Set(reader.bytes()?),
            (b"DELETE", 2) => Self::Delete,
            (b"GAP", 2) => Self::Gap,
            _ => return Err(Malformed),
        };
        reader.end()?;
        Ok(notification)
    }
}

fn named(out: &mut Vec<u8>, name: &[u8]) {
    write_array(out, 2);
    write_bytes(out, b"NOTIFY");
    write_bytes(out, name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(notification: Notification<'_>, payload: &[u8]) {
        let mut out = Vec::new();
        notification.encode(&mut out);
        assert_eq!(out, payload);
        assert_eq!(Notification::parse(payload), Ok(notification));
        for end in 0..payload.len() {
            assert_eq!(Notification::parse(&payload[..end]), Err(Malformed));
        }
    }

    /// docs/reference/state-store.md, vectors 46 to 48.
    #[test]
    fn payloads_are_those_that_clients_compare() {
        check(
            Notification::Set(b"abc"),
            b"*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$3\r\nabc\r\n",
        );
        check(
            Notification::Set(b""),
            b"*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$0\r\n\r\n",
        );
        check(
            Notification::Delete,
            b"*2\r\n$6\r\nNOTIFY\r\n$6\r\nDELETE\r\n",
        );
        check(Notification::Gap, b"*2\r\n$6\r\nNOTIFY\r\n$3\r\nGAP\r\n");
    }

    #[test]
    fn other_payloads_are_refused() {
        for payload in [
            "*2\r\n$6\r\nNOTIFY\r\n$3\r\nDEL\r\n",
            "*4\r\n$6\r\nNOTIFY\r\n$6\r\nDELETE\r\n",
            "*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$3\r\nVAL\r\n$1\r\na\r\n",
            "*2\r\n$6\r\nNOTIFY\r\n$6\r\nDELETE\r\n ",
            "+OK\r\n",
        ] {
            assert_eq!(
                Notification::parse(payload.as_bytes()),
                Err(Malformed),
                "{payload}"
            );
        }
    }
}
