//! The brokers: which there are, how they are configured and started.

use std::env;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::child::Child;
use crate::clock;

/// How long a broker may take to start.
const START_MAX: Duration = Duration::from_secs(20);
/// How long to leave it alone once it listens, so that its start is not measured.
const SETTLE: Duration = Duration::from_millis(300);

/// The name of the broker that others are compared with.
pub const OURS: &str = "catena";

/// A program that knows one form of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This project's.
    Catena,
    /// Eclipse Mosquitto.
    Mosquitto,
    /// FlashMQ.
    FlashMq,
    /// Redis, a store.
    Redis,
    /// etcd, a store.
    Etcd,
}

impl Kind {
    /// All, with the name that their programs have.
    pub const ALL: [(&'static str, Self); 5] = [
        (OURS, Self::Catena),
        ("mosquitto", Self::Mosquitto),
        ("flashmq", Self::FlashMq),
        ("redis-server", Self::Redis),
        ("etcd", Self::Etcd),
    ];

    /// Whether it is a store and no broker.
    #[must_use]
    pub const fn is_store(self) -> bool {
        matches!(self, Self::Redis | Self::Etcd)
    }

    /// The kind whose name this one begins with.
    fn of(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.iter().find(|(word, _)| name.starts_with(word));
        found.map(|(_, kind)| *kind).with_context(|| {
            format!(
                "{name:?}: the name of a broker begins with catena, mosquitto or flashmq, that of \
                 a store with redis-server or etcd, which says how it is configured"
            )
        })
    }

    const fn template(self) -> &'static str {
        match self {
            Self::Catena => include_str!("../peers/catena.yaml"),
            Self::Mosquitto => include_str!("../peers/mosquitto.conf"),
            Self::FlashMq => include_str!("../peers/flashmq.conf"),
            Self::Redis => include_str!("../peers/redis.conf"),
            Self::Etcd => include_str!("../peers/etcd.yaml"),
        }
    }

    /// The ending of the configuration's name.
    const fn ending(self) -> &'static str {
        match self {
            Self::Catena | Self::Etcd => ".yaml",
            Self::Mosquitto | Self::FlashMq | Self::Redis => ".conf",
        }
    }

    fn words(self, configuration: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Catena => &["run", "--config", configuration],
            Self::Mosquitto => &["-c", configuration],
            Self::FlashMq | Self::Etcd => &["--config-file", configuration],
            Self::Redis => &[configuration],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// The argument that has it print its version, among other things.
    const fn version_word(self) -> &'static str {
        match self {
            Self::Catena | Self::FlashMq | Self::Redis | Self::Etcd => "--version",
            Self::Mosquitto => "-h",
        }
    }
}

/// A broker that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its name in the report.
    pub name: String,
    /// How it is configured.
    pub kind: Kind,
    /// The program.
    pub path: PathBuf,
}

/// What of the configuration differs from run to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Worker threads, for brokers that have a choice.
    pub workers: usize,
    /// Files that it may open.
    pub files: u64,
    /// The processor to run on; none for any.
    pub processor: Option<usize>,
}

/// A broker that runs, until this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The process.
    pub child: Child,
    /// The port on the loopback address.
    pub port: u16,
    /// Where it keeps what it keeps on disk.
    _data: tempfile::TempDir,
}

