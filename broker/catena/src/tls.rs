//! From PEM files to what a listener's handshakes need.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};

/// TLS 1.2 and 1.3 with this certificate and without client certificates.
///
/// # Errors
///
/// [`Error`] for what is no PEM of its kind, and for a key of another certificate.
pub(crate) fn server_config(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let certificates = certificates.map_err(Error::Chain)?;
    if certificates.is_empty() {
        return Err(Error::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(Error::Key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Refused)?;
    let config = versions
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(Error::Refused)?;
    Ok(Arc::new(config))
}

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("is no certificate chain in PEM: {0}")]
    Chain(pem::Error),
    #[error("holds no certificate")]
    NoCertificate,
    #[error("is no private key in PEM: {}", key_problem(.0))]
    Key(pem::Error),
    #[error("certificate and private key cannot be used: {0}")]
    Refused(rustls::Error),
}

impl Error {
    /// Which of the two files is wrong.
    pub(crate) fn part(&self) -> Part {
        match self {
            Self::Chain(_) | Self::NoCertificate => Part::Chain,
            Self::Key(_) | Self::Refused(_) => Part::Key,
        }
    }
}

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Chain,
    Key,
}

fn key_problem(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "it holds no key, or an encrypted one".to_owned(),
        error => error.to_string(),
    }
}
