//! The arguments of `catena state`, and what they are read from.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use catena_store::Lifetime;
use clap::{Args, Subcommand};

use super::super::failure::Failure;
use super::super::publish::seconds;
use super::super::session::SessionArgs;
use super::export::ExportArgs;
use super::import::ImportArgs;
use super::key::{EMPTY, Given, KeyArgs, key};
use super::lock::LockArgs;
use super::scan::ScanArgs;
use super::show::ShowArgs;
use super::watch::WatchArgs;

/// Read and write keys of the state store
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StateArgs {
    #[command(subcommand)]
    pub(super) command: StateCommand,
}

const EXAMPLES: &str = "\
Examples:
  catena state set recipe/7 --file recipe.json
  catena state get recipe/7 > recipe.json
  catena state set election me --nx --ttl 10s && echo elected
  catena state scan 'recipe/*' --values --json
  catena state watch recipe/7 -C 1
  catena state lock nightly -- ./backup.sh
  catena state export 'recipe/*' > recipes.jsonl
  catena state import recipes.jsonl --if-absent

Exit codes: 0 done, 1 no such key or a condition that is not met, 2 wrong flags, 3 no
connection, 4 not authorized, 6 refused by the store, 9 a lock was lost, 27 timed out,
others as those of the clients; lock COMMAND exits with that of the command";

#[derive(Clone, Debug, Subcommand)]
pub(super) enum StateCommand {
    Get(GetArgs),
    Set(SetArgs),
    Del(DelArgs),
    Vdel(VdelArgs),
    Scan(ScanArgs),
    Watch(WatchArgs),
    Lock(LockArgs),
    Export(ExportArgs),
    Import(ImportArgs),
}

/// Print the value of a key
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = GET_EXAMPLES)]
pub(super) struct GetArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key())]
    pub(super) key: Given,
    /// How the key is given.
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    /// Print the version on a line of its own before the value
    #[arg(long)]
    pub(super) with_version: bool,
    /// How to print.
    #[command(flatten)]
    pub(super) show: ShowArgs,
    /// Stop after this many seconds, connecting included [default: 10]
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

/// Set the value of a key
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = SET_EXAMPLES)]
pub(super) struct SetArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key())]
    pub(super) key: Given,
    /// How the key is given.
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    /// Where the value comes from.
    #[command(flatten)]
    pub(super) value: ValueArgs,
    /// Only if there is no such key
    #[arg(long)]
    pub(super) nx: bool,
    /// Only if there is no such key, or it has this very value
    #[arg(long, conflicts_with = "nx")]
    pub(super) nex: bool,
    /// Forget the key after this time, such as 500ms, 10s, 5m, 1h; without unit: milliseconds
    #[arg(long, visible_alias = "px", value_name = "DURATION", value_parser = lifetime)]
    pub(super) ttl: Option<Lifetime>,
    /// What changes the key.
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// Delete a key
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = DEL_EXAMPLES)]
pub(super) struct DelArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key())]
    pub(super) key: Given,
    /// How the key is given.
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    /// What changes the key.
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// Delete a key if it has this value
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = VDEL_EXAMPLES)]
pub(super) struct VdelArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key())]
    pub(super) key: Given,
    /// How the key is given.
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    /// Where the value comes from.
    #[command(flatten)]
    pub(super) value: ValueArgs,
    /// What changes the key.
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// A value: the argument, a file, or standard input.
#[derive(Args, Clone, Debug)]
pub(super) struct ValueArgs {
    /// The value; without it, or as -, what standard input holds
    #[arg(allow_hyphen_values = true, conflicts_with = "file")]
    value: Option<OsString>,
    /// Take the value from this file
    #[arg(short, long)]
    file: Option<PathBuf>,
}

impl ValueArgs {
    /// Reads it.
    pub(super) fn read(&self) -> Result<Vec<u8>, Failure> {
        if let Some(path) = &self.file {
            let what = path.display();
            return fs::read(path)
                .map_err(|error| Failure::usage(format!("cannot read {what}: {error}")));
        }
        match self.value.as_ref() {
            Some(text) if text != "-" => Ok(text.as_bytes().to_vec()),
            _ => {
                let mut content = Vec::new();
                let read = io::stdin().lock().read_to_end(&mut content);
                let failure = |error| format!("cannot read standard input: {error}");
                read.map_err(|error| Failure::usage(failure(error)))?;
                Ok(content)
            }
        }
    }
}

/// What commands have in common that change a key.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(super) struct ChangeArgs {
    /// Fencing token: a version, as `get --with-version` prints it
    #[arg(long, value_name = "VERSION", env = "CATENA_FENCING_TOKEN")]
    pub(super) fencing_token: Option<String>,
    /// Print the version that the store tells
    #[arg(long)]
    pub(super) with_version: bool,
    /// Stop after this many seconds, connecting included [default: 10]
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub(super) timeout: Option<Duration>,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

/// The name of a lock or a holder is text, and never empty.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(EMPTY.to_owned());
    }
    Ok(text.to_owned())
}

/// Reads how long a key is to live.
pub(super) fn lifetime(text: &str) -> Result<Lifetime, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let (number, unit) = text.split_at(digits.len());
    let factor: u64 = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let millis = number.parse::<u64>().ok();
    let millis = millis.and_then(|number| number.checked_mul(factor));
    let lifetime = millis.and_then(Lifetime::from_millis);
    lifetime.ok_or_else(|| "expected a duration such as 500ms, 10s, 5m, 1h or 1d".to_owned())
}

const GET_EXAMPLES: &str = "\
Examples:
  catena state get recipe/7 > recipe.json
  catena state get recipe/7 --json | jq -r .version
  catena state get counter || echo 'there is no counter'
  catena state get --hex-key fffe01";

const SET_EXAMPLES: &str = "\
Examples:
  catena state set recipe/7 --file recipe.json
  echo -n 21.5 | catena state set line-1/temperature
  catena state set election me --nx --ttl 10s && echo elected
  catena state set position 12 --fencing-token \"$CATENA_FENCING_TOKEN\"
  catena state set --hex-key fffe01 value";

const DEL_EXAMPLES: &str = "\
Examples:
  catena state del recipe/7
  catena state del recipe/7 --with-version
  catena state del --hex-key fffe01";

const VDEL_EXAMPLES: &str = "\
Examples:
  catena state vdel election me
  catena state vdel recipe/7 --file recipe.json
  catena state vdel --hex-key fffe01 value";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("1", 1),
            ("500ms", 500),
            ("10s", 10_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(lifetime(text).map(Lifetime::millis), Ok(millis));
        }
        for wrong in ["", "0", "s", "1y", "-1", "99999999999999999999", "1.5s"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
