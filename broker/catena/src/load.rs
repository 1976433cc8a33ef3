//! Reads documents and what they name from disk. Must never change anything.

mod documents;
mod materials;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use catena_frontend::{PasswordFile, TlsError, TlsFiles};
use catena_resources::{
    Authentication, Configuration, Diagnostic, Endpoint, Listener, Method, Place, PlaceKind,
    ResourceName, Severity, Tls, parse_with,
};
use clap::ArgMatches;

use crate::flags;
use documents::Documents;
pub(crate) use materials::Folder;

/// A configuration with everything that it names, read and checked.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) configuration: Configuration,
    /// Certificate and key of each listener that has them, by the name of their secret.
    certificates: BTreeMap<String, TlsFiles>,
    /// The users of each authentication.
    users: BTreeMap<ResourceName, Arc<PasswordFile>>,
    /// What is worth knowing and no error.
    pub(crate) notes: Vec<Diagnostic>,
}

impl Loaded {
    /// Certificate and key of a listener.
    pub(crate) fn tls_of(&self, listener: &Listener) -> Option<&TlsFiles> {
        let Tls::Manual { secret } = listener.tls.as_ref()?;
        self.certificates.get(secret.as_str())
    }

    /// The users of this authentication. For one that there is not, nobody is let in: the
    /// configuration rules that out, and an open door would be the worst answer.
    pub(crate) fn users_of(&self, name: &ResourceName) -> Arc<PasswordFile> {
        self.users.get(name).map(Arc::clone).unwrap_or_default()
    }
}

/// Why a configuration cannot be had.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A flag that makes no sense by itself.
    Usage(anyhow::Error),
    /// Everything that is wrong with documents and what they name; notes are among it.
    Diagnostics(Vec<Diagnostic>),
}

impl Refused {
    /// One line for each thing that is wrong.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Usage(error) => vec![format!("{error:#}")],
            Self::Diagnostics(diagnostics) => diagnostics.iter().map(Diagnostic::render).collect(),
        }
    }
}

/// The configuration alone, without reading what it names.
///
/// # Errors
///
/// [`Refused`] with all that is wrong.
pub(crate) fn configuration(
    arguments: &flags::Flags,
    matches: &ArgMatches,
) -> Result<Configuration, Refused> {
    parsed(arguments, matches).map(|(configuration, _)| configuration)
}

/// The configuration with what it names.
///
/// # Errors
///
/// [`Refused`] with all that is wrong: a configuration that can be used in part is not used.
pub(crate) fn load(arguments: &flags::Flags, matches: &ArgMatches) -> Result<Loaded, Refused> {
    let (configuration, folder) = parsed(arguments, matches)?;
    complete(configuration, &folder).map_err(Refused::Diagnostics)
}

fn parsed(
    arguments: &flags::Flags,
    matches: &ArgMatches,
) -> Result<(Configuration, Folder), Refused> {
    let overrides = arguments.overrides(matches).map_err(Refused::Usage)?;
    let config = arguments.config.as_deref();
    // As for other variables, an empty one says nothing.
    let config = config.filter(|path| !path.as_os_str().is_empty());
    let documents = Documents::read(config).map_err(|one| Refused::Diagnostics(vec![*one]))?;
    let Documents { sources, folder } = documents;
    let configuration = parse_with(&sources, &overrides).map_err(Refused::Diagnostics)?;
    Ok((configuration, Folder::new(folder)))
}

/// Reads what a configuration names.
///
/// # Errors
///
/// Everything that is wrong.
pub(crate) fn complete(
    mut configuration: Configuration,
    folder: &Folder,
) -> Result<Loaded, Vec<Diagnostic>> {
    for listener in &mut configuration.listeners {
        if let Endpoint::Unix(path) = &mut listener.endpoint {
            *path = folder.path_of(path);
        }
    }
    let mut loaded = Loaded::default();
    let mut problems = Vec::new();
    for listener in &configuration.listeners {
        if let Some(tls) = &listener.tls {
            match certificate(listener, tls, folder, &mut loaded.notes) {
                Ok(files) => {
                    let Tls::Manual { secret } = tls;
                    loaded.certificates.insert(secret.to_string(), files);
                }
                Err(found) => problems.extend(found),
            }
        }
    }
    for authentication in &configuration.authentications {
        match passwords(authentication, folder, &mut loaded.notes) {
            Ok(users) => {
                let name = authentication.name.clone();
                loaded.users.insert(name, Arc::new(users));
            }
            Err(found) => problems.extend(found),
        }
    }
    problems.dedup();
    if !problems.is_empty() {
        return Err(problems);
    }
    loaded.notes.splice(0..0, configuration.notes.clone());
    loaded.notes.dedup();
    loaded.configuration = configuration;
    Ok(loaded)
}

