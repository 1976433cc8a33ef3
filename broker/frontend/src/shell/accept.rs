//! Accepting connections, and sending each to its worker.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

use super::admission::{Permit, Refusal};
use super::listener::{Bound, Listener};
use super::mailbox::{Arrival, Mailbox};
use super::notes::Throttle;
use super::service::Common;
use super::stream::{Fresh, Socket};
use crate::options::Address;

/// Pause after the system has refused a socket: it has run out of something.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Where accepted connections go.
#[derive(Debug)]
pub(crate) struct Workers {
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    next: AtomicUsize,
}

impl Workers {
    pub(crate) fn new(count: u16) -> Self {
        let mailboxes = (0..count.max(1))
            .map(|_| Arc::new(Mailbox::new()))
            .collect();
        Self {
            mailboxes,
            next: AtomicUsize::new(0),
        }
    }

    /// The next worker in turn.
    pub(crate) fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.mailboxes.len()
    }

    /// Hands a connection to a worker.
    pub(crate) async fn place(&self, worker: usize, arrival: Box<Arrival>) {
        if let Some(mailbox) = self.mailboxes.get(worker) {
            mailbox.send_arrival(arrival).await;
        }
    }
}

/// A connection that was accepted and admitted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) permit: Permit,
    pub(crate) listener: Arc<Listener>,
}

/// Where accepted connections go: straight to a worker, or through the doorway first.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) workers: Arc<Workers>,
    /// Bounded: when handshakes do not keep up, their listeners wait. Metric: none, as it only
    /// delays.
    pub(crate) doorway: mpsc::Sender<Accepted>,
}

impl Entrance {
    async fn enter(&self, accepted: Accepted) {
        if accepted.listener.terms().has_handshake() {
            // The doorway ends only with the process' frontend.
            let _ = self.doorway.send(accepted).await;
            return;
        }
        let Accepted {
            socket,
            permit,
            listener,
        } = accepted;
        let worker = self.workers.next();
        // The first worker accepts, so its sockets are where they belong.
        let socket = if worker == 0 {
            Ok(Fresh::Registered(socket))
        } else {
            socket.leave()
        };
        match socket {
            Ok(socket) => {
                let arrival = Arrival {
                    socket,
                    layers: None,
                    early: Vec::new(),
                    listener,
                    permit,
                };
                self.workers.place(worker, Box::new(arrival)).await;
            }
            Err(error) => tracing::debug!(%error, "connection lost while accepted"),
        }
    }
}

/// Accepts until the listener is stopped.
pub(crate) async fn accept_all(listener: Arc<Listener>, common: Arc<Common>) {
    if let Err(error) = accept_until_stopped(&listener, &common).await {
        let listener = listener.name.as_str();
        tracing::error!(listener, %error, "listener stopped");
    }
}

async fn accept_until_stopped(listener: &Arc<Listener>, common: &Common) -> io::Result<()> {
    let Some(Bound {
        socket,
        file: _file,
    }) = listener.take_bound()
    else {
        return Ok(());
    };
    let acceptor = match listener.address {
        Address::Tcp(_) => Acceptor::Tcp(TcpListener::from_std(socket.into())?),
        Address::Unix(_) => Acceptor::Unix(UnixListener::from_std(socket.into())?),
    };
    let mut exhausted = Throttle::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = listener.stopped() => return Ok(()),
            accepted = acceptor.accept() => accepted,
        };
        match accepted {
            // Too many: dropped, and so closed.
            Ok((socket, address)) => {
                let port_limit = listener.terms().port_limit.clone();
                if let Ok(permit) = common.admission.admit(address, port_limit.as_ref()) {
                    listener.count_accepted();
                    let listener = Arc::clone(listener);
                    common
                        .entrance
                        .enter(Accepted {
                            socket,
                            permit,
                            listener,
                        })
                        .await;
                }
            }
            Err(error) if is_exhausted(&error) => {
                common.admission.refuse(Refusal::AcceptFailed);
                if let Some(suppressed) = exhausted.pass((common.clock)()) {
                    let listener = listener.name.as_str();
                    tracing::warn!(listener, %error, suppressed, "cannot accept: pausing");
                }
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
            // The client has gone already.
            Err(error) => tracing::debug!(%error, "accept failed"),
        }
    }
}

/// A listening socket of this worker's runtime.
enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Acceptor {
    async fn accept(&self) -> io::Result<(Socket, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                // Answers are small and must not wait for the client's acknowledgement.
                socket.set_nodelay(true)?;
                Ok((Socket::Tcp(socket), Some(peer.ip().to_canonical())))
            }
            Self::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                Ok((Socket::Unix(socket), None))
            }
        }
    }
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM: trying again at once would only burn time.
fn is_exhausted(error: &io::Error) -> bool {
    const EXHAUSTED: [i32; 4] = [24, 23, 105, 12];
    error
        .raw_os_error()
        .is_some_and(|code| EXHAUSTED.contains(&code))
}
