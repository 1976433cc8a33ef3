//! Connections of sidecars, and whether they still live.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use rustix::process::{Pid, test_kill_process};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tonic::transport::server::Connected;

/// A connection, whose end can be seen by those who hold its [`Peer`].
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    alive: Arc<()>,
    process: Option<Pid>,
}

/// Who is at the other end of a call: in the extensions of each request.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    alive: Weak<()>,
    process: Option<Pid>,
}

impl Connection {
    /// Watches over a connection.
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        // One in another container has no number here: 0.
        let credentials = stream.peer_cred().ok();
        let number = credentials.and_then(|it| it.pid());
        Self {
            stream,
            alive: Arc::new(()),
            process: number.and_then(Pid::from_raw),
        }
    }
}

impl Peer {
    /// That of a connection which lives as long as `alive`.
    #[cfg(test)]
    pub(crate) fn of(process: Option<Pid>, alive: &Arc<()>) -> Self {
        let alive = Arc::downgrade(alive);
        Self { alive, process }
    }

    /// Whether the connection is still there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive.strong_count() > 0
    }

    /// Whether both are the same connection.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.alive.ptr_eq(&other.alive)
    }

    /// The process that made the connection, if it can be seen from here.
    #[must_use]
    pub fn process(&self) -> Option<Pid> {
        self.process
    }

    /// Whether both are connections of the same process, as far as that can be seen.
    #[must_use]
    pub fn is_process_of(&self, other: &Self) -> bool {
        self.process.is_some() && self.process == other.process
    }

    /// Whether the process that made the connection is still there; `None` if it cannot be seen.
    #[must_use]
    pub fn process_lives(&self) -> Option<bool> {
        self.process.map(lives)
    }
}

/// Whether there is a process of this number.
#[must_use]
pub fn lives(process: Pid) -> bool {
    // One of another user is there as well.
    test_kill_process(process) != Err(rustix::io::Errno::SRCH)
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer {
            alive: Arc::downgrade(&self.alive),
            process: self.process,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
