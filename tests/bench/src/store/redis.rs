//! redis-server under redis-benchmark.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::{CONNECTIONS, Load, Operation, Used};
use crate::broker::Running;
use crate::child::Child;

/// How long a load may take.
const LOAD_MAX: Duration = Duration::from_secs(300);
/// How often each key is set, in the middle, so that all but one in 150 are there.
const FILL: u32 = 5;

/// Measures a server that has just been started.
///
/// # Errors
///
/// If redis-benchmark, which stands beside the server or on the path, does not do its work.
pub fn measure(
    server: &Running,
    program: &Path,
    load: &Load,
    processor: Option<usize>,
) -> anyhow::Result<Map<String, Value>> {
    let beside = program.with_file_name("redis-benchmark");
    let benchmark = match beside.is_file() {
        true => beside,
        false => crate::broker::found("redis-benchmark").context("no redis-benchmark")?,
    };
    let id = server.child.id();
    let run = |operation, window: u32, count: u32| {
        let words = words(server.port, load, operation, window, count);
        let mut child = Child::start(&benchmark, &words, processor)?;
        match child.await_end(LOAD_MAX)? {
            Some(status) if status.success() => child.printed(),
            Some(status) => bail!("redis-benchmark: {status}: {}", child.complaint()),
            None => bail!("redis-benchmark is not done after {} s", LOAD_MAX.as_secs()),
        }
    };
    let empty = Used::by(id)?;
    run(Operation::Set, 100, load.keys.saturating_mul(FILL))?;
    let keys = keys(server.port)?;
    let full = Used::by(id)?;
    let count = count(load);
    let begin = Used::by(id)?;
    let printed = run(load.operation, load.window, count)?;
    let end = Used::by(id)?;
    let row = Row::read(&printed)?;
    let Value::Object(result) = json!({
        "operations_per_second": row.rate,
        "broker_cpu_s_per_million": (end.seconds - begin.seconds) * 1e6 / f64::from(count),
        "latency_p50_us": row.p50_ms * 1e3,
        "latency_p99_us": row.p99_ms * 1e3,
        "latency_max_us": row.max_ms * 1e3,
        "broker_bytes_per_key": (full.bytes - empty.bytes) / keys,
        "faults": [],
    }) else {
        bail!("no result");
    };
    Ok(result)
}

/// As many operations as take about the time that is to be measured.
fn count(load: &Load) -> u32 {
    let rate = match load.window {
        0..=3 => 60_000.0,
        4..=31 => 500_000.0,
        _ => 1_000_000.0,
    };
    let share = 64.0 / f64::from(u32::try_from(load.value_bytes.max(64)).unwrap_or(u32::MAX));
    let count = rate * share.max(0.05) * load.time.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within bounds"
    )]
    let count = count.clamp(1_000.0, 1e9) as u32;
    count
}

fn words(port: u16, load: &Load, operation: Operation, window: u32, count: u32) -> Vec<String> {
    let operation = match operation {
        Operation::Set => "set",
        Operation::Get => "get",
    };
    let numbers = [
        ("-p", port.to_string()),
        ("-c", CONNECTIONS.to_string()),
        ("-n", count.to_string()),
        ("-r", load.keys.to_string()),
        ("-d", load.value_bytes.to_string()),
        ("-P", window.to_string()),
        ("-t", operation.to_owned()),
    ];
    let fixed = ["-h", "127.0.0.1", "--csv", "--precision", "3"].map(str::to_owned);
    let numbers = numbers
        .into_iter()
        .flat_map(|(flag, text)| [flag.to_owned(), text]);
    fixed.into_iter().chain(numbers).collect()
}

/// How many keys there are.
fn keys(port: u16) -> anyhow::Result<f64> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(b"DBSIZE\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let number = line.trim_end().strip_prefix(':').context("no DBSIZE")?;
    Ok(number.parse()?)
}

/// What redis-benchmark prints for a test.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Row {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Row {
    /// Reads `"test","rps","avg","min","p50","p95","p99","max"`, each in quotes.
    fn read(printed: &str) -> anyhow::Result<Self> {
        let line = printed.lines().rfind(|line| !line.is_empty());
        let cells = line.unwrap_or_default().split(',').skip(1);
        let numbers: Result<Vec<f64>, _> =
            cells.map(|cell| cell.trim_matches('"').parse()).collect();
        match numbers.as_deref() {
            Ok([rate, _, _, p50_ms, _, p99_ms, max_ms]) => Ok(Self {
                rate: *rate,
                p50_ms: *p50_ms,
                p99_ms: *p99_ms,
                max_ms: *max_ms,
            }),
            _ => bail!("redis-benchmark printed {printed:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_benchmark_prints_is_read() {
        let printed = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
                       \"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                       \"SET\",\"270270.28\",\"2.428\",\"0.664\",\"2.367\",\
                       \"4.015\",\"4.567\",\"5.015\"\n";
        let expected = Row {
            rate: 270_270.28,
            p50_ms: 2.367,
            p99_ms: 4.567,
            max_ms: 5.015,
        };
        assert_eq!(Row::read(printed).unwrap(), expected);
        assert!(Row::read("").is_err());
        assert!(Row::read("Could not connect").is_err());
    }
}
