//! How many files the process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Raises the limit as far as an ordinary process may, and says when that is not enough.
pub(super) fn raise_limit(connections_max: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            warn!(%error, "cannot raise the limit of open files");
            current
        }
    };
    match files {
        Some(files) if files < connections_max.saturating_add(FILES_OF_OUR_OWN) => {
            warn!(
                files,
                connections_max, "open files will run out before connections: raise ulimit -n"
            );
        }
        Some(files) => info!(files, "open files allowed"),
        None => info!("open files not limited"),
    }
}

/// Listeners, logs, certificates while they are read, and what the runtime needs.
const FILES_OF_OUR_OWN: u64 = 100;
