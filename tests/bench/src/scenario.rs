//! What is measured: each scenario with the exact arguments of `catena bench`, and the figures of
//! its result that are told.

pub mod state;

use crate::broker::Kind;

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Processor time of the broker for each message.
    Cost,
    /// Messages a second in a closed loop.
    Rate,
    /// How long a message takes at a fixed rate.
    Latency,
    /// What connections and stored messages take.
    Memory,
    /// Processor time of a store for each operation.
    StoreCost,
    /// How long an operation takes.
    StoreLatency,
    /// What keys take.
    StoreMemory,
    /// What is measured of Catena only.
    Alone,
}

impl Section {
    /// All, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Cost,
        Self::Rate,
        Self::Latency,
        Self::Memory,
        Self::StoreCost,
        Self::StoreLatency,
        Self::StoreMemory,
        Self::Alone,
    ];

    /// The heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cost => "Processor time of the broker, seconds per million delivered messages",
            Self::Rate => "Messages delivered per second, as fast as the broker allows",
            Self::Latency => "Latency at a fixed rate, from the moment a message was due",
            Self::Memory => "Connections and stored messages",
            Self::StoreCost => "Processor time of the store, seconds per million operations",
            Self::StoreLatency => "Latency of the store, with that many operations under way",
            Self::StoreMemory => "Keys of 16 B with values of 64 B",
            Self::Alone => "Catena alone",
        }
    }

    /// What a ratio says.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Rate => "The ratio is Catena's figure by the other's: above 1, Catena is faster.",
            Self::Cost
            | Self::Latency
            | Self::Memory
            | Self::StoreCost
            | Self::StoreLatency
            | Self::StoreMemory => {
                "The ratio is Catena's figure by the other's: below 1, Catena takes less."
            }
            Self::Alone => "The ratio is the figure by that of the scenario compared with.",
        }
    }
}

/// A number of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Where it is told.
    pub section: Section,
    /// Its name in the JSON of `catena bench`.
    pub key: &'static str,
    /// What it is, with unit, where the section's heading does not say.
    pub label: &'static str,
}

/// How the broker may use processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// One worker on one processor, unless everything runs unpinned.
    Pinned,
    /// Two workers on any processor.
    TwoWorkers,
}

/// Whom it is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All brokers.
    All,
    /// Brokers that are Catena.
    CatenaOnly,
    /// Catena and Redis.
    Redis,
    /// Catena and all stores of others.
    Stores,
}

impl Audience {
    /// Whether it is run with brokers or stores of this kind.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Catena => true,
            Kind::Mosquitto | Kind::FlashMq => matches!(self, Self::All),
            Kind::Redis => matches!(self, Self::Redis | Self::Stores),
            Kind::Etcd => matches!(self, Self::Stores),
        }
    }
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name in the report and on the command line.
    pub name: &'static str,
    /// The arguments of `catena bench`, but for time, place and form of output.
    pub words: &'static str,
    /// What is told of the result.
    pub figures: &'static [Figure],
    /// How the broker may use processors.
    pub spread: Spread,
    /// Whom it is run with.
    pub audience: Audience,
    /// The scenario that a figure of Catena alone is compared with.
    pub compared_with: Option<&'static str>,
}

impl Scenario {
    /// The scenario of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|scenario| scenario.name == name)
    }

    /// All, of brokers and of stores.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        SCENARIOS.iter().chain(state::SCENARIOS)
    }

    /// The words with no more connections than a process may have files for. Tells the number of
    /// connections if it is lower than meant.
    #[must_use]
    pub fn words_within(&self, files: Option<u64>) -> (Vec<String>, Option<u64>) {
        let mut words: Vec<String> = self.words.split_whitespace().map(str::to_owned).collect();
        let number = words.iter().position(|word| word == "--connections");
        let number = number.and_then(|index| words.get_mut(index + 1));
        let meant = number.as_ref().and_then(|text| text.parse::<u64>().ok());
        let (Some(text), Some(meant), Some(files)) = (number, meant, files) else {
            return (words, None);
        };
        let possible = files.saturating_sub(FILES_SPARE).max(1);
        if possible >= meant {
            return (words, None);
        }
        *text = possible.to_string();
        (words, Some(possible))
    }
}

