//! `catena state`: reads and writes keys of the broker's state store.

mod call;
mod scan;
mod show;

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use catena_store::{
    Command, Delete, DeleteCondition, Lifetime, Reply, Set, SetCondition, Write, reply,
};
use clap::{Args, Subcommand};

use super::failure::{Failure, TIMED_OUT};
use super::publish::seconds;
use super::runtime;
use super::session::SessionArgs;
use call::{Caller, PATIENCE, Response, malformed};
use scan::{ScanArgs, WatchArgs};
use show::{ShowArgs, object, print};

/// Read and write keys of the state store
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

const EXAMPLES: &str = "\
Examples:
  catena state set recipe/7 --file recipe.json
  catena state get recipe/7 > recipe.json
  catena state set election me --nx --ttl 10s && echo elected
  catena state scan 'recipe/*' --values --json
  catena state watch recipe/7 -C 1

Exit codes: 0 done, 1 no such key or a condition that is not met, 2 wrong flags, 3 no
connection, 4 not authorized, 6 refused by the store, others as those of the clients";

#[derive(Clone, Debug, Subcommand)]
enum StateCommand {
    Get(GetArgs),
    Set(SetArgs),
    Del(DelArgs),
    Vdel(VdelArgs),
    Scan(ScanArgs),
    Watch(WatchArgs),
}

/// Print the value of a key
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct GetArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key)]
    key: String,
    /// Print the version on a line of its own before the value
    #[arg(long)]
    with_version: bool,
    /// How to print.
    #[command(flatten)]
    show: ShowArgs,
    /// Stop after this many seconds [default: 10]
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// How to connect.
    #[command(flatten)]
    session: SessionArgs,
}

/// Set the value of a key
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct SetArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key)]
    key: String,
    /// The value; without it, or as -, what standard input holds
    #[arg(allow_hyphen_values = true, conflicts_with = "file")]
    value: Option<String>,
    /// Take the value from this file
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// Only if there is no such key
    #[arg(long)]
    nx: bool,
    /// Only if there is no such key, or it has this very value
    #[arg(long, conflicts_with = "nx")]
    nex: bool,
    /// Forget the key after this time, such as 500ms, 10s, 5m, 1h; without unit: milliseconds
    #[arg(long, visible_alias = "px", value_name = "DURATION", value_parser = lifetime)]
    ttl: Option<Lifetime>,
    /// What changes the key.
    #[command(flatten)]
    change: ChangeArgs,
}

/// Delete a key
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct DelArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key)]
    key: String,
    /// What changes the key.
    #[command(flatten)]
    change: ChangeArgs,
}

/// Delete a key if it has this value
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct VdelArgs {
    /// The key
    #[arg(id = "state_key", value_name = "KEY", value_parser = key)]
    key: String,
    /// The value; without it, or as -, what standard input holds
    #[arg(allow_hyphen_values = true, conflicts_with = "file")]
    value: Option<String>,
    /// Take the value from this file
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// What changes the key.
    #[command(flatten)]
    change: ChangeArgs,
}

/// What commands have in common that change a key.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
struct ChangeArgs {
    /// Fencing token: a version, as `get --with-version` prints it
    #[arg(long, value_name = "VERSION")]
    fencing_token: Option<String>,
    /// Print the version that the store tells
    #[arg(long)]
    with_version: bool,
    /// Stop after this many seconds [default: 10]
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// How to connect.
    #[command(flatten)]
    session: SessionArgs,
}

/// Runs `catena state` and tells what the process is to exit with.
#[must_use]
pub fn run(args: &StateArgs) -> u8 {
    match &args.command {
        StateCommand::Get(args) => runtime::run(get(args), args.session.quiet),
        StateCommand::Set(args) => runtime::run(set(args), args.change.session.quiet),
        StateCommand::Del(args) => {
            let work = delete(&args.key, DeleteCondition::Always, &args.change);
            runtime::run(work, args.change.session.quiet)
        }
        StateCommand::Vdel(args) => {
            let work = async {
                let value = input(args.value.as_deref(), args.file.as_ref())?;
                delete(&args.key, DeleteCondition::Value(&value), &args.change).await
            };
            runtime::run(work, args.change.session.quiet)
        }
        StateCommand::Scan(args) => runtime::run(scan::scan(args), args.session.quiet),
        StateCommand::Watch(args) => runtime::run(scan::watch(args), args.session.quiet),
    }
}

