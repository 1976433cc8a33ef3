//! Reads secrets, config maps and password files: folders and files beside the documents.

use std::path::{Path, PathBuf};

use catena_resources::{Diagnostic, Material, MaterialKey, MaterialKind, PasswordSource, Severity};

use super::read::{plain, read};
use super::{File, problem};

/// The folder that holds documents and the folders `secrets` and `configmaps`.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The working directory.
    pub(crate) fn here() -> Self {
        Self::new(PathBuf::from("."))
    }

    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// A path that documents name: if not absolute, from the folder on.
    pub(super) fn path_of(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// One secret or config map. `wanted_by` says in the diagnostic who needs it.
    pub(super) fn material(
        &self,
        material: &Material,
        wanted_by: &str,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<File, Box<Diagnostic>> {
        let folder = self.path.join(material.kind.folder());
        let folder = folder.join(material.name.as_str());
        let path = match material.key {
            MaterialKey::Named(key) => folder.join(key),
            MaterialKey::Only => only_file(&folder)
                .map_err(|message| problem(&folder, format!("{message} ({wanted_by})")))?,
        };
        self.file(path, material.kind, wanted_by, notes)
    }

    /// A password file.
    pub(super) fn passwords(
        &self,
        source: &PasswordSource,
        wanted_by: &str,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<File, Box<Diagnostic>> {
        match source {
            PasswordSource::Secret(material) => self.material(material, wanted_by, notes),
            PasswordSource::File { path, named_in } => {
                let (path, wanted_by) = match named_in {
                    Some(_) => (self.path_of(path), wanted_by),
                    None => (path.clone(), "named by --password-file"),
                };
                self.file(path, MaterialKind::Secret, wanted_by, notes)
            }
        }
    }

    fn file(
        &self,
        path: PathBuf,
        kind: MaterialKind,
        wanted_by: &str,
        notes: &mut Vec<Diagnostic>,
    ) -> Result<File, Box<Diagnostic>> {
        let (bytes, everybody) = read(&path, BYTES_MAX)
            .map_err(|message| problem(&path, format!("{message} ({wanted_by})")))?;
        if everybody && kind == MaterialKind::Secret && !is_certificate(&path) {
            let message = "can be read by every user of this host; chmod 600 keeps it secret";
            notes.push(Diagnostic {
                severity: Severity::Note,
                ..*problem(&path, message)
            });
        }
        Ok(File { path, bytes })
    }
}

/// A certificate chain is shown to whoever connects.
fn is_certificate(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "crt")
}

/// The only file of a folder. Names that start with a dot are how Kubernetes keeps its own.
fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| format!("cannot be read: {}", plain(&error)))?;
    let shown = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b".");
    let mut files = entries.iter().filter(|entry| shown(&entry.file_name()));
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file.path()),
        (None, _) => Err("holds no file".to_owned()),
        (Some(_), Some(_)) => Err("holds several files, expected one".to_owned()),
    }
}

/// Room for a password file of some hundred thousand users.
pub(super) const BYTES_MAX: u64 = 64 << 20;
