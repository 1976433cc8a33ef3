//! What `catena-dapr run` does, from the first socket to the last.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, interval};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnixListenerStream;

use crate::context::Context;
use crate::instances::{Flavour, Instances};
use crate::metrics;
use crate::options::{Run, SocketName};
use crate::peer::Connection;
use crate::server::{self, Components, Kinds};
use crate::sockets::{Access, Shown, Socket};

/// How often unused instances and the end of the work at hand are looked for.
const TICK: Duration = Duration::from_millis(100);

/// A sidecar that has said nothing for so long, and owes nothing, is not in the middle of its own
/// end: that is the time which it takes by default.
const QUIET: Duration = Duration::from_secs(5);

/// Serves until SIGTERM, SIGINT, SIGQUIT or, with the end of its terminal, SIGHUP; then lets what
/// is under way end, but for a second signal, and removes the sockets: a sidecar waits for ever at
/// one that is left behind.
///
/// # Errors
///
/// A socket cannot be made, or an address not listened to.
pub async fn run(options: &Run, folder: &Path) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    // Who starts it with `nohup` wants it to live on.
    let ignores_hang_up = is_hang_up_ignored();
    let mut hang_up = signal(SignalKind::hangup())?;
    let (asked, seen) = watch::channel(0);
    let count = async {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = quit.recv() => {}
                _ = hang_up.recv(), if !ignores_hang_up => {}
            }
            asked.send_modify(|count| *count += 1);
        }
    };
    tokio::select! {
        outcome = serve(options, folder, seen) => outcome,
        () = count => Ok(()),
    }
}

/// Whether this process was started so that SIGHUP does nothing to it.
fn is_hang_up_ignored() -> bool {
    const SIGHUP: u64 = 1;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

/// As [`run`], until it is `asked` to end, which this counts: twice is at once.
///
/// # Errors
///
/// As of [`run`].
pub async fn serve(
    options: &Run,
    folder: &Path,
    mut asked: watch::Receiver<u32>,
) -> anyhow::Result<()> {
    let context = Context::default();
    let components = components(options, &context);
    fs::create_dir_all(folder).with_context(|| {
        let folder = folder.display();
        format!("cannot make {folder}: choose another folder (--sockets-folder)")
    })?;
    if let Some(folder) = &options.remember {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {} (--remember)", folder.display()))?;
    }
    let (ending, ended) = watch::channel(false);
    if let Some(address) = options.metrics.0 {
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.with_context(|| format!("cannot listen to {address} (--metrics)"))?;
        context.start(metrics::serve(
            listener,
            context.clone(),
            components.clone(),
        ));
    }
    let mut names: Vec<_> = options.sockets.iter().map(|name| &name.file).collect();
    names.sort_unstable();
    if let Some([twice, _]) = names.array_windows().find(|[one, other]| one == other) {
        anyhow::bail!("--socket {twice} is there twice: without =pubsub or =state, it serves both");
    }
    let mut shown = Vec::new();
    let mut servers = tokio::task::JoinSet::new();
    for name in &options.sockets {
        if let Some((socket, server)) = one(options, folder, name, &components, ended.clone())? {
            shown.push(socket);
            servers.spawn(server);
        }
    }
    anyhow::ensure!(!shown.is_empty(), "there is no socket to serve");
    tracing::info!(folder = %folder.display(), count = shown.len(), "ready for sidecars");
    let failed = async {
        match servers.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => error.into(),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a server has ended by itself"),
        }
    };
    let outcome = tokio::select! {
        error = failed => Err(error),
        () = times(&mut asked, 1) => Ok(()),
        () = look_after(&components) => Ok(()),
    };
    tracing::info!("ending: waiting for answers that are owed; once more ends at once");
    tokio::select! {
        () = drain(&components, options.drain()) => {}
        () = times(&mut asked, 2) => {}
    }
    // New sidecars do not find it any more; then the connections end.
    drop(shown);
    components.pubsub.close_all().await;
    components.state.close_all().await;
    // Nobody may listen.
    let _ = ending.send(true);
    let all = async { while servers.join_next().await.is_some() {} };
    // Connections that are kept open by their other end are cut.
    let _ = tokio::time::timeout(TICK * 5, all).await;
    outcome
}

/// Until the end was asked for so often; nobody left to ask counts as well.
async fn times(asked: &mut watch::Receiver<u32>, wanted: u32) {
    // As said.
    let _ = asked.wait_for(|count| *count >= wanted).await;
}

fn components(options: &Run, context: &Context) -> Components {
    let remember = options.remember.clone();
    let pubsub = Instances::new(context.clone(), options.grace()).remembering(remember.clone());
    let state = Instances::new(context.clone(), options.grace()).remembering(remember);
    Components {
        pubsub: pubsub.into(),
        state: state.into(),
    }
}

type Server = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// One socket with its server; none if there is nothing to serve on it.
fn one(
    options: &Run,
    folder: &Path,
    name: &SocketName,
    components: &Components,
    mut ended: watch::Receiver<bool>,
) -> anyhow::Result<Option<(Shown, Server)>> {
    let kinds = Kinds {
        pubsub: name.pubsub,
        state: name.state,
    };
    let served = server::services(components, kinds, flavour(&name.file));
    if served.names().is_empty() {
        return Ok(None);
    }
    let access = Access {
        mode: options.socket_mode.0,
        group: options.socket_group,
    };
    let socket = Socket::bind(folder, &name.file, access)?;
    tracing::info!(path = %socket.path().display(), services = ?served.names(), "socket");
    // From here on, whoever connects is answered: the kernel keeps them until the server looks.
    let (listener, shown) = socket.show()?;
    let incoming = UnixListenerStream::new(listener).map(|it| it.map(Connection::new));
    let components = components.clone();
    let server = async move {
        let stop = async {
            // Both mean that the end has come.
            let _ = ended.wait_for(|ended| *ended).await;
        };
        server::run(served, &components, incoming, stop).await
    };
    Ok(Some((shown, Box::pin(server))))
}

/// Whose defaults a type of component has, by the name of its socket.
#[must_use]
pub fn flavour(file: &str) -> Flavour {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match stem {
        "azure.iotoperations" => Flavour::AzureSecond,
        "aio-mq-pubsub-pluggable" | "aio-mq-statestore-pluggable" => Flavour::AzureFirst,
        _ => Flavour::Catena,
    }
}

/// Closes instances that nobody uses any more. Never ends.
async fn look_after(components: &Components) {
    let mut ticks = interval(TICK * 10);
    loop {
        ticks.tick().await;
        components.pubsub.close_unused(Instant::now()).await;
        components.state.close_unused(Instant::now()).await;
    }
}

/// Lets applications answer what they have, and sidecars leave: they are told to end at the same
/// moment as this process.
async fn drain(components: &Components, within: Duration) {
    let began = Instant::now();
    for (_, instance) in components.pubsub.all() {
        instance.hold_back();
    }
    let mut quiet_since = began;
    let mut calls = components.pubsub.context().metrics.calls();
    let mut ticks = interval(TICK);
    while began.elapsed() < within {
        ticks.tick().await;
        if !components.pubsub.are_in_use() && !components.state.are_in_use() {
            return;
        }
        let instances = components.pubsub.all();
        let owed: usize = instances.iter().map(|(_, it)| it.unanswered()).sum();
        let now = components.pubsub.context().metrics.calls();
        if owed > 0 || now != calls {
            (quiet_since, calls) = (Instant::now(), now);
        }
        if quiet_since.elapsed() >= QUIET {
            return;
        }
    }
}
