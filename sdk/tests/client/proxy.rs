//! A TCP proxy that cuts connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes bytes on to a broker, until it cuts.
pub(crate) struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    cuts: watch::Sender<u64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(target));
        let (cuts, cut) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&target), cut));
        Self {
            address,
            target,
            cuts,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Cuts all connections, with whatever is on its way.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets new connections end at another broker.
    pub(crate) fn redirect(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }
}

async fn accept(listener: TcpListener, target: Arc<Mutex<SocketAddr>>, cut: watch::Receiver<u64>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let target = *target.lock().unwrap();
        let mut cut = cut.clone();
        cut.mark_unchanged();
        connections.spawn(async move {
            let mut client = client;
            let Ok(mut broker) = TcpStream::connect(target).await else {
                return;
            };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut broker) => {}
                _ = cut.changed() => {}
            }
        });
    }
}
