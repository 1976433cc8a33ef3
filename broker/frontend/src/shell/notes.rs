//! Log lines that must not become a flood.

use std::time::Duration;

use catena_types::Moment;

/// Lets through at most one event per second.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Option<Moment>,
    suppressed: u64,
}

const PERIOD: Duration = Duration::from_secs(1);

impl Throttle {
    /// Whether this event may be logged; if so, how many were not since the last one.
    pub(crate) fn pass(&mut self, now: Moment) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < PERIOD) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// What a client that does not speak MQTT seems to speak, and what to do about it.
pub(crate) fn explain(first_bytes: &[u8]) -> Option<&'static str> {
    const CONNECT: u8 = 0x10;
    match first_bytes {
        [] | [CONNECT, ..] => None,
        [0x16, 0x03, ..] => Some("TLS on a listener without TLS"),
        [b'G', b'E', b'T', b' ', ..] => {
            Some("HTTP: a WebSocket client needs a listener with protocol WebSockets")
        }
        bytes if bytes.starts_with(b"PROXY ") || bytes.starts_with(b"\r\n\r\n\0\r\nQUIT") => {
            Some("a PROXY header on a listener without proxyProtocol")
        }
        [b'P' | b'H' | b'D' | b'O', b'A'..=b'Z', ..] => Some("HTTP"),
        _ => Some("bytes that are no MQTT CONNECT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P22
    #[test]
    fn strangers_are_recognised() {
        assert_eq!(explain(b"\x10\x0c\0\x04MQTT"), None);
        assert!(explain(b"GET / HTTP/1.1\r\n").is_some_and(|text| text.contains("WebSocket")));
        assert!(explain(&[0x16, 3, 1, 2, 0]).is_some_and(|text| text.contains("TLS")));
        assert!(explain(b"PROXY TCP4 ").is_some_and(|text| text.contains("PROXY")));
        assert_eq!(explain(b"POST /"), Some("HTTP"));
        assert_eq!(explain(&[0xFF; 4]), Some("bytes that are no MQTT CONNECT"));
    }

    #[test]
    fn one_line_a_second() {
        let mut throttle = Throttle::default();
        let now = Moment::ZERO;
        let passed = [throttle.pass(now), throttle.pass(now), throttle.pass(now)];
        assert_eq!(passed, [Some(0), None, None]);
        assert_eq!(throttle.pass(now.plus(PERIOD)), Some(2));
    }
}
