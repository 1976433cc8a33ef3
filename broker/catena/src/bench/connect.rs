//! How fast connections are taken, and what they cost while they are idle.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::args::BenchArgs;
use super::fleet::{Fleet, Member};
use super::process::Processes;
use super::progress::Progress;
use super::report::{Report, growth, per_second, seconds_per_million};
use crate::client::Failure;
use crate::clock;

/// How long a broker may take until its memory tells something.
const SETTLE: Duration = Duration::from_secs(1);

/// Runs the scenario.
pub(super) fn run(args: &BenchArgs, tag: &str, report: &mut Report) -> Result<(), Failure> {
    let count = args.connections.unwrap_or(1_000);
    let members: Vec<_> = (0..count)
        .map(|number| Member {
            client_id: format!("cb{tag}c{number}"),
            filters: vec![format!("catena-bench/{tag}/{number}")],
            session_expiry: None,
        })
        .collect();
    let broker = Processes::new(&args.pid);
    let mut progress = Progress::new("connect");
    let mut fleet = Fleet::new(args)?;
    let (time_before, bytes_before) = (broker.processor_time(), broker.resident_bytes());
    let begin = clock::monotonic();
    let window = args.window as usize;
    let brought_up = fleet.bring_up(&members, window, args.stall, |now, ready| {
        progress.show(now, || format!("{ready} of {count} connected"));
    })?;
    let time = clock::monotonic() - begin;
    let time_connected = broker.processor_time();
    fleet.rest(SETTLE)?;
    let bytes_connected = broker.resident_bytes();
    let idle_begin = (clock::monotonic(), broker.processor_time());
    fleet.rest(args.duration.min(Duration::from_secs(60)))?;
    let idle_end = (clock::monotonic(), broker.processor_time());
    let still_open = fleet.open_count();
    fleet.dismiss(0, Duration::from_secs(5))?;
    drop(progress);

    let used = |from: Option<Duration>, to: Option<Duration>| to?.checked_sub(from?);
    let ready = brought_up.took.len() as u64;
    report.count("connections", count.into());
    report.number("seconds", Some(time.as_secs_f64()));
    report.number("connected_per_second", per_second(ready, time));
    report.latency(&histogram(&brought_up.took)?);
    // Seconds for a million are microseconds for one.
    let connecting = used(time_before, time_connected);
    report.number(
        "broker_cpu_us_per_connection",
        seconds_per_million(connecting, ready),
    );
    let bytes = growth(bytes_before, bytes_connected, ready);
    report.number("broker_bytes_per_connection", bytes);
    let idle = idle_end.0 - idle_begin.0;
    let idling = used(idle_begin.1, idle_end.1);
    let cores = idling.map(|time| time.as_secs_f64() / idle.as_secs_f64());
    report.number("broker_cores_while_idle", cores);
    report.count("connected", ready);
    report.fault("failed", brought_up.failures.len() as u64);
    report.fault("connections_lost", ready.saturating_sub(still_open as u64));
    if let Some(failure) = brought_up.failures.first() {
        report.mishap(format!("the first failure: {failure}"));
    }
    Ok(())
}

/// From opening the socket to SUBACK.
fn histogram(took: &[Duration]) -> Result<Histogram<u64>, Failure> {
    let mut histogram = Histogram::new_with_bounds(1, 600_000_000_000, 3)
        .map_err(|error| Failure::general(format!("cannot keep latencies: {error}")))?;
    for time in took {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        histogram.saturating_record(nanoseconds);
    }
    Ok(histogram)
}
