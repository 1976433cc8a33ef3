//! Why the admin port cannot listen.

use std::io;
use std::net::SocketAddr;

/// Why the admin port cannot listen, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address belongs to another program.
    #[error(
        "listen on {address} for metrics and health: the address is in use; stop what listens \
         there, or set another port in diagnostics.metrics.prometheusPort (0 takes a free one)"
    )]
    AddressInUse {
        /// The configured address.
        address: SocketAddr,
    },
    /// A port below 1024 without the right to it.
    #[error(
        "listen on {address} for metrics and health: this user may not; set a port above 1023 in \
         diagnostics.metrics.prometheusPort"
    )]
    NotPermitted {
        /// The configured address.
        address: SocketAddr,
    },
    /// This machine has no such address.
    #[error(
        "listen on {address} for metrics and health: this machine has no such address; use one of \
         its own, 127.0.0.1 for this machine only, or 0.0.0.0 for every network"
    )]
    AddressNotAvailable {
        /// The configured address.
        address: SocketAddr,
    },
    /// Anything else that the system says.
    #[error("listen on {address} for metrics and health")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The error for what the system said about this address.
    pub(super) fn listen(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { address },
            io::ErrorKind::PermissionDenied => Self::NotPermitted { address },
            io::ErrorKind::AddrNotAvailable => Self::AddressNotAvailable { address },
            _ => Self::Listen { address, source },
        }
    }
}
