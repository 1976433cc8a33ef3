//! Which components of this node are ready. Must never decide what a component is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};

/// The health of one node; clones share it.
///
/// The node is ready while it has components and all are ready.
#[derive(Debug, Clone, Default)]
pub struct Health {
    states: Arc<Mutex<BTreeMap<&'static str, State>>>,
}

impl Health {
    /// Without components: not ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component, not ready because it is starting; a known name is the same component.
    pub fn component(&self, name: &'static str) -> Component {
        let starting = || State::NotReady("starting".to_owned());
        self.lock().entry(name).or_insert_with(starting);
        Component {
            name,
            health: self.clone(),
        }
    }

    /// The state of every component, by name.
    pub fn report(&self) -> Report {
        let states = self.lock().clone();
        Report { states }
    }

    fn set(&self, name: &'static str, state: State) {
        let before = self.lock().insert(name, state.clone());
        if before.as_ref() == Some(&state) {
            return;
        }
        match state {
            State::Ready => info!(component = name, "component ready"),
            State::NotReady(reason) => warn!(component = name, reason, "component not ready"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a component tells its state by; cheap to clone.
#[derive(Debug, Clone)]
pub struct Component {
    name: &'static str,
    health: Health,
}

impl Component {
    /// The component does its work.
    pub fn set_ready(&self) {
        self.health.set(self.name, State::Ready);
    }

    /// The component cannot do its work; the reason is for an operator to read.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        self.health.set(self.name, State::NotReady(reason.into()));
    }
}

/// The state of all components at one moment. Displayed, it lists them, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    states: BTreeMap<&'static str, State>,
}

impl Report {
    /// True if there are components and all are ready.
    pub fn is_ready(&self) -> bool {
        let ready = |state: &State| matches!(state, State::Ready);
        !self.states.is_empty() && self.states.values().all(ready)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, state) in &self.states {
            match state {
                State::Ready => writeln!(out, "[+] {name}: ready")?,
                State::NotReady(reason) => writeln!(out, "[-] {name}: not ready: {reason}")?,
            }
        }
        let summary = if self.is_ready() {
            "ready"
        } else {
            "not ready"
        };
        writeln!(out, "{summary}")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Ready,
    NotReady(String),
}

#[cfg(test)]
mod tests {
    use super::Health;

    #[test]
    fn a_node_is_ready_when_all_its_components_are() {
        let health = Health::new();
        assert!(!health.report().is_ready());
        let listeners = health.component("listeners");
        let partitions = health.component("partitions");
        listeners.set_ready();
        assert!(!health.report().is_ready());
        partitions.set_ready();
        assert!(health.report().is_ready());
        listeners.clone().set_not_ready("port 8883 is taken");
        assert_eq!(
            health.report().to_string(),
            "[-] listeners: not ready: port 8883 is taken\n[+] partitions: ready\nnot ready\n"
        );
    }

    #[test]
    fn a_component_named_twice_keeps_its_state() {
        let health = Health::new();
        health.component("listeners").set_ready();
        let again = health.component("listeners");
        assert!(health.report().is_ready());
        again.set_not_ready("draining");
        assert!(!health.report().is_ready());
    }
}
