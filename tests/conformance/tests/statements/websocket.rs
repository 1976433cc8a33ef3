//! MQTT over WebSocket, frame by frame (section 6), and over TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;

use catena_conformance::{Broker, Client, Folder, Link, Options, QOS1, QOS2, free_port, unique};
use catena_mqtt::Version;

use crate::VERSIONS;

const BINARY: u8 = 0x2;
const TEXT: u8 = 0x1;
const CONTINUATION: u8 = 0x0;
const PING: u8 = 0x9;
const CLOSE: u8 = 0x8;
const FINAL: u8 = 0x80;

/// A broker that speaks WebSocket on its only port.
fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| Broker::configured(Folder::new(), &listener("WebSockets")))
}

/// A document for one port on loopback.
fn listener(protocol: &str) -> String {
    let port = free_port();
    format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n\
         metadata: {{ name: tested }}\nspec:\n  ports:\n    - port: {port}\n      \
         protocol: {protocol}\n      catena: {{ bindAddress: 127.0.0.1, anonymous: Allowed }}\n"
    )
}

/// What a client asks for, with one `Sec-WebSocket-Protocol` or none.
fn request(subprotocol: Option<&str>) -> String {
    let offer = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    format!(
        "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        offer.unwrap_or_default()
    )
}

/// The head of the answer, in small letters.
fn answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).to_lowercase()
}

/// A masked frame of a client.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [7, 77, 177, 250];
    let mut bytes = vec![first_byte];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => bytes.push(0x80 | length as u8),
        Ok(length) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A connection that was upgraded. What is written to it travels in binary frames of at most so
/// many bytes; what is read are the contents of binary frames.
struct WebSocket {
    stream: TcpStream,
    frame_bytes_max: usize,
    left: usize,
    pongs: usize,
}

impl WebSocket {
    fn open(frame_bytes_max: usize) -> Self {
        Self::upgrade(broker().dial(), frame_bytes_max)
    }

    fn upgrade(mut stream: TcpStream, frame_bytes_max: usize) -> Self {
        let sent = stream.write_all(request(Some("mqtt")).as_bytes());
        assert!(sent.is_ok() && answer(&mut stream).starts_with("http/1.1 101"));
        Self {
            stream,
            frame_bytes_max,
            left: 0,
            pongs: 0,
        }
    }

    /// Reads the header of the next binary frame; `false` at the end. Pongs are counted.
    fn next_frame(&mut self) -> std::io::Result<bool> {
        let mut head = [0; 2];
        if let Err(error) = self.stream.read_exact(&mut head) {
            let kind = error.kind();
            return if kind == std::io::ErrorKind::UnexpectedEof {
                Ok(false)
            } else {
                Err(error)
            };
        }
        assert_eq!(head[1] & 0x80, 0, "a broker does not mask");
        let length = match head[1] {
            126 => {
                let mut bytes = [0; 2];
                self.stream.read_exact(&mut bytes)?;
                usize::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                self.stream.read_exact(&mut bytes)?;
                usize::try_from(u64::from_be_bytes(bytes)).unwrap_or(usize::MAX)
            }
            short => usize::from(short),
        };
        match head[0] & 0x0F {
            BINARY | CONTINUATION => self.left = length,
            control => {
                let mut payload = vec![0; length];
                self.stream.read_exact(&mut payload)?;
                self.pongs += usize::from(control == 0xA);
                return Ok(control != CLOSE);
            }
        }
        Ok(true)
    }
}

impl Read for WebSocket {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        while self.left == 0 {
            if !self.next_frame()? {
                return Ok(0);
            }
        }
        let wanted = bytes.len().min(self.left);
        let count = self.stream.read(&mut bytes[..wanted])?;
        self.left -= count;
        Ok(count)
    }
}

