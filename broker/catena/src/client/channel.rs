//! TLS and WebSocket between MQTT and a socket, without touching the socket: bytes in, bytes out.
//!
//! ```text
//!  MQTT ── WebSocket ── TLS ── socket       each of the two in the middle may be missing
//! ```

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use tungstenite::client::ClientRequestBuilder;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::{Message, WebSocket};

use super::failure::{CONNECTION_LOST, Failure, GENERAL, TLS};

/// What stands between MQTT and a socket.
#[derive(Debug)]
pub(crate) struct Channel {
    tls: Option<Box<ClientConnection>>,
    websocket: Upgrade,
    /// MQTT that waits for the WebSocket to open.
    waiting: Vec<u8>,
}

/// How far the WebSocket is.
#[derive(Debug)]
enum Upgrade {
    /// There is none.
    Absent,
    Asked(Box<MidHandshake<ClientHandshake<Pipe>>>),
    Open(Box<WebSocket<Pipe>>),
    Failed,
}

impl Channel {
    /// A channel to `host` with TLS, a WebSocket at the given path, or both. [`Self::send`] then
    /// tells the first bytes for the socket.
    pub(crate) fn open(
        host: &str,
        tls: Option<&Arc<ClientConfig>>,
        websocket: Option<&str>,
    ) -> Result<Self, Failure> {
        let tls = match tls {
            Some(config) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| {
                    Failure::usage(format!("{host} is no name that a certificate can be for"))
                })?;
                let connection = ClientConnection::new(Arc::clone(config), name);
                let mut connection = connection.map_err(|error| tls_failure(&error))?;
                // The caller limits what it sends.
                connection.set_buffer_limit(None);
                Some(Box::new(connection))
            }
            None => None,
        };
        let websocket = match websocket {
            Some(path) => ask(host, path, tls.is_some())?,
            None => Upgrade::Absent,
        };
        let waiting = Vec::new();
        Ok(Self {
            tls,
            websocket,
            waiting,
        })
    }

    /// Takes bytes from the socket and appends the MQTT in them to `plain`. Call [`Self::send`]
    /// afterwards: there may be an answer.
    pub(crate) fn receive(&mut self, mut raw: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(tls) = &mut self.tls else {
            return self.websocket.receive(raw, plain);
        };
        let mut inner = Vec::new();
        while !raw.is_empty() {
            tls.read_tls(&mut raw)
                .map_err(|error| tls_failure(&error))?;
            tls.process_new_packets()
                .map_err(|error| tls_failure(&error))?;
            // "Would block" and the end of the stream both mean that there is no more here.
            let mut chunk = [0; 16_384];
            while let Ok(count @ 1..) = tls.reader().read(&mut chunk) {
                inner.extend_from_slice(chunk.get(..count).unwrap_or_default());
            }
        }
        self.websocket.receive(&inner, plain)
    }

    /// Takes MQTT, which may be none, and appends what the socket is to send to `raw`.
    pub(crate) fn send(&mut self, plain: &[u8], raw: &mut Vec<u8>) -> Result<(), Failure> {
        let mut framed = Vec::new();
        match &mut self.websocket {
            Upgrade::Absent => framed.extend_from_slice(plain),
            Upgrade::Asked(asked) => {
                self.waiting.extend_from_slice(plain);
                framed.append(&mut asked.get_mut().get_mut().output);
            }
            Upgrade::Open(websocket) => {
                let mut payload = std::mem::take(&mut self.waiting);
                payload.extend_from_slice(plain);
                if payload.is_empty() {
                    // Answers to pings of the WebSocket.
                    let _ = websocket.flush();
                } else {
                    websocket
                        .send(Message::binary(payload))
                        .map_err(|error| websocket_failure(&error))?;
                }
                framed.append(&mut websocket.get_mut().output);
            }
            Upgrade::Failed => {}
        }
        match &mut self.tls {
            Some(tls) => {
                tls.writer()
                    .write_all(&framed)
                    .map_err(|error| tls_failure(&error))?;
                while tls.wants_write() {
                    tls.write_tls(raw).map_err(|error| tls_failure(&error))?;
                }
            }
            None => raw.append(&mut framed),
        }
        Ok(())
    }
}

impl Upgrade {
    fn receive(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Absent => plain.extend_from_slice(bytes),
            Self::Asked(asked) => {
                asked.get_mut().get_mut().input.extend_from_slice(bytes);
                if let Self::Asked(asked) = std::mem::replace(self, Self::Failed) {
                    *self = match asked.handshake() {
                        Ok((websocket, _)) => Self::Open(Box::new(websocket)),
                        Err(HandshakeError::Interrupted(asked)) => Self::Asked(Box::new(asked)),
                        Err(HandshakeError::Failure(error)) => {
                            return Err(websocket_failure(&error));
                        }
                    };
                }
                if let Self::Open(websocket) = self {
                    take(websocket, plain)?;
                }
            }
            Self::Open(websocket) => {
                websocket.get_mut().input.extend_from_slice(bytes);
                take(websocket, plain)?;
            }
            Self::Failed => {}
        }
        Ok(())
    }
}

/// Appends the messages that have come to `plain`.
fn take(websocket: &mut WebSocket<Pipe>, plain: &mut Vec<u8>) -> Result<(), Failure> {
    loop {
        match websocket.read() {
            Ok(Message::Binary(bytes)) => plain.extend_from_slice(&bytes),
            Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => {
                return Err(Failure::new(
                    CONNECTION_LOST,
                    "the broker closed the WebSocket",
                ));
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(());
            }
            Err(error) => return Err(websocket_failure(&error)),
        }
    }
}

/// Begins the handshake of a WebSocket that carries MQTT [MQTT-6.0.0-3].
fn ask(host: &str, path: &str, is_tls: bool) -> Result<Upgrade, Failure> {
    let scheme = if is_tls { "wss" } else { "ws" };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let uri = format!("{scheme}://{host}/{}", path.trim_start_matches('/'))
        .parse()
        .map_err(|error| Failure::usage(format!("cannot use the path {path}: {error}")))?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol("mqtt");
    match tungstenite::client(request, Pipe::default()) {
        Ok((websocket, _)) => Ok(Upgrade::Open(Box::new(websocket))),
        Err(HandshakeError::Interrupted(asked)) => Ok(Upgrade::Asked(Box::new(asked))),
        Err(HandshakeError::Failure(error)) => Err(websocket_failure(&error)),
    }
}

fn tls_failure(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(TLS, format!("the TLS connection failed: {error}"))
}

fn websocket_failure(error: &tungstenite::Error) -> Failure {
    Failure::new(GENERAL, format!("the WebSocket failed: {error}"))
}

/// A stream in memory: what is not there yet would block.
#[derive(Debug, Default)]
struct Pipe {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = (&*self.input).read(out)?;
        self.input.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
