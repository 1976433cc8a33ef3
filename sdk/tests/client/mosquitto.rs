//! Another broker, other transports: mosquitto over TCP, TLS and WebSocket. Without the program
//! nothing is tested here.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use catena_sdk::{Client, Error, Publish, Qos, Subscribe, Tls};
use tempfile::TempDir;

use crate::{builder, soon};

const PROGRAM: &str = "/usr/sbin/mosquitto";

/// More than one read of mosquitto, and not many: with WebSocket it rests between them.
const BYTES: usize = 10_000;

struct Mosquitto {
    process: Child,
    folder: TempDir,
    ports: [u16; 3],
}

impl Mosquitto {
    /// With listeners for TCP, TLS and WebSocket; `None` if there is no such program.
    fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = folder.path().join("certificate.pem");
        let key = folder.path().join("key.pem");
        fs::write(&certificate, signed.cert.pem()).unwrap();
        fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
        // mosquitto cannot choose ports itself. Held together, so that they differ.
        let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = { &held }
            .each_ref()
            .map(|it| it.local_addr().unwrap().port());
        drop(held);
        let [plain, tls, web] = ports;
        let text = format!(
            "allow_anonymous true\nlistener {plain} 127.0.0.1\n\
             listener {web} 127.0.0.1\nprotocol websockets\n\
             listener {tls} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
            certificate.display(),
            key.display(),
        );
        let configuration = folder.path().join("mosquitto.conf");
        fs::write(&configuration, text).unwrap();
        let mut process = Command::new(PROGRAM)
            .arg("-c")
            .arg(&configuration)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut lines = log.lines().map_while(Result::ok);
        let running = lines.any(|line| line.ends_with("running"));
        assert!(running, "mosquitto has not started");
        Some(Self {
            process,
            folder,
            ports,
        })
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Sends and receives at each quality of service.
async fn works(client: &Client) {
    let subscribe = Subscribe::to("a/#").qos(Qos::ExactlyOnce);
    let mut messages = client.subscribe(subscribe).await.unwrap();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let publish = Publish::new("a/b", "x".repeat(BYTES)).qos(qos);
        soon(client.publish(publish)).await.unwrap();
        let message = soon(messages.next()).await.unwrap();
        assert_eq!((message.qos(), message.payload().len()), (qos, BYTES));
    }
}

/// It sends a copy for each subscription, and not all can be told apart.
#[tokio::test]
async fn no_stream_loses_a_message_to_one_that_overlaps() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let url = format!("mqtt://localhost:{}", mosquitto.ports[0]);
    let client = builder(&url).connect().await.unwrap();
    let mut streams = Vec::new();
    for filter in ["a/#", "a/+", "$share/g/a/b", "a/b", "$share/h/a/#"] {
        streams.push(client.subscribe(filter).await.unwrap());
    }
    for payload in ["1", "2", "3"] {
        let publish = Publish::new("a/b", payload).text();
        client.publish(publish).await.unwrap();
    }
    for mut messages in streams {
        let mut payloads = Vec::new();
        while payloads.last().is_none_or(|last| last != "3") {
            payloads.push(soon(messages.next()).await.unwrap().payload().clone());
        }
        payloads.dedup();
        assert_eq!(payloads, ["1", "2", "3"]);
    }
}

#[tokio::test]
async fn plain_tls_and_web_sockets_work() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let [plain, tls, web] = mosquitto.ports;
    let url = format!("mqtt://localhost:{plain}");
    works(&builder(&url).connect().await.unwrap()).await;
    let url = format!("ws://localhost:{web}/mqtt");
    works(&builder(&url).connect().await.unwrap()).await;

    let authority = mosquitto.folder.path().join("certificate.pem");
    let trusting = Tls::authority_file(authority).unwrap();
    let url = format!("mqtts://localhost:{tls}");
    let secure = builder(&url).tls(trusting).connect().await.unwrap();
    works(&secure).await;

    // Another authority.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let distrusting = Tls::authority(other.cert.pem().as_bytes()).unwrap();
    let error = builder(&url).tls(distrusting).connect().await.unwrap_err();
    let Error::Unreachable { why } = error else {
        panic!("{error:?}");
    };
    assert!(why.contains("certificate"), "{why}");
}
