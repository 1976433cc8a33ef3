//! Random steps for the model and the snapshots: what clients, time and connections do.

use proptest::prelude::*;

use super::*;

/// So few keys and values that steps meet.
const KEYS: [&str; 4] = ["a", "b", "{x}c", "d"];
const VALUES: [&str; 4] = ["", "v", "7", "-3"];

#[derive(Debug, Clone)]
pub(super) enum Step {
    Write {
        write: Write,
        token: Option<u64>,
    },
    Group {
        writes: Vec<Write>,
        token: Option<u64>,
    },
    Get(&'static str),
    GetWithTimeToLive(&'static str),
    TimeToLive(&'static str),
    Start(u64, &'static str),
    Stop(u64, &'static str),
    Resume(u64, &'static str, Option<Known>),
    Disconnect(u64),
    End(u64),
    /// Time passes, with ticks.
    Pass(u64),
    /// Time passes before anybody ticks.
    PassUnnoticed(u64),
}

#[derive(Debug, Clone)]
pub(super) enum Write {
    Set {
        key: &'static str,
        value: &'static str,
        condition: Option<&'static str>,
        px: Option<u64>,
    },
    SetIf {
        key: &'static str,
        value: &'static str,
        version: Known,
        px: Option<u64>,
    },
    Delete {
        key: &'static str,
    },
    DeleteIfValue {
        key: &'static str,
        value: &'static str,
    },
    DeleteIf {
        key: &'static str,
        version: Known,
    },
    Increment {
        key: &'static str,
        by: i64,
    },
}

/// A version that a client may know.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    /// The one that the key has now, if it exists.
    Current,
    /// One before all.
    Ancient,
    /// The last that was given.
    Last,
}

impl Write {
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Set { key, .. }
            | Self::SetIf { key, .. }
            | Self::Delete { key }
            | Self::DeleteIfValue { key, .. }
            | Self::DeleteIf { key, .. }
            | Self::Increment { key, .. } => key,
        }
    }

    pub(super) fn elements(&self, version: impl Fn(&str, Known) -> Version) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut say = |elements: &[&str]| all.extend(elements.iter().map(|e| (*e).to_owned()));
        let lifetime = match self {
            Self::Set {
                key,
                value,
                condition,
                px,
            } => {
                say(&["SET", key, value]);
                condition.iter().for_each(|condition| say(&[condition]));
                *px
            }
            Self::SetIf {
                key,
                value,
                version: known,
                px,
            } => {
                say(&["CAS", key, &text(version(key, *known)), value]);
                *px
            }
            Self::Delete { key } => {
                say(&["DEL", key]);
                None
            }
            Self::DeleteIfValue { key, value } => {
                say(&["VDEL", key, value]);
                None
            }
            Self::DeleteIf {
                key,
                version: known,
            } => {
                say(&["CAD", key, &text(version(key, *known))]);
                None
            }
            Self::Increment { key, by } => {
                say(&["INCRBY", key, &by.to_string()]);
                None
            }
        };
        if let Some(millis) = lifetime {
            say(&["PX", &millis.to_string()]);
        }
        all
    }
}

fn key() -> impl Strategy<Value = &'static str> + Clone {
    proptest::sample::select(&KEYS[..])
}

fn value() -> impl Strategy<Value = &'static str> + Clone {
    proptest::sample::select(&VALUES[..])
}

fn known() -> impl Strategy<Value = Known> + Clone {
    prop_oneof![3 => Just(Known::Current), 1 => Just(Known::Ancient), 1 => Just(Known::Last)]
}

