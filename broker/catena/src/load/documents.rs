//! Finds the resource documents: one file, or those of a folder.

use std::path::{Path, PathBuf};

use catena_resources::{Diagnostic, Source};

use super::problem;
use super::read::{plain, read};

/// Texts, and the folder from which on they name files.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) sources: Vec<Source>,
    pub(super) folder: PathBuf,
}

impl Documents {
    /// Reads a file, or the files of a folder whose names end in `.yaml`, `.yml` or `.json`, in
    /// the order of their names. Folders in it and hidden files are left out. No path, no
    /// documents.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Box<Diagnostic>> {
        let Some(path) = path else {
            let (sources, folder) = (Vec::new(), PathBuf::from("."));
            return Ok(Self { sources, folder });
        };
        if path.is_dir() {
            return Self::read_folder(path);
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        Ok(Self {
            sources: vec![source(path)?],
            folder: parent.unwrap_or(Path::new(".")).to_owned(),
        })
    }

    fn read_folder(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries =
            entries.map_err(|error| problem(path, format!("cannot be read: {}", plain(&error))))?;
        let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        files.retain(|file| is_document(file) && !file.is_dir());
        files.sort();
        if files.is_empty() {
            let message = "holds no documents: no file's name ends in .yaml, .yml or .json";
            return Err(problem(path, message));
        }
        let sources = files.iter().map(|file| source(file));
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            folder: path.to_owned(),
        })
    }
}

fn is_document(file: &Path) -> bool {
    let hidden = file
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = file.extension().and_then(|extension| extension.to_str());
    !hidden && extension.is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension))
}

fn source(path: &Path) -> Result<Source, Box<Diagnostic>> {
    let (bytes, _) = read(path, BYTES_MAX).map_err(|message| problem(path, message))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| problem(path, "is no text: it has bytes that are not UTF-8"))?;
    let name = path.display().to_string();
    Ok(Source { name, text })
}

/// More than what a source may have, which its parser then says.
const BYTES_MAX: u64 = 2 << 20;
