//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Dapr pluggable components for publish/subscribe and state on an MQTT broker.
#[derive(Clone, Debug, Parser)]
#[command(name = "catena-dapr", version, max_term_width = 100)]
pub struct Options {
    /// What to do; `run` unless said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `run`.
    #[command(flatten)]
    pub run: Run,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the components until a signal comes
    Run,
    /// Do what a sidecar does to find components, and print what it finds; the exit status is 1 if
    /// it would wait for ever, fail, or find nothing
    Check,
}

/// How to serve.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Folder for the sockets; by default $DAPR_COMPONENT_SOCKETS_FOLDER,
    /// $DAPR_COMPONENT_SOCKET_FOLDER, $DAPR_COMPONENTS_SOCKETS_FOLDER, or
    /// /tmp/dapr-components-sockets
    #[arg(long, global = true, value_name = "FOLDER")]
    pub sockets_folder: Option<PathBuf>,

    /// Socket to make: a file name, and what it serves (pubsub, state, or both if not said); the
    /// name without its extension is the type of the components. May be repeated; in the variable,
    /// commas stand between them
    #[arg(
        long = "socket",
        env = "CATENA_DAPR_SOCKETS",
        value_name = "NAME[=KIND]",
        value_delimiter = ',',
        default_values = [
            "catena.sock",
            "azure.iotoperations.sock",
            "aio-mq-pubsub-pluggable.sock=pubsub",
            "aio-mq-statestore-pluggable.sock=state",
        ],
        global = true,
    )]
    pub sockets: Vec<SocketName>,

    /// Permissions of the sockets, in octal: who may connect needs to write
    #[arg(
        long,
        env = "CATENA_DAPR_SOCKET_MODE",
        value_name = "MODE",
        default_value = "660",
        global = true
    )]
    pub socket_mode: Mode,

    /// Group of the sockets, by number; by default that of the process
    #[arg(
        long,
        env = "CATENA_DAPR_SOCKET_GROUP",
        value_name = "GID",
        value_parser = group,
        global = true
    )]
    pub socket_group: Option<u32>,

    /// Address for metrics, in the text form of Prometheus, at /metrics
    #[arg(
        long,
        env = "CATENA_DAPR_METRICS",
        value_name = "ADDRESS|off",
        default_value = "off",
        global = true
    )]
    pub metrics: Metrics,

    /// Which events to log: a level (error, warn, info, debug, trace, or a word that .NET or Go
    /// have for one), or a filter as tracing-subscriber has it
    #[arg(long, env = "CATENA_DAPR_LOG", value_name = "FILTER", global = true)]
    pub log: Option<String>,

    /// Form of the log
    #[arg(
        long,
        env = "CATENA_DAPR_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,

    /// Seconds, at a signal to end, for answers that applications still owe and for sidecars to
    /// leave; a second signal ends at once
    #[arg(
        long,
        env = "CATENA_DAPR_DRAIN",
        value_name = "SECONDS",
        default_value = "20",
        global = true
    )]
    pub drain: u64,

    /// Seconds after which an instance that no sidecar is connected to gives its MQTT connection
    /// up; at once if the sidecar's process has ended
    #[arg(
        long,
        env = "CATENA_DAPR_GRACE",
        value_name = "SECONDS",
        default_value = "60",
        global = true
    )]
    pub grace: u64,

    /// Folder for what sidecars said at initialisation, so that a restarted process serves them at
    /// once; may hold secrets, and is not written unless named
    #[arg(
        long,
        env = "CATENA_DAPR_REMEMBER",
        value_name = "FOLDER",
        global = true
    )]
    pub remember: Option<PathBuf>,
}

/// A socket to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketName {
    /// The name of the file.
    pub file: String,
    /// Whether it serves publish/subscribe.
    pub pubsub: bool,
    /// Whether it serves state.
    pub state: bool,
}

/// Permission bits, written in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

/// Where metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics(pub Option<SocketAddr>);

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// An object for each event.
    Json,
}

/// Where the folder is named, in the order in which this counts. The injector of Dapr sets the
/// first in containers of components; the last is what the sidecar reads.
pub const FOLDER_VARIABLES: [&str; 3] = [
    "DAPR_COMPONENT_SOCKETS_FOLDER",
    "DAPR_COMPONENT_SOCKET_FOLDER",
    "DAPR_COMPONENTS_SOCKETS_FOLDER",
];

/// The folder if nobody names one.
pub const FOLDER: &str = "/tmp/dapr-components-sockets";

