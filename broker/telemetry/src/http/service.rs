//! The loop of the admin port. Must never decide what a page says.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::error::Error;
use super::limits::Limits;
use super::pages::{Pages, Version, refuse};
use super::request::{Method, Request, head_length};
use super::response::{Response, Status};
use crate::health::Health;
use crate::metrics::{Collect, Registry, Samples, table};

/// The admin port, bound and not yet served.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    limits: Limits,
    shared: Arc<Shared>,
}

impl Service {
    /// Binds the address.
    ///
    /// # Errors
    ///
    /// An [`Error`] that names the address when a required address cannot be bound. A preferred one
    /// that is in use is replaced by a free port of the same address, with a warning.
    pub async fn bind(options: Options) -> Result<(Self, Handle), Error> {
        let Options {
            address,
            limits,
            registry,
            health,
            version,
        } = options;
        let listener = listen(address).await?;
        let wanted = address.socket();
        let bound = listener.local_addr();
        let address = bound.map_err(|source| Error::listen(wanted, source))?;
        info!(%address, "admin port open");
        let pages = Pages {
            registry: Arc::clone(&registry),
            health,
            version,
        };
        let answers = Answers::default();
        let shared = Arc::new(Shared { pages, answers });
        registry.register(Arc::new(Answered(Arc::downgrade(&shared))));
        let service = Self {
            listener,
            limits,
            shared,
        };
        Ok((service, Handle { address }))
    }

    /// Serves until `shutdown` is done; then lets running exchanges end, for a second at most.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(),
                    if connections.len() < self.limits.connections_max =>
                {
                    match accepted {
                        Ok((stream, _)) => {
                            let shared = Arc::clone(&self.shared);
                            connections.spawn(serve(stream, self.limits, shared));
                        }
                        Err(error) => {
                            warn!(%error, "cannot accept on the admin port");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            }
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN_TIME_MAX, drained).await.is_err() {
            connections.shutdown().await;
        }
    }
}

/// What others may know of a running service.
#[derive(Debug, Clone, Copy)]
pub struct Handle {
    address: SocketAddr,
}

impl Handle {
    /// The address that it listens on, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What the admin port needs.
#[derive(Debug)]
pub struct Options {
    /// Where to listen.
    pub address: Address,
    /// What clients can make grow.
    pub limits: Limits,
    /// Shown by `/metrics`; the service adds its own.
    pub registry: Arc<Registry>,
    /// Shown by `/readyz`.
    pub health: Health,
    /// Shown by `/version`.
    pub version: Version,
}

/// Where to listen, and what if that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Nobody asked for it: when in use, a free port does as well.
    Preferred(SocketAddr),
    /// Somebody asked for it: when in use, that is an error.
    Required(SocketAddr),
}

impl Address {
    /// The address that is tried first.
    pub const fn socket(self) -> SocketAddr {
        match self {
            Self::Preferred(address) | Self::Required(address) => address,
        }
    }
}

impl Default for Address {
    /// Loopback only, on the metrics port that users of Azure IoT Operations know.
    fn default() -> Self {
        Self::Preferred(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))
    }
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    pages: Pages,
    answers: Answers,
}

/// Answers sent, by status. Several tasks write: these are ordinary atomics.
#[derive(Debug, Default)]
struct Answers([AtomicU64; Status::ALL.len()]);

impl Answers {
    fn count(&self, status: Status) {
        self.0[status as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// Weak, because the pages hold the registry that holds this.
struct Answered(std::sync::Weak<Shared>);

impl Collect for Answered {
    fn collect(&self, samples: &mut Samples) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        for (status, count) in Status::ALL.iter().zip(&shared.answers.0) {
            let count = count.load(Ordering::Relaxed);
            samples.add(&table::ADMIN_REQUESTS, [status.code()], count);
        }
    }
}

async fn listen(address: Address) -> Result<TcpListener, Error> {
    let wanted = address.socket();
    match (TcpListener::bind(wanted).await, address) {
        (Ok(listener), _) => Ok(listener),
        (Err(error), Address::Preferred(_)) if error.kind() == io::ErrorKind::AddrInUse => {
            warn!(address = %wanted, "default admin port in use, taking a free one");
            let any = SocketAddr::new(wanted.ip(), 0);
            let listener = TcpListener::bind(any).await;
            listener.map_err(|error| Error::listen(any, error))
        }
        (Err(error), _) => Err(Error::listen(wanted, error)),
    }
}

/// One connection: one request, one answer.
async fn serve(mut stream: TcpStream, limits: Limits, shared: Arc<Shared>) {
    let request = read_head(&mut stream, limits.head_bytes_max);
    let (response, method) = match timeout(limits.exchange_time_max, request).await {
        Ok(Ok(Head::Complete(head))) => match Request::parse(&head) {
            Ok(request) => (shared.pages.respond(&request), request.method),
            Err(bad) => (refuse(bad), Method::Get),
        },
        Ok(Ok(Head::TooLarge)) => (too_large(), Method::Get),
        Ok(Ok(Head::Closed)) => return,
        Ok(Err(error)) => {
            debug!(%error, "cannot read from a client of the admin port");
            return;
        }
        Err(_) => (too_slow(), Method::Get),
    };
    shared.answers.count(response.status);
    let bytes = match method {
        Method::Head => response.encode_head(),
        Method::Get | Method::Other => response.encode(),
    };
    match timeout(limits.exchange_time_max, write(&mut stream, &bytes)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "cannot write to a client of the admin port"),
        Err(_) => debug!("a client of the admin port does not read"),
    }
}

async fn read_head(stream: &mut TcpStream, bytes_max: usize) -> io::Result<Head> {
    let mut head = Vec::with_capacity(1024);
    loop {
        if let Some(length) = head_length(&head) {
            head.truncate(length);
            return Ok(if length > bytes_max {
                Head::TooLarge
            } else {
                Head::Complete(head)
            });
        }
        if head.len() >= bytes_max {
            return Ok(Head::TooLarge);
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(Head::Closed);
        }
    }
}

/// Writes the answer and waits for the client to close. A socket closed with unread bytes resets
/// the connection, and the answer might be lost with it.
async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    for _ in 0..DISCARDED_READS_MAX {
        match timeout(LINGER_TIME_MAX, stream.read(&mut rest)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    Ok(())
}

fn too_large() -> Response {
    Response::text(
        Status::HeadTooLarge,
        "request line and headers are too long\n",
    )
}

fn too_slow() -> Response {
    Response::text(Status::RequestTimeout, "the request did not come in time\n")
}

/// What came before the end of the headers.
enum Head {
    Complete(Vec<u8>),
    TooLarge,
    Closed,
}

/// The metrics port of Azure IoT Operations.
const PORT: u16 = 9600;

/// Pause after a failed accept: files may have run out, and trying at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long exchanges may go on after shutdown began.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a client may be silent after its answer before the socket is closed.
const LINGER_TIME_MAX: Duration = Duration::from_millis(500);

/// How many reads of what nobody asked for are thrown away after the answer.
const DISCARDED_READS_MAX: usize = 64;
