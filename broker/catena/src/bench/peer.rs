//! One connection of the load generator: a socket that never blocks, and buffers.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;

use catena_mqtt::{Frame, frame, limits};
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

use crate::client::{Channel, Failure};

/// Room for what one read brings.
const READ_BYTES: usize = 256 * 1_024;
/// Capacity that an idle connection may keep.
const IDLE_BYTES: usize = 256;

/// A socket of either kind.
#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: Stream,
    /// TLS and WebSocket.
    channel: Option<Box<Channel>>,
    /// The start of a packet of which more is to come.
    kept: Vec<u8>,
    /// MQTT to send.
    pub(crate) out: Vec<u8>,
    /// The same once TLS and WebSocket have wrapped it.
    wrapped: Vec<u8>,
    /// How much of the buffer that is being sent has left.
    written: usize,
    /// Publishes above QoS 0 that the broker takes unacknowledged.
    pub(crate) receive_maximum: u16,
    pub(crate) is_open: bool,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing more is there.
    Drained,
    /// There may be more, of which no event will tell.
    More,
    /// The connection has ended.
    Closed,
}

impl Peer {
    /// Begins to connect.
    pub(crate) fn tcp(address: SocketAddr, channel: Option<Channel>) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        Ok(Self::over(Stream::Tcp(stream), channel))
    }

    /// Connects to a Unix domain socket.
    pub(crate) fn unix(path: &Path, channel: Option<Channel>) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        Ok(Self::over(Stream::Unix(stream), channel))
    }

    fn over(stream: Stream, channel: Option<Channel>) -> Self {
        Self {
            stream,
            channel: channel.map(Box::new),
            kept: Vec::new(),
            out: Vec::new(),
            wrapped: Vec::new(),
            written: 0,
            receive_maximum: u16::MAX,
            is_open: true,
        }
    }

    /// Has events of this connection told under a number.
    pub(crate) fn register(&mut self, registry: &Registry, number: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match &mut self.stream {
            Stream::Tcp(stream) => registry.register(stream, Token(number), interest),
            Stream::Unix(stream) => registry.register(stream, Token(number), interest),
        }
    }

    /// What is known of a connection that could not be made, and whether it has been made.
    pub(crate) fn connected(&self) -> io::Result<bool> {
        let Stream::Tcp(stream) = &self.stream else {
            return Ok(true);
        };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => stream.set_nodelay(true).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads once and hands out whole packets: where to put answers, first byte, body.
    pub(crate) fn read(
        &mut self,
        scratch: &mut Vec<u8>,
        handle: impl FnMut(&mut Vec<u8>, u8, &[u8]),
    ) -> Result<Progress, Failure> {
        // Without a channel, packets are handed out of the scratch buffer, behind what was kept.
        let kept = match self.channel {
            None => self.kept.len(),
            Some(_) => 0,
        };
        let (count, progress) = self.fill(scratch, kept);
        let all = scratch.get(..kept + count).unwrap_or_default();
        match &mut self.channel {
            None => {
                let used = hand_out(all, &mut self.out, handle)?;
                self.kept.clear();
                self.kept
                    .extend_from_slice(all.get(used..).unwrap_or_default());
            }
            Some(channel) => {
                channel.receive(all, &mut self.kept)?;
                channel.send(&[], &mut self.wrapped)?;
                let used = hand_out(&self.kept, &mut self.out, handle)?;
                self.kept.drain(..used);
            }
        }
        Ok(progress)
    }

    /// Reads once and keeps everything for [`Self::take`] or a later [`Self::read`].
    pub(crate) fn receive(&mut self, scratch: &mut Vec<u8>) -> Result<Progress, Failure> {
        let (count, progress) = self.fill(scratch, 0);
        let bytes = scratch.get(..count).unwrap_or_default();
        match &mut self.channel {
            None => self.kept.extend_from_slice(bytes),
            Some(channel) => {
                channel.receive(bytes, &mut self.kept)?;
                channel.send(&[], &mut self.wrapped)?;
            }
        }
        Ok(progress)
    }

    /// Takes one whole packet of those kept: first byte and body.
    pub(crate) fn take(&mut self) -> Result<Option<(u8, Vec<u8>)>, Failure> {
        match frame::next(&self.kept, limits::PACKET_BYTES_MAX)? {
            Frame::Incomplete { .. } => Ok(None),
            Frame::Complete {
                first_byte,
                body,
                size,
            } => {
                let body = body.to_vec();
                self.kept.drain(..size);
                Ok(Some((first_byte, body)))
            }
        }
    }

    /// Whether received bytes are kept.
    pub(crate) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Puts the first `kept` of the kept bytes into the scratch buffer and reads behind them.
    fn fill(&mut self, scratch: &mut Vec<u8>, kept: usize) -> (usize, Progress) {
        let size = kept + READ_BYTES;
        if scratch.len() < size {
            scratch.resize(size, 0);
        }
        let (front, space) = scratch.split_at_mut(kept);
        front.copy_from_slice(self.kept.get(..kept).unwrap_or_default());
        if !self.is_open {
            return (0, Progress::Closed);
        }
        let space = space.get_mut(..READ_BYTES).unwrap_or_default();
        let result = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(space),
            Stream::Unix(stream) => stream.read(space),
        };
        match result {
            Ok(0) => (0, self.close()),
            Ok(READ_BYTES) => (READ_BYTES, Progress::More),
            Ok(count) => (count, Progress::Drained),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, Progress::Drained),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (0, Progress::More),
            Err(_) => (0, self.close()),
        }
    }

    /// Sends what fits. What does not goes when the socket has become writable.
    pub(crate) fn flush(&mut self) -> Result<Progress, Failure> {
        if let Some(channel) = &mut self.channel {
            channel.send(&self.out, &mut self.wrapped)?;
            self.out.clear();
        }
        let buffer = match self.channel {
            None => &mut self.out,
            Some(_) => &mut self.wrapped,
        };
        while self.is_open && self.written < buffer.len() {
            let rest = buffer.get(self.written..).unwrap_or_default();
            let result = match &mut self.stream {
                Stream::Tcp(stream) => stream.write(rest),
                Stream::Unix(stream) => stream.write(rest),
            };
            match result {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected
                    ) =>
                {
                    return Ok(Progress::More);
                }
                Err(_) => return Ok(self.close()),
            }
        }
        buffer.clear();
        self.written = 0;
        Ok(Progress::Drained)
    }

    /// Bytes that wait to leave.
    pub(crate) fn pending(&self) -> usize {
        self.out.len() + self.wrapped.len() - self.written
    }

    /// Gives memory back that only a busy connection needs.
    pub(crate) fn shrink(&mut self) {
        self.out.shrink_to(IDLE_BYTES);
        self.kept.shrink_to(IDLE_BYTES);
        self.wrapped.shrink_to(IDLE_BYTES);
    }

    fn close(&mut self) -> Progress {
        self.is_open = false;
        Progress::Closed
    }
}

/// Hands out the whole packets at the start of `input` and tells how many bytes they take.
#[inline]
fn hand_out(
    input: &[u8],
    out: &mut Vec<u8>,
    mut handle: impl FnMut(&mut Vec<u8>, u8, &[u8]),
) -> Result<usize, Failure> {
    let mut used = 0;
    while let Frame::Complete {
        first_byte,
        body,
        size,
    } = frame::next(
        input.get(used..).unwrap_or_default(),
        limits::PACKET_BYTES_MAX,
    )? {
        handle(out, first_byte, body);
        used += size;
    }
    Ok(used)
}
