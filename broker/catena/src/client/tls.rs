//! TLS from the command line's certificates, with the meaning that mosquitto's clients give them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catena_frontend::PemError;
use clap::Args;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::failure::Failure;

/// Settings of TLS. Any of them but `--insecure` turns TLS on.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Use TLS, trusting the authorities that this system trusts
    #[arg(long, visible_alias = "tls-use-os-certs")]
    pub tls: bool,
    /// Use TLS and trust the authorities in this PEM file
    #[arg(long, value_name = "FILE", env = "CATENA_CAFILE")]
    pub cafile: Option<PathBuf>,
    /// Use TLS and trust the authorities in the .pem and .crt files of this folder
    #[arg(long, value_name = "FOLDER", env = "CATENA_CAPATH")]
    pub capath: Option<PathBuf>,
    /// The client's certificate chain, as PEM
    #[arg(long, value_name = "FILE", env = "CATENA_CERT", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The private key of --cert, as PEM
    #[arg(long, value_name = "FILE", env = "CATENA_KEY", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Do not check that the broker's certificate is for this host; without --cafile or --capath
    /// do not check who issued it either
    #[arg(long)]
    pub insecure: bool,
    /// Protocol to ask for by ALPN
    #[arg(long, value_name = "PROTOCOL")]
    pub tls_alpn: Option<String>,
}

impl TlsArgs {
    /// Whether the arguments ask for TLS.
    pub(crate) fn is_wanted(&self) -> bool {
        self.tls || self.cafile.is_some() || self.capath.is_some() || self.cert.is_some()
    }
}

/// Makes a client configuration from the arguments.
pub(crate) fn configure(args: &TlsArgs) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("cannot use TLS: {error}"));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?;
    let has_authorities = args.cafile.is_some() || args.capath.is_some();
    let verifier = if args.insecure && !has_authorities {
        None
    } else {
        let roots = Arc::new(authorities(args)?);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        Some(verifier.map_err(|error| wrong(&error))?)
    };
    let builder = match verifier {
        Some(verifier) if !args.insecure => builder.with_webpki_verifier(verifier),
        verifier => {
            let verifier = Lenient { verifier, provider };
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match (&args.cert, &args.key) {
        (Some(chain), Some(key)) => {
            let chain = certificates(chain)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| wrong(&error))?
        }
        _ => builder.with_no_client_auth(),
    };
    let protocols = args.tls_alpn.iter();
    config.alpn_protocols = protocols.map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// Where systems keep the authorities that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn authorities(args: &TlsArgs) -> Result<RootCertStore, Failure> {
    let mut files: Vec<PathBuf> = args.cafile.iter().cloned().collect();
    if let Some(folder) = &args.capath {
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        files.extend(paths.filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pem" || extension == "crt")
        }));
    }
    if files.is_empty() {
        let bundles = SYSTEM_BUNDLES.iter().map(PathBuf::from);
        files.extend(bundles.filter(|path| path.exists()).take(1));
    }
    let mut roots = RootCertStore::empty();
    for file in &files {
        roots.add_parsable_certificates(certificates(file)?);
    }
    if roots.is_empty() {
        return Err(Failure::usage(
            "no trusted authority found; name one with --cafile",
        ));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: impl Into<PemError>) -> Failure {
    let error = error.into();
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}

/// Checks a certificate but not for which host it is, or not at all.
#[derive(Debug)]
struct Lenient {
    verifier: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = &self.verifier else {
            return Ok(ServerCertVerified::assertion());
        };
        let verdict =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
