//! What a frontend is started with: already checked values.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catena_connection::Settings;
use catena_types::Moment;

use crate::authn::Authenticator;
use crate::origin::Origins;
use crate::proxy::Trust;
use crate::tls::TlsFiles;

/// Tells the present moment; the same clock as the partitions'.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// What a frontend is started with.
#[derive(Clone)]
pub struct Options {
    /// Worker threads, at least 1. Worker `n` is frontend `n` of the port.
    pub workers: u16,
    /// Where clients connect.
    pub listeners: Vec<ListenerOptions>,
    /// Network connections at once; beyond, new ones are closed at once.
    pub connections_max: u32,
    /// The same for one network address. Unix sockets are not counted.
    pub connections_per_address_max: u32,
    /// TLS, WebSocket and PROXY handshakes at once; beyond, new connections wait to be accepted.
    pub handshakes_max: u32,
    /// How long such a handshake may take.
    pub handshake_timeout: Duration,
    /// How long a closed connection's output may take to be sent.
    pub linger: Duration,
    /// How long all connections together may take to be closed at shutdown.
    pub shutdown_timeout: Duration,
    /// Threads that check credentials.
    pub authentication_threads: u16,
    /// Credentials that wait for such a thread; beyond, clients are told 0x89 server busy.
    pub authentication_queue_max: usize,
    /// Random and secret: assigned client IDs come of it.
    pub seeds: [u64; 2],
    /// The clock.
    pub clock: Clock,
}

impl Options {
    /// The defaults, with one worker and no listeners.
    pub fn new(clock: Clock, seeds: [u64; 2]) -> Self {
        Self {
            workers: 1,
            listeners: Vec::new(),
            connections_max: 1_000_000,
            connections_per_address_max: 1_000_000,
            handshakes_max: 256,
            handshake_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(10),
            authentication_threads: 2,
            authentication_queue_max: 1_024,
            seeds,
            clock,
        }
    }
}

impl fmt::Debug for Options {
    /// Shows no seeds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("workers", &self.workers)
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}

/// One listening socket.
#[derive(Clone)]
pub struct ListenerOptions {
    /// Its name: unique, for logs, metrics and reloads.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// What is spoken.
    pub protocol: Protocol,
    /// Whether it is spoken over TLS.
    pub tls: Option<TlsFiles>,
    /// Whether connections begin with a PROXY header.
    pub proxy: ProxyHeader,
    /// Web pages whose scripts may connect, where WebSocket is spoken.
    pub origins: Origins,
    /// Listeners that share this name share their `connections_max`.
    pub port: String,
    /// Connections at once on the listeners of this port, besides the limit for all.
    pub connections_max: Option<u32>,
    /// Who checks credentials. `None` lets everybody in.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// What clients are allowed. The size of packet ID ranges is filled in from the port.
    pub settings: Settings,
}

impl ListenerOptions {
    /// A plain MQTT listener that lets everybody in.
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        let name = name.into();
        Self {
            port: name.clone(),
            name,
            address,
            protocol: Protocol::Mqtt,
            tls: None,
            proxy: ProxyHeader::Off,
            origins: Origins::Any,
            connections_max: None,
            authenticator: None,
            settings: Settings::default(),
        }
    }
}

impl fmt::Debug for ListenerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerOptions")
            .field("name", &self.name)
            .field("address", &self.address)
            .field("protocol", &self.protocol)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP. Port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A Unix domain socket. A stale one is replaced.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Whether connections begin with a PROXY header, and from whom that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyHeader {
    /// They do not.
    Off,
    /// Those from the trusted networks may; of others, the bytes are taken as they are.
    Optional(Trust),
    /// All do, and whoever is not trusted is refused.
    Required(Trust),
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT directly over the stream.
    Mqtt,
    /// MQTT in WebSocket frames.
    WebSocket,
}
