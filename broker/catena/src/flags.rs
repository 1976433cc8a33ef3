//! Flags and environment variables that say over documents what holds.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::anyhow;
use catena_resources::{Overridden, Override, OverrideSource, Overrides};
use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::exit::UsageError;

/// Where the configuration comes from. Flags win over the environment, both over documents.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Flags {
    /// A file of resource documents, or a folder of them
    #[arg(long, short, value_name = "FILE_OR_DIR", env = "CATENA_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Listen for plain MQTT here instead: IP:PORT, or PORT on 127.0.0.1; may be repeated
    #[arg(
        long,
        value_name = "ADDR",
        value_delimiter = ',',
        env = "CATENA_LISTEN"
    )]
    listen: Vec<String>,
    /// Where clients may connect without a password: refused, loopback or allowed
    #[arg(long, value_name = "WHERE", env = "CATENA_ANONYMOUS")]
    anonymous: Option<String>,
    /// Passwords for every port that names no authentication; see `catena passwd`
    #[arg(long, value_name = "FILE", env = "CATENA_PASSWORD_FILE")]
    password_file: Option<String>,
    /// Serve metrics and health here: IP:PORT, or off
    #[arg(long, value_name = "ADDR", env = "CATENA_ADMIN")]
    admin: Option<String>,
    /// What is logged: off, error, warn, info, debug, trace, or a list with target=level
    #[arg(long, value_name = "FILTER", env = "CATENA_LOG")]
    log: Option<String>,
    /// How lines of the log look: text or json
    #[arg(long, value_name = "FORMAT", env = "CATENA_LOG_FORMAT")]
    log_format: Option<String>,
    /// Worker threads; without it, one per core
    #[arg(long, value_name = "N", env = "CATENA_WORKERS")]
    workers: Option<String>,
    /// Partitions, 1 to 256
    #[arg(long, value_name = "N", env = "CATENA_PARTITIONS")]
    partitions: Option<String>,
    /// Memory for messages: Tiny, Low, Medium or High
    #[arg(long, value_name = "PROFILE", env = "CATENA_MEMORY_PROFILE")]
    memory_profile: Option<String>,
    /// Any other field of the Broker, such as spec.catena.limits.connections=500
    #[arg(
        long,
        value_name = "PATH=VALUE",
        value_delimiter = ';',
        env = "CATENA_SET"
    )]
    set: Vec<String>,
}

impl Flags {
    /// What flags and environment say, with which of them says it. An empty value says nothing.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for an address or a setting that is none.
    pub(crate) fn overrides(&self, matches: &ArgMatches) -> anyhow::Result<Overrides> {
        let fields = [
            ("anonymous", &self.anonymous, "spec.catena.anonymous"),
            ("admin", &self.admin, "spec.catena.adminAddress"),
            ("log", &self.log, "spec.diagnostics.logs.level"),
            ("log_format", &self.log_format, "spec.catena.logFormat"),
            ("workers", &self.workers, "spec.catena.workers"),
            ("partitions", &self.partitions, "spec.catena.partitions"),
            ("memory_profile", &self.memory_profile, "spec.memoryProfile"),
        ];
        let mut broker: Vec<Override> = Vec::new();
        for (id, value, path) in fields {
            broker.extend(said(value.as_deref()).map(|value| Override {
                path: path.to_owned(),
                value: value.to_owned(),
                source: source(matches, id),
            }));
        }
        // The last of several for one field counts, as for all flags.
        for setting in self.set.iter().rev().filter_map(|text| said(Some(text))) {
            broker.push(set(setting, source(matches, "set"))?);
        }
        // The first of several counts: flags stand before the environment.
        broker.sort_by_key(|one| matches!(one.source, OverrideSource::Environment(_)));
        let addresses = self.listen.iter().filter_map(|text| said(Some(text)));
        let addresses = addresses.map(|text| address(text, &source(matches, "listen")));
        let addresses = addresses.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Overrides {
            broker,
            listen: (!addresses.is_empty()).then(|| Overridden {
                value: addresses,
                source: source(matches, "listen"),
            }),
            password_file: said(self.password_file.as_deref()).map(|file| Overridden {
                value: file.to_owned(),
                source: source(matches, "password_file"),
            }),
        })
    }
}

/// Compose files and units give variables that are set, but empty, where nothing is meant.
fn said(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

/// The flag, or the variable if that gave the value.
fn source(matches: &ArgMatches, id: &str) -> OverrideSource {
    if matches.value_source(id) == Some(ValueSource::EnvVariable) {
        return OverrideSource::Environment(format!("CATENA_{}", id.to_uppercase()));
    }
    OverrideSource::Flag(format!("--{}", id.replace('_', "-")))
}

fn set(text: &str, source: OverrideSource) -> anyhow::Result<Override> {
    let setting = text.split_once('=').map(|(path, value)| {
        let path = path.trim();
        let path = path.strip_prefix("Broker.").unwrap_or(path);
        (path.to_owned(), value.trim().to_owned())
    });
    match setting {
        Some((path, value)) if path.starts_with("spec.") => Ok(Override {
            path,
            value,
            source,
        }),
        _ => {
            let source = name(&source);
            let expected = "a field of the Broker such as spec.catena.limits.connections=500";
            Err(anyhow!(UsageError(format!(
                "{source}: found {text:?}, expected {expected}"
            ))))
        }
    }
}

/// An address with port, or a port of the loopback address.
fn address(text: &str, source: &OverrideSource) -> anyhow::Result<SocketAddr> {
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    let port = port.parse().ok();
    let loopback = port.map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    loopback.or_else(|| text.parse().ok()).ok_or_else(|| {
        let source = name(source);
        let expected = "an IP address with a port, such as 127.0.0.1:1883 or [::1]:1883, or a port";
        anyhow!(UsageError(format!(
            "{source}: found {text:?}, expected {expected}"
        )))
    })
}

fn name(source: &OverrideSource) -> &str {
    match source {
        OverrideSource::Flag(name) | OverrideSource::Environment(name) => name,
    }
}
