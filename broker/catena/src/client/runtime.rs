//! The runtime that a client runs in, and what may interrupt it.

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::{Failure, GENERAL};

/// Runs a client to its end and tells what to exit with.
pub(crate) fn run(work: impl Future<Output = Result<(), Failure>>, quiet: bool) -> u8 {
    run_for_code(async { work.await.map(|()| 0) }, quiet)
}

/// Runs a client to its end and tells what to exit with: what the client says, or that of its
/// failure.
pub(crate) fn run_for_code(work: impl Future<Output = Result<u8, Failure>>, quiet: bool) -> u8 {
    let result = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            // A lookup of a name may still be under way; nobody waits for it any more.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::new(
            GENERAL,
            format!("cannot start a runtime: {error}"),
        )),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(quiet),
    }
}

/// Waits for Ctrl-C or SIGTERM that come from the call on, waited for already or not: a program in
/// the background would ignore the first otherwise. Where signals cannot be watched, it waits for
/// ever.
pub(crate) fn interrupt() -> impl Future<Output = ()> {
    let watched = signal(SignalKind::interrupt()).and_then(|interrupt| {
        let terminate = signal(SignalKind::terminate())?;
        Ok((interrupt, terminate))
    });
    async move {
        match watched {
            Ok((mut interrupt, mut terminate)) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            Err(_) => std::future::pending().await,
        }
    }
}
