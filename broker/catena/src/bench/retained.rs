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
    let empty = Reading::now(&broker);
    let stored = stored::publish(args, tag, count, &mut progress, |sequence| {
        templates.get(sequence as usize)
    })?;
    drop(templates);
    let storing = empty.processor_time_until(&Reading::now(&broker));
    fleet.rest(SETTLE)?;
    let full = Reading::now(&broker);

    let kept = u64::from(stored.acknowledged);
    report.count("topics", count.into());
    report.count("qos", args.qos as u64);
    report.count("payload_bytes", args.payload.into());
    report.number("stored_per_second", per_second(kept, stored.time));
    report.number(
        "store_cpu_s_per_million",
        seconds_per_million(storing, kept),
    );
    report.number("broker_bytes_per_topic", empty.growth_until(&full, kept));
    let mut read = Receiver::new(args, 1, stored.acknowledged);
    let begin = clock::monotonic();
    fleet.assemble(&[reader(tag)], args, |_, _| {})?;
    read.receive(&mut fleet, &mut progress)?;
    let time = clock::monotonic() - begin;
    let at_end = Reading::now(&broker);
    let reading = full.processor_time_until(&at_end);
    read.linger(&mut fleet, SETTLE)?;
    fleet.dismiss(0, Duration::from_secs(1))?;
    let counts = read.tally.counts();
    report.number("read_seconds", Some(time.as_secs_f64()));
    report.number("read_per_second", per_second(counts.delivered, time));
    report.number("read_cpu_s_per_million", seconds_per_million(reading, kept));
    let bytes = empty.growth_until(&at_end, kept);
    report.number("broker_bytes_per_topic_read", bytes);

    forget(args, tag, &empty, &mut progress, report)?;
    drop(progress);
    report.count("acknowledged", kept);
    report.count("delivered", counts.delivered);
    report.fault("lost", read.tally.lost(kept));
    report.fault("unacknowledged", u64::from(count) - kept);
    report.fault("refused", stored.refused);
    report.fault("duplicates", counts.duplicates);
    report.fault("foreign", counts.foreign);
    Ok(())
}

/// Has the broker forget the messages: an empty payload takes the place of each. Whoever
/// subscribes after that must get none.
fn forget(
    args: &BenchArgs,
    tag: &str,
    empty: &Reading,
    progress: &mut Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let count = args.stored_count();
    let broker = Processes::new(&args.pid);
    let qos = catena_mqtt::Qos::AtLeastOnce;
    let template = |number| Template::empty(args.version, &topic(tag, number), qos);
    let templates = (0..count).map(template).collect::<Result<Vec<_>, _>>()?;
    let begin = Reading::now(&broker);
    let forgotten = stored::publish(args, tag, count, progress, |sequence| {
        templates.get(sequence as usize)
    })?;
    let forgetting = begin.processor_time_until(&Reading::now(&broker));
    let mut fleet = Fleet::new(args)?;
    fleet.rest(SETTLE)?;
    let end = Reading::now(&broker);
    let gone = u64::from(forgotten.acknowledged);
    report.number(
        "forget_cpu_s_per_million",
        seconds_per_million(forgetting, gone),
    );
    let bytes = empty.growth_until(&end, count.into());
    report.number("broker_bytes_per_topic_forgotten", bytes);

    let mut after = Receiver::new(args, 1, count);
    fleet.assemble(&[reader(tag)], args, |_, _| {})?;
    after.linger(&mut fleet, SETTLE)?;
    fleet.dismiss(0, Duration::from_secs(1))?;
    let counts = after.tally.counts();
    report.fault("not_forgotten", counts.delivered + counts.foreign);
    Ok(())
}

/// What the broker has used at a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    processor_time: Option<Duration>,
    resident_bytes: Option<u64>,
}

impl Reading {
    fn now(broker: &Processes) -> Self {
        Self {
            processor_time: broker.processor_time(),
            resident_bytes: broker.resident_bytes(),
        }
    }

    fn processor_time_until(&self, later: &Self) -> Option<Duration> {
        later.processor_time?.checked_sub(self.processor_time?)
    }

    /// Bytes for each of so many.
    fn growth_until(&self, later: &Self, count: u64) -> Option<f64> {
        growth(self.resident_bytes, later.resident_bytes, count)
    }
}

/// The subscriber to everything that is retained.
fn reader(tag: &str) -> Member {
    Member {
        client_id: format!("cb{tag}r"),
        filters: vec![format!("catena-bench/{tag}/#")],
        session_expiry: None,
    }
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
