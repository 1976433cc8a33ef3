//! `catena run`: a broker in this process, from its start to its last connection.

mod files;
mod ports;
mod reload;

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context;
use catena_resources::{Diagnostic, LogFormat};
use catena_telemetry::logs;
use clap::ArgMatches;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::exit::{Exit, UsageError};
use crate::node::Node;
use crate::{cli, flags, load};
use load::Loaded;
use reload::Reload;

/// Run a broker
///
/// Without documents and flags it listens on 127.0.0.1:1883 and [::1]:1883 for whoever is on this
/// host, and serves metrics and health on 127.0.0.1:9600. SIGTERM and Ctrl-C end it gracefully, a
/// second one at once; SIGHUP reads documents, certificates and password files again.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    configuration: flags::Flags,
    /// Write the addresses that are listened on to this file once clients may connect
    #[arg(long, value_name = "FILE", env = "CATENA_PORT_FILE")]
    port_file: Option<PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let loaded = match load::load(&arguments.configuration, matches) {
        Ok(loaded) => loaded,
        Err(load::Refused::Usage(error)) => return Err(error),
        Err(refused) => {
            for line in refused.lines() {
                cli::say(&line);
            }
            return Ok(Exit::USAGE);
        }
    };
    let filter = filter(&loaded)?;
    let logs = logs::start(&logs::Options {
        format: match loaded.configuration.broker.log.format {
            LogFormat::Text => logs::Format::Text,
            LogFormat::Json => logs::Format::Json,
        },
        filter,
        colours: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        output: logs::Output::Stdout,
    })?;
    info!(version = env!("CARGO_PKG_VERSION"), "catena starting");
    for note in loaded.notes.iter().map(Diagnostic::render) {
        warn!(note, "configuration note");
    }
    files::raise_limit(loaded.configuration.broker.limits.connections.to_u64());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    let runtime = runtime.context("cannot start a runtime")?;
    runtime.block_on(serve(arguments, matches, loaded, logs))
}

/// The log filter of a configuration.
///
/// # Errors
///
/// [`UsageError`] for a filter that documents may hold and the log does not know.
fn filter(loaded: &Loaded) -> anyhow::Result<logs::Filter> {
    let level = &loaded.configuration.broker.log.level;
    let filter = level.as_str().parse::<logs::Filter>();
    filter.map_err(|error| anyhow::anyhow!(UsageError(error.to_string())))
}

async fn serve(
    arguments: &Arguments,
    matches: &ArgMatches,
    loaded: Loaded,
    logs: logs::Handle,
) -> anyhow::Result<Exit> {
    // Before anything is bound: a signal in between is not to kill.
    let mut signals = Signals::new()?;
    let node = Node::bind(&loaded).await?;
    ports::log(&node.listeners(), &loaded);
    let reload = Reload::new(&arguments.configuration, matches, &node, logs, &loaded);
    if let Some(path) = &arguments.port_file {
        ports::write(path, &node)?;
    }
    let (shut_down, shutdown) = oneshot::channel();
    let running = node.run(async {
        // A sender that is dropped asks for the same.
        let _ = shutdown.await;
    });
    let exit = tokio::select! {
        result = running => return result.map(|()| Exit::OK),
        exit = signals.handle(shut_down, reload) => exit,
    };
    warn!("ending at once: clients are not told");
    Ok(exit)
}

/// The signals that the program answers to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Ends with the second signal to end; the first one asks for the shutdown.
    async fn handle(&mut self, shut_down: oneshot::Sender<()>, reload: Reload<'_>) -> Exit {
        let mut shut_down = Some(shut_down);
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.hang_up.recv() => {
                    if shut_down.is_some() {
                        reload.perform();
                    }
                    continue;
                }
            }
            match shut_down.take() {
                Some(sender) => {
                    info!("shutting down: saying goodbye to clients, again ends at once");
                    // Nobody receives once the frontend has ended by itself, which is told.
                    let _ = sender.send(());
                }
                None => return Exit::FAILURE,
            }
        }
    }
}
