//! What messages for sessions that are away cost, to queue and to deliver.

use std::time::Duration;

use catena_mqtt::Qos;

use super::args::BenchArgs;
use super::fleet::{Fleet, Member};
use super::process::Processes;
use super::progress::Progress;
use super::receiver::Receiver;
use super::report::{Report, growth, per_second, seconds_per_million};
use super::stored::{self, Stored};
use super::wire::Template;
use crate::client::Failure;
use crate::clock;

/// How long a broker may take to notice that a client has left, or to give memory back.
const SETTLE: Duration = Duration::from_millis(500);
/// How long sessions outlast their connections, in seconds, should the run not clean up.
const EXPIRY_SECONDS: u32 = 3_600;

/// Runs the scenario.
pub(super) fn run(args: &BenchArgs, tag: &str, report: &mut Report) -> Result<(), Failure> {
    if args.qos == Qos::AtMostOnce {
        return Err(Failure::usage(
            "brokers queue nothing at QoS 0: use -q 1 or 2",
        ));
    }
    let sessions = args.connections.unwrap_or(10);
    let count = args.stored_count();
    let broker = Processes::new(&args.pid);
    let mut progress = Progress::new("offline");
    let topic = |number: u32| format!("catena-bench/{tag}/{number}");
    let members: Vec<_> = (0..sessions)
        .map(|number| Member {
            client_id: format!("cb{tag}o{number}"),
            filters: vec![topic(number)],
            session_expiry: Some(EXPIRY_SECONDS),
        })
        .collect();
    let mut fleet = Fleet::new(args)?;
    fleet.assemble(&members, args, |_, _| {})?;
    fleet.dismiss(0, Duration::from_secs(2))?;
    fleet.rest(SETTLE)?;

    let templates = (0..sessions)
        .map(|number| {
            let bytes = args.payload as usize;
            Template::new(args.version, &topic(number), args.qos, false, bytes)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (time_before, bytes_before) = (broker.processor_time(), broker.resident_bytes());
    let stored = stored::publish(args, tag, count, &mut progress, |sequence| {
        templates.get((sequence % sessions) as usize)
    })?;
    let time_stored = broker.processor_time();
    fleet.rest(SETTLE)?;
    let bytes_stored = broker.resident_bytes();

    let used = |from: Option<Duration>, to: Option<Duration>| to?.checked_sub(from?);
    let queued = u64::from(stored.acknowledged);
    report.count("sessions", sessions.into());
    report.count("qos", args.qos as u64);
    report.count("payload_bytes", args.payload.into());
    report.number("queued_per_second", per_second(queued, stored.time));
    let storing = used(time_before, time_stored);
    report.number(
        "queue_cpu_s_per_million",
        seconds_per_million(storing, queued),
    );
    let bytes = growth(bytes_before, bytes_stored, queued);
    report.number("broker_bytes_per_queued", bytes);
    let drained = drain(args, fleet, members, stored.acknowledged, &mut progress)?;
    drop(progress);
    tell(count, &stored, &drained, report);
    Ok(())
}

/// Adds what delivering came to.
fn tell(count: u32, stored: &Stored, drained: &Drained, report: &mut Report) {
    let queued = u64::from(stored.acknowledged);
    let counts = drained.receiver.tally.counts();
    report.number(
        "drained_per_second",
        per_second(counts.delivered, drained.time),
    );
    let draining = drained.broker_time;
    report.number(
        "drain_cpu_s_per_million",
        seconds_per_million(draining, queued),
    );
    report.count("sent", count.into());
    report.count("acknowledged", queued);
    report.count("delivered", counts.delivered);
    report.fault("lost", drained.receiver.tally.lost(queued));
    report.fault("unacknowledged", u64::from(count) - queued);
    report.fault("refused", stored.refused);
    report.fault("duplicates", counts.duplicates);
    report.fault("reordered", drained.receiver.reordered);
    report.fault("foreign", counts.foreign);
}

struct Drained {
    receiver: Receiver,
    time: Duration,
    broker_time: Option<Duration>,
}

/// Connects the sessions again, takes everything, then ends them.
fn drain(
    args: &BenchArgs,
    mut fleet: Fleet,
    mut members: Vec<Member>,
    expected: u32,
    progress: &mut Progress,
) -> Result<Drained, Failure> {
    let broker = Processes::new(&args.pid);
    let before = broker.processor_time();
    let begin = clock::monotonic();
    for member in &mut members {
        member.filters.clear();
    }
    let mut receiver = Receiver::new(args, members.len(), expected);
    fleet.assemble(&members, args, |_, _| {})?;
    receiver.receive(&mut fleet, progress)?;
    let time = clock::monotonic() - begin;
    let after = broker.processor_time();
    // Something may yet come twice.
    receiver.linger(&mut fleet, SETTLE)?;
    fleet.dismiss(0, Duration::from_secs(1))?;
    // Sessions end with a clean start.
    for member in &mut members {
        member.session_expiry = None;
    }
    fleet.assemble(&members, args, |_, _| {})?;
    fleet.dismiss(0, Duration::from_secs(1))?;
    let used = |from: Option<Duration>, to: Option<Duration>| to?.checked_sub(from?);
    Ok(Drained {
        receiver,
        time,
        broker_time: used(before, after),
    })
}
