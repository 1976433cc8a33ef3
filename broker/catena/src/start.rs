//! A broker inside another program, such as a test.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use anyhow::{Context, anyhow};
use catena_frontend::Address;
use catena_resources::{Configuration, Diagnostic};
use tokio::sync::oneshot;

use crate::load;
use crate::node::Node;

/// Starts a broker on threads of its own, and returns when clients may connect. Files that the
/// configuration names are looked for from the working directory on. Logging is the caller's.
///
/// # Errors
///
/// Files that cannot be used, and addresses that cannot be listened on.
///
/// ```
/// use catena_resources::{Overridden, OverrideSource, Overrides, parse_with};
///
/// let mut overrides = Overrides::default();
/// let source = OverrideSource::Flag("--listen".into());
/// let value = vec!["127.0.0.1:0".parse()?];
/// overrides.listen = Some(Overridden { value, source });
/// let configuration = parse_with(&[], &overrides).map_err(|_| "refused")?;
///
/// let running = catena::start(configuration)?;
/// assert_ne!(running.addresses()[0].port(), 0);
/// running.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn start(configuration: Configuration) -> anyhow::Result<Running> {
    let loaded = load::complete(configuration, &load::Folder::here()).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(Diagnostic::render).collect();
        anyhow!(lines.join("\n"))
    })?;
    let (started, starting) = oneshot::channel();
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let serve = async move {
        let node = match Node::bind(&loaded).await {
            Ok(node) => node,
            Err(error) => {
                // The caller waits for this.
                let _ = started.send(Err(error));
                return Ok(());
            }
        };
        let addresses = node.listeners().into_iter();
        let addresses = addresses.filter_map(|status| match status.address {
            Address::Tcp(address) => Some(address),
            Address::Unix(_) => None,
        });
        // As above.
        let _ = started.send(Ok((addresses.collect(), node.admin())));
        node.run(async {
            // A handle that is dropped asks for the same.
            let _ = shutdown.await;
        })
        .await
    };
    let thread = std::thread::Builder::new()
        .name("catena".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build();
            runtime.context("cannot start a runtime")?.block_on(serve)
        })
        .context("cannot start a thread")?;
    let (addresses, admin) = starting.blocking_recv().context("the broker has ended")??;
    Ok(Running {
        addresses,
        admin,
        end: Some((shut_down, thread)),
    })
}

/// A broker that runs until this is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    end: Option<(oneshot::Sender<()>, JoinHandle<anyhow::Result<()>>)>,
}

impl Running {
    /// The TCP addresses of all listeners, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where metrics and health are served.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Says goodbye to all clients, and returns when they are gone.
    ///
    /// # Errors
    ///
    /// A thread of the broker that has ended by itself.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        let Some((shut_down, thread)) = self.end.take() else {
            return Ok(());
        };
        // A broker that has ended already is told by its thread.
        let _ = shut_down.send(());
        let ended = thread.join();
        ended.map_err(|_| anyhow!("the broker's thread has panicked"))?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know calls `stop`.
        let _ = self.end();
    }
}
