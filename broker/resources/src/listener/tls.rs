//! TLS of a port.

use crate::certificate;
use crate::choice::choice;
use crate::fields::{Field, Fields, Report};
use crate::names::{Material, MaterialKey, MaterialKind, MaterialName};

/// TLS of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// With a certificate that somebody else makes and renews.
    Manual {
        /// The secret with certificate chain and private key.
        secret: MaterialName,
    },
}

impl Tls {
    /// The certificate chain in PEM: the server's, then the intermediates.
    pub fn certificate_chain(&self) -> Material {
        self.material("tls.crt")
    }

    /// The private key in PEM.
    pub fn private_key(&self) -> Material {
        self.material("tls.key")
    }

    fn material(&self, key: &'static str) -> Material {
        let Self::Manual { secret } = self;
        let key = MaterialKey::Named(key);
        Material {
            kind: MaterialKind::Secret,
            name: secret.clone(),
            key,
        }
    }
}

choice! {
    /// Who makes the certificate.
    TlsMode {
        /// The cluster's cert-manager.
        Automatic = "Automatic",
        /// Somebody else.
        Manual = "Manual",
    }
}

choice! {
    /// Where an issuer of certificates is looked for.
    IssuerKind {
        /// In the namespace.
        Issuer = "Issuer",
        /// In the cluster.
        ClusterIssuer = "ClusterIssuer",
    }
}

/// Reads `tls`. `None` if it is wrong, which is then reported.
pub(crate) fn read(field: Field<'_>, report: &mut Report) -> Option<Tls> {
    let place = field.place().clone();
    let path = field.path.clone();
    let mut fields = field.fields(report)?;
    let mode = fields.take("mode");
    let manual = fields.take("manual");
    let automatic = fields.take_any("certManagerCertificateSpec", &["automatic"], report);
    if let Some(field) = fields.take("keyVault") {
        report.error(
            field.place(),
            &field.path,
            "key vaults are not supported; use mode Manual",
        );
    }
    let mode = match mode {
        Some(field) => Some(field.choice::<TlsMode>(report)?),
        // The seed era has no mode: the field that is there says it.
        None if manual.is_some() => Some(TlsMode::Manual),
        None if automatic.is_some() => Some(TlsMode::Automatic),
        None => None,
    };
    let manual_secret = manual
        .and_then(|field| field.fields(report))
        .and_then(|fields| secret_reference(fields, report));
    let automatic_path = automatic
        .as_ref()
        .map(|field| (field.place().clone(), field.path.clone()));
    let automatic_secret = automatic
        .and_then(|field| field.fields(report))
        .and_then(|fields| certificate_secret(fields, report));
    fields.finish(report);
    match mode {
        None => {
            report.error(&place, &path, "missing field \"mode\"");
            None
        }
        Some(TlsMode::Manual) => {
            if manual_secret.is_none() {
                report.error(&place, &path, "mode Manual needs manual.secretRef");
            }
            manual_secret.map(|secret| Tls::Manual { secret })
        }
        Some(TlsMode::Automatic) => {
            let (place, path) = automatic_path.unwrap_or((place, path));
            match automatic_secret {
                None => {
                    let message = "nothing makes certificates outside Kubernetes: name the \
                                   secret to read (secretName), or use mode Manual";
                    report.error(&place, &path, message);
                    None
                }
                Some(secret) => {
                    let message = "nothing renews this certificate outside Kubernetes: it is \
                                   read from the secret as it is";
                    report.note(&place, &path, message);
                    Some(Tls::Manual { secret })
                }
            }
        }
    }
}

/// `manual`.
fn secret_reference(mut fields: Fields<'_>, report: &mut Report) -> Option<MaterialName> {
    let field = fields.required_any("secretRef", &["secretName"], report);
    fields.unused(&["secretNamespace"], report);
    fields.finish(report);
    field?.parsed(report, MaterialName::EXPECTED, MaterialName::parse)
}

/// `certManagerCertificateSpec`: checked as a whole, used for the name of its secret.
fn certificate_secret(mut fields: Fields<'_>, report: &mut Report) -> Option<MaterialName> {
    if let Some(mut issuer) = fields.inner("issuerRef", report) {
        for name in ["group", "name"] {
            if let Some(field) = issuer.take(name) {
                field.text(report);
            }
        }
        if let Some(field) = issuer.take("kind") {
            field.choice::<IssuerKind>(report);
        }
        issuer.finish(report);
    }
    certificate::lifetime(&mut fields, report);
    certificate::private_key(&mut fields, report);
    if let Some(mut san) = fields.inner("san", report) {
        for name in ["dns", "ip"] {
            if let Some(field) = san.take(name) {
                for item in field.items(report) {
                    item.text(report);
                }
            }
        }
        san.finish(report);
    }
    fields.unused(&["secretNamespace"], report);
    let field = fields.take("secretName");
    fields.finish(report);
    field?.parsed(report, MaterialName::EXPECTED, MaterialName::parse)
}
