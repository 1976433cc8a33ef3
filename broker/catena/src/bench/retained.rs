//! What retained messages cost, to store and to read.

use std::time::Duration;

use super::args::BenchArgs;
use super::fleet::{Fleet, Member};
use super::process::Processes;
use super::progress::Progress;
use super::receiver::Receiver;
use super::report::{Report, growth, per_second, seconds_per_million};
use super::stored;
use super::wire::Template;
use crate::client::Failure;
use crate::clock;

/// How long a broker may take until its memory tells something.
const SETTLE: Duration = Duration::from_millis(500);
/// Topics below one parent.
const SIBLINGS: u32 = 100;

/// Runs the scenario.
pub(super) fn run(args: &BenchArgs, tag: &str, report: &mut Report) -> Result<(), Failure> {
    let count = args.stored_count();
    let broker = Processes::new(&args.pid);
    let mut progress = Progress::new("retained");
    let mut fleet = Fleet::new(args)?;
    let templates = templates(args, tag, count)?;
    let (time_before, bytes_before) = (broker.processor_time(), broker.resident_bytes());
    let stored = stored::publish(args, tag, count, &mut progress, |sequence| {
        templates.get(sequence as usize)
    })?;
    let time_stored = broker.processor_time();
    fleet.rest(SETTLE)?;
    let bytes_stored = broker.resident_bytes();

    let expected = stored.acknowledged;
    let mut receiver = Receiver::new(args, 1, expected);
    let member = Member {
        client_id: format!("cb{tag}r"),
        filters: vec![format!("catena-bench/{tag}/#")],
        session_expiry: None,
    };
    let time_reading = broker.processor_time();
    let begin = clock::monotonic();
    fleet.assemble(&[member], args, |_, _| {})?;
    receiver.receive(&mut fleet, &mut progress)?;
    let time = clock::monotonic() - begin;
    let time_read = broker.processor_time();
    receiver.linger(&mut fleet, SETTLE)?;
    fleet.dismiss(0, Duration::from_secs(1))?;
    forget(args, tag, count, &mut progress)?;
    drop(progress);

    let used = |from: Option<Duration>, to: Option<Duration>| to?.checked_sub(from?);
    let kept = u64::from(expected);
    let counts = receiver.tally.counts();
    report.count("topics", count.into());
    report.count("qos", args.qos as u64);
    report.count("payload_bytes", args.payload.into());
    report.number("stored_per_second", per_second(kept, stored.time));
    let storing = used(time_before, time_stored);
    report.number(
        "store_cpu_s_per_million",
        seconds_per_million(storing, kept),
    );
    let bytes = growth(bytes_before, bytes_stored, kept);
    report.number("broker_bytes_per_topic", bytes);
    report.number("read_seconds", Some(time.as_secs_f64()));
    report.number("read_per_second", per_second(counts.delivered, time));
    let reading = used(time_reading, time_read);
    report.number("read_cpu_s_per_million", seconds_per_million(reading, kept));
    report.count("acknowledged", kept);
    report.count("delivered", counts.delivered);
    report.fault("lost", receiver.tally.lost(kept));
    report.fault("unacknowledged", u64::from(count) - kept);
    report.fault("refused", stored.refused);
    report.fault("duplicates", counts.duplicates);
    report.fault("foreign", counts.foreign);
    Ok(())
}

fn topic(tag: &str, number: u32) -> String {
    format!("catena-bench/{tag}/{}/{number}", number / SIBLINGS)
}

fn templates(args: &BenchArgs, tag: &str, count: u32) -> Result<Vec<Template>, Failure> {
    // At QoS 0 nobody would say when everything is stored.
    let qos = args.qos.max(catena_mqtt::Qos::AtLeastOnce);
    let bytes = args.payload as usize;
    let template = |number| Template::new(args.version, &topic(tag, number), qos, true, bytes);
    Ok((0..count).map(template).collect::<Result<_, _>>()?)
}

/// Has the broker forget the messages: an empty payload takes the place of each.
fn forget(args: &BenchArgs, tag: &str, count: u32, progress: &mut Progress) -> Result<(), Failure> {
    let qos = catena_mqtt::Qos::AtLeastOnce;
    let template = |number| Template::empty(args.version, &topic(tag, number), qos);
    let templates = (0..count).map(template).collect::<Result<Vec<_>, _>>()?;
    stored::publish(args, tag, count, progress, |sequence| {
        templates.get(sequence as usize)
    })?;
    Ok(())
}