impl Broker {
    /// A broker from `NAME` to be found on the path, or `NAME=PATH`.
    ///
    /// # Errors
    ///
    /// If the name says nothing, or there is no such program.
    pub fn named(text: &str) -> anyhow::Result<Self> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name, Some(PathBuf::from(path))),
            None => (text, None),
        };
        if name == OURS {
            bail!("{OURS}: give its program with --catena; others need a name such as catena-old");
        }
        let kind = Kind::of(name)?;
        let path = match path {
            Some(path) if path.is_file() => path,
            Some(path) => bail!("{name}: there is no file {}", path.display()),
            None => {
                found(name).with_context(|| format!("{name}: not on the path; use {name}=PATH"))?
            }
        };
        Ok(Self {
            name: name.to_owned(),
            kind,
            path,
        })
    }

    /// The brokers, or the stores, of others: those that are on the path, and the names of those
    /// that are not.
    #[must_use]
    pub fn on_path(stores: bool) -> (Vec<Self>, Vec<&'static str>) {
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for (name, kind) in Kind::ALL {
            if kind == Kind::Catena || kind.is_store() != stores {
                continue;
            }
            match found(name) {
                Some(path) => there.push(Self {
                    name: name.to_owned(),
                    kind,
                    path,
                }),
                None => missing.push(name),
            }
        }
        (there, missing)
    }

    /// What it says of its version, in a word or two.
    #[must_use]
    pub fn version(&self) -> String {
        let told = Command::new(&self.path)
            .arg(self.kind.version_word())
            .stdin(Stdio::null())
            .output();
        let text = told.map(|told| told.stdout).unwrap_or_default();
        version_in(&String::from_utf8_lossy(&text))
    }

    /// Starts it on a port that was free a moment ago and waits until it listens.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let port = free_port()?;
        let mut file = tempfile::Builder::new()
            .suffix(self.kind.ending())
            .tempfile()
            .context("cannot make a configuration")?;
        let data = tempfile::tempdir().context("cannot make a folder")?;
        let text = configuration(self.kind, setting, port, data.path());
        file.write_all(text.as_bytes())?;
        let path = file.path().to_string_lossy();
        let mut child = Child::start(&self.path, &self.kind.words(&path), setting.processor)?;
        let listens = clock::look_until(START_MAX, || {
            if child.ended()?.is_some() {
                bail!("{} ended at once: {}", self.name, child.complaint());
            }
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())
        })?;
        if listens.is_none() {
            bail!("{} does not listen: {}", self.name, child.complaint());
        }
        // Nothing but time tells when a broker has started all that it starts.
        if let Some(status) = child.await_end(SETTLE)? {
            bail!("{} ended, {status}: {}", self.name, child.complaint());
        }
        Ok(Running {
            child,
            port,
            _data: data,
        })
    }
}

/// The template with everything filled in.
fn configuration(kind: Kind, setting: &Setting, port: u16, data: &Path) -> String {
    kind.template()
        .replace("@PORT@", &port.to_string())
        .replace("@WORKERS@", &setting.workers.to_string())
        .replace("@FILES@", &setting.files.to_string())
        .replace("@DATA@", &data.to_string_lossy())
}

/// A port of the loopback address that nobody has.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// The first program of that name on the path; daemons stand where not every path leads.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let daemons = ["/usr/local/sbin", "/usr/sbin"].map(PathBuf::from);
    let mut folders = env::split_paths(&path).chain(daemons);
    folders.find_map(|folder| {
        let program = folder.join(name);
        Path::is_file(&program).then_some(program)
    })
}

/// The first word that begins as a number, such as `2.0.11`.
fn version_in(text: &str) -> String {
    let mut words = text
        .split_whitespace()
        .map(|word| word.trim_start_matches(['v', '=']));
    let version = words
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'));
    version.unwrap_or("of unknown version").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_placeholder_is_left() {
        let setting = Setting {
            workers: 3,
            files: 4_567,
            processor: None,
        };
        for (name, kind) in Kind::ALL {
            let text = configuration(kind, &setting, 1_883, Path::new("/data"));
            assert!(!text.contains('@'), "{name}: {text}");
            assert!(text.contains("1883"), "{name}: {text}");
        }
        assert!(
            configuration(Kind::FlashMq, &setting, 1, Path::new("/")).contains("thread_count 3")
        );
    }

    #[test]
    fn names_say_how_a_broker_is_configured() {
        let own = env::current_exe().unwrap();
        for (name, kind) in [
            ("mosquitto-2.1", Kind::Mosquitto),
            ("flashmq", Kind::FlashMq),
            ("catena-before", Kind::Catena),
            ("redis-server-8", Kind::Redis),
            ("etcd", Kind::Etcd),
        ] {
            let broker = Broker::named(&format!("{name}={}", own.display())).unwrap();
            assert_eq!((broker.name.as_str(), broker.kind), (name, kind));
        }
        for wrong in [
            "other=/bin/sh",
            "catena=/bin/sh",
            "mosquitto=/nowhere/at/all",
        ] {
            assert!(Broker::named(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, expected) in [
            ("catena 0.1.0\n", "0.1.0"),
            (
                "mosquitto version 2.0.11\n\nmosquitto is an MQTT v5.0",
                "2.0.11",
            ),
            ("FlashMQ Version 1.26.2 with SSE4.2 support", "1.26.2"),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=x-5.3.0",
                "7.0.15",
            ),
            ("", "of unknown version"),
        ] {
            assert_eq!(version_in(text), expected);
        }
    }
}
