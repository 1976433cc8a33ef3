//! The one place where this crate starts tasks.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

/// The tasks of the process. They end by themselves, or with the last clone of this.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    all: Arc<Mutex<JoinSet<()>>>,
}

impl Tasks {
    /// Starts a task.
    pub(crate) fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended make room; a panic has been told where it happened.
        while all.try_join_next().is_some() {}
        all.spawn(task);
    }
}
