//! Whom to trust, and as whom to appear, in TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// TLS settings, for `mqtts://` and `wss://`. Without them, the certificate authorities of the
/// system are trusted.
///
/// ```no_run
/// # fn main() -> Result<(), catena_sdk::Error> {
/// use catena_sdk::{Client, Tls};
///
/// let tls = Tls::authority_file("/etc/plant/ca.pem")?;
/// let builder = Client::builder("mqtts://broker.plant.example").tls(tls);
/// # let _ = builder;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    trust: Trust,
}

#[derive(Clone, Debug)]
enum Trust {
    Roots {
        roots: Arc<RootCertStore>,
        identity: Option<Arc<Identity>>,
    },
    Ready(Arc<ClientConfig>),
}

#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    /// Trusts the certificate authorities of the system.
    ///
    /// # Errors
    ///
    /// The system has none that can be read.
    pub fn system() -> Result<Self, Error> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            let why = loaded.errors.first().map(ToString::to_string);
            let why = why.unwrap_or_else(|| "the system has none".to_owned());
            return Err(Error::invalid("certificate authorities", why));
        }
        Ok(Self::with_roots(roots))
    }

    /// Trusts these certificate authorities, and no others. `pem` holds one certificate or more.
    ///
    /// # Errors
    ///
    /// No certificate, or something that is none.
    pub fn authority(pem: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots
                .add(certificate)
                .map_err(|error| Error::invalid("certificate authority", error.to_string()))?;
        }
        Ok(Self::with_roots(roots))
    }

    /// As [`authority`](Self::authority), from a file.
    ///
    /// # Errors
    ///
    /// Also a file that cannot be read.
    pub fn authority_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::authority(&read(path.as_ref())?)
    }

    /// Shows a certificate of this client's own: the chain, its own first, and the private key.
    ///
    /// # Errors
    ///
    /// No certificate or key, or something that is none. Settings made by
    /// [`rustls`](Self::rustls) have their own.
    pub fn identity(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Error::invalid("private key", problem(&error)))?;
        let Trust::Roots { identity, .. } = &mut self.trust else {
            let why = "the settings of rustls have one of their own";
            return Err(Error::invalid("client certificate", why));
        };
        *identity = Some(Arc::new(Identity { chain, key }));
        Ok(self)
    }

    /// As [`identity`](Self::identity), from files.
    ///
    /// # Errors
    ///
    /// Also a file that cannot be read.
    pub fn identity_files(
        self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        self.identity(&read(chain.as_ref())?, &read(key.as_ref())?)
    }

    /// Uses settings of `rustls` as they are.
    #[must_use]
    pub fn rustls(config: Arc<ClientConfig>) -> Self {
        Self {
            trust: Trust::Ready(config),
        }
    }

    fn with_roots(roots: RootCertStore) -> Self {
        Self {
            trust: Trust::Roots {
                roots: Arc::new(roots),
                identity: None,
            },
        }
    }

    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let (roots, identity) = match &self.trust {
            Trust::Ready(config) => return Ok(Arc::clone(config)),
            Trust::Roots { roots, identity } => (roots, identity),
        };
        // Named here, so that it does not matter what the process has installed, or whether.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let invalid = |error: rustls::Error| Error::invalid("TLS settings", error.to_string());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(invalid)?
            .with_root_certificates(Arc::clone(roots));
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => config
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(invalid)?,
        };
        Ok(Arc::new(config))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let invalid = |why: String| Error::invalid("certificate", why);
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| invalid(problem(&error).to_owned()))?;
    if certificates.is_empty() {
        return Err(invalid(problem(&pem::Error::NoItemsFound).to_owned()));
    }
    Ok(certificates)
}

/// What is wrong with a text in PEM form. The parser's own words have the text in them, which may
/// be a private key.
fn problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "the text has none in PEM form (-----BEGIN ..)",
        pem::Error::MissingSectionEnd { .. } | pem::Error::IllegalSectionStart { .. } => {
            "the text is not in PEM form: it must have its line breaks, and its end"
        }
        pem::Error::Base64Decode(_) => "between BEGIN and END there is more than base64",
        _ => "the text is not in PEM form",
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|error| Error::invalid("file", format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts go to logs.
    #[test]
    fn a_key_that_cannot_be_read_is_not_shown() {
        let lines = [
            "-----BEGIN PRIVATE KEY-----",
            "c2VjcmV0",
            "-----END PRIVATE KEY-----",
        ];
        let whole = lines.join("\n");
        let chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let shown = |key: &str| {
            let tls = Tls::with_roots(RootCertStore::empty());
            let identity = tls.identity(chain.as_bytes(), key.as_bytes());
            identity.map_err(|error| error.to_string())
        };
        assert!(shown(&whole).is_ok());
        let on_one_line = lines.join(" ");
        let escaped = lines.join("\\n");
        let cut = lines[..2].join("\n");
        let odd = whole.replace("c2V", "*c2V");
        for key in [&*on_one_line, &escaped, &cut, &odd, "c2VjcmV0"] {
            let text = shown(key).unwrap_err();
            let says_why = text.contains("PEM form") || text.contains("base64");
            assert!(says_why && text.len() < 120, "{text}");
            assert!(!text.contains("c2V") && !text.contains("99, 50"), "{text}");
        }
    }
}
