//! Keys of the state store that expire all at the same moment, and how long another client waits
//! for its answers meanwhile.

use std::time::Duration;

use catena_store::Lifetime;
use hdrhistogram::Histogram;

use super::clients::{Clients, End, Pace};
use super::request::{Ask, Operation};
use super::{FILL_WINDOW, SETTLE, tell_faults};
use crate::bench::args::BenchArgs;
use crate::bench::process::Processes;
use crate::bench::progress::Progress;
use crate::bench::report::{Report, growth, microseconds, per_second};
use crate::client::Failure;
use crate::clock;

/// How long before the moment the other client begins, to show how it is without.
const BEFORE: Duration = Duration::from_secs(1);
/// The key of the other client: above all that expire.
const OWN_KEY: u32 = u32::MAX;

/// Runs the scenario.
pub(in crate::bench) fn run(
    args: &BenchArgs,
    tag: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let count = args.key_count();
    let mut progress = Progress::new("state-expiry");
    let mut clients = Clients::assemble(args, tag, args.publisher_count(), &mut progress)?;
    let mut other = Clients::assemble(args, &format!("{tag}o"), 1, &mut progress)?;
    let broker = Processes::new(&args.pid);
    clients.fleet.rest(SETTLE)?;
    let empty = broker.resident_bytes();
    let begin = clock::monotonic();
    let moment = begin + args.expire_after;
    let mut end = fill(args, &mut clients, &mut progress, moment)?;
    let filling = clock::monotonic() - begin;
    clients.fleet.rest(SETTLE)?;
    let full = broker.resident_bytes();
    let left = moment.saturating_duration_since(clock::monotonic());
    if left <= BEFORE {
        report.mishap("making the keys took too long: raise --expire-after");
    }
    clients.fleet.rest(left.saturating_sub(BEFORE))?;

    // Until a little before the moment, so that nothing of it is in the figures before.
    let before = left.min(BEFORE).saturating_sub(BEFORE / 10);
    let (_, calm) = probe(args, &mut other, &mut progress, before)?;
    let (probed, busy) = probe(args, &mut other, &mut progress, args.duration)?;
    if end == End::Done {
        end = probed;
    }
    let expired = broker.resident_bytes();
    let late = look(&mut clients, &mut progress, count)?;
    drop(progress);

    report.count("keys", count.into());
    report.count("value_bytes", args.payload.into());
    report.count("rate_per_second", rate(args).into());
    report.number("set_per_second", per_second(count.into(), filling));
    let per_key = |bytes| growth(empty, bytes, count.into());
    report.number("broker_bytes_per_key", per_key(full));
    report.number("broker_bytes_per_key_expired", per_key(expired));
    report.number("before_max_us", Some(microseconds(calm.max())));
    report.latency(&busy);
    report.fault("not_expired", late);
    tell_faults(&[&clients, &other], other.counts.missing, end, report);
    clients.fleet.dismiss(0, Duration::from_secs(1))?;
    other.fleet.dismiss(0, Duration::from_secs(1))
}

fn rate(args: &BenchArgs) -> u32 {
    args.open_rate().unwrap_or(1_000)
}

/// Sets and gets a key of its own for some time, deletes it, and tells how long answers took.
fn probe(
    args: &BenchArgs,
    other: &mut Clients<'_>,
    progress: &mut Progress,
    time: Duration,
) -> Result<(End, Histogram<u64>), Failure> {
    let own = |operation| {
        Some(Ask {
            operation,
            key: OWN_KEY,
        })
    };
    let pace = Pace {
        window: 1,
        rate: Some(rate(args)),
        time: Some(time),
        answers: None,
    };
    let mut is_set = false;
    other.is_sampling = true;
    let mut end = other.work(progress, pace, |_, _| {
        is_set = !is_set;
        own(if is_set {
            Operation::Set
        } else {
            Operation::Get
        })
    })?;
    if end == End::Done {
        end = other.drain(progress)?;
    }
    other.is_sampling = false;
    if end == End::Done {
        let mut last = Some(Operation::Delete);
        let pace = Pace { time: None, ..pace };
        end = other.work(progress, pace, |_, _| last.take().and_then(own))?;
    }
    let empty = Histogram::new_with_bounds(1, 60_000_000_000, 3)
        .map_err(|error| Failure::general(format!("cannot keep latencies: {error}")))?;
    Ok((end, std::mem::replace(&mut other.histogram, empty)))
}

/// Sets all keys so that they expire at the moment.
fn fill(
    args: &BenchArgs,
    clients: &mut Clients<'_>,
    progress: &mut Progress,
    moment: std::time::Instant,
) -> Result<End, Failure> {
    let mut keys = 0..args.key_count();
    let pace = Pace {
        window: FILL_WINDOW,
        rate: None,
        time: None,
        answers: None,
    };
    let next = |_, _| {
        let key = keys.next()?;
        let left = moment.saturating_duration_since(clock::monotonic());
        let millis = u64::try_from(left.as_millis()).unwrap_or_default().max(1);
        let operation = match Lifetime::from_millis(millis) {
            Some(lifetime) => Operation::SetFor(lifetime),
            None => Operation::Set,
        };
        Some(Ask { operation, key })
    };
    clients.work(progress, pace, next)
}

/// Gets some of the keys that are to be gone, and tells how many are not.
fn look(clients: &mut Clients<'_>, progress: &mut Progress, count: u32) -> Result<u64, Failure> {
    let before = clients.counts.missing;
    let step = count.div_ceil(1_000).max(1);
    let mut keys = (0..count).step_by(step as usize);
    let asked = keys.len() as u64;
    let pace = Pace {
        window: FILL_WINDOW,
        rate: None,
        time: None,
        answers: None,
    };
    let operation = Operation::Get;
    clients.work(progress, pace, |_, _| {
        keys.next().map(|key| Ask { operation, key })
    })?;
    Ok(asked - (clients.counts.missing - before).min(asked))
}
