//! TLS, WebSocket and PROXY headers in front of MQTT.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catena_frontend::proxy::Trust;
use catena_frontend::{
    ListenerOptions, Options, Origins, Protocol, ProxyHeader, Refusal, TlsFiles,
};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::running::{
    Client, PATIENCE, Running, assert_end, connect, eventually, listener, options, publish,
};

/// A folder with a certificate for localhost, removed in the end.
struct Credentials {
    folder: PathBuf,
}

impl Credentials {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("catena-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let credentials = Self { folder };
        credentials.issue();
        credentials
    }

    /// Writes a new certificate.
    fn issue(&self) {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = self.files();
        std::fs::write(files.certificates, issued.cert.pem()).unwrap();
        std::fs::write(files.key, issued.signing_key.serialize_pem()).unwrap();
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            certificates: self.folder.join("tls.crt"),
            key: self.folder.join("tls.key"),
            client_authorities: None,
            require_client_certificate: false,
        }
    }

    /// A client that trusts the certificate of now.
    fn client(&self) -> Arc<ClientConfig> {
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.files().certificates).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn dial(&self, broker: &Running) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(self.client(), name).unwrap();
        StreamOwned::new(session, broker.dial())
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn encrypted(credentials: &Credentials) -> ListenerOptions {
    ListenerOptions {
        tls: Some(credentials.files()),
        ..listener("tls")
    }
}

#[test]
fn tls_carries_messages_of_any_size() {
    let credentials = Credentials::new("tls");
    let broker = Running::with(encrypted(&credentials));
    let mut client = Client::connect(credentials.dial(&broker), "c");
    client.echo("t");
    for size in [1, 1_000, 16_000] {
        client.send(&publish("t", &vec![b'x'; size]));
        assert!(client.packet().len() > size);
    }
    client.send(&[0xE0, 0]);
    client.expect_end();
}

#[test]
fn new_certificates_are_for_new_connections() {
    let credentials = Credentials::new("reload");
    let broker = Running::with(encrypted(&credentials));
    let mut old = Client::connect(credentials.dial(&broker), "old");
    credentials.issue();
    let mut refused = credentials.dial(&broker);
    assert!(
        refused.write_all(&connect("c")).is_err(),
        "still the old certificate"
    );
    broker.handle.reload_tls().unwrap();
    Client::connect(credentials.dial(&broker), "new").ping();
    old.ping();
    // A broken file changes nothing.
    std::fs::write(credentials.files().key, "not a key").unwrap();
    let error = broker.handle.reload_tls().unwrap_err();
    assert!(error.to_string().contains("listener tls"), "{error}");
    Client::connect(credentials.dial(&broker), "newer").ping();
}

/// P21
#[test]
fn a_stalled_handshake_ends_in_time_and_delays_nobody() {
    let credentials = Credentials::new("stalled");
    let listeners = vec![encrypted(&credentials), listener("plain")];
    let handshake_timeout = Duration::from_millis(200);
    let broker = Running::start(Options {
        listeners,
        handshake_timeout,
        ..options()
    });
    let mut stalled = broker.dial();
    stalled.write_all(&[0x16, 3, 1]).unwrap();
    Client::connect(credentials.dial(&broker), "c").ping();
    assert_end(&mut stalled);
}

fn websocket() -> ListenerOptions {
    ListenerOptions {
        protocol: Protocol::WebSocket,
        ..listener("websocket")
    }
}

fn upgrade<S: Read + Write>(stream: S) -> WebSocket<S> {
    let mut request = "ws://localhost/some/path".into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", "mqttv3.1, mqtt".parse().unwrap());
    let (socket, response) = tungstenite::client(request, stream)
        .map_err(|_| "upgrade")
        .unwrap();
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "mqtt");
    socket
}

