//! What a match costs as the table grows, and how much memory a subscription takes.
//!
//! `cargo bench -p catena-routing`; prints nanoseconds per match, their ratio to a table of 100
//! filters, and bytes per subscription (resident memory, so only on Linux).

use std::hint::black_box;
use std::time::Instant;

use catena_routing::{Command, FilterRequest, Matches, Qos, Routing, SubscriptionOptions};
use catena_types::{PartitionId, SessionId};

type Shape = (&'static str, fn(u32) -> String, fn(u32) -> String);

/// Name, filter of a number, a topic that it matches.
const SHAPES: [Shape; 5] = [
    (
        "w/{i}/+/t",
        |i| format!("w/{i}/+/t"),
        |i| format!("w/{i}/d/t"),
    ),
    ("w/{i}/#", |i| format!("w/{i}/#"), |i| format!("w/{i}/d/t")),
    (
        "+/w/{i}/d/t",
        |i| format!("+/w/{i}/d/t"),
        |i| format!("x/w/{i}/d/t"),
    ),
    (
        "w/{i}/d/+",
        |i| format!("w/{i}/d/+"),
        |i| format!("w/{i}/d/t"),
    ),
    ("t/{i}", |i| format!("t/{i}"), |i| format!("t/{i}")),
];

const MATCHES: u32 = 1_000_000;

fn main() {
    println!(
        "{:>12} {:>9} {:>9} {:>7} {:>7}",
        "filter", "number", "ns/match", "ratio", "bytes"
    );
    // Tables stay until the end, so that none of them lives in memory that another one freed.
    let mut tables = Vec::new();
    for (name, filter, topic) in SHAPES {
        let mut base = None;
        for count in [100, 10_000, 100_000] {
            let before = resident_bytes();
            let routing = table(count, filter);
            let bytes = (resident_bytes() - before) / f64::from(count);
            let elapsed = measure(&routing, count, topic);
            let ratio = elapsed / *base.get_or_insert(elapsed);
            println!("{name:>12} {count:>9} {elapsed:>9.1} {ratio:>7.2} {bytes:>7.0}");
            tables.push(routing);
        }
    }
    deep();
}

/// One session per filter.
fn table(count: u32, filter: fn(u32) -> String) -> Routing {
    let mut routing = Routing::new(0x5EED);
    for number in 0..count {
        subscribe(&mut routing, number, &filter(number));
    }
    routing
}

fn subscribe(routing: &mut Routing, number: u32, filter: &str) {
    let options = SubscriptionOptions {
        qos: Qos::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
    };
    let command = Command::Subscribe {
        session: SessionId::new(PartitionId::new(0), 1, number),
        subscription_id: None,
        filters: &[FilterRequest { filter, options }],
    };
    if let Err(fault) = routing.apply_command(command) {
        println!("{fault}");
    }
}

/// Nanoseconds per match, over topics that each match one filter.
fn measure(routing: &Routing, count: u32, topic: fn(u32) -> String) -> f64 {
    // The same number of topics for every table, spread over it: else the memory of the topics
    // would be measured too.
    let topics: Vec<String> = (0..100).map(|i| topic(i * (count / 100))).collect();
    let mut matches = Matches::default();
    let mut found = 0;
    let start = now();
    for _ in 0..MATCHES / 100 {
        for topic in &topics {
            routing.matching(black_box(topic), &mut matches);
            found += matches.recipients().len();
        }
    }
    let elapsed = start.elapsed().as_nanos() as f64 / f64::from(MATCHES);
    if found != MATCHES as usize {
        println!("each topic should match one filter: {found} of {MATCHES}");
    }
    elapsed
}

/// A thousand overlapping filters of 128 levels, all of which match.
fn deep() {
    let mut routing = Routing::new(0x5EED);
    for mix in 0..1_000u32 {
        let mixed = |bit: u32| if mix >> bit & 1 == 1 { "a" } else { "+" };
        let levels: Vec<&str> = (0..128).map(|level| mixed(level % 10)).collect();
        subscribe(&mut routing, mix, &levels.join("/"));
    }
    let topic = vec!["a"; 128].join("/");
    let mut matches = Matches::default();
    let start = now();
    for _ in 0..1_000 {
        routing.matching(black_box(&topic), &mut matches);
    }
    let micros = start.elapsed().as_nanos() as f64 / 1e6;
    let found = matches.recipients().len();
    println!("128 levels, {found} filters that all match: {micros:.1} us per match");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Resident memory, in pages of 4 KiB; 0 where the system does not tell.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0
}
