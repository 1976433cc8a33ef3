//! A broker, the components on a socket, and a sidecar's state store that Init has made.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catena_dapr::context::Context;
use catena_dapr::instances::{Flavour, Instances};
use catena_dapr::peer::Connection;
use catena_dapr::server::{self, Components, Kinds};
use catena_sdk_testing::Broker;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint};

use crate::store::{Header, Store};

/// Numbers of partitions that tests run with: all keys meet, and hardly any do.
pub(crate) const PARTITIONS: [&str; 2] = ["1", "8"];

/// How long an instance stays that nobody uses.
const GRACE: Duration = Duration::from_secs(60);

/// All ends when this is dropped.
pub(crate) struct Fixture {
    pub(crate) broker: Broker,
    pub(crate) process: Process,
    pub(crate) store: Store,
}

/// The components on a socket.
pub(crate) struct Process {
    path: PathBuf,
    components: Components,
    _folder: TempDir,
    _server: JoinSet<()>,
}

impl Process {
    /// Serves components of this flavour.
    pub(crate) fn start(flavour: Flavour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catena.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let context = Context::default();
        let components = Components {
            pubsub: Arc::new(Instances::new(context.clone(), GRACE)),
            state: Arc::new(Instances::new(context, GRACE)),
        };
        let served = server::services(&components, Kinds::ALL, flavour);
        let serving = components.clone();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let incoming = UnixListenerStream::new(listener);
            let incoming = incoming.map(|stream| stream.map(Connection::new));
            let stop = std::future::pending();
            server::run(served, &serving, incoming, stop).await.unwrap();
        });
        Self {
            path,
            components,
            _folder: folder,
            _server: server,
        }
    }

    /// A sidecar's connection for one of its components.
    pub(crate) async fn connect(&self) -> Channel {
        let path = self.path.clone();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint.connect_with_connector(connector).await.unwrap()
    }

    /// Waits until nobody uses any state store, and closes them all.
    pub(crate) async fn close_unused(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let closed = tokio::time::timeout(Duration::from_secs(30), async {
            while !self.components.state.all().is_empty() {
                ticks.tick().await;
                // That a connection has ended is seen one time, and has lasted the next.
                self.components.state.close_unused(Instant::now()).await;
                let later = Instant::now() + GRACE;
                self.components.state.close_unused(later).await;
            }
        });
        closed.await.unwrap();
    }

    /// A store that Init is still to make.
    pub(crate) async fn store(&self, header: Header) -> Store {
        Store::new(self.connect().await, header)
    }
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Broker::start().unwrap(), Header::Name("statestore")).await
    }

    pub(crate) async fn with_partitions(partitions: &str) -> Self {
        let broker = Broker::builder().set("spec.catena.partitions", partitions);
        Self::with(broker.start().unwrap(), Header::Name("statestore")).await
    }

    pub(crate) async fn with_header(header: Header) -> Self {
        Self::with(Broker::start().unwrap(), header).await
    }

    pub(crate) async fn with(broker: Broker, header: Header) -> Self {
        let process = Process::start(Flavour::Catena);
        let store = process.store(header).await;
        store.init(properties(&broker.url(), &[])).await.unwrap();
        Self {
            broker,
            process,
            store,
        }
    }

    /// One more component of the same process.
    pub(crate) async fn component(&self, name: &'static str, items: &[(&str, &str)]) -> Store {
        let store = self.process.store(Header::Name(name)).await;
        let made = store.init(properties(&self.broker.url(), items));
        made.await.unwrap();
        store
    }

    /// The same connections, with another header.
    pub(crate) async fn as_seen_by(&self, header: Header) -> Store {
        self.process.store(header).await
    }
}

/// What Init brings: where the broker is, and what else a resource says.
pub(crate) fn properties(url: &str, items: &[(&str, &str)]) -> HashMap<String, String> {
    let items = items.iter().copied().chain([("url", url)]);
    items.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}
