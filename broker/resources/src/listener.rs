//! The `BrokerListener` resource: where clients connect, and how.

mod address;
mod read;
mod tls;

use crate::bounded::Bounded;
use crate::choice::choice;
use crate::diagnose::Place;
use crate::names::ResourceName;

pub use address::{AddressRange, Endpoint, Port};
pub(crate) use read::{Reference, Unresolved, read};
pub use tls::Tls;

/// One port of a `BrokerListener`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The resource's name; several ports of one resource share it.
    pub name: ResourceName,
    /// Where it listens (`port`, `catena.bindAddress`, `catena.unixSocket`).
    pub endpoint: Endpoint,
    /// What is spoken (`protocol`).
    pub protocol: Protocol,
    /// TLS (`tls`); `None`: plain text.
    pub tls: Option<Tls>,
    /// Who may connect (`authenticationRef`, `catena.anonymous`).
    pub access: Access,
    /// Whether a load balancer tells the client's address (`catena.proxyProtocol`).
    pub proxy_protocol: ProxyProtocol,
    /// Web pages that may connect over WebSocket (`catena.allowedOrigins`).
    pub allowed_origins: AllowedOrigins,
    /// Connections at a time on this port, besides the limit for all
    /// (`catena.maxConnections`).
    pub connections: Option<Bounded<1, 10_000_000>>,
    /// Seconds that a TLS handshake may take (`catena.tlsHandshakeTimeoutSeconds`).
    pub tls_handshake_timeout_seconds: Bounded<1, 300>,
    /// Path of this port's settings, as in [`Setting::path`](crate::Setting::path).
    pub(crate) setting: String,
    /// Where it stands; `None` if no document and no flag says it.
    pub place: Option<Place>,
}

choice! {
    /// What is spoken on a port.
    pub Protocol {
        /// MQTT on the byte stream.
        Mqtt = "Mqtt",
        /// MQTT in binary WebSocket frames, sub-protocol `mqtt`.
        WebSockets = "WebSockets",
    }
}

/// Who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever can reach the port.
    Anonymous,
    /// Whoever this `BrokerAuthentication` lets in. The document exists.
    Authenticated(ResourceName),
}

/// Web pages that may connect over WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// No document says: any on loopback, elsewhere those of the same host.
    Unsaid,
    /// Any (`*`).
    Any,
    /// Those of these sites, such as `https://plant.example`.
    Listed(Vec<String>),
}

/// Whether connections begin with a PROXY protocol header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// They do not.
    Off,
    /// Connections from these sources may; others may not.
    Optional(Vec<AddressRange>),
    /// All do, and only these sources may connect.
    Required(Vec<AddressRange>),
}

choice! {
    /// How `catena.proxyProtocol` is written.
    pub(crate) ProxyMode {
        /// See [`ProxyProtocol::Off`].
        Off = "Off",
        /// See [`ProxyProtocol::Optional`].
        Optional = "Optional",
        /// See [`ProxyProtocol::Required`].
        Required = "Required",
    }
}
