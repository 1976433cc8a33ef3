//! What all parts of the process share.

use std::collections::BTreeMap;
use std::fmt;
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

type Claims = Arc<Mutex<BTreeMap<String, Owner>>>;

/// An instance, of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The kind, such as `pubsub`.
    pub kind: &'static str,
    /// The name.
    pub name: InstanceName,
}

/// The right to something that two instances cannot share. It ends when dropped.
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
    /// The instance that has it.
    pub fn claim(&self, what: String, owner: Owner) -> Result<Claim, Owner> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = claims.get(&what) {
            return Err(other.clone());
        }
        claims.insert(what.clone(), owner);
        let claims = Arc::clone(&self.claims);
        Ok(Claim { claims, what })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} component {}", self.kind, self.name)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        claims.remove(&self.what);
    }
}
