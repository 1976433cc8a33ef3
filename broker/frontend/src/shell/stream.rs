//! A connection's byte stream: the socket, and TLS and WebSocket on top of it where they are
//! spoken. Both are driven without tasks or buffers of their own.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll};

use rustls::ServerConnection;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use crate::websocket::framing::{FrameError, Framing, Status};

/// A socket on its way to a worker.
#[derive(Debug)]
pub(crate) enum Fresh {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
    /// It is the worker's already.
    Registered(Socket),
}

/// A socket of this worker's runtime.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// That many bytes, and there may be more.
    Full(usize),
    /// That many bytes (or none), and no more for now.
    Drained(usize),
    /// The peer will send no more.
    End,
}

impl Fresh {
    /// Registers the socket with the runtime of the calling thread.
    pub(crate) fn register(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(socket) => TcpStream::from_std(socket).map(Socket::Tcp),
            Self::Unix(socket) => UnixStream::from_std(socket).map(Socket::Unix),
            Self::Registered(socket) => Ok(socket),
        }
    }
}

impl Socket {
    /// Takes the socket away from its runtime.
    pub(crate) fn leave(self) -> io::Result<Fresh> {
        match self {
            Self::Tcp(socket) => socket.into_std().map(Fresh::Tcp),
            Self::Unix(socket) => socket.into_std().map(Fresh::Unix),
        }
    }

    /// Receives once. A read that does not fill the buffer has drained the socket; saying so to the
    /// runtime saves the call that would find nothing.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut count = 0;
        let size = buffer.len();
        let mut receive = |socket: SockRef<'_>| {
            count = (&*socket).read(buffer)?;
            if count == 0 || count == size {
                Ok(())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        };
        let result = match self {
            Self::Tcp(socket) => {
                socket.try_io(Interest::READABLE, || receive(SockRef::from(socket)))
            }
            Self::Unix(socket) => {
                socket.try_io(Interest::READABLE, || receive(SockRef::from(socket)))
            }
        };
        match result {
            Ok(()) if count == 0 => Ok(Received::End),
            Ok(()) => Ok(Received::Full(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Drained(count)),
            Err(error) => Err(error),
        }
    }

    fn send(&self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        if first.is_empty() || second.is_empty() {
            let bytes = if first.is_empty() { second } else { first };
            return match self {
                Self::Tcp(socket) => socket.try_write(bytes),
                Self::Unix(socket) => socket.try_write(bytes),
            };
        }
        self.send_vectored(&[IoSlice::new(first), IoSlice::new(second)])
    }

    /// Sends slices in order, as far as there is room; returns how many bytes.
    pub(crate) fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.try_write_vectored(slices),
            Self::Unix(socket) => socket.try_write_vectored(slices),
        }
    }

    pub(crate) fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => SockRef::from(socket).shutdown(how),
            Self::Unix(socket) => SockRef::from(socket).shutdown(how),
        }
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(cx),
            Self::Unix(socket) => socket.poll_read_ready(cx),
        }
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(socket) => socket.poll_write_ready(cx),
            Self::Unix(socket) => socket.poll_write_ready(cx),
        }
    }
}

/// What is spoken between the socket and MQTT.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) tls: Option<Box<ServerConnection>>,
    pub(crate) websocket: Option<Framing>,
}

/// Why a stream has ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    #[error("closed by the client")]
    Closed,
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Layers {
    /// Turns received bytes into MQTT bytes, which go to `sink` piece by piece.
    pub(crate) fn receive(
        &mut self,
        received: &mut [u8],
        scratch: &mut [u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), StreamError> {
        let Self { tls, websocket } = self;
        let mut plain = |bytes: &mut [u8]| match websocket {
            Some(framing) => framing.handle_bytes(bytes, |payload| sink(payload)),
            None => {
                sink(bytes);
                Ok(())
            }
        };
        let Some(tls) = tls else {
            return Ok(plain(received)?);
        };
        let mut rest: &[u8] = received;
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            tls.process_new_packets()?;
            loop {
                match tls.reader().read(scratch) {
                    Ok(0) => return Err(StreamError::Closed),
                    Ok(count) => plain(&mut scratch[..count])?,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Says goodbye on each layer, as far as the socket takes it.
pub(crate) fn say_goodbye(socket: &Socket, layers: &mut Layers) -> io::Result<()> {
    if let Some(framing) = &mut layers.websocket {
        framing.close(Status::Normal);
        send_layered(socket, layers, &[])?;
    }
    if let Some(tls) = &mut layers.tls {
        tls.send_close_notify();
        send_layered(socket, layers, &[])?;
    }
    Ok(())
}

/// Sends output; returns how much of it went out and whether the socket is full. What the layers
/// hold back counts as gone out, and as full.
pub(crate) fn send(
    socket: &Socket,
    layers: &mut Option<Box<Layers>>,
    output: &[u8],
) -> io::Result<(usize, bool)> {
    match layers {
        Some(layers) => send_layered(socket, layers, output),
        None => send_through(
            &mut |first, second| socket.send(first, second),
            None,
            output,
        ),
    }
}

fn send_layered(socket: &Socket, layers: &mut Layers, output: &[u8]) -> io::Result<(usize, bool)> {
    let Layers { tls, websocket } = layers;
    let Some(tls) = tls else {
        let mut send = |first: &[u8], second: &[u8]| socket.send(first, second);
        return send_through(&mut send, websocket.as_mut(), output);
    };
    let mut encrypt = |first: &[u8], second: &[u8]| {
        drain_tls(tls, socket)?;
        let pieces = [IoSlice::new(first), IoSlice::new(second)];
        let count = tls.writer().write_vectored(&pieces)?;
        if count == 0 {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(count)
        }
    };
    let (count, is_full) = send_through(&mut encrypt, websocket.as_mut(), output)?;
    match drain_tls(tls, socket) {
        Ok(()) => Ok((count, is_full)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok((count, true)),
        Err(error) => Err(error),
    }
}

fn drain_tls(tls: &mut ServerConnection, socket: &Socket) -> io::Result<()> {
    struct Raw<'s>(&'s Socket);
    impl Write for Raw<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes, &[])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    while tls.wants_write() {
        tls.write_tls(&mut Raw(socket))?;
    }
    Ok(())
}

/// Sends output through `send`, in frames if there is framing.
fn send_through(
    send: &mut impl FnMut(&[u8], &[u8]) -> io::Result<usize>,
    mut framing: Option<&mut Framing>,
    output: &[u8],
) -> io::Result<(usize, bool)> {
    let mut sent = 0;
    loop {
        if let Some(framing) = &mut framing {
            sent += framing.wrap(output.get(sent..).unwrap_or_default());
        }
        let rest = output.get(sent..).unwrap_or_default();
        let (pending, payload_len) = match &framing {
            Some(framing) => (framing.pending(), framing.payload_len().min(rest.len())),
            None => (&[][..], rest.len()),
        };
        let pending_len = pending.len();
        if pending_len + payload_len == 0 {
            return Ok((sent, false));
        }
        let count = match send(pending, rest.get(..payload_len).unwrap_or_default()) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((sent, true)),
            Err(error) => return Err(error),
        };
        let payload_sent = count.saturating_sub(pending_len);
        if let Some(framing) = &mut framing {
            framing.pending_sent(count.min(pending_len));
            framing.payload_sent(payload_sent);
        }
        sent += payload_sent;
    }
}
