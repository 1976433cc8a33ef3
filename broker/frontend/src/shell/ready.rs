//! How a worker's root future is woken: connections put their slots on a list, everybody else
//! raises a signal. At most one wake-up per turn, however many call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Wakes one worker.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    is_raised: AtomicBool,
    root: Mutex<Option<Waker>>,
    ready: Mutex<Vec<u32>>,
}

impl Signal {
    /// Wakes the worker, unless it is awake and has not looked yet.
    #[inline]
    pub(crate) fn raise(&self) {
        if !self.is_raised.swap(true, Ordering::AcqRel)
            && let Some(root) = lock(&self.root).as_ref()
        {
            root.wake_by_ref();
        }
    }

    /// The turn begins: whatever is raised from now on leads to another one.
    pub(crate) fn lower(&self, root: &Waker) {
        {
            let mut known = lock(&self.root);
            if !known.as_ref().is_some_and(|known| known.will_wake(root)) {
                *known = Some(root.clone());
            }
        }
        self.is_raised.store(false, Ordering::Release);
    }

    /// Takes the slots of ready connections. `slots` must be empty.
    pub(crate) fn take_ready(&self, slots: &mut Vec<u32>) {
        std::mem::swap(&mut *lock(&self.ready), slots);
    }

    /// Puts a connection on the list, for this or the next turn.
    pub(crate) fn push_ready(&self, slot: u32) {
        lock(&self.ready).push(slot);
        self.raise();
    }
}

/// A connection's waker.
#[derive(Debug)]
pub(crate) struct ReadyWaker {
    pub(crate) signal: Arc<Signal>,
    pub(crate) slot: u32,
}

impl Wake for ReadyWaker {
    fn wake(self: Arc<Self>) {
        self.signal.push_ready(self.slot);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signal.push_ready(self.slot);
    }
}

/// Nothing panics while it holds one of these locks, so a poisoned one is as good as another.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
