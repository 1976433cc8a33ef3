//! `catena state scan` and `catena state watch`: many keys, and changes as they come.

use std::io::IsTerminal;
use std::time::Duration;

use catena_store::{Answer, Command, KeyNotify, Page, Registration, Reply, Scan};
use clap::Args;
use indicatif::ProgressBar;

use super::super::failure::{Failure, TIMED_OUT};
use super::super::publish::seconds;
use super::super::runtime;
use super::super::session::SessionArgs;
use super::super::subscribe::timeout;
use super::call::{Caller, Change, malformed, refused};
use super::show::{ShowArgs, object, print};
use super::{encoded, key};

/// List keys
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(super) struct ScanArgs {
    /// Which keys: * stands for any bytes, ? for one, [0-9] for one of these
    #[arg(default_value = "*")]
    pattern: String,
    /// Print values as well, after a tab
    #[arg(long)]
    values: bool,
    /// How to print.
    #[command(flatten)]
    show: ShowArgs,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

/// Print changes of keys as they come
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(super) struct WatchArgs {
    /// The keys
    #[arg(id = "state_key", value_name = "KEY", required = true, value_parser = key)]
    key: Vec<String>,
    /// Stop after this many changes
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Stop after this many seconds
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// How to print.
    #[command(flatten)]
    show: ShowArgs,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

pub(super) async fn scan(args: &ScanArgs) -> Result<(), Failure> {
    let mut caller = Caller::open(&args.session, false).await?;
    let bar = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    let bar = bar.then(ProgressBar::new_spinner);
    let result = tokio::select! {
        result = pages(args, &mut caller, bar.as_ref()) => result,
        () = runtime::interrupt() => Ok(()),
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result?;
    caller.connection.close().await
}

async fn pages(
    args: &ScanArgs,
    caller: &mut Caller,
    bar: Option<&ProgressBar>,
) -> Result<(), Failure> {
    let mut token: Option<Vec<u8>> = None;
    loop {
        let request = Command::Scan(Scan {
            pattern: args.pattern.as_bytes(),
            token: token.as_deref(),
        });
        let response = caller.ask(&encoded(&request), None).await?;
        let page = match Page::parse(&response.payload).map_err(|_| malformed())? {
            Answer::Done(page) => page,
            Answer::Refused(text) => return Err(refused(text)),
        };
        for key in page.keys.iter() {
            if !entry(args, caller, key).await? {
                return Ok(());
            }
            if let Some(bar) = bar {
                bar.inc(1);
                bar.set_message(format!("{} keys", bar.position()));
            }
        }
        token = page.token.map(<[u8]>::to_vec);
        if token.is_none() {
            return Ok(());
        }
    }
}

/// Prints a key. `false`: nobody reads any more.
async fn entry(args: &ScanArgs, caller: &mut Caller, key: &[u8]) -> Result<bool, Failure> {
    let show = args.show;
    if !args.values {
        if show.json {
            return print(&object(key, None, None, None));
        }
        let mut line = show.text(key);
        line.push(b'\n');
        return print(&line);
    }
    let response = caller.ask(&encoded(&Command::Get { key }), None).await?;
    let Reply::Value(value) = response.reply()? else {
        // It has gone since it was listed.
        return Ok(true);
    };
    if show.json {
        let version = response.version.as_deref();
        return print(&object(key, Some(value), version, None));
    }
    let mut line = show.text(key);
    line.push(b'\t');
    line.extend(show.text(value));
    line.push(b'\n');
    print(&line)
}

pub(super) async fn watch(args: &WatchArgs) -> Result<(), Failure> {
    let mut caller = Caller::open(&args.session, true).await?;
    let ended = tokio::select! {
        result = follow(args, &mut caller) => result,
        () = runtime::interrupt() => Ok(()),
        () = timeout(args.timeout) => Err(Failure::new(TIMED_OUT, "timed out")),
    };
    match ended {
        Err(failure) if failure.code != TIMED_OUT => Err(failure),
        ended => caller.connection.close().await.and(ended),
    }
}

async fn follow(args: &WatchArgs, caller: &mut Caller) -> Result<(), Failure> {
    for key in &args.key {
        let request = Command::KeyNotify(KeyNotify {
            key: key.as_bytes(),
            registration: Registration::Start,
        });
        caller.ask(&encoded(&request), None).await?.reply()?;
    }
    caller.connection.tell("watches", &args.key.join(", "));
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
