//! What Init said, kept in files for the process that comes after this one.
//!
//! A sidecar that finds its component restarted calls it again and does not repeat Init. The files
//! may hold secrets: they are readable by their owner only, and not written unless asked for.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde_json::{Map, Value};

use crate::instances::{Flavour, InstanceName, Whose};
use crate::peer::lives;

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
        (name, maker): (&InstanceName, Option<Pid>),
        flavour: Flavour,
        properties: &HashMap<String, String>,
    ) {
        self.forget_ended(name);
        let path = self.path(name, consumer(properties), maker);
        let fresh = self.path(name, consumer(properties), None);
        let fresh = fresh.with_extension("new");
        if let Err(error) = self.write((&fresh, &path), flavour, properties) {
            tracing::warn!(
                %error,
                path = %path.display(),
                "instance is not remembered, so that its sidecar has to be restarted when this \
                 process is: make room in the folder of --remember, or let it be written to"
            );
        }
    }

    /// Reads the file of a name, if it makes sense. Of several, for applications that have a
    /// resource of the same name, nobody can tell which one is meant.
    pub(crate) fn recall(
        &self,
        name: &InstanceName,
        whose: Whose,
        caller: Option<Pid>,
    ) -> Option<(Flavour, HashMap<String, String>)> {
        let all = self.paths(name);
        let is_own = |path: &&PathBuf| match whose {
            Whose::Own => caller.is_some() && maker(path) == caller,
            Whose::Anybodys => true,
        };
        let path = match &*all.iter().filter(is_own).collect::<Vec<_>>() {
            [path] => *path,
            [] => return None,
            _ => {
                tracing::warn!(component = %name, "several applications have this component");
                return None;
            }
        };
        let bytes = fs::read(path).ok()?;
        let read = parse(&bytes);
        if read.is_none() {
            tracing::warn!(path = %path.display(), "what was remembered cannot be read");
        }
        read
    }

    /// Removes the files of processes that have ended: they never call again.
    fn forget_ended(&self, name: &InstanceName) {
        for path in self.paths(name) {
            if maker(&path).is_some_and(|maker| !lives(maker)) {
                // Who comes after this process may try again.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// The files of a name.
    fn paths(&self, name: &InstanceName) -> Vec<PathBuf> {
        let prefix = self.prefix(name);
        let is_of_name = |path: &PathBuf| {
            let file = path.file_name().and_then(|file| file.to_str());
            file.is_some_and(|file| file.starts_with(&prefix) && file.ends_with(".json"))
        };
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.path())
            .filter(is_of_name)
            .collect()
    }

    fn write(
        &self,
        (fresh, path): (&Path, &Path),
        flavour: Flavour,
        properties: &HashMap<String, String>,
    ) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let written = Self::write_to(fresh, flavour, properties);
        if written.is_err() {
            // Half of it is of no use, and takes room.
            let _ = fs::remove_file(fresh);
        }
        written?;
        fs::rename(fresh, path)
    }

    fn write_to(
        path: &Path,
        flavour: Flavour,
        properties: &HashMap<String, String>,
    ) -> io::Result<()> {
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
            .open(path)?;
        file.write_all(text.to_string().as_bytes())?;
        file.sync_all()
    }

    fn path(&self, name: &InstanceName, consumer: &str, maker: Option<Pid>) -> PathBuf {
        let (prefix, consumer) = (self.prefix(name), plain(consumer));
        let maker = maker.map_or(String::new(), |it| format!("+{}", it.as_raw_nonzero()));
        self.folder.join(format!("{prefix}{consumer}{maker}.json"))
    }

    fn prefix(&self, name: &InstanceName) -> String {
        format!("{}-{}@", self.kind, plain(name.as_str()))
    }
}

/// Whose instance it is: `consumerID`, which a sidecar always sends.
fn consumer(properties: &HashMap<String, String>) -> &str {
    let mut all = properties.iter();
    let found = all.find(|(name, _)| name.eq_ignore_ascii_case("consumerID"));
    found.map_or("", |(_, value)| value)
}

/// The process whose Init a file holds, if it was known.
fn maker(path: &Path) -> Option<Pid> {
    let (_, number) = path.file_stem()?.to_str()?.rsplit_once('+')?;
    Pid::from_raw(number.parse().ok()?)
}

/// Names of resources are DNS names; what else there may be is written out in hexadecimal.
fn plain(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    { text.bytes() }
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("_{byte:02x}"),
        })
        .collect()
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

    fn properties(consumer: &str) -> HashMap<String, String> {
        let pairs = [("password", "s3cret"), ("ConsumerID", consumer)];
        HashMap::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn what_is_kept_comes_back_and_only_the_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let remembered = Remembered::new(folder.path().join("kept"), "pubsub");
        let name = InstanceName::new("orders/../x");
        assert_eq!(remembered.recall(&name, Whose::Anybodys, None), None);
        remembered.keep((&name, None), Flavour::AzureFirst, &properties("a"));
        let kept = (Flavour::AzureFirst, properties("a"));
        assert_eq!(remembered.recall(&name, Whose::Anybodys, None), Some(kept));
        let path = remembered.path(&name, "a", None);
        assert_eq!(path.parent(), Some(&*folder.path().join("kept")));
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Another application with a resource of this name.
        remembered.keep((&name, None), Flavour::AzureFirst, &properties("b"));
        assert_eq!(remembered.recall(&name, Whose::Anybodys, None), None);
    }

    #[test]
    fn applications_that_share_a_name_are_told_apart_by_their_processes() {
        let folder = tempfile::tempdir().unwrap();
        let remembered = Remembered::new(folder.path().to_owned(), "state");
        let name = InstanceName::new("st");
        let own = Some(rustix::process::getpid());
        let parent = rustix::process::getppid();
        let ended = Pid::from_raw(i32::MAX);
        for (maker, user) in [(ended, "ended"), (own, "own"), (parent, "parent")] {
            let properties = HashMap::from([("username".to_owned(), user.to_owned())]);
            remembered.keep((&name, maker), Flavour::Catena, &properties);
        }
        let user = |whose, caller| {
            let (_, properties) = remembered.recall(&name, whose, caller)?;
            properties.get("username").cloned()
        };
        assert_eq!(user(Whose::Own, own).as_deref(), Some("own"));
        assert_eq!(user(Whose::Own, parent).as_deref(), Some("parent"));
        assert_eq!(user(Whose::Own, None), None);
        assert_eq!(user(Whose::Anybodys, own), None, "it may be either");
        assert_eq!(remembered.paths(&name).len(), 2, "one has ended");
    }
}