fn certificate(
    listener: &Listener,
    tls: &Tls,
    folder: &Folder,
    notes: &mut Vec<Diagnostic>,
) -> Result<TlsFiles, Vec<Diagnostic>> {
    let wanted_by = format!("named by BrokerListener {}", listener.name);
    let chain = folder.material(&tls.certificate_chain(), &wanted_by, notes);
    let key = folder.material(&tls.private_key(), &wanted_by, notes);
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => {
            let problems = chain.err().into_iter().chain(key.err());
            return Err(problems.map(|one| *one).collect());
        }
    };
    let files = TlsFiles {
        certificates: chain.path,
        key: key.path,
        client_authorities: None,
        require_client_certificate: false,
    };
    match files.load() {
        Ok(_) => Ok(files),
        Err(error) => Err(vec![*tls_problem(&files, &error)]),
    }
}

fn tls_problem(files: &TlsFiles, error: &TlsError) -> Box<Diagnostic> {
    match error {
        TlsError::File { path, source } if *path == files.key => {
            let message = format!("holds no private key in PEM, or an encrypted one: {source}");
            problem(path, message)
        }
        TlsError::File { path, source } => {
            problem(path, format!("holds no certificate chain in PEM: {source}"))
        }
        TlsError::NoCertificate(path) => problem(path, "holds no certificate"),
        TlsError::Unusable(source) => {
            let message = format!("certificate and private key cannot be used: {source}");
            problem(&files.key, message)
        }
        TlsError::Authorities(source) => problem(&files.certificates, source.to_string()),
    }
}

/// Reads every method's password file. The first decides about whoever sends a user name: later
/// ones are never relevant.
fn passwords(
    authentication: &Authentication,
    folder: &Folder,
    notes: &mut Vec<Diagnostic>,
) -> Result<PasswordFile, Vec<Diagnostic>> {
    let wanted_by = format!("named by BrokerAuthentication {}", authentication.name);
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for method in &authentication.methods {
        let Method::UsernamePassword(source) = method;
        let file = match folder.passwords(source, &wanted_by, notes) {
            Ok(file) => file,
            Err(one) => {
                problems.push(*one);
                continue;
            }
        };
        match PasswordFile::parse(&file.bytes) {
            Ok(users) => files.push(users),
            Err(errors) => problems.extend(errors.iter().map(|error| Diagnostic {
                place: Place {
                    line: error.line,
                    column: 1,
                    ..place(&file.path)
                },
                ..*problem(&file.path, error.problem.to_string())
            })),
        }
    }
    if problems.is_empty() {
        Ok(files.into_iter().next().unwrap_or_default())
    } else {
        Err(problems)
    }
}

/// A diagnostic about a whole file.
fn problem(path: &std::path::Path, message: impl Into<String>) -> Box<Diagnostic> {
    Box::new(Diagnostic {
        severity: Severity::Error,
        place: place(path),
        field: String::new(),
        message: message.into(),
        found: None,
        expected: None,
        nearest: None,
    })
}

fn place(path: &std::path::Path) -> Place {
    Place {
        name: Arc::from(path.display().to_string()),
        line: 0,
        column: 0,
        kind: PlaceKind::Document,
    }
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// The content of a file that need not be there.
///
/// # Errors
///
/// What hinders reading it, in words that go behind the file's name.
pub(crate) fn optional_file(path: &std::path::Path) -> Result<Option<Vec<u8>>, String> {
    match path.try_exists() {
        Ok(false) => Ok(None),
        _ => read::read(path, materials::BYTES_MAX).map(|(bytes, _)| Some(bytes)),
    }
}