impl Run {
    /// The folder of the sockets, given what the environment has.
    #[must_use]
    pub fn folder(&self, variable: impl Fn(&str) -> Option<String>) -> PathBuf {
        let mut named = FOLDER_VARIABLES.iter().filter_map(|name| variable(name));
        let named = named.find(|value| !value.is_empty());
        let flag = self.sockets_folder.clone();
        flag.unwrap_or_else(|| named.unwrap_or_else(|| FOLDER.to_owned()).into())
    }

    /// How long an instance stays without a sidecar.
    #[must_use]
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }

    /// How long an end may take.
    #[must_use]
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain)
    }
}

impl FromStr for SocketName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file, kind) = text.split_once('=').unwrap_or((text, ""));
        let (pubsub, state) = match kind {
            "" => (true, true),
            "pubsub" => (true, false),
            "state" => (false, true),
            _ => return Err(format!("`{kind}`: expected pubsub or state after the =")),
        };
        let name = file.rsplit_once('.').map_or("", |(name, _)| name);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.is_empty() || !file.chars().all(is_plain) {
            let why = "expected the name of a file with an extension, such as catena.sock, made of \
                       letters, digits, `.`, `_` and `-`; several have commas between them";
            return Err(why.to_owned());
        }
        let file = file.to_owned();
        Ok(Self {
            file,
            pubsub,
            state,
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if mode <= 0o777 && mode & 0o600 == 0o600 => Ok(Self(mode)),
            _ => {
                let why = "expected an octal number from 600 to 777, such as 660: the owner reads \
                           and writes";
                Err(why.to_owned())
            }
        }
    }
}

fn group(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("expected the number of a group, as `getent group {text}` shows it"))
}

impl FromStr for Metrics {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" | "Off" => Ok(Self(None)),
            _ => match text.parse() {
                Ok(address) => Ok(Self(Some(address))),
                Err(_) => Err("expected off, or an address such as 127.0.0.1:9464".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::try_parse_from(["catena-dapr"].iter().chain(arguments))
    }

    #[test]
    fn nothing_said_makes_all_sockets() {
        let run = parse(&[]).unwrap().run;
        let names: Vec<_> = run
            .sockets
            .iter()
            .map(|it| (&*it.file, it.pubsub, it.state))
            .collect();
        assert_eq!(
            names,
            [
                ("catena.sock", true, true),
                ("azure.iotoperations.sock", true, true),
                ("aio-mq-pubsub-pluggable.sock", true, false),
                ("aio-mq-statestore-pluggable.sock", false, true),
            ]
        );
        assert_eq!((run.socket_mode, run.metrics), (Mode(0o660), Metrics(None)));
    }

    #[test]
    fn flags_may_stand_before_and_behind_the_command() {
        let flags = ["--metrics", "127.0.0.1:1", "--drain", "7", "--log", "debug"];
        let sockets = ["--socket", "a.sock", "--socket", "b.sock=state"];
        let flags = [&flags[..], &sockets].concat();
        for arguments in [[&["run"], &*flags].concat(), [&*flags, &["run"]].concat()] {
            let run = parse(&arguments).unwrap().run;
            assert!(run.metrics.0.is_some(), "{arguments:?}");
            assert_eq!((run.drain, run.log.as_deref()), (7, Some("debug")));
            assert_eq!(run.sockets.len(), 2, "{arguments:?}");
        }
    }

    #[test]
    fn the_folder_is_the_first_that_is_named() {
        let run = parse(&[]).unwrap().run;
        let of = |set: &[(&str, &str)]| {
            let find = |name: &str| set.iter().find(|(key, _)| *key == name);
            run.folder(|name| find(name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&[]), PathBuf::from(FOLDER));
        let [one, two, three] = FOLDER_VARIABLES;
        assert_eq!(of(&[(three, "/c")]), PathBuf::from("/c"));
        assert_eq!(of(&[(three, "/c"), (two, "/b")]), PathBuf::from("/b"));
        assert_eq!(of(&[(two, "/b"), (one, "/a")]), PathBuf::from("/a"));
        assert_eq!(of(&[(one, ""), (two, "/b")]), PathBuf::from("/b"));
        let run = parse(&["--sockets-folder", "/f"]).unwrap().run;
        assert_eq!(run.folder(|_| Some("/a".to_owned())), PathBuf::from("/f"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for arguments in [
            ["--socket", "a"],
            ["--socket", "a/b.sock"],
            ["--socket", "a.sock=queue"],
            ["--socket", "a.sock b.sock"],
            ["--socket-mode", "888"],
            ["--socket-mode", "66"],
            ["--socket-group", "wheel"],
            ["--metrics", "9464"],
        ] {
            assert!(parse(&arguments).is_err(), "{arguments:?}");
        }
        assert!(parse(&["check", "--sockets-folder", "/f"]).is_ok());
    }
}
