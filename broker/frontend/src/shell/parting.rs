//! Parting from clients that we close: what they still send is read and thrown away for a moment.
//! A socket closed with input unread makes the system reset the connection, and a client that is
//! busy writing then never sees the DISCONNECT that tells it why.

use std::future::poll_fn;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::admission::Permit;
use super::stream::{Received, Socket};

/// How long a client may take to notice.
const PATIENCE: Duration = Duration::from_secs(1);

/// Clients of one worker that are parted from at a time; others are closed at once.
const PARTINGS_MAX: usize = 256;

/// What is read at a time, in bytes, and how often before patience ends early.
const BUFFER_BYTES: usize = 4 * 1024;
const READS_MAX: usize = 4 * 1024;

/// The partings of one worker.
#[derive(Debug, Default)]
pub(super) struct Partings {
    tasks: JoinSet<()>,
}

impl Partings {
    /// Takes a socket whose last output is sent. It counts as a connection until it is closed.
    pub(super) fn add(&mut self, socket: Socket, permit: Permit) {
        if self.tasks.len() < PARTINGS_MAX && socket.shut_down(Shutdown::Write).is_ok() {
            self.tasks.spawn_local(async move {
                // Both ways of ending mean the same: the socket is closed.
                let _ = timeout(PATIENCE, drain(&socket)).await;
                drop(permit);
            });
        }
    }

    /// Forgets those that are done. Ready when there are none left.
    pub(super) fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while ready!(self.tasks.poll_join_next(cx)).is_some() {}
        Poll::Ready(())
    }
}

/// Reads until the client has closed its side.
async fn drain(socket: &Socket) {
    let mut buffer = [0; BUFFER_BYTES];
    for _ in 0..READS_MAX {
        if poll_fn(|cx| socket.poll_read_ready(cx)).await.is_err() {
            return;
        }
        match socket.receive(&mut buffer) {
            Ok(Received::Full(_) | Received::Drained(_)) => {}
            Ok(Received::End) | Err(_) => return,
        }
    }
}
