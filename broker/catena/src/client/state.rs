//! `catena state`: reads and writes keys of the broker's state store.

mod args;
mod call;
mod entry;
mod export;
mod import;
mod key;
mod lines;
mod lock;
mod progress;
mod scan;
mod show;
mod watch;

use std::time::Duration;

use catena_store::{Command, Delete, DeleteCondition, Reply, Set, SetCondition, Write, reply};

use super::failure::Failure;
use super::runtime;
use super::session::SessionArgs;
pub use args::StateArgs;
use args::{ChangeArgs, GetArgs, SetArgs, StateCommand};
use call::{Caller, PATIENCE, Response, malformed};
use show::{object, print};

/// Runs `catena state` and tells what the process is to exit with.
#[must_use]
pub fn run(args: &StateArgs) -> u8 {
    match &args.command {
        StateCommand::Get(args) => runtime::run(get(args), args.session.quiet),
        StateCommand::Set(args) => runtime::run(set(args), args.change.session.quiet),
        StateCommand::Del(args) => {
            let work = async {
                let key = args.key.bytes(args.keys.hex_key)?;
                delete(&key, DeleteCondition::Always, &args.change).await
            };
            runtime::run(work, args.change.session.quiet)
        }
        StateCommand::Vdel(args) => {
            let work = async {
                let key = args.key.bytes(args.keys.hex_key)?;
                let value = args.value.read()?;
                delete(&key, DeleteCondition::Value(&value), &args.change).await
            };
            runtime::run(work, args.change.session.quiet)
        }
        StateCommand::Scan(args) => runtime::run(scan::scan(args), args.session.quiet),
        StateCommand::Watch(args) => runtime::run(watch::watch(args), args.session.quiet),
        StateCommand::Lock(args) => lock::execute(args),
        StateCommand::Export(args) => runtime::run(export::export(args), args.session.quiet),
        StateCommand::Import(args) => runtime::run(import::import(args), args.session.quiet),
    }
}

async fn get(args: &GetArgs) -> Result<(), Failure> {
    let key = args.key.bytes(args.keys.hex_key)?;
    let request = Command::Get { key: &key };
    let response = once(&args.session, args.timeout, &request, None).await?;
    let value = match response.reply()? {
        Reply::Value(value) => value,
        Reply::Null => return Err(absent()),
        _ => return Err(malformed()),
    };
    let version = response.version.as_deref().unwrap_or_default();
    if args.show.json {
        let line = object(&key, Some(value), Some(version), None);
        return print(&line).map(drop);
    }
    if args.with_version {
        print(format!("{version}\n").as_bytes())?;
    }
    args.show.value(value)
}

async fn set(args: &SetArgs) -> Result<(), Failure> {
    let key = args.key.bytes(args.keys.hex_key)?;
    let value = args.value.read()?;
    let condition = match (args.nx, args.nex) {
        (true, _) => SetCondition::Absent,
        (_, true) => SetCondition::AbsentOrEqual,
        _ => SetCondition::Always,
    };
    let request = Command::Write(Write::Set(Set {
        key: &key,
        value: &value,
        condition,
        lifetime: args.ttl,
    }));
    change(&request, &args.change).await
}

async fn delete(
    key: &[u8],
    condition: DeleteCondition<'_>,
    args: &ChangeArgs,
) -> Result<(), Failure> {
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

/// Connects, asks once, and says goodbye. The patience is for the connection and the answer.
async fn once(
    session: &SessionArgs,
    patience: Option<Duration>,
    request: &Command<'_>,
    token: Option<&str>,
) -> Result<Response, Failure> {
    let payload = encoded(request);
    let asked = async {
        let mut caller = Caller::open(session, false).await?;
        let response = caller.ask(&payload, token).await?;
        Ok((caller, response))
    };
    let (mut caller, response) = within(patience.unwrap_or(PATIENCE), asked).await?;
    caller.connection.close().await?;
    Ok(response)
}

/// Waits for an answer so long and no longer.
async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let in_time = tokio::time::timeout(patience, answer).await;
    in_time.unwrap_or_else(|_| Err(Failure::unanswered()))
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
