//! An authority of the test's own and a server certificate signed by it.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose};

/// What a TLS listener and its clients need, in PEM.
#[derive(Debug)]
pub struct Certificate {
    /// The authority that clients trust.
    pub authority: String,
    /// The certificate of `localhost` and 127.0.0.1.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

impl Certificate {
    /// Makes both.
    ///
    /// # Errors
    ///
    /// Whatever `rcgen` refuses.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::new())?;
        let named = &mut authority.distinguished_name;
        named.push(DnType::CommonName, "Catena tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut server = CertificateParams::new(names)?;
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Some clients refuse a certificate that does not name its issuer's key.
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let chain = server.signed_by(&key, &authority)?;
        Ok(Self {
            authority: authority.pem(),
            chain: chain.pem(),
            key: key.serialize_pem(),
        })
    }
}
