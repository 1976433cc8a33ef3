//! The admin port over real loopback sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use catena_telemetry::health::Health;
use catena_telemetry::http::{Address, Error, Handle, Limits, Options, Service, Version};
use catena_telemetry::metrics::{Registry, RegistryOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

#[tokio::test]
async fn pages_answer() {
    let node = Node::start(Limits::default()).await;
    let metrics = node.ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(metrics.contains("catena_admin_requests_total{code=\"200\"} 0\n"));
    let again = node.ask("GET /metrics HTTP/1.0\n\n").await;
    assert!(
        again.contains("catena_admin_requests_total{code=\"200\"} 1\n"),
        "{again}"
    );

    assert!(node.ask(&get("/livez")).await.ends_with("\r\n\r\nok\n"));
    let version = node.ask(&get("/version")).await;
    assert!(version.contains("content-type: application/json\r\n"));
    let body = "\r\n\r\n{\"commit\":null,\"name\":\"catena\",\"version\":\"1.2.3\"}\n";
    assert!(version.ends_with(body), "{version}");
    assert!(node.ask(&get("/")).await.contains("/readyz"));
    node.stop().await;
}

#[tokio::test]
async fn readiness_follows_the_components() {
    let node = Node::start(Limits::default()).await;
    let listeners = node.health.component("listeners");
    for path in ["/readyz", "/healthz", "/readyz?verbose"] {
        let answer = node.ask(&get(path)).await;
        assert!(
            answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
            "{answer}"
        );
        assert!(
            answer.ends_with("[-] listeners: not ready: starting\nnot ready\n"),
            "{answer}"
        );
    }
    listeners.set_ready();
    let answer = node.ask(&get("/readyz")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    let answer = node.ask(&get("/readyz?verbose=1")).await;
    assert!(
        answer.ends_with("\r\n\r\n[+] listeners: ready\nready\n"),
        "{answer}"
    );
    node.stop().await;
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let node = Node::start(Limits::default()).await;
    let answer = node.ask("HEAD /livez HTTP/1.1\r\n\r\n").await;
    assert!(answer.contains("content-length: 3\r\n"), "{answer}");
    assert!(answer.ends_with("connection: close\r\n\r\n"), "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn what_is_not_served_is_refused_with_its_code() {
    let node = Node::start(Limits::default()).await;
    for (request, status) in [
        ("GET /nothing HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /nothing HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
        (
            "POST /metrics HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi",
            "405 Method Not Allowed",
        ),
        (
            "\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0\n\n",
            "400 Bad Request",
        ),
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "505 HTTP Version Not Supported",
        ),
    ] {
        let answer = node.ask(request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{request}: {answer}"
        );
        assert_eq!(
            answer.contains("allow: GET, HEAD\r\n"),
            status.starts_with("405")
        );
    }
    let metrics = node.ask(&get("/metrics")).await;
    assert!(
        metrics.contains("catena_admin_requests_total{code=\"404\"} 3\n"),
        "{metrics}"
    );
    node.stop().await;
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let node = Node::start(Limits::default()).await;
    let padding = "x".repeat(8 * 1024);
    let complete = node
        .ask(&format!("GET / HTTP/1.1\r\na: {padding}\r\n\r\n"))
        .await;
    assert!(complete.starts_with("HTTP/1.1 431 "), "{complete}");
    let endless = node.ask(&"x".repeat(60 * 1024)).await;
    assert!(endless.starts_with("HTTP/1.1 431 "), "{endless}");
    let fits = "x".repeat(7 * 1024);
    let fits = node
        .ask(&format!("GET / HTTP/1.1\r\na: {fits}\r\n\r\n"))
        .await;
    assert!(fits.starts_with("HTTP/1.1 200 "), "{fits}");
    node.stop().await;
}

#[tokio::test]
async fn a_slow_client_is_told_and_closed() {
    let node = Node::start(impatient()).await;
    let answer = node.ask("GET /metrics HT").await;
    assert!(
        answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{answer}"
    );
    node.stop().await;
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let node = Node::start(Limits::default()).await;
    let mut stream = TcpStream::connect(node.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in get("/livez").bytes() {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    node.stop().await;
}

#[tokio::test]
async fn a_client_that_closes_early_gets_nothing_and_harms_nobody() {
    let node = Node::start(Limits::default()).await;
    let mut stream = TcpStream::connect(node.address()).await.unwrap();
    stream.write_all(b"GET /met").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty());
    assert!(node.ask(&get("/livez")).await.ends_with("ok\n"));
    node.stop().await;
}

#[tokio::test]
async fn silent_clients_cannot_keep_others_out() {
    let limits = Limits {
        connections_max: 2,
        ..impatient()
    };
    let node = Node::start(limits).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(node.address()).await.unwrap());
    }
    assert!(node.ask(&get("/livez")).await.ends_with("ok\n"));
    node.stop().await;
}

#[tokio::test]
async fn many_clients_are_all_answered() {
    let node = Node::start(Limits::default()).await;
    let mut clients = JoinSet::new();
    for _ in 0..300 {
        clients.spawn(ask(node.address(), get("/livez")));
    }
    let answers = clients.join_all().await;
    assert_eq!(answers.len(), 300);
    assert!(answers.iter().all(|answer| answer.ends_with("ok\n")));
    node.stop().await;
}

#[tokio::test]
async fn shutdown_ends_silent_connections_and_frees_the_port() {
    let node = Node::start(Limits::default()).await;
    let address = node.address();
    let mut silent = TcpStream::connect(address).await.unwrap();
    // An answer to a later client proves that the silent one was accepted.
    assert!(node.ask(&get("/livez")).await.ends_with("ok\n"));
    node.stop().await;
    let mut answer = Vec::new();
    silent.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty());
    TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn a_preferred_address_in_use_gives_a_free_port() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let options = options(Address::Preferred(address), Limits::default());
    let (_service, handle) = Service::bind(options).await.unwrap();
    assert_ne!(handle.address().port(), address.port());
    assert_eq!(handle.address().ip(), address.ip());
}

#[tokio::test]
async fn a_required_address_in_use_is_an_error_that_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let options = options(Address::Required(address), Limits::default());
    let error = Service::bind(options).await.unwrap_err();
    assert!(matches!(error, Error::AddressInUse { .. }));
    let text = error.to_string();
    assert!(text.contains(&address.to_string()), "{text}");
    assert!(
        text.contains("diagnostics.metrics.prometheusPort"),
        "{text}"
    );
}

