//! The frontend as a whole: its threads, from the first listener to the last connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use catena_transport::Port;
use catena_types::FrontendId;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::coop::unconstrained;

use super::accept::{Entrance, Workers};
use super::admission::Admission;
use super::doorway::Doorway;
use super::handle::{Handle, Shared};
use super::mailbox::{Mailbox, Message};
use super::turn::Turn;
use crate::authn::Pool;
use crate::error::Error;
use crate::options::{Clock, Options};
use crate::worker::Worker;

/// Wakes a worker whose partitions have something for it. Cheap when it is awake.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Connections that wait for their handshake to begin.
const DOORWAY_QUEUE: usize = 64;

/// A frontend that has bound its listeners and not begun to accept.
#[derive(Debug)]
pub struct Service<P> {
    port: P,
    options: Options,
    shared: Arc<Shared>,
}

/// What the threads of a frontend share.
pub(crate) struct Common {
    pub(crate) clock: Clock,
    pub(crate) linger: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) pool: Pool,
    pub(crate) admission: Arc<Admission>,
    pub(crate) entrance: Entrance,
}

impl<P: Port + Clone + Send + 'static> Service<P> {
    /// Binds all listeners.
    ///
    /// # Errors
    /// The first listener that cannot listen or whose TLS credentials cannot be used; then none
    /// does.
    pub fn bind(options: Options, port: P) -> Result<Self, Error> {
        let workers = Arc::new(Workers::new(options.workers));
        let admission =
            Admission::new(options.connections_max, options.connections_per_address_max);
        let shared = Shared::new(workers, admission, port.packet_ids_per_range());
        let shared = Arc::new(shared);
        shared.bind_all(&options.listeners)?;
        Ok(Self {
            port,
            options,
            shared,
        })
    }

    /// What wakes each worker: to be registered with the backend before [`run`](Self::run).
    pub fn wakes(&self) -> Vec<(FrontendId, Wake)> {
        let wake = |(id, mailbox): (u16, &Arc<Mailbox>)| {
            let signal = Arc::clone(&mailbox.signal);
            let wake: Wake = Arc::new(move || signal.raise());
            (FrontendId::new(id), wake)
        };
        (0..)
            .zip(&self.shared.workers.mailboxes)
            .map(wake)
            .collect()
    }

    /// To ask and change it while it runs.
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Accepts and serves until `shutdown`, then says goodbye to every client.
    ///
    /// # Errors
    /// A thread that cannot be started, or that has ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Self {
            port,
            options,
            shared,
        } = self;
        let (sender, accepted) = mpsc::channel(DOORWAY_QUEUE);
        let workers = Arc::clone(&shared.workers);
        let pool = Pool::start(
            options.authentication_threads,
            options.authentication_queue_max,
        );
        let pool = pool.map_err(|source| thread_error("authentication threads", source))?;
        let common = Arc::new(Common {
            clock: Arc::clone(&options.clock),
            linger: options.linger,
            shutdown_timeout: options.shutdown_timeout,
            pool,
            admission: Arc::clone(&shared.admission),
            entrance: Entrance {
                workers: Arc::clone(&workers),
                doorway: sender,
            },
        });
        let doorway = Doorway {
            accepted,
            workers: Arc::clone(&workers),
            admission: Arc::clone(&shared.admission),
            counts: Arc::clone(&shared.handshakes),
            handshakes_max: options.handshakes_max,
            timeout: options.handshake_timeout,
        };
        let doorway = start("catena-doorway", async move || {
            doorway.run().await;
        })?;
        let mut ends = Vec::new();
        for (id, mailbox) in (0..).zip(&workers.mailboxes) {
            let [first, second] = options.seeds;
            let seeds = [first.wrapping_add(u64::from(id)), second];
            let worker = Worker::new(port.clone(), FrontendId::new(id), seeds);
            let (common, mailbox) = (Arc::clone(&common), Arc::clone(mailbox));
            let name = format!("catena-worker-{id}");
            ends.push(start(&name, async move || {
                serve(worker, common, mailbox).await;
            })?);
        }
        drop(common);
        shared.accept();
        shutdown.await;
        shared.stop();
        for mailbox in &workers.mailboxes {
            mailbox.send(Message::ShutDown);
        }
        let mut result = Ok(());
        for end in ends.into_iter().chain([doorway]) {
            if let Ok(Err(error)) | Err(error) = end.await.map_err(|_| ended()) {
                result = Err(thread_error("a worker thread", error));
            }
        }
        result
    }
}

async fn serve<P: Port>(worker: Worker<P>, common: Arc<Common>, mailbox: Arc<Mailbox>) {
    let mut turn = Turn::new(worker, common, Arc::clone(&mailbox));
    unconstrained(std::future::poll_fn(|cx| turn.poll_turn(cx))).await;
    mailbox.close();
}

/// Runs a future on a thread of its own with its own runtime. The end can be waited for.
fn start<F, R>(name: &str, root: F) -> Result<oneshot::Receiver<io::Result<()>>, Error>
where
    F: FnOnce() -> R + Send + 'static,
    R: Future<Output = ()>,
{
    let (end, ended) = oneshot::channel();
    let run = move || {
        let result = runtime().map(|runtime| runtime.block_on(root()));
        // Nobody may wait any more.
        let _ = end.send(result);
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|source| thread_error(name, source))?;
    Ok(ended)
}

fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
}

fn thread_error(what: &str, source: io::Error) -> Error {
    Error::Thread {
        what: what.to_owned(),
        source,
    }
}

fn ended() -> io::Error {
    io::Error::other("it has ended by itself")
}
