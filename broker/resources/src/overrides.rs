//! What flags and the environment say over the documents.

use std::sync::Arc;

use core::net::SocketAddr;

use crate::diagnose::{Place, PlaceKind};
use crate::document::{Entry, Node, Value};

/// What flags and the environment say. They win over documents and are checked like them.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Settings of the Broker. The first of several for one path counts: put flags before the
    /// environment.
    pub broker: Vec<Override>,
    /// Plain MQTT listeners instead of those of the documents; port 0 lets the system choose.
    pub listen: Option<Overridden<Vec<SocketAddr>>>,
    /// A password file for every port that has no authentication of its own.
    pub password_file: Option<Overridden<String>>,
}

/// One setting of the Broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The path in today's field names, such as `spec.catena.workers`.
    pub path: String,
    /// The value as a document would have it.
    pub value: String,
    /// What says so.
    pub source: OverrideSource,
}

/// A value, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden<T> {
    /// The value.
    pub value: T,
    /// What says so.
    pub source: OverrideSource,
}

/// What says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideSource {
    /// A flag, such as `--workers`.
    Flag(String),
    /// An environment variable, such as `CATENA_WORKERS`.
    Environment(String),
}

impl OverrideSource {
    pub(crate) fn place(&self) -> Place {
        let (name, kind) = match self {
            Self::Flag(name) => (name, PlaceKind::Flag),
            Self::Environment(name) => (name, PlaceKind::Environment),
        };
        Place {
            name: Arc::from(name.as_str()),
            line: 0,
            column: 0,
            kind,
        }
    }
}

impl Overrides {
    /// Puts the Broker's overrides into the tree of its document.
    pub(crate) fn lay_over(&self, root: &mut Node) {
        // The last one put in place stays.
        for over in self.broker.iter().rev() {
            let place = over.source.place();
            let names = || over.path.split('.');
            let node = names().try_fold(&mut *root, |node, name| descend(node, name, &place));
            if let Some(node) = node {
                *node = Node {
                    value: scalar(&over.value),
                    place,
                };
            }
        }
    }
}

/// The field `name` of a node. A node without value becomes a mapping with that field; one with
/// another value is left to be reported as it is.
fn descend<'a>(node: &'a mut Node, name: &str, place: &Place) -> Option<&'a mut Node> {
    if node.value == Value::Null {
        *node = Node {
            place: place.clone(),
            value: Value::Mapping(Vec::new()),
        };
    }
    let Value::Mapping(entries) = &mut node.value else {
        return None;
    };
    let index = entries
        .iter()
        .position(|entry| entry.name == name)
        .unwrap_or(entries.len());
    if index == entries.len() {
        let node = Node {
            place: place.clone(),
            value: Value::Null,
        };
        entries.push(Entry {
            name: name.to_owned(),
            place: place.clone(),
            node,
        });
    }
    entries.get_mut(index).map(|entry| &mut entry.node)
}

/// A value as YAML would read it, had it been written without quotes.
fn scalar(text: &str) -> Value {
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        text => text.parse().map_or_else(
            |_| Value::Text(text.to_owned()),
            |value| Value::Integer {
                value,
                text: text.to_owned(),
            },
        ),
    }
}
