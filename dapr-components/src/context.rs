//! What all parts of the process share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::instances::InstanceName;
use crate::metrics::Metrics;
use crate::tasks::Tasks;

/// Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The numbers that the process exports.
    pub metrics: Arc<Metrics>,
    pub(crate) tasks: Tasks,
    claims: Claims,
}

type Claims = Arc<Mutex<BTreeMap<String, (InstanceName, usize)>>>;

/// The right to something that instances of different names cannot share. It ends when dropped.
#[derive(Debug)]
pub struct Claim {
    claims: Claims,
    what: String,
}

impl Context {
    /// Starts a task. It ends by itself, or with the process.
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.start(task);
    }

    /// Claims something for an instance, such as a client ID at a broker.
    ///
    /// # Errors
    ///
    /// The instance of another name that has it.
    pub fn claim(&self, what: String, name: &InstanceName) -> Result<Claim, InstanceName> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let (owner, count) = claims.entry(what.clone()).or_insert((name.clone(), 0));
        if owner != name {
            return Err(owner.clone());
        }
        // The one that is being replaced may not be gone yet.
        *count += 1;
        let claims = Arc::clone(&self.claims);
        Ok(Claim { claims, what })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, count)) = claims.get_mut(&self.what) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            claims.remove(&self.what);
        }
    }
}
