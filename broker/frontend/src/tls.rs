//! TLS settings of a listener from certificate files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Where a listener's TLS credentials are, in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then its issuers.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whose client certificates are accepted; `None` asks for none.
    pub client_authorities: Option<PathBuf>,
    /// Whether a client without certificate is refused.
    pub require_client_certificate: bool,
}

/// Why TLS credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds no PEM.
    #[error("{}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: PemError,
    },
    /// A file has no certificate in it.
    #[error("no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// Certificate and key do not fit, or cannot be used at all.
    #[error("unusable certificate or key")]
    Unusable(#[from] rustls::Error),
    /// The client authorities cannot be used.
    #[error("unusable client authorities")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
}

/// What is wrong with a file in PEM form. The parser's own words have the text in them, which may
/// be a private key.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// It has nothing of the kind.
    #[error("nothing of this kind in PEM form (-----BEGIN ..)")]
    Nothing,
    /// Its lines are not those of the form.
    #[error("not in PEM form: it must have its line breaks, and its end")]
    Lines,
    /// What is encoded is not.
    #[error("between BEGIN and END there is more than base64")]
    Encoding,
    /// Anything else.
    #[error("not in PEM form")]
    Other,
}

impl From<pem::Error> for PemError {
    fn from(error: pem::Error) -> Self {
        match error {
            pem::Error::Io(error) => Self::Unreadable(error),
            pem::Error::NoItemsFound => Self::Nothing,
            pem::Error::MissingSectionEnd { .. } | pem::Error::IllegalSectionStart { .. } => {
                Self::Lines
            }
            pem::Error::Base64Decode(_) => Self::Encoding,
            _ => Self::Other,
        }
    }
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them; nothing is half used.
    pub fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let certificates = certificates(&self.certificates)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| TlsError::File {
            path: self.key.clone(),
            source: error.into(),
        })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match &self.client_authorities {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in self::certificates(path)? {
                    roots.add(authority)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if self.require_client_certificate {
                    verifier
                } else {
                    verifier.allow_unauthenticated()
                };
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let mut config = builder.with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![b"mqtt".to_vec(), b"http/1.1".to_vec()];
        // No early data: a replayed CONNECT or PUBLISH would count twice.
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |error: pem::Error| TlsError::File {
        path: path.to_owned(),
        source: error.into(),
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(file)?
        .collect::<Result<_, _>>()
        .map_err(file)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}
