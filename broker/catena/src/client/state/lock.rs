//! `catena state lock`: holds a lock while a command runs, or acquires and releases it by itself.
//!
//! On the wire it is the lease of the SDK and of the published clients: `SET lock holder NEX PX`
//! acquires and renews, `VDEL lock holder` releases, and the version that acquiring gives is the
//! fencing token.

mod holder;
mod running;

use std::ffi::OsString;
use std::time::Duration;

use catena_store::Lifetime;
use clap::{ArgGroup, Args};
use serde_json::json;

use super::super::failure::{Failure, TIMED_OUT};
use super::super::request::unique;
use super::super::runtime;
use super::super::session::SessionArgs;
use super::super::subscribe::timeout;
use super::args::{lifetime, name};
use super::call::PATIENCE;
use super::show::print;
use super::within;
use holder::Holder;
use running::{Ended, Running, Signals};

/// Run a command while holding a lock
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("what").args(["command", "acquire", "release"]).required(true))]
pub(super) struct LockArgs {
    /// The lock: a key of the store
    #[arg(id = "state_key", value_name = "NAME", value_parser = name)]
    pub(super) name: String,
    /// The command and its arguments
    #[arg(last = true)]
    pub(super) command: Vec<OsString>,
    /// Only acquire the lock, and print its fencing token
    #[arg(long, requires = "holder")]
    pub(super) acquire: bool,
    /// Only release the lock
    #[arg(long, requires = "holder")]
    pub(super) release: bool,
    /// Who holds the lock: a name that nobody else has [default: one made up]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(super) holder: Option<String>,
    /// After this time without a sign of the holder the lock is free
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = lifetime)]
    pub(super) ttl: Lifetime,
    /// Wait while another holds the lock
    #[arg(long, conflicts_with = "release")]
    pub(super) wait: bool,
    /// Wait while another holds the lock, at most this long
    #[arg(long, value_name = "DURATION", value_parser = lifetime, conflicts_with = "release")]
    pub(super) timeout: Option<Lifetime>,
    /// Exit with this code if the command was not run or the lock was lost, to tell that from the
    /// command's own codes
    #[arg(long, value_name = "CODE", requires = "command")]
    pub(super) failure_code: Option<u8>,
    /// Print a JSON object: what --acquire and --release came to; else, on standard error, when the
    /// lock is acquired, not acquired, lost and released
    #[arg(long)]
    pub(super) json: bool,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

const EXAMPLES: &str = "\
Examples:
  catena state lock nightly -- ./backup.sh
  catena state lock nightly --timeout 5m --ttl 30s -- ./backup.sh /var/data
  catena state lock line-1 --wait -- sh -c \\
    'catena state set position 12 --fencing-token \"$CATENA_FENCING_TOKEN\"'
  token=$(catena state lock line-1 --acquire --holder robot-7 --ttl 1m)
  catena state lock line-1 --release --holder robot-7

The command has CATENA_LOCK, CATENA_LOCK_HOLDER and CATENA_FENCING_TOKEN in its environment. The
lock is renewed while it runs. If the lock is lost, the command gets SIGTERM. Ctrl-C and SIGTERM go
to the command; the lock is released once it has ended.

Exit codes: that of the command, 128 and the number of the signal that ended it, 126 if it cannot
be started, 127 if there is none; 1 another holds the lock, or (--release) not this holder, 9 the
lock was lost, 27 --timeout is over, others as those of catena state";

/// What the process exits with if the lock was lost while the command ran.
const LOCK_LOST: u8 = 9;

/// Runs `catena state lock` and tells what the process is to exit with.
pub(super) fn execute(args: &LockArgs) -> u8 {
    let work = async {
        match (args.acquire, args.release) {
            (true, _) => acquire(args).await,
            (_, true) => release(args).await,
            _ => run(args).await,
        }
    };
    runtime::run_for_code(work, args.session.quiet)
}

async fn acquire(args: &LockArgs) -> Result<u8, Failure> {
    let mut signals = Signals::watch()?;
    let mut holder = Holder::new(args, args.holder.clone().unwrap_or_default());
    tokio::select! {
        acquired = patiently(args, &mut holder) => acquired?,
        signal = signals.next() => return Ok(running::code_of(signal)),
    }
    let line = match args.json {
        true => object(args, &holder, "acquired"),
        false => format!("{}\n", holder.fencing_token()),
    };
    print(line.as_bytes())?;
    holder.close().await?;
    Ok(0)
}