async fn get(args: &GetArgs) -> Result<(), Failure> {
    let request = Command::Get {
        key: args.key.as_bytes(),
    };
    let response = once(&args.session, args.timeout, &request, None).await?;
    let value = match response.reply()? {
        Reply::Value(value) => value,
        Reply::Null => return Err(absent()),
        _ => return Err(malformed()),
    };
    let version = response.version.as_deref().unwrap_or_default();
    if args.show.json {
        let line = object(args.key.as_bytes(), Some(value), Some(version), None);
        return print(&line).map(drop);
    }
    if args.with_version {
        print(format!("{version}\n").as_bytes())?;
    }
    args.show.value(value)
}

async fn set(args: &SetArgs) -> Result<(), Failure> {
    let value = input(args.value.as_deref(), args.file.as_ref())?;
    let condition = match (args.nx, args.nex) {
        (true, _) => SetCondition::Absent,
        (_, true) => SetCondition::AbsentOrEqual,
        _ => SetCondition::Always,
    };
    let request = Command::Write(Write::Set(Set {
        key: args.key.as_bytes(),
        value: &value,
        condition,
        lifetime: args.ttl,
    }));
    change(&request, &args.change).await
}

async fn delete(
    key: &str,
    condition: DeleteCondition<'_>,
    args: &ChangeArgs,
) -> Result<(), Failure> {
    let key = key.as_bytes();
    let request = Command::Write(Write::Delete(Delete { key, condition }));
    change(&request, args).await
}

/// Asks for a change and tells how it went.
async fn change(request: &Command<'_>, args: &ChangeArgs) -> Result<(), Failure> {
    let token = args.fencing_token.as_deref();
    let response = once(&args.session, args.timeout, request, token).await?;
    let failed = match response.reply()? {
        Reply::Ok => None,
        Reply::Number(reply::NOT_APPLIED) => Some(unmet()),
        Reply::Number(0) => Some(absent()),
        Reply::Number(_) => None,
        Reply::Value(_) | Reply::Null | Reply::Refused(_) => return Err(malformed()),
    };
    if args.with_version
        && let Some(version) = &response.version
    {
        print(format!("{version}\n").as_bytes())?;
    }
    failed.map_or(Ok(()), Err)
}

/// Connects, asks once, and says goodbye.
async fn once(
    session: &SessionArgs,
    patience: Option<Duration>,
    request: &Command<'_>,
    token: Option<&str>,
) -> Result<Response, Failure> {
    let mut caller = Caller::open(session, false).await?;
    let payload = encoded(request);
    let asked = caller.ask(&payload, token);
    let response = tokio::time::timeout(patience.unwrap_or(PATIENCE), asked).await;
    let response = response.unwrap_or_else(|_| {
        Err(Failure::new(
            TIMED_OUT,
            "timed out: the broker did not answer",
        ))
    })?;
    caller.connection.close().await?;
    Ok(response)
}

fn encoded(request: &Command<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    request.encode(&mut payload);
    payload
}

fn absent() -> Failure {
    Failure::general("there is no such key")
}

fn unmet() -> Failure {
    Failure::general("the condition is not met")
}

/// A key is never empty.
fn key(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a key has at least one byte".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads how long a key is to live.
fn lifetime(text: &str) -> Result<Lifetime, String> {
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

/// The value: the argument, a file, or standard input.
fn input(value: Option<&str>, file: Option<&PathBuf>) -> Result<Vec<u8>, Failure> {
    if let Some(path) = file {
        let what = path.display();
        return fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read {what}: {error}")));
    }
    match value {
        Some(text) if text != "-" => Ok(text.as_bytes().to_vec()),
        _ => {
            let mut content = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut content);
            read.map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
            Ok(content)
        }
    }
}

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
