//! What all parts of the process share.

use std::sync::Arc;

use crate::metrics::Metrics;
use crate::tasks::Tasks;

/// Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The numbers that the process exports.
    pub metrics: Arc<Metrics>,
    pub(crate) tasks: Tasks,
}

impl Context {
    /// Starts a task. It ends by itself, or with the process.
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.start(task);
    }
}