fn write() -> impl Strategy<Value = Write> + Clone {
    let condition = proptest::sample::select(&[None, Some("NX"), Some("NEX")][..]);
    let px = || proptest::option::of(1u64..40);
    let by = prop_oneof![3 => -9i64..9, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    prop_oneof![
        4 => (key(), value(), condition, px())
            .prop_map(|(key, value, condition, px)| Write::Set { key, value, condition, px }),
        1 => (key(), value(), known(), px())
            .prop_map(|(key, value, version, px)| Write::SetIf { key, value, version, px }),
        1 => key().prop_map(|key| Write::Delete { key }),
        1 => (key(), value()).prop_map(|(key, value)| Write::DeleteIfValue { key, value }),
        1 => (key(), known()).prop_map(|(key, version)| Write::DeleteIf { key, version }),
        1 => (key(), by).prop_map(|(key, by)| Write::Increment { key, by }),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let token = || proptest::option::weighted(0.3, 0u64..4);
    let client = || 1u64..4;
    prop_oneof![
        10 => (write(), token()).prop_map(|(write, token)| Step::Write { write, token }),
        3 => (proptest::collection::vec(write(), 1..4), token())
            .prop_map(|(writes, token)| Step::Group { writes, token }),
        1 => key().prop_map(Step::Get),
        1 => key().prop_map(Step::GetWithTimeToLive),
        1 => key().prop_map(Step::TimeToLive),
        2 => (client(), key()).prop_map(|(client, key)| Step::Start(client, key)),
        1 => (client(), key()).prop_map(|(client, key)| Step::Stop(client, key)),
        3 => (client(), key(), proptest::option::weighted(0.4, known()))
            .prop_map(|(client, key, known)| Step::Resume(client, key, known)),
        2 => client().prop_map(Step::Disconnect),
        1 => client().prop_map(Step::End),
        2 => (0u64..40).prop_map(Step::Pass),
        2 => (0u64..40).prop_map(Step::PassUnnoticed),
    ]
}

/// What a step came to: the reply, if there is one, and who was told what.
pub(super) type Came = (Option<Replied>, Vec<(u64, String, Version, String)>);

impl Harness {
    /// Does a step.
    pub(super) fn run(&mut self, step: &Step) -> Came {
        let version = |key: &str, known: Known| match known {
            Known::Current => {
                let found = self.store.version(self.now(), key.as_bytes());
                found.unwrap_or(Version::from_packed(1))
            }
            Known::Ancient => Version::from_packed(1),
            Known::Last => self.store.last_version(),
        };
        let token = |token: &Option<u64>| token.map(|number| format!("{number}:0:n"));
        let stamp = self.stamp(0);
        let ask = |harness: &mut Self, client, payload: &[u8], token: Option<String>| {
            Some(harness.ask_with(client, payload, Some(&stamp), token.as_deref()))
        };
        let owned = |elements: &[String]| {
            let elements: Vec<&str> = elements.iter().map(String::as_str).collect();
            payload(&elements)
        };
        let replied = match step {
            Step::Write {
                write,
                token: number,
            } => {
                let payload = owned(&write.elements(version));
                ask(self, 1, &payload, token(number))
            }
            Step::Group {
                writes,
                token: number,
            } => {
                let mut all = format!("*{}\r\n$5\r\nMULTI\r\n", writes.len() + 1).into_bytes();
                writes
                    .iter()
                    .for_each(|write| all.extend(owned(&write.elements(version))));
                ask(self, 1, &all, token(number))
            }
            Step::Get(key) => ask(self, 1, &payload(&["GET", key]), None),
            Step::GetWithTimeToLive(key) => ask(self, 1, &payload(&["GETPX", key]), None),
            Step::TimeToLive(key) => ask(self, 1, &payload(&["PTTL", key]), None),
            Step::Start(client, key) => ask(self, *client, &payload(&["KEYNOTIFY", key]), None),
            Step::Stop(client, key) => {
                ask(self, *client, &payload(&["KEYNOTIFY", key, "STOP"]), None)
            }
            Step::Resume(client, key, known) => {
                let after = known.map(|known| text(version(key, known)));
                let elements: Vec<&str> = ["KEYNOTIFY", key, "RESUME"]
                    .into_iter()
                    .chain(after.as_deref())
                    .collect();
                ask(self, *client, &payload(&elements), None)
            }
            other => {
                self.run_silent(other);
                None
            }
        };
        let told = self.told().into_iter();
        let told = told.map(|t| (t.client, t.key, t.version, news(&t.payload)));
        (replied, told.collect())
    }
    /// Does a step that nobody is answered.
    fn run_silent(&mut self, step: &Step) {
        match step {
            Step::Disconnect(client) => self.store.disconnected(Client::new(*client)),
            Step::End(client) => self.store.ended(Client::new(*client)),
            Step::Pass(millis) => self.pass(*millis),
            Step::PassUnnoticed(millis) => self.millis += millis,
            other => panic!("somebody is answered: {other:?}"),
        }
    }
}
