//! What comes before MQTT: a PROXY header, TLS, the WebSocket upgrade. On a thread of its own, so
//! that the arithmetic of handshakes delays nobody, with a limit in number and time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::accept::{Accepted, Workers};
use super::admission::{Admission, Permit, Refusal};
use super::mailbox::Arrival;
use super::stream::{Layers, Socket};
use crate::options::{Protocol, ProxyHeader};
use crate::origin::Origins;
use crate::proxy::{self, Header, ProxyError};
use crate::websocket::framing::Framing;
use crate::websocket::handshake::{self, Upgrade};

/// How many handshakes there are, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    pub(crate) under_way: AtomicU32,
    /// Those that had to wait for others.
    pub(crate) delayed: AtomicU64,
}

/// Where handshakes are done.
pub(crate) struct Doorway {
    pub(crate) accepted: mpsc::Receiver<Accepted>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) counts: Arc<Handshakes>,
    pub(crate) handshakes_max: u32,
    pub(crate) timeout: Duration,
}

impl Doorway {
    /// Runs until nobody accepts any more.
    pub(crate) async fn run(mut self) {
        // Handshakes at once; beyond, those that come wait.
        let places = Arc::new(Semaphore::new(self.handshakes_max.max(1) as usize));
        let mut tasks = JoinSet::new();
        while let Some(accepted) = self.accepted.recv().await {
            if places.available_permits() == 0 {
                self.counts.delayed.fetch_add(1, Ordering::Relaxed);
            }
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            while tasks.try_join_next().is_some() {}
            let under_way = UnderWay::begin(place, &self.counts);
            let (workers, admission) = (Arc::clone(&self.workers), Arc::clone(&self.admission));
            let timeout = self.timeout;
            tasks.spawn_local(async move {
                let passed = pass(accepted, &admission, timeout).await;
                drop(under_way);
                if let Some(arrival) = passed {
                    workers.place(workers.next(), arrival).await;
                }
            });
        }
    }
}

/// A handshake that is counted until this is dropped.
struct UnderWay {
    _place: OwnedSemaphorePermit,
    counts: Arc<Handshakes>,
}

impl UnderWay {
    fn begin(place: OwnedSemaphorePermit, counts: &Arc<Handshakes>) -> Self {
        counts.under_way.fetch_add(1, Ordering::Relaxed);
        Self {
            _place: place,
            counts: Arc::clone(counts),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.counts.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why a handshake has failed.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("PROXY header from a peer that is not trusted")]
    Untrusted,
    /// Counted where it was found.
    #[error("too many connections from this address")]
    TooMany,
    #[error("the client has closed the connection")]
    Closed,
    #[error("not a WebSocket upgrade to MQTT")]
    NoUpgrade,
    #[error("too slow")]
    Timeout,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("TLS: {0}")]
    Tls(#[source] io::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl HandshakeError {
    /// What it counts as; `None` for a client that went by itself.
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Untrusted | Self::Proxy(_) => Some(Refusal::Proxy),
            Self::NoUpgrade => Some(Refusal::WebSocket),
            Self::Timeout => Some(Refusal::HandshakeTimeout),
            Self::Tls(_) => Some(Refusal::Tls),
            Self::TooMany | Self::Closed | Self::Io(_) => None,
        }
    }
}

/// Does the handshake, within its time. What goes wrong is logged and counted.
async fn pass(
    accepted: Accepted,
    admission: &Admission,
    timeout: Duration,
) -> Option<Box<Arrival>> {
    let listener = Arc::clone(&accepted.listener);
    let address = accepted.permit.address;
    let error = match tokio::time::timeout(timeout, handshake(accepted)).await {
        Ok(Ok(arrival)) => return Some(arrival),
        Ok(Err(error)) => error,
        Err(_elapsed) => HandshakeError::Timeout,
    };
    if let Some(refusal) = error.refusal() {
        admission.refuse(refusal);
    }
    let listener = listener.name.as_str();
    tracing::debug!(listener, ?address, %error, "handshake failed");
    None
}

