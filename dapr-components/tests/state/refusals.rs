//! Brokers that let the component in and have no state store for it: which cause a sidecar is told,
//! and when.

use std::time::{Duration, Instant};

use catena_dapr::instances::Flavour;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tonic::Code;

use crate::fixture::{Process, properties};
use crate::store::{Failed, Header, Store, get, set};

/// A broker that accepts connections, has one answer to every subscription and one to every
/// publish, and delivers nothing.
struct Stub {
    url: String,
    _connections: JoinSet<()>,
}

/// Reason codes of SUBACK and PUBACK.
#[derive(Clone, Copy)]
struct Answers {
    subscribe: u8,
    publish: u8,
}

const GRANTED: u8 = 1;
const ACCEPTED: u8 = 0;
const NO_MATCHING_SUBSCRIBERS: u8 = 0x10;
const NOT_AUTHORIZED: u8 = 0x87;

impl Stub {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.spawn(serve(stream, answers));
            }
        });
        Self {
            url,
            _connections: connections,
        }
    }
}

/// Until the client goes.
async fn serve(mut stream: TcpStream, answers: Answers) {
    while let Ok((first, body)) = packet(&mut stream).await {
        let answer = match first >> 4 {
            1 => vec![0x20, 3, 0, 0, 0],
            3 => {
                let [high, low] = publish_id(&body);
                vec![0x40, 3, high, low, answers.publish]
            }
            8 => vec![0x90, 4, body[0], body[1], 0, answers.subscribe],
            10 => vec![0xB0, 4, body[0], body[1], 0, 0],
            12 => vec![0xD0, 0],
            _ => continue,
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let first = stream.read_u8().await?;
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = stream.read_u8().await?;
        length |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((first, body))
}

/// The packet ID of a publish follows its topic.
fn publish_id(body: &[u8]) -> [u8; 2] {
    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
    [body[2 + topic], body[3 + topic]]
}

/// A component that has let Init pass, and what its calls are told.
async fn in_background(process: &Process, broker: &Stub) -> Store {
    let store = process.store(Header::Name("background")).await;
    let items = [("connectPolicy", "background"), ("requestTimeout", "300ms")];
    store.init(properties(&broker.url, &items)).await.unwrap();
    store
}

#[track_caller]
fn tells(failed: &Failed, http_code: u16, part: &str) {
    assert_eq!(failed.http_code(), http_code);
    assert!(failed.text().contains(part), "{failed:?}");
}

#[tokio::test]
async fn a_broker_without_a_store_or_with_one_that_may_not_be_used_is_told_as_such() {
    let refused = (Code::PermissionDenied, 403, "allow it to publish to");
    for (subscribe, publish, (code, http_code, part)) in [
        (
            GRANTED,
            NO_MATCHING_SUBSCRIBERS,
            (Code::Unavailable, 503, "has no state store"),
        ),
        (GRANTED, NOT_AUTHORIZED, refused),
        (NOT_AUTHORIZED, ACCEPTED, refused),
    ] {
        let broker = Stub::start(Answers { subscribe, publish }).await;
        let process = Process::start(Flavour::Catena);
        let store = process.store(Header::Name("statestore")).await;
        let status = store.init(properties(&broker.url, &[])).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(part), "{status}");

        let store = in_background(&process, &broker).await;
        // The first of them finds out.
        tells(&store.get(get("k")).await.unwrap_err(), http_code, part);
        let failed = store.set(set("k", "1")).await.unwrap_err();
        tells(&failed, http_code, part);
        tells(&store.ping().await.unwrap_err(), http_code, part);
    }
}

#[tokio::test]
async fn init_waits_its_whole_time_for_a_store_that_does_not_answer() {
    let answers = Answers {
        subscribe: GRANTED,
        publish: ACCEPTED,
    };
    let broker = Stub::start(answers).await;
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Name("statestore")).await;
    let began = Instant::now();
    // The store is asked several times meanwhile.
    let items = [("connectTimeout", "1500ms"), ("requestTimeout", "400ms")];
    let made = store.init(properties(&broker.url, &items)).await;
    let status = made.unwrap_err();
    assert!(
        began.elapsed() >= Duration::from_millis(1_500),
        "{status} after {:?}",
        began.elapsed()
    );
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("has not answered"), "{status}");

    let store = in_background(&process, &broker).await;
    let failed = store.get(get("k")).await.unwrap_err();
    tells(&failed, 503, "has not answered");
    tells(&store.ping().await.unwrap_err(), 503, "has not answered");
}
