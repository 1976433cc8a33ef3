//! `catena state watch`: changes of keys as they come.

use std::time::Duration;

use catena_store::{Command, KeyNotify, Registration};
use clap::Args;

use super::super::failure::{Failure, TIMED_OUT};
use super::super::publish::seconds;
use super::super::runtime;
use super::super::session::SessionArgs;
use super::super::subscribe::timeout;
use super::call::{Caller, Change, PATIENCE};
use super::key::{Given, KeyArgs, key};
use super::show::{ShowArgs, object, print};
use super::{encoded, within};

/// Print changes of keys as they come
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = EXAMPLES)]
pub(super) struct WatchArgs {
    /// The keys
    #[arg(id = "state_key", value_name = "KEY", required = true, value_parser = key())]
    key: Vec<Given>,
    /// How the keys are given.
    #[command(flatten)]
    keys: KeyArgs,
    /// Stop after this many changes
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this many seconds, connecting included
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// How to print.
    #[command(flatten)]
    show: ShowArgs,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

const EXAMPLES: &str = "\
Examples:
  catena state watch recipe/7
  catena state watch recipe/7 -C 1 -W 60 && echo changed
  catena state watch job-1 job-2 --json | jq .operation
  catena state watch --hex-key fffe01 --hex";

pub(super) async fn watch(args: &WatchArgs) -> Result<(), Failure> {
    let keys = args.key.iter().map(|key| key.bytes(args.keys.hex_key));
    let keys: Vec<Vec<u8>> = keys.collect::<Result<_, _>>()?;
    let mut is_late = std::pin::pin!(timeout(args.timeout));
    let mut caller = tokio::select! {
        caller = Caller::open(&args.session, true) => caller?,
        () = &mut is_late => return Err(Failure::unanswered()),
    };
    let ended = tokio::select! {
        result = follow(args, &keys, &mut caller) => result,
        () = runtime::interrupt() => Ok(()),
        () = &mut is_late => Err(Failure::new(TIMED_OUT, "timed out")),
    };
    match ended {
        Err(failure) if failure.code != TIMED_OUT => Err(failure),
        ended => caller.connection.close().await.and(ended),
    }
}

async fn follow(args: &WatchArgs, keys: &[Vec<u8>], caller: &mut Caller) -> Result<(), Failure> {
    for key in keys {
        let request = Command::KeyNotify(KeyNotify {
            key,
            registration: Registration::Start,
        });
        let payload = encoded(&request);
        let asked = caller.ask(&payload, None);
        within(PATIENCE, asked).await?.reply()?;
    }
    let names = keys.iter().map(|key| String::from_utf8_lossy(key));
    let names: Vec<_> = names.collect();
    caller.connection.tell("watches", &names.join(", "));
    let mut left = args.count;
    while left != Some(0) {
        let change = caller.next_change().await?;
        if !print(&line(args.show, &change))? {
            break;
        }
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// A change as a line: SET or DELETE, the version, the key, and the value if there is one.
fn line(show: ShowArgs, change: &Change) -> Vec<u8> {
    let operation = if change.value.is_some() {
        "SET"
    } else {
        "DELETE"
    };
    let value = change.value.as_deref();
    if show.json {
        return object(&change.key, value, Some(&change.version), Some(operation));
    }
    let mut line = format!("{operation} {} ", change.version).into_bytes();
    line.extend(show.text(&change.key));
    if let Some(value) = value {
        line.push(b' ');
        line.extend(show.text(value));
    }
    line.push(b'\n');
    line
}
