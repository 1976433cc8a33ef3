//! The `BrokerAuthentication` resource: how clients prove who they are.
//!
//! So far one method is supported: user name and password, from a file. It is not part of the
//! current published fields; it is written
//!
//! ```yaml
//! authenticationMethods:
//!   - method: UsernamePassword
//!     usernamePasswordSettings:
//!       secretRef: passwords        # the only file of the folder secrets/passwords, or
//!       file: passwords.txt         # a file, from the document's folder on
//! ```
//!
//! or, as in the seed era, `usernamePassword: { secretName: passwords }`. A method that is not
//! supported is an error: a chain without one of its links lets in whom it is to keep out, or
//! the other way round.

use std::path::PathBuf;
use std::sync::Arc;

use crate::choice::choice;
use crate::diagnose::Place;
use crate::envelope::{Document, Era};
use crate::fields::{Field, Fields, Report};
use crate::limits;
use crate::names::{Material, MaterialKey, MaterialKind, MaterialName, ResourceName};

/// One `BrokerAuthentication`: methods, tried in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// The resource's name.
    pub name: ResourceName,
    /// The methods in their order, at least one. The first to which a client's credentials are
    /// relevant decides.
    pub methods: Vec<Method>,
    /// Where it stands.
    pub place: Place,
    /// Seed-era listeners that it is for.
    pub(crate) listeners: Vec<(ResourceName, Place)>,
    /// Path of its settings.
    pub(crate) setting: String,
}

/// One way to prove who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// User name and password in CONNECT; relevant to whoever sends a user name.
    UsernamePassword(PasswordSource),
}

/// Where the passwords are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// In a secret.
    Secret(Material),
    /// In a file.
    File {
        /// The file; if not absolute, from the folder of `named_in` on.
        path: PathBuf,
        /// The source that names the file; `None` if a flag does: a relative path then starts
        /// at the working directory.
        named_in: Option<Arc<str>>,
    },
}

choice! {
    /// The published methods, and ours.
    MethodName {
        /// User name and password.
        UsernamePassword = "UsernamePassword",
        /// Client certificates.
        X509 = "X509",
        /// Kubernetes service account tokens.
        ServiceAccountToken = "ServiceAccountToken",
        /// A web service decides.
        Custom = "Custom",
    }
}

/// Reads the document; `None` if it has no usable method, which is then reported.
pub(crate) fn read(document: Document<'_>, report: &mut Report) -> Option<Authentication> {
    let Some(mut spec) = document.spec else {
        report.error(&document.place, "", "missing field \"spec\"");
        return None;
    };
    let setting = spec.setting.clone();
    let mut listeners = Vec::new();
    if document.era == Era::Seed
        && let Some(field) = spec.take("listenerRef")
    {
        for item in field.items(report) {
            let name = item.parsed(report, ResourceName::EXPECTED, ResourceName::parse);
            listeners.extend(name.map(|name| (name, item.place().clone())));
        }
    }
    let field = spec.required("authenticationMethods", report);
    spec.finish(report);
    let field = field?;
    let items = field.items(report);
    if items.is_empty() || items.len() > limits::METHODS_MAX {
        let message = format!("needs 1 to {} methods", limits::METHODS_MAX);
        report.error(field.place(), &field.path, message);
    }
    let mut methods = Vec::new();
    for item in items.into_iter().take(limits::METHODS_MAX) {
        let Some(fields) = item.fields(report) else {
            continue;
        };
        methods.extend(match document.era {
            Era::Current => method(fields, report),
            Era::Seed => seed_method(fields, report),
        });
    }
    Some(Authentication {
        name: document.name,
        methods,
        place: document.place,
        listeners,
        setting,
    })
}

fn method(mut fields: Fields<'_>, report: &mut Report) -> Option<Method> {
    let name = fields.required("method", report);
    let settings = fields.take("usernamePasswordSettings");
    let others = [
        "x509Settings",
        "serviceAccountTokenSettings",
        "customSettings",
    ];
    fields.skip(&others);
    let (place, path) = (fields.place.clone(), fields.path.clone());
    fields.finish(report);
    let field = name?;
    match field.choice::<MethodName>(report)? {
        MethodName::UsernamePassword => {
            let Some(settings) = settings else {
                report.error(&place, &path, "missing field \"usernamePasswordSettings\"");
                return None;
            };
            passwords(settings.fields(report)?, report)
        }
        MethodName::X509 | MethodName::ServiceAccountToken | MethodName::Custom => {
            unsupported(&field, report);
            None
        }
    }
}

/// `usernamePasswordSettings`.
fn passwords(mut fields: Fields<'_>, report: &mut Report) -> Option<Method> {
    let secret = fields.take("secretRef");
    let file = fields.take("file");
    let (place, path) = (fields.place.clone(), fields.path.clone());
    fields.finish(report);
    let source = match (secret, file) {
        (Some(secret), None) => secret_source(&secret, report),
        (None, Some(file)) => {
            let named_in = Some(Arc::clone(&file.place().name));
            let parse =
                |path: &str| (!path.is_empty() && !path.contains('\0')).then(|| path.into());
            let path = file.parsed(report, "the path of a file", parse);
            path.map(|path| PasswordSource::File { path, named_in })
        }
        (Some(_), Some(_)) | (None, None) => {
            report.error(&place, &path, "needs either \"secretRef\" or \"file\"");
            None
        }
    };
    source.map(Method::UsernamePassword)
}

fn secret_source(field: &Field<'_>, report: &mut Report) -> Option<PasswordSource> {
    let name = field.parsed(report, MaterialName::EXPECTED, MaterialName::parse)?;
    let kind = MaterialKind::Secret;
    Some(PasswordSource::Secret(Material {
        kind,
        name,
        key: MaterialKey::Only,
    }))
}

/// A method of the seed era: its name is the name of the field that is there.
fn seed_method(mut fields: Fields<'_>, report: &mut Report) -> Option<Method> {
    let passwords = fields.take("usernamePassword");
    let mut found = usize::from(passwords.is_some());
    for name in ["sat", "x509", "custom", "svid"] {
        if let Some(field) = fields.take(name) {
            found += 1;
            unsupported(&field, report);
        }
    }
    if found != 1 {
        report.error(
            &fields.place,
            &fields.path,
            "needs exactly one method, such as usernamePassword",
        );
    }
    fields.finish(report);
    let mut fields = passwords?.fields(report)?;
    if let Some(field) = fields.take("keyVault") {
        report.error(
            field.place(),
            &field.path,
            "key vaults are not supported; use secretName",
        );
    }
    let secret = fields.required("secretName", report);
    fields.finish(report);
    secret_source(&secret?, report).map(Method::UsernamePassword)
}

fn unsupported(field: &Field<'_>, report: &mut Report) {
    let message = "this method is not supported by this version, which knows UsernamePassword only";
    report.error(field.place(), &field.path, message);
}
