//! What stands between a client and the broker, and cuts their connections when a test wants it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

/// Passes on what it gets, on as many connections as there are. Ends with the runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// How many answers of the broker are still to be lost.
    losses: AtomicU32,
    cut: Notify,
    /// How many connections were cut.
    cuts: watch::Sender<u32>,
}

impl Proxy {
    /// Listens on a port of its own.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub async fn start(broker: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port")?;
        let address = listener.local_addr().context("a port")?;
        let shared = Arc::new(Shared::default());
        let proxy = Self {
            address,
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Ok(broker) = TcpStream::connect(broker).await {
                        // Either side may go at any time.
                        let _ = shared.pass(client, broker).await;
                    }
                });
            }
        });
        Ok(proxy)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the connections that there are.
    pub fn cut(&self) {
        self.shared.cut.notify_waiters();
    }

    /// What the broker says next is lost, and the connection with it: so the broker has done what
    /// it was asked, and the client does not know.
    pub fn lose_next_answer(&self) {
        self.shared.losses.fetch_add(1, Ordering::SeqCst);
    }

    /// How many connections were cut because an answer was lost.
    #[must_use]
    pub fn lost(&self) -> u32 {
        *self.shared.cuts.borrow()
    }
}

impl Shared {
    async fn pass(&self, mut client: TcpStream, mut broker: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        let (mut asked, mut answered) = ([0; 16 * 1024], [0; 16 * 1024]);
        let cut = self.cut.notified();
        tokio::pin!(cut);
        cut.as_mut().enable();
        loop {
            tokio::select! {
                () = &mut cut => return Ok(()),
                read = client.read(&mut asked) => match read? {
                    0 => return Ok(()),
                    count => broker.write_all(&asked[..count]).await?,
                },
                read = broker.read(&mut answered) => match read? {
                    0 => return Ok(()),
                    _ if self.loses() => {
                        self.cuts.send_modify(|cuts| *cuts += 1);
                        return Ok(());
                    }
                    count => client.write_all(&answered[..count]).await?,
                },
            }
        }
    }

    fn loses(&self) -> bool {
        let one_less = |losses: u32| losses.checked_sub(1);
        let order = Ordering::SeqCst;
        self.losses.fetch_update(order, order, one_less).is_ok()
    }
}
