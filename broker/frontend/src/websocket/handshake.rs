//! The WebSocket opening handshake (RFC 6455, section 4.2), over bytes.

use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::{HeaderName, HeaderValue, header};

use crate::origin::Origins;

/// The longest request accepted, in bytes: room for cookies and tokens of gateways before us.
pub(crate) const REQUEST_BYTES_MAX: usize = 16_384;

/// The subprotocols of which one must be offered; the first of these that is gets the answer
/// [MQTT-6.0.0-3] [MQTT-6.0.0-4]. `mqttv3.1` is what clients offered before MQTT was a standard.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// What the bytes read so far are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    /// More bytes are needed.
    Incomplete,
    /// Send `response`; what follows the first `size` bytes are frames.
    Accepted { response: Vec<u8>, size: usize },
    /// Send `response` and close.
    Refused { response: Vec<u8> },
}

/// Answers the request at the start of `bytes`.
pub(crate) fn answer(bytes: &[u8], origins: &Origins) -> Upgrade {
    let (size, request) = match Request::try_parse(bytes) {
        Ok(Some(parsed)) => parsed,
        Ok(None) if bytes.len() < REQUEST_BYTES_MAX => return Upgrade::Incomplete,
        Ok(None) => return refuse("431 Request Header Fields Too Large", "request too long"),
        Err(_) => return refuse("400 Bad Request", "expected a WebSocket request"),
    };
    let Some(subprotocol) = chosen(&request) else {
        return refuse("400 Bad Request", "the WebSocket subprotocol must be mqtt");
    };
    if let Some(origin) = value(&request, header::ORIGIN)
        && !origins.permit(origin, value(&request, header::HOST))
    {
        return refuse(
            "403 Forbidden",
            "pages of this origin may not connect; catena.allowedOrigins of the port lists which",
        );
    }
    let Ok(mut response) = create_response(&request) else {
        return refuse("400 Bad Request", "not a WebSocket version 13 upgrade");
    };
    response.headers_mut().insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(subprotocol),
    );
    let mut encoded = Vec::with_capacity(256);
    match write_response(&mut encoded, &response) {
        Ok(()) => Upgrade::Accepted {
            response: encoded,
            size,
        },
        Err(_) => refuse("500 Internal Server Error", "cannot answer"),
    }
}

fn chosen(request: &Request) -> Option<&'static str> {
    let offers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = |subprotocol: &&str| {
        offers
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|name| name.trim() == *subprotocol)
    };
    SUBPROTOCOLS.into_iter().find(offered)
}

/// A header's value; one that is no text is empty.
fn value(request: &Request, name: HeaderName) -> Option<&str> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap_or_default())
}

fn refuse(status: &str, reason: &str) -> Upgrade {
    let length = reason.len() + 1;
    let response = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\nSec-WebSocket-Version: 13\r\n\r\n{reason}\n"
    );
    Upgrade::Refused {
        response: response.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: &str = "Host: broker\r\nUpgrade: websocket\r\n\
        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn answer(bytes: &[u8]) -> Upgrade {
        super::answer(bytes, &Origins::SameHost)
    }

    fn status(upgrade: &Upgrade) -> String {
        let (Upgrade::Accepted { response, .. } | Upgrade::Refused { response }) = upgrade else {
            return "incomplete".into();
        };
        String::from_utf8_lossy(response)
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .into()
    }

    /// [MQTT-6.0.0-3] [MQTT-6.0.0-4]
    #[test]
    fn the_subprotocol_mqtt_is_required_and_answered() {
        let request =
            format!("GET /any/path HTTP/1.1\r\n{HEADERS}Sec-WebSocket-Protocol: x, mqtt\r\n\r\n");
        for cut in 0..request.len() {
            assert_eq!(answer(&request.as_bytes()[..cut]), Upgrade::Incomplete);
        }
        let upgrade = answer(format!("{request}rest").as_bytes());
        let Upgrade::Accepted { response, size } = upgrade else {
            panic!("{upgrade:?}");
        };
        assert_eq!(size, request.len());
        let response = String::from_utf8(response).unwrap().to_lowercase();
        assert!(
            response.contains("sec-websocket-protocol: mqtt\r\n"),
            "{response}"
        );
        assert!(
            response.contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{response}"
        );
        let without = format!("GET / HTTP/1.1\r\n{HEADERS}\r\n");
        assert_eq!(status(&answer(without.as_bytes())), "400");
        let other = format!("GET / HTTP/1.1\r\n{HEADERS}Sec-WebSocket-Protocol: stomp\r\n\r\n");
        assert_eq!(status(&answer(other.as_bytes())), "400");
    }

    #[test]
    fn older_clients_get_the_name_that_they_offer() {
        let chosen = |offered: &str| {
            let request =
                format!("GET / HTTP/1.1\r\n{HEADERS}Sec-WebSocket-Protocol: {offered}\r\n\r\n");
            let Upgrade::Accepted { response, .. } = answer(request.as_bytes()) else {
                panic!("{offered}");
            };
            let response = String::from_utf8(response).unwrap().to_lowercase();
            let (_, rest) = response.split_once("sec-websocket-protocol: ").unwrap();
            rest.split("\r\n").next().unwrap().to_owned()
        };
        assert_eq!(chosen("mqttv3.1"), "mqttv3.1");
        assert_eq!(chosen("mqttv3.1, mqtt"), "mqtt");
    }

    #[test]
    fn pages_of_strangers_are_refused() {
        let from = |origin: &str| {
            let headers = format!("{HEADERS}Sec-WebSocket-Protocol: mqtt\r\n{origin}");
            status(&answer(
                format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes(),
            ))
        };
        assert_eq!(from(""), "101", "no browser");
        assert_eq!(from("Origin: https://broker:8080\r\n"), "101");
        assert_eq!(from("Origin: https://evil.example\r\n"), "403");
        assert_eq!(from("Origin: null\r\n"), "403");
    }

    #[test]
    fn other_requests_are_refused() {
        let plain = "GET / HTTP/1.1\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
        assert_eq!(status(&answer(plain.as_bytes())), "400");
        let post = format!("POST / HTTP/1.1\r\n{HEADERS}Sec-WebSocket-Protocol: mqtt\r\n\r\n");
        assert_eq!(status(&answer(post.as_bytes())), "400");
        assert_eq!(
            status(&answer(b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0")),
            "400"
        );
    }

    #[test]
    fn an_endless_request_is_refused() {
        let mut request = format!("GET / HTTP/1.1\r\n{HEADERS}X: ").into_bytes();
        request.resize(REQUEST_BYTES_MAX, b'x');
        assert_eq!(status(&answer(&request)), "431");
    }
}