/// Files that a process has open beside its connections, at most.
const FILES_SPARE: u64 = 200;

const fn figure(section: Section, key: &'static str, label: &'static str) -> Figure {
    Figure {
        section,
        key,
        label,
    }
}

const COST: &str = "broker_cpu_s_per_million";

const TRAFFIC: &[Figure] = &[
    figure(Section::Cost, COST, ""),
    figure(Section::Rate, "delivered_per_second", ""),
];

const LATENCY: &[Figure] = &[
    figure(Section::Cost, COST, ""),
    figure(Section::Latency, "latency_p50_us", "median, µs"),
    figure(Section::Latency, "latency_p99_us", "99 of 100 within, µs"),
];

const CONNECT: &[Figure] = &[
    figure(
        Section::Memory,
        "broker_cpu_us_per_connection",
        "processor time per connect and subscribe, µs",
    ),
    figure(
        Section::Memory,
        "broker_bytes_per_connection",
        "bytes per idle connection",
    ),
];

const OFFLINE: &[Figure] = &[
    figure(
        Section::Memory,
        "broker_bytes_per_queued",
        "bytes per queued message of 64 B, QoS 1",
    ),
    figure(
        Section::Memory,
        "queue_cpu_s_per_million",
        "processor time to queue, s per million",
    ),
    figure(
        Section::Memory,
        "drain_cpu_s_per_million",
        "processor time to deliver later, s per million",
    ),
];

const RETAINED: &[Figure] = &[
    figure(
        Section::Memory,
        "broker_bytes_per_topic",
        "bytes per retained message of 64 B",
    ),
    figure(
        Section::Memory,
        "store_cpu_s_per_million",
        "processor time to store, s per million",
    ),
    figure(
        Section::Memory,
        "read_cpu_s_per_million",
        "processor time to read, s per million",
    ),
];

const MANY_RETAINED: &[Figure] = &[
    figure(
        Section::Alone,
        "broker_bytes_per_topic",
        "bytes per message, when stored",
    ),
    figure(
        Section::Alone,
        "broker_bytes_per_topic_read",
        "bytes per message, when a slow subscriber has read all",
    ),
    figure(
        Section::Alone,
        "broker_bytes_per_topic_forgotten",
        "bytes per message, when all are deleted",
    ),
    figure(
        Section::Alone,
        "store_cpu_s_per_million",
        "processor time to store, s per million",
    ),
    figure(
        Section::Alone,
        "read_cpu_s_per_million",
        "processor time to read, s per million",
    ),
    figure(
        Section::Alone,
        "forget_cpu_s_per_million",
        "processor time to delete, s per million",
    ),
];

const COMPARED: &[Figure] = &[figure(
    Section::Alone,
    COST,
    "processor time, s per million messages",
)];

const fn with_all(name: &'static str, words: &'static str, figures: &'static [Figure]) -> Scenario {
    Scenario {
        name,
        words,
        figures,
        spread: Spread::Pinned,
        audience: Audience::All,
        compared_with: None,
    }
}

const fn alone(
    name: &'static str,
    words: &'static str,
    spread: Spread,
    compared_with: &'static str,
) -> Scenario {
    Scenario {
        spread,
        audience: Audience::CatenaOnly,
        compared_with: Some(compared_with),
        ..with_all(name, words, COMPARED)
    }
}

