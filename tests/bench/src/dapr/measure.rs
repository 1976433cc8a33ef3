//! One run: a case with one subject.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::cases::{Case, KEYS, Operation, VALUE_BYTES};
use super::door::Door;
use super::load::{self, Took};
use super::stage::Link;
use super::tally::message;
use crate::store::Used;

/// How many keys are read back behind a load that writes.
const READ_BACK: u64 = 50;

/// The part of a run, before what is measured, in which connections and caches get warm.
const WARM: u32 = 4;

/// Measures for about `time`. `runs` numbers the runs of a sitting: messages carry the number.
///
/// # Errors
///
/// A request that fails, a message that does not arrive, a value that is another one.
pub(super) async fn measure(
    case: &Case,
    link: &Link,
    runs: &mut u64,
    time: Duration,
) -> anyhow::Result<Map<String, Value>> {
    if case.operation == Operation::Get {
        fill(&link.door).await?;
    }
    once(case, link, runs, time / WARM).await?;
    let before = used(link)?;
    let (took, again) = once(case, link, runs, time).await?;
    let after = used(link)?;
    if matches!(case.operation, Operation::Save | Operation::Transact) {
        read_back(case.operation, &link.door, took.count()).await?;
    }
    let count = f64::from(u32::try_from(took.count())?);
    ensure!(count > 0.0, "nothing was answered in time");
    let Value::Object(mut result) = json!({
        "operations": count,
        "operations_per_second": count / (took.ended - took.began).as_secs_f64(),
        "latency_p50_us": took.within_us(500),
        "latency_p99_us": took.within_us(990),
        "arrived_again": again,
        "faults": [],
    }) else {
        bail!("no result");
    };
    let mut together = 0.0;
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        let of_one = (after - before) * 1e6 / count;
        result.insert((*name).to_owned(), of_one.into());
        if *name != OWN {
            together += of_one;
        }
    }
    result.insert(TOGETHER.to_owned(), together.into());
    Ok(result)
}

/// The figure for the load and what receives, which is the same process for all.
pub(super) const OWN: &str = "own_cpu_us";

/// The figure for all that is measured.
pub(super) const TOGETHER: &str = "together_cpu_us";

/// Seconds of processor time of each process so far.
fn used(link: &Link) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let own = (OWN, std::process::id());
    let processes = link.processes.iter().copied().chain([own]);
    let each = processes.map(|(name, id)| Ok((name, Used::by(id)?.seconds)));
    each.collect()
}

/// One load, and the messages that came twice. It has ended when the last message has arrived.
async fn once(
    case: &Case,
    link: &Link,
    runs: &mut u64,
    time: Duration,
) -> anyhow::Result<(Took, u64)> {
    *runs += 1;
    let (run, door) = (*runs, link.door.clone());
    match case.operation {
        Operation::Deliver(bytes) => {
            let tally = Arc::clone(&link.tally);
            tally.begin(run);
            let topic = Arc::<str>::from(case.topic(link.subject));
            let ask = move |number| {
                let (door, topic, tally) = (door.clone(), Arc::clone(&topic), Arc::clone(&tally));
                async move {
                    tally.room().await;
                    let data = Bytes::from(message(run, number, bytes));
                    let (took, ()) = load::timed(door.publish(&topic, data)).await?;
                    Ok(took)
                }
            };
            let mut took = load::closed_loop(case.window, time, ask).await?;
            let arrived = link.tally.all(took.count()).await?;
            took.ended = arrived.last.max(took.ended);
            Ok((took, arrived.again))
        }
        Operation::Publish(bytes) => {
            let topic = Arc::<str>::from(case.topic(link.subject));
            let ask = move |number| {
                let (door, topic) = (door.clone(), Arc::clone(&topic));
                let data = Bytes::from(message(run, number, bytes));
                async move {
                    let (took, ()) = load::timed(door.publish(&topic, data)).await?;
                    Ok(took)
                }
            };
            Ok((load::closed_loop(case.window, time, ask).await?, 0))
        }
        Operation::Save | Operation::Get | Operation::Transact => {
            let operation = case.operation;
            let ask = move |number| one(operation, door.clone(), number % KEYS);
            Ok((load::closed_loop(case.window, time, ask).await?, 0))
        }
    }
}

/// One request about state. Tells how long it took.
async fn one(operation: Operation, door: Door, number: u64) -> anyhow::Result<Duration> {
    let key = key(operation, number, 0);
    match operation {
        Operation::Get => {
            let wanted = value(&key);
            let (took, found) = load::timed(door.get(key.clone())).await?;
            ensure!(found == wanted, "{key} has another value");
            Ok(took)
        }
        Operation::Transact => {
            let keys = (0..OF_TRANSACTION).map(|part| self::key(operation, number, part));
            let values = keys.map(|key| (key.clone(), value(&key))).collect();
            Ok(load::timed(door.transact(values)).await?.0)
        }
        _ => {
            let value = value(&key);
            Ok(load::timed(door.save(key, value)).await?.0)
        }
    }
}

/// Values of a transaction.
const OF_TRANSACTION: u64 = 3;

/// A key. Those of one transaction share what is in braces: without a sidecar, nobody else sees to
/// it that they meet in one partition.
fn key(operation: Operation, number: u64, part: u64) -> String {
    match operation {
        Operation::Transact => format!("{{transact:{number}}}:{part}"),
        Operation::Get => format!("get:{number}"),
        _ => format!("save:{number}"),
    }
}

/// The value of a key, as JSON.
fn value(key: &str) -> Bytes {
    let pad = "x".repeat(VALUE_BYTES.saturating_sub(key.len() + 2));
    format!("\"{key}{pad}\"").into()
}

/// Gives every key that is read its value.
async fn fill(door: &Door) -> anyhow::Result<()> {
    // In reverse, the last one written is the first that is looked at.
    let first = key(Operation::Get, 0, 0);
    if door.get(first.clone()).await? == value(&first) {
        return Ok(());
    }
    for number in (0..KEYS).rev() {
        let key = key(Operation::Get, number, 0);
        let value = value(&key);
        door.save(key, value).await?;
    }
    Ok(())
}

/// Reads some of what was written.
async fn read_back(operation: Operation, door: &Door, count: u64) -> anyhow::Result<()> {
    let parts = match operation {
        Operation::Transact => OF_TRANSACTION,
        _ => 1,
    };
    for number in 0..count.min(READ_BACK) {
        for part in 0..parts {
            let key = key(operation, number, part);
            let found = door.get(key.clone()).await?;
            ensure!(found == value(&key), "{key} was not saved");
        }
    }
    Ok(())
}
