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
    let mut fields = field.fields(report)?;
    let setting = format!("{}.manual.secretRef", fields.setting);
    let mode = fields.take("mode");
    let manual = fields.take("manual");
    let automatic = fields.take_any("certManagerCertificateSpec", &["automatic"], report);
    let vault = fields.take("keyVault");
    let (place, path) = (fields.place.clone(), fields.path.clone());
    fields.finish(report);
    if let Some(field) = vault {
        let message = "key vaults are not supported; use mode Manual";
        report.error(field.place(), &field.path, message);
        return None;
    }
    let mode = match mode {
        Some(field) => field.choice(report)?,
        // The seed era has no mode: the field that is there says it.
        None if manual.is_some() => TlsMode::Manual,
        None if automatic.is_some() => TlsMode::Automatic,
        None => {
            report.error(&place, &path, "missing field \"mode\"");
            return None;
        }
    };
    let (settings, name) = match mode {
        TlsMode::Manual => (manual, "manual"),
        TlsMode::Automatic => (automatic, "certManagerCertificateSpec"),
    };
    let Some(settings) = settings else {
        let message = format!("mode {mode} needs a field \"{name}\"");
        report.error(&place, &path, message);
        return None;
    };
    let secret = match mode {
        TlsMode::Manual => secret_reference(settings.fields(report)?, report)?,
        TlsMode::Automatic => certificate_secret(settings, setting, report)?,
    };
    Some(Tls::Manual { secret })
}

/// `manual`.
fn secret_reference(mut fields: Fields<'_>, report: &mut Report) -> Option<MaterialName> {
    let field = fields.required_any("secretRef", &["secretName"], report);
    fields.unused(&["secretNamespace"], report);
    fields.finish(report);
    field?.parsed(report, MaterialName::EXPECTED, MaterialName::parse)
}

/// `certManagerCertificateSpec`: checked as a whole, used for the name of its secret.
fn certificate_secret(
    field: Field<'_>,
    setting: String,
    report: &mut Report,
) -> Option<MaterialName> {
    let mut fields = field.fields(report)?;
    let (place, path) = (fields.place.clone(), fields.path.clone());
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
    let secret = fields.take("secretName");
    fields.finish(report);
    let Some(secret) = secret else {
        let message = "nothing makes certificates outside Kubernetes: name the secret to read \
                       (secretName), or use mode Manual";
        report.error(&place, &path, message);
        return None;
    };
    let message = "nothing renews this certificate outside Kubernetes: it is read from the \
                   secret as it is";
    report.note(&place, &path, message);
    secret
        .named(setting)
        .parsed(report, MaterialName::EXPECTED, MaterialName::parse)
}