/// All that is measured of brokers, in this order.
pub const SCENARIOS: &[Scenario] = &[
    with_all("p2p-q0-64", "p2p -q 0", TRAFFIC),
    with_all("p2p-q1-64", "p2p -q 1", TRAFFIC),
    with_all("p2p-q1-4k", "p2p -q 1 --payload 4096", TRAFFIC),
    with_all(
        "p2p-q0-64-w1",
        "p2p -q 0 --publishers 100 --window 1",
        TRAFFIC,
    ),
    with_all(
        "p2p-q1-64-w1",
        "p2p -q 1 --publishers 100 --window 1",
        TRAFFIC,
    ),
    with_all("fan-in-q1-50to1", "fan-in -q 1", TRAFFIC),
    with_all("shared-q1-50to5", "shared -q 1", TRAFFIC),
    with_all("fan-out-q0-200", "fan-out -q 0 --subscribers 200", TRAFFIC),
    with_all(
        "fan-out-q0-1000",
        "fan-out -q 0 --subscribers 1000",
        TRAFFIC,
    ),
    with_all("fan-out-q1-200", "fan-out -q 1 --subscribers 200", TRAFFIC),
    with_all(
        "wildcards-q1-10k",
        "wildcards -q 1 --publishers 10 --subscribers 50 --filters 10000",
        TRAFFIC,
    ),
    with_all("latency-5000", "latency -q 1 --rate 5000", LATENCY),
    with_all("connect", "connect --connections 19500", CONNECT),
    with_all("offline", "offline -q 1 --messages 100000", OFFLINE),
    with_all("retained", "retained -q 1 --messages 100000", RETAINED),
    Scenario {
        audience: Audience::CatenaOnly,
        ..with_all(
            "retained-1m",
            "retained -q 1 --messages 1000000 --receive-maximum 50",
            MANY_RETAINED,
        )
    },
    alone(
        "wildcards-q1-100k",
        "wildcards -q 1 --publishers 10 --subscribers 50 --filters 100000",
        Spread::Pinned,
        "wildcards-q1-10k",
    ),
    alone(
        "p2p-q1-64-2-workers",
        "p2p -q 1",
        Spread::TwoWorkers,
        "p2p-q1-64",
    ),
    alone(
        "fan-out-q1-200-2-workers",
        "fan-out -q 1 --subscribers 200",
        Spread::TwoWorkers,
        "fan-out-q1-200",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sitting::Timing;

    /// The command line of `catena` itself takes every row of the table.
    #[test]
    fn catena_bench_takes_all_arguments() {
        for scenario in Scenario::all() {
            let (words, _) = scenario.words_within(None);
            let timing = Timing::of_seconds(3.0).words();
            let head = ["catena", "bench"].map(str::to_owned);
            let line: Vec<_> = head.into_iter().chain(words).chain(timing).collect();
            let parsed = catena::cli::Cli::tree().try_get_matches_from(&line);
            assert!(parsed.is_ok(), "{line:?}: {parsed:?}");
        }
    }

    #[test]
    fn names_differ_and_comparisons_name_earlier_ones() {
        let mut seen = BTreeSet::new();
        for scenario in Scenario::all() {
            if let Some(other) = scenario.compared_with {
                assert!(seen.contains(other), "{}: no {other} above", scenario.name);
            }
            assert!(seen.insert(scenario.name), "{} twice", scenario.name);
            assert_eq!(Scenario::named(scenario.name), Some(scenario));
        }
    }

    #[test]
    fn the_page_names_every_scenario_with_its_arguments() {
        let page = include_str!("../../../docs/reference/performance.md");
        for scenario in Scenario::all() {
            let row = format!("| `{}` | `{}` |\n", scenario.name, scenario.words);
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn connections_stay_within_the_files() {
        let connect = Scenario::named("connect").unwrap();
        assert_eq!(connect.words_within(None).1, None);
        assert_eq!(connect.words_within(Some(20_000)).1, None);
        let (words, fewer) = connect.words_within(Some(1_024));
        assert_eq!(fewer, Some(824));
        assert_eq!(words, ["connect", "--connections", "824"]);
        let traffic = Scenario::named("p2p-q0-64").unwrap();
        assert_eq!(traffic.words_within(Some(10)).1, None);
    }
}
