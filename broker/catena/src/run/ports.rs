//! Says where clients connect: in the log, and in a file for scripts.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use catena_frontend::ListenerStatus;
use catena_resources::{Access, Listener};
use tracing::{info, warn};

use crate::load::Loaded;
use crate::node::Node;
use crate::store;

/// One line for each listening socket.
pub(super) fn log(listeners: &[ListenerStatus], loaded: &Loaded) {
    for status in listeners {
        let name = status.name.split('@').next().unwrap_or_default();
        let described = loaded.configuration.listeners.iter();
        let Some(listener) = { described }.find(|one| one.name.as_str() == name) else {
            continue;
        };
        info!(
            listener = name,
            address = %status.address,
            protocol = %listener.protocol,
            tls = listener.tls.is_some(),
            authentication = authentication(listener),
            "listening"
        );
        if listener.access == Access::Anonymous && !listener.endpoint.is_local() {
            warn!(
                listener = name,
                "everybody who reaches this listener may publish and subscribe"
            );
        }
    }
}

fn authentication(listener: &Listener) -> &str {
    match &listener.access {
        Access::Anonymous => "none",
        Access::Authenticated(name) => name.as_str(),
    }
}

/// Lines `listener <name> <address>` and `admin <address>`. The file appears as a whole.
pub(super) fn write(path: &Path, node: &Node) -> anyhow::Result<()> {
    let mut text = String::new();
    for status in node.listeners() {
        let name = status.name.split('@').next().unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(text, "listener {name} {}", status.address);
    }
    if let Some(address) = node.admin() {
        let _ = writeln!(text, "admin {address}");
    }
    store::replace(path, text.as_bytes())
        .with_context(|| format!("cannot write the port file {}", path.display()))
}
