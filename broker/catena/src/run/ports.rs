//! Says where clients connect: in the log, and in a file for scripts.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use catena_frontend::ListenerStatus;
use catena_resources::{Access, Endpoint, Listener};
use tracing::{info, warn};

use crate::load::Loaded;
use crate::node::Node;
use crate::store;

/// One line for each listening socket.
pub(super) fn log(listeners: &[ListenerStatus], loaded: &Loaded) {
    for status in listeners {
        let mut described = loaded.configuration.listeners.iter();
        let Some(listener) = described.find(|listener| is_of(listener, &status.name)) else {
            continue;
        };
        info!(
            listener = listener.name.as_str(),
            address = %status.address,
            protocol = %listener.protocol,
            tls = listener.tls.is_some(),
            authentication = authentication(listener),
            "listening"
        );
        if listener.access == Access::Anonymous && !listener.endpoint.is_local() {
            warn!(
                listener = listener.name.as_str(),
                "everybody who reaches this listener may publish and subscribe"
            );
        }
    }
}

/// Whether a socket of this name, which ends in the address as configured, is the listener's.
fn is_of(listener: &Listener, socket: &str) -> bool {
    let Some((name, configured)) = socket.split_once('@') else {
        return false;
    };
    let addresses = listener.endpoint.addresses();
    let among = addresses.iter().any(|one| one.to_string() == configured);
    let unix = matches!(listener.endpoint, Endpoint::Unix(_));
    let named = listener.name.as_str() == name;
    named && (among || unix && listener.endpoint.to_string() == configured)
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