async fn release(args: &LockArgs) -> Result<u8, Failure> {
    let mut holder = Holder::new(args, args.holder.clone().unwrap_or_default());
    let is_released = within(PATIENCE, holder.release()).await?;
    if args.json {
        let event = if is_released {
            "released"
        } else {
            "notReleased"
        };
        print(object(args, &holder, event).as_bytes())?;
    }
    holder.close().await?;
    if !is_released {
        return Err(Failure::general("the lock is not held by this holder"));
    }
    Ok(0)
}

async fn run(args: &LockArgs) -> Result<u8, Failure> {
    let failed = |failure: Failure| match args.failure_code {
        Some(code) => Failure { code, ..failure },
        None => failure,
    };
    let mut signals = Signals::watch()?;
    let name = args.holder.clone().unwrap_or_else(made_up);
    let mut holder = Holder::new(args, name);
    tokio::select! {
        acquired = patiently(args, &mut holder) => acquired.map_err(failed)?,
        signal = signals.next() => return Ok(running::code_of(signal)),
    }
    tell(args, &holder, "acquired");
    let mut running = match Running::start(args, &holder) {
        Ok(running) => running,
        Err(failure) => {
            give_back(args, &mut holder).await;
            return Err(failed(failure));
        }
    };
    let ended = tokio::select! {
        ended = running.ended(&mut signals) => ended?,
        lost = holder.keep() => {
            tell(args, &holder, "lost");
            running.terminate();
            running.ended(&mut signals).await?;
            return Err(failed(lost));
        }
    };
    give_back(args, &mut holder).await;
    let Ended { code } = ended;
    Ok(code)
}

/// Acquires the lock, waiting for it as long as is said.
async fn patiently(args: &LockArgs, holder: &mut Holder<'_>) -> Result<(), Failure> {
    let is_waiting = args.wait || args.timeout.is_some();
    if !is_waiting {
        return match within(PATIENCE, holder.try_acquire()).await? {
            true => Ok(()),
            false => {
                tell_held(args, holder)?;
                Err(Failure::general("another holds the lock"))
            }
        };
    }
    let patience = args.timeout.map(|it| Duration::from_millis(it.millis()));
    tokio::select! {
        acquired = holder.acquire() => return acquired,
        () = timeout(patience) => {}
    }
    if !holder.is_refused() {
        return Err(Failure::unanswered());
    }
    tell_held(args, holder)?;
    let text = "timed out: another holds the lock";
    Err(Failure::new(TIMED_OUT, text))
}

/// Tells, if asked to, that the lock is not acquired because another holds it: to who asked only
/// to acquire it on standard output.
fn tell_held(args: &LockArgs, holder: &Holder<'_>) -> Result<(), Failure> {
    let event = "notAcquired";
    if args.json && args.acquire {
        return print(object(args, holder, event).as_bytes()).map(drop);
    }
    tell(args, holder, event);
    Ok(())
}

/// Releases the lock; if that fails it is free when its time is over.
async fn give_back(args: &LockArgs, holder: &mut Holder<'_>) {
    let time = Duration::from_millis(args.ttl.millis()).min(PATIENCE);
    match within(time, holder.release()).await {
        Ok(_) => tell(args, holder, "released"),
        Err(failure) if !args.session.quiet => {
            eprintln!("warning: the lock was not released, and ends with its time: {failure}");
        }
        Err(_) => {}
    }
    // All is done; a goodbye that is not heard changes nothing.
    let _ = holder.close().await;
}

/// Tells on standard error what becomes of the lock, if asked to.
fn tell(args: &LockArgs, holder: &Holder<'_>, event: &str) {
    if args.json {
        eprint!("{}", object(args, holder, event));
    } else if args.session.debug {
        eprintln!("lock {} {event}", args.name);
    }
}

/// What has become of the lock, as a line of JSON. Who has not acquired it has no token.
fn object(args: &LockArgs, holder: &Holder<'_>, event: &str) -> String {
    let mut object = json!({
        "event": event,
        "lock": args.name,
        "holder": holder.name(),
    });
    if !holder.fencing_token().is_empty() {
        object["fencingToken"] = json!(holder.fencing_token());
        object["ttlMs"] = json!(args.ttl.millis());
    }
    format!("{object}\n")
}

/// A name for a holder that no other has.
fn made_up() -> String {
    let node = rustix::system::uname();
    format!("{}-{}", node.nodename().to_string_lossy(), unique())
}
