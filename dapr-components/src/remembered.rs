//! What Init said, kept in files for the process that comes after this one.
//!
//! A sidecar that finds its component restarted calls it again and does not repeat Init. The files
//! may hold secrets: they are readable by their owner only, and not written unless asked for.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::instances::{Flavour, InstanceName};

/// The files of one kind of component.
#[derive(Debug)]
pub(crate) struct Remembered {
    folder: PathBuf,
    kind: &'static str,
}

impl Remembered {
    pub(crate) fn new(folder: PathBuf, kind: &'static str) -> Self {
        Self { folder, kind }
    }

    /// Writes a file. If that fails, the instance works all the same.
    pub(crate) fn keep(
        &self,
        name: &InstanceName,
        flavour: Flavour,
        properties: &HashMap<String, String>,
    ) {
        let path = self.path(name);
        if let Err(error) = self.write(&path, flavour, properties) {
            tracing::warn!(%error, path = %path.display(), "instance is not remembered");
        }
    }

    /// Reads a file that is there and makes sense.
    pub(crate) fn recall(&self, name: &InstanceName) -> Option<(Flavour, HashMap<String, String>)> {
        let path = self.path(name);
        let bytes = fs::read(&path).ok()?;
        let read = parse(&bytes);
        if read.is_none() {
            tracing::warn!(path = %path.display(), "what was remembered cannot be read");
        }
        read
    }

    fn write(
        &self,
        path: &Path,
        flavour: Flavour,
        properties: &HashMap<String, String>,
    ) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let fresh = path.with_extension("new");
        let properties = properties.iter();
        let properties: Map<_, _> = properties
            .map(|(k, v)| (k.clone(), v.clone().into()))
            .collect();
        let text = serde_json::json!({ "flavour": word(flavour), "properties": properties });
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(text.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(fresh, path)
    }

    /// Names of resources are DNS names, others are written out in hexadecimal.
    fn path(&self, name: &InstanceName) -> PathBuf {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let text: String = { name.as_str().bytes() }
            .map(|byte| match plain(byte) {
                true => char::from(byte).to_string(),
                false => format!("_{byte:02x}"),
            })
            .collect();
        self.folder.join(format!("{}-{text}.json", self.kind))
    }
}

fn parse(bytes: &[u8]) -> Option<(Flavour, HashMap<String, String>)> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let flavour = match value.get("flavour")?.as_str()? {
        "catena" => Flavour::Catena,
        "azure-1" => Flavour::AzureFirst,
        "azure-2" => Flavour::AzureSecond,
        _ => return None,
    };
    let properties = value.get("properties")?.as_object()?.iter();
    let properties = properties.map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some((flavour, properties.collect::<Option<_>>()?))
}

fn word(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Catena => "catena",
        Flavour::AzureFirst => "azure-1",
        Flavour::AzureSecond => "azure-2",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_only_the_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let remembered = Remembered::new(folder.path().join("kept"), "pubsub");
        let name = InstanceName::new("orders/../x");
        assert_eq!(remembered.recall(&name), None);
        let properties = HashMap::from([("password".to_owned(), "s3cret".to_owned())]);
        remembered.keep(&name, Flavour::AzureFirst, &properties);
        let kept = (Flavour::AzureFirst, properties);
        assert_eq!(remembered.recall(&name), Some(kept));
        let path = remembered.path(&name);
        assert_eq!(path.parent(), Some(&*folder.path().join("kept")));
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
