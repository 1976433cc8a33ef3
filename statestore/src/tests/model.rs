//! A reference model: a sorted map, no hashes, no timers, no bounded log; and a comparison with
//! the machine after each random step.

use std::collections::BTreeMap;

use catena_hlc::{Clock, Stamp};
use catena_types::siphash;
use proptest::prelude::*;

use super::steps::{Came, Known, Step, Write, step};
use super::*;

const SEED: u64 = 42;

#[derive(Debug, Clone)]
struct Entry {
    value: String,
    version: Version,
    deadline: Option<u64>,
    fence: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    Plain,
    Present,
    Away(Version),
}

/// What is told: client, key, version, news.
type Told = (u64, String, Version, String);

#[derive(Debug, Clone, Default)]
struct Model {
    millis: u64,
    clock: Clock,
    entries: BTreeMap<&'static str, Entry>,
    watches: BTreeMap<(&'static str, u64), Watch>,
    /// Since when all changes of a key are kept, while somebody resumes it.
    kept_since: BTreeMap<&'static str, Version>,
    kept: Vec<(&'static str, Version, String)>,
    told: Vec<Told>,
}

/// What a write came to.
enum Came1 {
    Done(String, Option<Version>),
    Unmet(String, Option<Version>),
    Refused(&'static str),
}

impl Model {
    fn run(&mut self, step: &Step) -> Came {
        let reply =
            |(payload, version): (String, Option<Version>)| Some(Replied { payload, version });
        let plain = |payload: &str| {
            Some(Replied {
                payload: payload.to_owned(),
                version: None,
            })
        };
        let replied = match step {
            Step::Write { write, token } => {
                let known = self.known(write);
                self.settle(write.key());
                match self.write(write, known, *token) {
                    Came1::Done(payload, version) | Came1::Unmet(payload, version) => {
                        reply((payload, version))
                    }
                    Came1::Refused(text) => plain(&format!("-ERR {text}\r\n")),
                }
            }
            Step::Group { writes, token } => reply(self.group(writes, *token)),
            Step::Get(key) => reply(match self.alive(key) {
                Some(entry) => {
                    let text = format!("${}\r\n{}\r\n", entry.value.len(), entry.value);
                    (text, Some(entry.version))
                }
                None => ("$-1\r\n".to_owned(), None),
            }),
            Step::GetWithTimeToLive(key) => reply(match self.alive(key) {
                Some(entry) => {
                    let left = entry.deadline.map_or(-1, |d| (d - self.millis) as i64);
                    let (length, value) = (entry.value.len(), &entry.value);
                    let text = format!("*2\r\n${length}\r\n{value}\r\n:{left}\r\n");
                    (text, Some(entry.version))
                }
                None => ("$-1\r\n".to_owned(), None),
            }),
            Step::TimeToLive(key) => reply(match self.alive(key) {
                Some(entry) => {
                    let left = entry.deadline.map_or(-1, |d| (d - self.millis) as i64);
                    (format!(":{left}\r\n"), Some(entry.version))
                }
                None => (":-2\r\n".to_owned(), None),
            }),
            Step::Start(client, key) => {
                self.watches.insert((key, *client), Watch::Plain);
                self.forget_unused();
                plain("+OK\r\n")
            }
            Step::Stop(client, key) => {
                let was = self.watches.remove(&(*key, *client)).is_some();
                self.forget_unused();
                plain(if was { "+OK\r\n" } else { ":0\r\n" })
            }
            Step::Resume(client, key, known) => {
                let after = known.map(|known| self.version(key, known));
                self.settle(key);
                self.resume(*client, key, after);
                plain("+OK\r\n")
            }
            other => {
                self.pass(other);
                None
            }
        };
        (replied, std::mem::take(&mut self.told))
    }

    fn pass(&mut self, step: &Step) {
        match step {
            Step::Disconnect(client) => {
                let last = self.clock.last();
                self.watches
                    .retain(|(_, c), watch| c != client || *watch != Watch::Plain);
                let own = self.watches.iter_mut().filter(|((_, c), _)| c == client);
                own.filter(|(_, watch)| **watch == Watch::Present)
                    .for_each(|(_, watch)| *watch = Watch::Away(last));
            }
            Step::End(client) => {
                self.watches.retain(|(_, c), _| c != client);
                self.forget_unused();
            }
            Step::Pass(millis) => {
                self.millis += millis;
                let mut due: Vec<_> = self
                    .entries
                    .iter()
                    .map(|(key, entry)| {
                        (entry.deadline, siphash(SEED, !SEED, key.as_bytes()), *key)
                    })
                    .collect();
                due.sort();
                due.into_iter().for_each(|(_, _, key)| self.settle(key));
            }
            Step::PassUnnoticed(millis) => self.millis += millis,
            _ => {}
        }
    }

    fn alive(&self, key: &str) -> Option<&Entry> {
        let millis = self.millis;
        self.entries
            .get(key)
            .filter(|entry| entry.deadline.is_none_or(|d| d > millis))
    }

    fn version(&self, key: &str, known: Known) -> Version {
        match known {
            Known::Current => self
                .alive(key)
                .map_or(Version::from_packed(1), |e| e.version),
            Known::Ancient => Version::from_packed(1),
            Known::Last => self.clock.last(),
        }
    }

    fn known(&self, write: &Write) -> Version {
        match write {
            Write::SetIf { key, version, .. } | Write::DeleteIf { key, version } => {
                self.version(key, *version)
            }
            _ => Version::ZERO,
        }
    }

    fn next_version(&mut self, sets: bool) -> Version {
        let wall = Millis::new(WALL + self.millis);
        let stamp = Stamp {
            wall,
            counter: 0,
            node: "client",
        };
        self.clock.stride(wall, sets.then_some(&stamp))
    }

    fn settle(&mut self, key: &'static str) {
        if self.entries.contains_key(key) && self.alive(key).is_none() {
            self.entries.remove(key);
            let version = self.next_version(false);
            self.tell(key, version, "DELETE");
        }
    }

    fn tell(&mut self, key: &'static str, version: Version, news: &str) {
        let own = self.watches.iter().filter(|((k, _), _)| *k == key);
        let present = own.filter(|(_, watch)| !matches!(watch, Watch::Away(_)));
        let told =
            present.map(|((_, client), _)| (*client, key.to_owned(), version, news.to_owned()));
        self.told.extend(told);
        if self.kept_since.contains_key(key) {
            self.kept.push((key, version, news.to_owned()));
        }
    }

    fn forget_unused(&mut self) {
        let watches = &self.watches;
        let used = |key: &str| {
            watches
                .iter()
                .any(|((k, _), w)| *k == key && *w != Watch::Plain)
        };
        self.kept_since.retain(|key, _| used(key));
        self.kept.retain(|(key, _, _)| used(key));
    }

    fn resume(&mut self, client: u64, key: &'static str, after: Option<Version>) {
        let left = match self.watches.insert((key, client), Watch::Present) {
            Some(Watch::Away(seen)) => Some(seen),
            _ => None,
        };
        let last = self.clock.last();
        let since = *self.kept_since.entry(key).or_insert(last);
        let Some(from) = after.or(left) else {
            return;
        };
        let tell = |version, news: &str| (client, key.to_owned(), version, news.to_owned());
        // What this store never gave, it knows nothing about.
        let given = from <= last;
        if since <= from && given {
            let kept = self
                .kept
                .iter()
                .filter(|(k, version, _)| *k == key && *version > from);
            self.told
                .extend(kept.map(|(_, version, news)| tell(*version, news)));
            return;
        }
        let entry = self.entries.get(key);
        if entry.is_none_or(|entry| entry.version > from || !given) {
            self.told.push(tell(last, "GAP"));
            self.told.push(match entry {
                Some(entry) => tell(entry.version, &entry.value),
                None => tell(last, "DELETE"),
            });
        }
    }

    fn group(&mut self, writes: &[Write], token: Option<u64>) -> (String, Option<Version>) {
        let mut keys: Vec<_> = writes.iter().map(Write::key).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return (
                "-ERR a group must not write a key twice\r\n".to_owned(),
                None,
            );
        }
        let known: Vec<Version> = writes.iter().map(|write| self.known(write)).collect();
        let mut trial = self.clone();
        writes.iter().for_each(|write| trial.settle(write.key()));
        let mut payload = format!("*{}\r\n", writes.len());
        let mut highest = None;
        for (index, (write, known)) in writes.iter().zip(known).enumerate() {
            let sets = !matches!(
                write,
                Write::Delete { .. } | Write::DeleteIf { .. } | Write::DeleteIfValue { .. }
            );
            let failed = match trial.write(write, known, token) {
                Came1::Done(reply, version) => {
                    let beside =
                        version.map_or("$-1".to_owned(), |v| format!("$32\r\n{}", text(v)));
                    payload += &format!("*2\r\n{reply}{beside}\r\n");
                    highest = version.filter(|_| sets).or(highest);
                    continue;
                }
                Came1::Unmet(_, version) => (format!("*2\r\n:-1\r\n:{index}\r\n"), version),
                Came1::Refused(text) => (format!("-ERR {text}\r\n"), None),
            };
            writes[..=index]
                .iter()
                .for_each(|write| self.settle(write.key()));
            return failed;
        }
        *self = trial;
        (payload, highest)
    }

    fn write(&mut self, write: &Write, known: Version, token: Option<u64>) -> Came1 {
        let key = write.key();
        let entry = self.entries.get(key).cloned();
        match (entry.as_ref().and_then(|entry| entry.fence), token) {
            (Some(_), None) => {
                return Came1::Refused("a fencing token is required for this request");
            }
            (Some(fence), Some(token)) if token < fence => {
                return Came1::Refused(
                    "the request fencing token is a lower version than the fencing token \
                     protecting the resource",
                );
            }
            _ => {}
        }
        let version = entry.as_ref().map(|entry| entry.version);
        let unmet = |reply: &str| Came1::Unmet(reply.to_owned(), version);
        let has = |value: &str| entry.as_ref().is_some_and(|entry| entry.value == value);
        match write {
            Write::Set {
                value,
                condition,
                px,
                ..
            } => match condition {
                Some("NX") if entry.is_some() => unmet(":-1\r\n"),
                Some("NEX") if entry.is_some() && !has(value) => unmet(":-1\r\n"),
                _ => self.set(key, value, px.map(|px| self.millis + px), token),
            },
            Write::SetIf { .. } if entry.is_none() => unmet(":0\r\n"),
            Write::SetIf { .. } if version != Some(known) => unmet(":-1\r\n"),
            Write::SetIf { value, px, .. } => {
                self.set(key, value, px.map(|px| self.millis + px), token)
            }
            Write::Increment { by, .. } => {
                let old = entry.as_ref().map_or("0", |entry| &entry.value);
                let Ok(number) = old.parse::<i64>() else {
                    return Came1::Refused("the value is not a number");
                };
                let Some(sum) = number.checked_add(*by) else {
                    return Came1::Refused("the number would overflow");
                };
                let deadline = entry.and_then(|entry| entry.deadline);
                match self.set(key, &sum.to_string(), deadline, token) {
                    Came1::Done(_, version) => Came1::Done(format!(":{sum}\r\n"), version),
                    other => other,
                }
            }
            Write::Delete { .. } if entry.is_none() => Came1::Done(":0\r\n".to_owned(), None),
            Write::DeleteIfValue { .. } | Write::DeleteIf { .. } if entry.is_none() => {
                unmet(":0\r\n")
            }
            Write::DeleteIfValue { value, .. } if !has(value) => unmet(":-1\r\n"),
            Write::DeleteIf { .. } if version != Some(known) => unmet(":-1\r\n"),
            Write::Delete { .. } | Write::DeleteIfValue { .. } | Write::DeleteIf { .. } => {
                self.entries.remove(key);
                let gone = self.next_version(false);
                self.tell(key, gone, "DELETE");
                Came1::Done(":1\r\n".to_owned(), version)
            }
        }
    }

    fn set(
        &mut self,
        key: &'static str,
        value: &str,
        deadline: Option<u64>,
        fence: Option<u64>,
    ) -> Came1 {
        let version = self.next_version(true);
        let value = value.to_owned();
        self.tell(key, version, &value);
        self.entries.insert(
            key,
            Entry {
                value,
                version,
                deadline,
                fence,
            },
        );
        Came1::Done("+OK\r\n".to_owned(), Some(version))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_machine_does_what_the_model_does(
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut harness = Harness::new();
        let mut model = Model::default();
        for (index, step) in steps.iter().enumerate() {
            prop_assert_eq!(harness.run(step), model.run(step), "step {}: {:?}", index, step);
            prop_assert_eq!(harness.store.stats().keys, model.entries.len() as u64);
            prop_assert_eq!(harness.store.stats().changes, model.kept.len() as u64);
            prop_assert_eq!(harness.store.stats().registrations, model.watches.len() as u64);
        }
    }
}