#[test]
fn the_default_is_loopback_and_gives_way() {
    let default = Address::Preferred("127.0.0.1:9600".parse().unwrap());
    assert_eq!(Address::default(), default);
}

struct Node {
    health: Health,
    handle: Handle,
    shutdown: oneshot::Sender<()>,
    running: JoinSet<()>,
}

impl Node {
    async fn start(limits: Limits) -> Self {
        let options = options(Address::Required("127.0.0.1:0".parse().unwrap()), limits);
        let health = options.health.clone();
        let (service, handle) = Service::bind(options).await.unwrap();
        let (shutdown, stopped) = oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(service.run(async {
            let _ = stopped.await;
        }));
        Self {
            health,
            handle,
            shutdown,
            running,
        }
    }

    fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    async fn ask(&self, request: &str) -> String {
        ask(self.address(), request.to_owned()).await
    }

    async fn stop(self) {
        self.shutdown.send(()).unwrap();
        self.running.join_all().await;
    }
}

async fn ask(address: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn options(address: Address, limits: Limits) -> Options {
    Options {
        address,
        limits,
        registry: Arc::new(Registry::new(RegistryOptions::new("h"))),
        health: Health::new(),
        version: Version {
            version: "1.2.3".to_owned(),
            commit: None,
        },
    }
}

fn impatient() -> Limits {
    Limits {
        exchange_time_max: Duration::from_millis(50),
        ..Limits::default()
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: node\r\n\r\n")
}