/// MQTT bytes as they come out of the frames.
fn read_bytes<S: Read + Write>(socket: &mut WebSocket<S>, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        match socket.read().unwrap() {
            Message::Binary(data) => bytes.extend_from_slice(&data),
            Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
    bytes
}

/// [MQTT-6.0.0-2] [MQTT-6.0.0-3] [MQTT-6.0.0-4]
#[test]
fn websocket_frames_may_cut_packets_anywhere() {
    let broker = Running::with(websocket());
    let mut socket = upgrade(broker.dial());
    let bytes = [connect("c"), vec![0xC0, 0, 0xC0, 0]].concat();
    for piece in bytes.chunks(7) {
        socket.send(Message::binary(piece.to_vec())).unwrap();
        socket.send(Message::Ping(vec![1, 2].into())).unwrap();
    }
    let connack = read_bytes(&mut socket, 2);
    assert_eq!(connack[0], 0x20);
    let mut rest = connack.len() - 2;
    let total = usize::from(connack[1]) + 4;
    while rest < total {
        rest += read_bytes(&mut socket, 1).len();
    }
}

/// P16 [MQTT-6.0.0-1]
#[test]
fn websocket_text_frames_are_refused() {
    let broker = Running::with(websocket());
    let mut socket = upgrade(broker.dial());
    socket.send(Message::text("hello")).unwrap();
    let Message::Close(Some(frame)) = socket.read().unwrap() else {
        panic!("a close frame");
    };
    assert_eq!(u16::from(frame.code), 1003);
}

#[test]
fn websocket_over_tls_carries_large_messages() {
    let credentials = Credentials::new("wss");
    let listener = ListenerOptions {
        protocol: Protocol::WebSocket,
        ..encrypted(&credentials)
    };
    let broker = Running::with(listener);
    let mut socket = upgrade(credentials.dial(&broker));
    let subscribe = b"\x82\x07\0\x01\0\0\x01t\0";
    socket
        .send(Message::binary([connect("c"), subscribe.to_vec()].concat()))
        .unwrap();
    let message = publish("t", &[b'x'; 16_000]);
    for _ in 0..10 {
        socket.send(Message::binary(message.clone())).unwrap();
    }
    let bytes = read_bytes(&mut socket, 10 * message.len());
    assert!(bytes.ends_with(&message));
}

/// Each packet has a frame, however many come in one.
#[test]
fn websocket_frames_hold_one_packet_each() {
    let broker = Running::with(websocket());
    let mut socket = upgrade(broker.dial());
    let message = publish("t", &[b'x'; 16_000]);
    let subscribe = b"\x82\x07\0\x01\0\0\x01t\0";
    let small = publish("t", b"small");
    let sent = [
        connect("c").as_slice(),
        subscribe,
        &small,
        &[0xC0, 0],
        &message,
        &small,
    ]
    .concat();
    socket.send(Message::binary(sent)).unwrap();
    let mut sizes = Vec::new();
    while sizes.len() < 6 {
        let Message::Binary(data) = socket.read().unwrap() else {
            panic!("a binary frame");
        };
        sizes.push((data[0] & 0xF0, data.len()));
    }
    assert_eq!(sizes[0].0, 0x20, "CONNACK");
    assert!(sizes.contains(&(0x90, 6)), "SUBACK");
    let publishes: Vec<_> = sizes.iter().filter(|(first, _)| *first == 0x30).collect();
    let (small, large) = ((0x30, small.len()), (0x30, message.len()));
    assert_eq!(publishes, [&small, &large, &small]);
    assert!(sizes.contains(&(0xD0, 2)), "PINGRESP");
}

#[test]
fn pages_of_other_sites_are_refused() {
    let broker = Running::with(ListenerOptions {
        origins: Origins::Listed(vec!["https://plant.example".into()]),
        ..websocket()
    });
    let from = |origin: &'static str| {
        let mut request = "ws://localhost/mqtt".into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "mqtt".parse().unwrap());
        headers.insert("Origin", origin.parse().unwrap());
        tungstenite::client(request, broker.dial()).is_ok()
    };
    assert!(from("https://plant.example"));
    assert!(!from("https://evil.example"));
    eventually(|| broker.handle.refused(Refusal::WebSocket) == 1);
}

#[test]
fn other_http_is_answered_and_closed() {
    let broker = Running::with(websocket());
    let mut stream = broker.dial();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

fn behind_proxy(network: [u8; 4]) -> ListenerOptions {
    let trust = Trust::new(vec![(network.into(), 8)]).unwrap();
    ListenerOptions {
        proxy: ProxyHeader::Required(trust),
        ..listener("proxied")
    }
}

/// P17
#[test]
fn a_trusted_proxy_says_who_connects() {
    let listeners = vec![behind_proxy([127, 0, 0, 0])];
    let options = Options {
        listeners,
        connections_per_address_max: 1,
        ..options()
    };
    let broker = Running::start(options);
    let mut clients = Vec::new();
    // The limit per address is for the addresses that the headers name.
    for last in [7, 8] {
        let mut stream = broker.dial();
        let header = format!("PROXY TCP4 192.0.2.{last} 10.0.0.1 50000 1883\r\n");
        stream.write_all(header.as_bytes()).unwrap();
        clients.push(Client::connect(stream, "c"));
    }
    clients[0].ping();
    let mut third = broker.dial();
    third
        .write_all(b"PROXY TCP4 192.0.2.7 10.0.0.1 50001 1883\r\n")
        .unwrap();
    assert_end(&mut third);
    let mut without = broker.dial();
    without.write_all(&connect("c")).unwrap();
    assert_end(&mut without);
}

/// P17
#[test]
fn a_proxy_header_of_a_stranger_is_refused() {
    let broker = Running::with(behind_proxy([10, 0, 0, 0]));
    let mut stream = broker.dial();
    stream
        .write_all(b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1883\r\n")
        .unwrap();
    assert_end(&mut stream);
    eventually(|| broker.handle.refused(Refusal::Proxy) == 1);
}

/// P17: whoever is trusted may send a header and need not; of a stranger, one is no MQTT.
#[test]
fn an_optional_proxy_header_may_be_left_out() {
    let optional = |network: [u8; 4]| {
        let trust = Trust::new(vec![(network.into(), 8)]).unwrap();
        ListenerOptions {
            proxy: ProxyHeader::Optional(trust),
            ..listener("optional")
        }
    };
    let listeners = vec![optional([127, 0, 0, 0])];
    let broker = Running::start(Options {
        listeners,
        connections_per_address_max: 1,
        ..options()
    });
    let header = b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1883\r\n";
    let mut stream = broker.dial();
    stream.write_all(header).unwrap();
    let mut told = Client::connect(stream, "told");
    // Both are connected at once: the limit per address sees two addresses.
    let mut plain = broker.connect("plain");
    told.ping();
    plain.ping();
    drop(broker);

    let broker = Running::with(optional([10, 0, 0, 0]));
    broker.connect("plain").ping();
    let mut stream = broker.dial();
    stream.write_all(header).unwrap();
    assert_end(&mut stream);
}

#[test]
fn a_proxy_header_may_come_before_tls() {
    let credentials = Credentials::new("proxied");
    let listener = ListenerOptions {
        tls: Some(credentials.files()),
        ..behind_proxy([127, 0, 0, 0])
    };
    let broker = Running::with(listener);
    let mut stream = broker.dial();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(credentials.client(), name).unwrap();
    Client::connect(StreamOwned::new(session, stream), "c").echo("t");
}
