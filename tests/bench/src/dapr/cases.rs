//! What is measured, and with whom.

use crate::broker::OURS;

/// With whom a case is run. The names are those of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `pubsub.catena` and `state.catena`, through `catena-dapr`.
    Catena,
    /// `pubsub.mqtt3` of Dapr, at the same broker.
    Mqtt3,
    /// `pubsub.redis` and `state.redis` of Dapr, at a Redis.
    Redis,
    /// The SDK at the same broker: no sidecar, no component.
    Straight,
}

impl Subject {
    /// All, ours first.
    pub const ALL: [Self; 4] = [Self::Catena, Self::Mqtt3, Self::Redis, Self::Straight];

    /// Its name in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Catena => OURS,
            Self::Mqtt3 => "mqtt3",
            Self::Redis => "redis",
            Self::Straight => "straight",
        }
    }
}

/// What is asked for again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A message of so many bytes is published, and has to arrive at the application.
    Deliver(usize),
    /// A message of so many bytes is published to a topic that nobody has subscribed to.
    Publish(usize),
    /// A value is saved.
    Save,
    /// A value is read.
    Get,
    /// Three values are saved, all or none.
    Transact,
}

impl Operation {
    /// Whether it is about messages.
    #[must_use]
    pub const fn is_message(self) -> bool {
        matches!(self, Self::Deliver(_) | Self::Publish(_))
    }
}

/// Where the load goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// The sidecar's API, as applications use it.
    Sidecar,
    /// The socket of `catena-dapr`, as sidecars use it.
    Socket,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name in the report.
    pub name: &'static str,
    /// What is asked for.
    pub operation: Operation,
    /// How often at a time.
    pub window: usize,
    /// Where.
    pub entrance: Entrance,
}

/// Bytes of a value.
pub const VALUE_BYTES: usize = 256;

/// Keys that values are saved under.
pub const KEYS: u64 = 1_000;

const fn case(name: &'static str, operation: Operation, window: usize) -> Case {
    Case {
        name,
        operation,
        window,
        entrance: Entrance::Sidecar,
    }
}

const fn at_socket(name: &'static str, operation: Operation, window: usize) -> Case {
    Case {
        entrance: Entrance::Socket,
        ..case(name, operation, window)
    }
}

/// All cases, in their order.
pub const CASES: &[Case] = &[
    case("deliver-64-w1", Operation::Deliver(64), 1),
    case("deliver-64-w16", Operation::Deliver(64), 16),
    case("deliver-1k-w16", Operation::Deliver(1_024), 16),
    case("publish-64-w16", Operation::Publish(64), 16),
    case("save-w1", Operation::Save, 1),
    case("save-w16", Operation::Save, 16),
    case("get-w1", Operation::Get, 1),
    case("get-w16", Operation::Get, 16),
    case("transact-w16", Operation::Transact, 16),
    at_socket("socket-publish-w1", Operation::Publish(64), 1),
    at_socket("socket-publish-w16", Operation::Publish(64), 16),
    at_socket("socket-save-w16", Operation::Save, 16),
    at_socket("socket-get-w1", Operation::Get, 1),
    at_socket("socket-get-w16", Operation::Get, 16),
];

impl Case {
    /// The case of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CASES.iter().find(|case| case.name == name)
    }

    /// Whether it is run with this one.
    #[must_use]
    pub const fn has(&self, subject: Subject) -> bool {
        match (subject, self.entrance) {
            (Subject::Catena | Subject::Straight, _) => true,
            (Subject::Mqtt3, Entrance::Sidecar) => self.operation.is_message(),
            (Subject::Redis, Entrance::Sidecar) => true,
            (Subject::Mqtt3 | Subject::Redis, Entrance::Socket) => false,
        }
    }

    /// The topic that it publishes to.
    #[must_use]
    pub fn topic(&self, subject: Subject) -> String {
        format!("bench-{}-{}", subject.name(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ() {
        let names: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
    }

    #[test]
    fn the_page_names_every_case() {
        let page = include_str!("../../../../docs/reference/performance-dapr.md");
        for case in CASES {
            let row = format!("| `{}` | ", case.name);
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn only_ours_has_a_socket() {
        let case = Case::named("socket-get-w1").unwrap();
        let with = Subject::ALL.map(|subject| case.has(subject));
        assert_eq!(with, [true, false, false, true]);
        let case = Case::named("get-w1").unwrap();
        let with = Subject::ALL.map(|subject| case.has(subject));
        assert_eq!(with, [true, false, true, true]);
    }
}