impl Write for WebSocket {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for piece in bytes.chunks(self.frame_bytes_max) {
            self.stream.write_all(&frame(FINAL | BINARY, piece))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

impl Link for WebSocket {
    fn cut(&mut self) {
        self.stream.cut();
    }
}

fn client(version: Version, frame_bytes_max: usize) -> Client {
    let mut client = Client::over(Box::new(WebSocket::open(frame_bytes_max)), version);
    client.login(&Options::clean(version));
    client
}

/// [MQTT-6.0.0-2] [MQTT3-6.0.0-2]: packets and frames need not line up: a byte a frame, or many
/// packets in one.
#[test]
fn frames_and_packets_do_not_line_up() {
    for version in VERSIONS {
        for frame_bytes_max in [1, 3, 1_000_000] {
            let topic = unique("t");
            let mut client = client(version, frame_bytes_max);
            client.subscribe(&topic, QOS2);
            for payload in ["small", &"large".repeat(500)] {
                client.publish(&topic, payload, QOS2);
                client.expect_message(&topic, payload, QOS2);
            }
            client.send_bytes(&b"\xC0\0".repeat(5));
            for _ in 0..5 {
                assert_eq!(client.receive().first_byte(), 0xD0);
            }
            client.disconnect();
        }
        let mut client = client(version, usize::MAX);
        let topic = unique("t");
        let payload = "x".repeat(200_000);
        client.subscribe(&topic, QOS1);
        client.publish(&topic, &payload, QOS1);
        client.expect_message(&topic, &payload, QOS1);
    }
}

/// [MQTT-6.0.0-1] [MQTT3-6.0.0-1]: a text frame ends the connection, whatever is in it.
#[test]
fn text_frames_end_the_connection() {
    let connect = Options::clean(Version::V311).bytes();
    for payload in [&connect[..], b"text", b""] {
        let mut socket = WebSocket::open(usize::MAX);
        let text = frame(FINAL | TEXT, payload);
        assert!(socket.stream.write_all(&text).is_ok());
        let mut rest = Vec::new();
        let end = socket.read_to_end(&mut rest);
        assert!(end.is_err() || rest.is_empty(), "{rest:x?}");
    }
}

/// [MQTT-6.0.0-2] [MQTT3-6.0.0-2]: a message in fragments, with a ping between them, is one.
#[test]
fn fragments_and_pings_are_understood() {
    let mut socket = WebSocket::open(usize::MAX);
    let connect = Options::clean(Version::V5).bytes();
    let (one, two) = connect.split_at(5);
    let bytes = [
        frame(BINARY, one),
        frame(FINAL | PING, b"are you there?"),
        frame(CONTINUATION, b""),
        frame(FINAL | CONTINUATION, two),
    ]
    .concat();
    assert!(socket.stream.write_all(&bytes).is_ok());
    let mut connack = [0; 4];
    assert!(socket.read_exact(&mut connack).is_ok());
    assert_eq!((connack[0], connack[2], connack[3]), (0x20, 0, 0));
    assert_eq!(socket.pongs, 1);
}

/// [MQTT-6.0.0-3] [MQTT-6.0.0-4] [MQTT3-6.0.0-3] [MQTT3-6.0.0-4]: mqtt has to be among the
/// subprotocols offered, and is answered.
#[test]
fn subprotocol_is_mqtt() {
    for (offer, is_accepted) in [
        (Some("mqtt"), true),
        (Some("chat, mqtt"), true),
        (Some("mqtt,chat"), true),
        (Some("chat"), false),
        (Some("mqttish"), false),
        (None, false),
    ] {
        let mut stream = broker().dial();
        assert!(stream.write_all(request(offer).as_bytes()).is_ok());
        let answer = answer(&mut stream);
        assert_eq!(answer.starts_with("http/1.1 101"), is_accepted, "{answer}");
        let names_it = answer.contains("sec-websocket-protocol: mqtt\r\n");
        assert_eq!(names_it, is_accepted, "{answer}");
    }
}

/// [MQTT-6.0.0-1] [MQTT3-6.0.0-1]: frames without a mask end the connection; so does MQTT without
/// WebSocket.
#[test]
fn bytes_that_are_no_frames_end_the_connection() {
    let mut socket = WebSocket::open(usize::MAX);
    assert!(socket.stream.write_all(b"\x82\x02\xC0\0").is_ok());
    let mut rest = Vec::new();
    let end = socket.read_to_end(&mut rest);
    assert!(end.is_err() || rest.is_empty(), "{rest:x?}");
    let mut plain = broker().dial();
    let connect = Options::clean(Version::V311).bytes();
    assert!(plain.write_all(&connect).is_ok());
    assert!(!answer(&mut plain).starts_with('\x20'));
}

/// [MQTT3-7.0.0-2] [MQTT-4.2-1]: clients over WebSocket and clients over TCP are clients of one
/// broker.
#[test]
fn transports_meet() {
    let documents = format!(
        "{}    - port: {}\n      catena: {{ bindAddress: 127.0.0.1, anonymous: Allowed }}\n",
        listener("WebSockets"),
        free_port()
    );
    let broker = Broker::configured(Folder::new(), &documents);
    let socket = WebSocket::upgrade(broker.dial_listener(0), 10);
    let mut web = Client::over(Box::new(socket), Version::V5);
    web.login(&Options::clean(Version::V5));
    let mut plain = Client::over(Box::new(broker.dial_listener(1)), Version::V311);
    plain.login(&Options::clean(Version::V311));
    web.subscribe("from/plain", QOS2);
    plain.subscribe("from/web", QOS2);
    web.publish("from/web", "hello", QOS2);
    plain.expect_message("from/web", "hello", QOS2);
    plain.publish("from/plain", "hello", QOS1);
    web.expect_message("from/plain", "hello", QOS1);
}
