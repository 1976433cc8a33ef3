//! Clients that set and get keys of the state store, over its requests and responses. Any broker
//! that serves the same protocol will do.

pub(super) mod expiry;

mod clients;
mod request;
mod response;

use std::time::{Duration, Instant};

use super::args::{BenchArgs, Mix};
use super::process::Processes;
use super::progress::Progress;
use super::report::{Report, growth, per_second, seconds_per_million};
use crate::client::Failure;
use crate::clock;
use clients::{Clients, End, Pace};
use request::{Ask, KEY_BYTES, Operation};

/// How long a broker may take until its memory tells something.
const SETTLE: Duration = Duration::from_millis(500);
/// Requests of a client under way while keys are made and deleted.
const FILL_WINDOW: u32 = 100;

/// Runs the scenario: makes all keys, asks for some time, deletes them again.
pub(super) fn run(args: &BenchArgs, tag: &str, report: &mut Report) -> Result<(), Failure> {
    let keys = args.key_count();
    let mut progress = Progress::new("state");
    let mut clients = Clients::assemble(args, tag, args.publisher_count(), &mut progress)?;
    let broker = Processes::new(&args.pid);
    clients.fleet.rest(SETTLE)?;
    let empty = broker.resident_bytes();
    let filled = for_all(&mut clients, &mut progress, keys, Operation::Set)?;
    clients.fleet.rest(SETTLE)?;
    let full = broker.resident_bytes();

    let mut end = filled;
    let mut pace = Pace {
        window: args.window,
        rate: args.open_rate(),
        time: Some(args.warmup),
        answers: None,
    };
    let next = |client, sequence| Some(ask(args.mix, keys, client, sequence));
    if end == End::Done {
        end = clients.work(&mut progress, pace, next)?;
    }
    let begin = Reading::now(&broker, &clients);
    clients.is_sampling = true;
    pace.time = Some(args.duration);
    pace.answers = args.messages;
    if end == End::Done {
        end = clients.work(&mut progress, pace, next)?;
    }
    let until = Reading::now(&broker, &clients);
    // Open loops tell the latency of the stragglers too: they were due within the time measured.
    clients.is_sampling = args.open_rate().is_some();
    if end == End::Done {
        end = clients.drain(&mut progress)?;
    }
    clients.is_sampling = false;
    if end == End::Done {
        end = for_all(&mut clients, &mut progress, keys, Operation::Delete)?;
    }
    clients.fleet.rest(SETTLE)?;
    let deleted = broker.resident_bytes();
    drop(progress);

    tell(args, &clients, &begin, &until, report);
    let per_key = |bytes| growth(empty, bytes, keys.into());
    report.number("broker_bytes_per_key", per_key(full));
    report.number("broker_bytes_per_key_deleted", per_key(deleted));
    tell_faults(&[&clients], clients.counts.missing, end, report);
    clients.fleet.dismiss(0, Duration::from_secs(1))
}

/// Does something with every key once, and waits until it is done.
fn for_all(
    clients: &mut Clients<'_>,
    progress: &mut Progress,
    keys: u32,
    operation: Operation,
) -> Result<End, Failure> {
    let mut keys = 0..keys;
    let pace = Pace {
        window: FILL_WINDOW,
        rate: None,
        time: None,
        answers: None,
    };
    let next = |_, _| keys.next().map(|key| Ask { operation, key });
    clients.work(progress, pace, next)
}

/// What a client asks as its request of this number.
fn ask(mix: Mix, keys: u32, client: usize, sequence: u32) -> Ask {
    let operation = match mix {
        Mix::Set => Operation::Set,
        Mix::Get => Operation::Get,
        Mix::Mixed if sequence % 10 == 9 => Operation::Set,
        Mix::Mixed => Operation::Get,
    };
    let key = scatter((client as u64) << 32 | u64::from(sequence)) % u64::from(keys.max(1));
    let key = u32::try_from(key).unwrap_or_default();
    Ask { operation, key }
}

/// A number that looks like chance, the same in every run.
fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// What is read at the beginning and at the end of the time measured.
#[derive(Clone, Debug)]
struct Reading {
    at: Instant,
    answered: u64,
    broker_time: Option<Duration>,
    own_time: Option<Duration>,
}

impl Reading {
    fn now(broker: &Processes, clients: &Clients<'_>) -> Self {
        Self {
            at: clock::monotonic(),
            answered: clients.answered(),
            broker_time: broker.processor_time(),
            own_time: Processes::own().processor_time(),
        }
    }
}

fn tell(
    args: &BenchArgs,
    clients: &Clients<'_>,
    begin: &Reading,
    end: &Reading,
    report: &mut Report,
) {
    report.word(
        "mix",
        match args.mix {
            Mix::Set => "SET",
            Mix::Get => "GET",
            Mix::Mixed => "90 % GET, 10 % SET",
        },
    );
    report.count("clients", args.publisher_count() as u64);
    report.count("keys", args.key_count().into());
    report.count("key_bytes", KEY_BYTES as u64);
    report.count("value_bytes", args.payload.into());
    match args.open_rate() {
        Some(rate) => report.count("rate_per_second", rate.into()),
        None => report.count("window", args.window.into()),
    }
    let time = end.at.duration_since(begin.at);
    let operations = end.answered - begin.answered;
    report.number("seconds", Some(time.as_secs_f64()));
    report.number("operations_per_second", per_second(operations, time));
    report.latency(&clients.histogram);
    let used = |begin: Option<Duration>, end: Option<Duration>| end?.checked_sub(begin?);
    let broker_time = used(begin.broker_time, end.broker_time);
    let own_time = used(begin.own_time, end.own_time);
    let share = |used: Option<Duration>| Some(used?.as_secs_f64() / time.as_secs_f64());
    let cost = |used| seconds_per_million(used, operations);
    report.number("broker_cpu_s_per_million", cost(broker_time));
    report.number("broker_cores", share(broker_time));
    report.number("own_cpu_s_per_million", cost(own_time));
    report.number("own_cores", share(own_time));
}

/// Adds what must not have happened to any of these clients.
fn tell_faults(all: &[&Clients<'_>], missing: u64, end: End, report: &mut Report) {
    let sum = |of: &dyn Fn(&Clients<'_>) -> u64| all.iter().map(|clients| of(clients)).sum();
    report.count("sent", sum(&|it| it.counts.sent));
    report.count("answered", sum(&|it| it.answered()));
    report.fault("lost", sum(&|it| it.lost()));
    report.fault("duplicates", sum(&|it| it.strays().0));
    report.fault("foreign", sum(&|it| it.strays().1));
    report.fault("errors", sum(&|it| it.counts.errors));
    report.fault("missing", missing);
    report.fault("malformed", sum(&|it| it.counts.malformed));
    report.fault("refused", sum(&|it| it.counts.refused));
    let closed = sum(&|it| it.counts.closed);
    report.fault("connections_lost", closed);
    if let Some(text) = all.iter().find_map(|it| it.counts.first_error.as_ref()) {
        report.mishap(format!("the first error: {text}"));
    }
    if end == End::Stalled && closed == 0 {
        report.mishap("the broker stood still");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_mix_is_nine_to_one_over_all_keys() {
        let asks: Vec<_> = (0..10_000)
            .map(|number| ask(Mix::Mixed, 100, 3, number))
            .collect();
        let sets = asks.iter().filter(|ask| ask.operation == Operation::Set);
        assert_eq!(sets.count(), 1_000);
        let keys: BTreeSet<_> = asks.iter().map(|ask| ask.key).collect();
        assert_eq!((keys.len(), keys.last()), (100, Some(&99)));
    }
}
