//! A bound listening socket and what applies to its connections.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use socket2::{Domain, Protocol as IpProtocol, SockAddr, Socket as RawSocket, Type};
use tokio::sync::watch;

use super::admission::PortLimit;
use super::ready::lock;
use crate::authn::Authenticator;
use crate::error::Error;
use crate::options::{Address, ListenerOptions, Protocol, ProxyHeader};
use crate::worker::Rules;

/// Connections that the system has accepted and we have not.
const BACKLOG: i32 = 4_096;

/// A listening socket. Its options can be exchanged while it listens.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    /// As configured; the port may be 0.
    pub(crate) configured: Address,
    /// As bound.
    pub(crate) address: Address,
    /// Until somebody accepts on it.
    bound: Mutex<Option<Bound>>,
    terms: Mutex<Arc<Terms>>,
    stop: watch::Sender<bool>,
    pub(crate) connections: AtomicU32,
    pub(crate) accepted: AtomicU64,
}

/// What applies to new connections of a listener.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) options: ListenerOptions,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) port_limit: Option<PortLimit>,
}

impl Terms {
    /// Loads what the options name.
    pub(crate) fn load(options: ListenerOptions, ids_per_range: u16) -> Result<Arc<Self>, Error> {
        let load = |files: &crate::tls::TlsFiles| {
            files.load().map_err(|source| Error::Tls {
                listener: options.name.clone(),
                source,
            })
        };
        let tls = options.tls.as_ref().map(load).transpose()?;
        let mut settings = options.settings.clone();
        settings.packet_ids_per_range = ids_per_range;
        let rules = Arc::new(Rules {
            listener: options.name.as_str().into(),
            settings,
            authenticate: options.authenticator.is_some(),
        });
        let port_limit = options.connections_max.map(|connections_max| PortLimit {
            port: options.port.as_str().into(),
            connections_max,
        });
        Ok(Arc::new(Self {
            options,
            tls,
            rules,
            port_limit,
        }))
    }

    /// Whether something comes before MQTT on a new connection.
    pub(crate) fn has_handshake(&self) -> bool {
        self.tls.is_some()
            || self.options.proxy != ProxyHeader::Off
            || self.options.protocol == Protocol::WebSocket
    }

    pub(crate) fn authenticator(&self) -> Option<&Arc<dyn Authenticator>> {
        self.options.authenticator.as_ref()
    }
}

impl Listener {
    /// Binds and listens.
    pub(crate) fn bind(terms: Arc<Terms>) -> Result<Arc<Self>, Error> {
        let (name, configured) = (terms.options.name.clone(), terms.options.address.clone());
        let (bound, address) = bind(&configured).map_err(|source| Error::Listen {
            listener: name.clone(),
            address: configured.clone(),
            source,
        })?;
        let (stop, _) = watch::channel(false);
        let terms = Mutex::new(terms);
        Ok(Arc::new(Self {
            name,
            configured,
            address,
            bound: Mutex::new(Some(bound)),
            terms,
            stop,
            connections: AtomicU32::new(0),
            accepted: AtomicU64::new(0),
        }))
    }

    /// What applies to connections from now on.
    pub(crate) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&lock(&self.terms))
    }

    pub(crate) fn set_terms(&self, terms: Arc<Terms>) {
        *lock(&self.terms) = terms;
    }

    /// The socket, once: for who begins to accept.
    pub(crate) fn take_bound(&self) -> Option<Bound> {
        lock(&self.bound).take()
    }

    /// Whether nobody accepts yet.
    pub(crate) fn is_unused(&self) -> bool {
        lock(&self.bound).is_some()
    }

    /// Accepts no more.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        drop(self.take_bound());
    }

    /// Returns when no more is to be accepted.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this listener.
        let _ = self.stop.subscribe().wait_for(|stopped| *stopped).await;
    }

    pub(crate) fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket that listens. The connections of a listener outlive it, if they have to.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: RawSocket,
    /// To be kept as long as the socket.
    pub(crate) file: Option<SocketFile>,
}

/// The file of a Unix socket, removed when nobody listens on it any more.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn bind(address: &Address) -> io::Result<(Bound, Address)> {
    let (socket, address, file) = match address {
        Address::Tcp(address) => {
            let domain = Domain::for_address(*address);
            let socket = RawSocket::new(domain, Type::STREAM, Some(IpProtocol::TCP))?;
            // A restart must not wait for old connections to time out. SO_REUSEPORT stays off: a
            // second broker would take half of the clients unnoticed.
            socket.set_reuse_address(true)?;
            if address.is_ipv6() {
                // Its port for IPv4 is another listener's, such as the other half of `*:1883`.
                socket.set_only_v6(true)?;
            }
            socket.bind(&SockAddr::from(*address))?;
            let bound = socket.local_addr()?.as_socket().unwrap_or(*address);
            (socket, Address::Tcp(bound), None)
        }
        Address::Unix(path) => {
            let socket = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
            remove_stale(path)?;
            socket.bind(&SockAddr::unix(path)?)?;
            (
                socket,
                Address::Unix(path.clone()),
                Some(SocketFile(path.clone())),
            )
        }
    };
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((Bound { socket, file }, address))
}

/// Removes the socket file of a broker that is gone. One that answers stays, as does anything that
/// is no socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = |metadata: std::fs::Metadata| metadata.file_type().is_socket();
    if !std::fs::symlink_metadata(path).is_ok_and(is_socket) {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => std::fs::remove_file(path),
    }
}
