//! What comes before MQTT: a PROXY header, TLS, the WebSocket upgrade. On a thread of its own, so
//! that the arithmetic of handshakes delays nobody, with a limit in number and time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::accept::{Accepted, Workers};
use super::admission::Permit;
use super::mailbox::Arrival;
use super::stream::{Layers, Socket};
use crate::options::Protocol;
use crate::proxy::{self, Header, ProxyError};
use crate::websocket::framing::Framing;
use crate::websocket::handshake::{self, Upgrade};

/// Handshakes under way.
pub(crate) struct Doorway {
    pub(crate) accepted: mpsc::Receiver<Accepted>,
    pub(crate) workers: Arc<Workers>,
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
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            while tasks.try_join_next().is_some() {}
            tasks.spawn_local(pass(
                accepted,
                Arc::clone(&self.workers),
                self.timeout,
                place,
            ));
        }
    }
}

/// Why a handshake has failed.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("PROXY header from a peer that is not trusted")]
    Untrusted,
    #[error("too many connections from this address")]
    TooMany,
    #[error("the client has closed the connection")]
    Closed,
    #[error("not a WebSocket upgrade to MQTT")]
    NoUpgrade,
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

async fn pass(
    accepted: Accepted,
    workers: Arc<Workers>,
    timeout: Duration,
    place: OwnedSemaphorePermit,
) {
    let listener = Arc::clone(&accepted.listener);
    let address = accepted.permit.address;
    let failure = match tokio::time::timeout(timeout, handshake(accepted)).await {
        Ok(Ok(arrival)) => {
            drop(place);
            return workers.place(workers.next(), arrival).await;
        }
        Ok(Err(error)) => error,
        Err(_elapsed) => io::Error::from(io::ErrorKind::TimedOut).into(),
    };
    let listener = listener.name.as_str();
    tracing::debug!(listener, ?address, error = %failure, "handshake failed");
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
    let permit = match terms.proxy() {
        Some(trust) if !permit.address.is_none_or(|address| trust.covers(address)) => {
            return Err(HandshakeError::Untrusted);
        }
        Some(_) => read_proxy_header(&mut stream, permit).await?,
        None => permit,
    };
    let mut layers = Layers::default();
    if let Some(tls) = &terms.tls {
        let acceptor = TlsAcceptor::from(Arc::clone(tls));
        let mut encrypted = acceptor.accept(stream).await?;
        let mut early = Vec::new();
        if terms.options.protocol == Protocol::WebSocket {
            early = upgrade(&mut encrypted).await?;
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
        stream.early = upgrade(&mut stream).await?;
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

/// Reads a PROXY header; what was read beyond it is put back.
async fn read_proxy_header(stream: &mut Rewound, permit: Permit) -> Result<Permit, HandshakeError> {
    let mut bytes = Vec::with_capacity(proxy::HEADER_BYTES_MAX);
    loop {
        match proxy::parse(&bytes)? {
            Header::Incomplete => read_more(stream, &mut bytes).await?,
            Header::Complete { source, size } => {
                stream.early = bytes.split_off(size);
                return match source {
                    Some(source) => permit
                        .moved(source.ip().to_canonical())
                        .ok_or(HandshakeError::TooMany),
                    None => Ok(permit),
                };
            }
        }
    }
}

/// Answers the WebSocket upgrade; returns what was read beyond the request.
async fn upgrade(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Vec<u8>, HandshakeError> {
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        match handshake::answer(&bytes) {
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
