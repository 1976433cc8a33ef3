//! Why a frontend cannot start.

use crate::options::Address;
use crate::tls::TlsError;

/// Why a frontend cannot start, or a reload is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener cannot listen.
    #[error("cannot listen on {address} (listener {listener}): {}", cause(.source))]
    Listen {
        /// Which listener.
        listener: String,
        /// Where.
        address: Address,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A listener's TLS credentials cannot be used.
    #[error("cannot use the TLS credentials of listener {listener}")]
    Tls {
        /// Which listener.
        listener: String,
        /// Why.
        #[source]
        source: TlsError,
    },
    /// A thread or runtime cannot be started, or has ended by itself.
    #[error("cannot run {what}")]
    Thread {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The causes that an operator meets most, in words.
fn cause(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::AddrInUse => "address in use: another program listens there".into(),
        ErrorKind::PermissionDenied => {
            "permission denied: ports below 1024 need a privilege".into()
        }
        ErrorKind::AddrNotAvailable => "no network interface has this address".into(),
        _ => error.to_string(),
    }
}