async fn handshake(accepted: Accepted) -> Result<Box<Arrival>, HandshakeError> {
    let Accepted {
        socket,
        permit,
        listener,
    } = accepted;
    let terms = listener.terms();
    let mut stream = Rewound {
        early: Vec::new(),
        socket: socket.leave()?.register()?,
    };
    let permit = pass_proxy_header(&terms.options.proxy, &mut stream, permit).await?;
    let origins = &terms.options.origins;
    let mut layers = Layers::default();
    if let Some(tls) = &terms.tls {
        let acceptor = TlsAcceptor::from(Arc::clone(tls));
        let accepted = acceptor.accept(stream).await;
        let mut encrypted = accepted.map_err(HandshakeError::Tls)?;
        let mut early = Vec::new();
        if terms.options.protocol == Protocol::WebSocket {
            early = upgrade(&mut encrypted, origins).await?;
            layers.websocket = Some(Framing::default());
        }
        let (rewound, mut tls) = encrypted.into_inner();
        drain_plain(&mut tls, &mut early)?;
        layers.tls = Some(Box::new(tls));
        stream = Rewound {
            early,
            socket: rewound.socket,
        };
    } else if terms.options.protocol == Protocol::WebSocket {
        stream.early = upgrade(&mut stream, origins).await?;
        layers.websocket = Some(Framing::default());
    }
    let socket = stream.socket.leave()?;
    let has_layers = layers.tls.is_some() || layers.websocket.is_some();
    let layers = has_layers.then(|| Box::new(layers));
    Ok(Box::new(Arrival {
        socket,
        layers,
        early: stream.early,
        listener,
        permit,
    }))
}

/// Reads the PROXY header if there is to be one, or may be.
async fn pass_proxy_header(
    proxy: &ProxyHeader,
    stream: &mut Rewound,
    permit: Permit,
) -> Result<Permit, HandshakeError> {
    let (trust, is_required) = match proxy {
        ProxyHeader::Off => return Ok(permit),
        ProxyHeader::Optional(trust) => (trust, false),
        ProxyHeader::Required(trust) => (trust, true),
    };
    match permit.address {
        Some(address) if !trust.covers(address) && is_required => Err(HandshakeError::Untrusted),
        Some(address) if !trust.covers(address) => Ok(permit),
        _ => read_proxy_header(stream, permit, is_required).await,
    }
}

/// Reads a PROXY header; what was read beyond it is put back, and all of it if there is none.
async fn read_proxy_header(
    stream: &mut Rewound,
    permit: Permit,
    is_required: bool,
) -> Result<Permit, HandshakeError> {
    let mut bytes = Vec::with_capacity(proxy::HEADER_BYTES_MAX);
    loop {
        match proxy::parse(&bytes) {
            Ok(Header::Incomplete) => read_more(stream, &mut bytes).await?,
            Ok(Header::Complete { source, size }) => {
                stream.early = bytes.split_off(size);
                return match source {
                    Some(source) => permit
                        .moved(source.ip().to_canonical())
                        .map_err(|_| HandshakeError::TooMany),
                    None => Ok(permit),
                };
            }
            Err(ProxyError::Missing) if !is_required => {
                stream.early = bytes;
                return Ok(permit);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Answers the WebSocket upgrade; returns what was read beyond the request.
async fn upgrade(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    origins: &Origins,
) -> Result<Vec<u8>, HandshakeError> {
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        match handshake::answer(&bytes, origins) {
            Upgrade::Incomplete => read_more(stream, &mut bytes).await?,
            Upgrade::Accepted { response, size } => {
                stream.write_all(&response).await?;
                stream.flush().await?;
                return Ok(bytes.split_off(size));
            }
            Upgrade::Refused { response } => {
                stream.write_all(&response).await?;
                stream.shutdown().await?;
                return Err(HandshakeError::NoUpgrade);
            }
        }
    }
}

/// Reads once. The parsers refuse what grows too long.
async fn read_more(
    stream: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
) -> Result<(), HandshakeError> {
    match stream.read_buf(bytes).await? {
        0 => Err(HandshakeError::Closed),
        _ => Ok(()),
    }
}

/// Takes what was decrypted together with the end of the handshake.
fn drain_plain(tls: &mut rustls::ServerConnection, early: &mut Vec<u8>) -> io::Result<()> {
    match io::Read::read_to_end(&mut tls.reader(), early) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// A socket with bytes that were read too early.
struct Rewound {
    early: Vec<u8>,
    socket: Socket,
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return match &mut self.socket {
                Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
                Socket::Unix(socket) => Pin::new(socket).poll_read(cx, buffer),
            };
        }
        let count = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early[..count]);
        self.early.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Socket::Unix(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
