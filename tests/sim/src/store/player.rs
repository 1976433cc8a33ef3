//! What a client wants of the state store, drawn from the seed and from what it has seen.

use std::collections::{BTreeMap, BTreeSet};

use catena_linear::{Answer, Operation, Step, Version};

use super::Response;
use crate::model::{Mortal, RequestNumber};
use crate::rng::Rng;

/// Keys that all clients fight for; two live in one partition, for groups.
const KEYS: &[&str] = &["a", "b", "{d}1", "{d}2"];

/// A key whose values are sums.
const SUM: &str = "sum";

/// Requests that a client has unanswered at most.
const OPEN_MAX: usize = 2;

/// A version that no store has given.
const UNKNOWN: Version = (1, 0);

/// A client's side of the state store.
#[derive(Debug)]
pub(crate) struct Player {
    rng: Rng,
    index: usize,
    /// How far the client's clock is ahead, in milliseconds; behind if negative.
    pub(crate) clock_ahead_ms: i64,
    /// What it last knew of each key.
    seen: BTreeMap<String, (Vec<u8>, Version)>,
    /// Requests without response in this session.
    open: BTreeSet<RequestNumber>,
    /// Requests without response in sessions that are over for the client.
    lost: Vec<RequestNumber>,
    /// First responses to writes.
    answered: BTreeMap<RequestNumber, Response>,
    values: u64,
    /// Counts the keys of its own that were given up because it lost count of what is there.
    own_keys: u64,
    own_open: Option<RequestNumber>,
}

impl Player {
    /// The player of a client.
    pub(crate) fn new(seed: u64, index: usize) -> Self {
        let mut rng = Rng::new(seed, &format!("store-{index}"));
        let ahead = rng.below(40_000) as i64;
        let clock_ahead_ms = *rng.pick(&[0, 0, ahead, -ahead]);
        Self {
            rng,
            index,
            clock_ahead_ms,
            seen: BTreeMap::new(),
            open: BTreeSet::new(),
            lost: Vec::new(),
            answered: BTreeMap::new(),
            values: 0,
            own_keys: 0,
            own_open: None,
        }
    }

    /// Whether it takes another request.
    pub(crate) fn has_room(&self) -> bool {
        self.open.len() < OPEN_MAX
    }

    /// A request without response, if there is one.
    pub(crate) fn waits_for(&self) -> Option<RequestNumber> {
        self.open.first().copied()
    }

    /// What it asks next.
    pub(crate) fn draw(&mut self) -> (Operation, Option<Mortal>) {
        let (group, span) = (self.rng.one_in(10), (0, None));
        if group {
            let steps = ["{d}1", "{d}2"].map(|key| (key.to_owned(), self.write(key)));
            return (Operation::group(self.index, span, steps.to_vec()), None);
        }
        if self.own_open.is_none() && self.rng.one_in(6) {
            let (step, lifetime_ms) = self.own_step();
            let key = format!("own/{}/{}", self.index, self.own_keys);
            let operation = Operation::single(self.index, span, &key, step);
            return (operation, Some(Mortal { lifetime_ms }));
        }
        let key = if self.rng.one_in(8) {
            SUM
        } else {
            *self.rng.pick(KEYS)
        };
        let step = match (self.rng.below(3), key) {
            (0, _) => Step::Get,
            (_, SUM) => self.sum(),
            _ => self.write(key),
        };
        (Operation::single(self.index, span, key, step), None)
    }

    /// A request of this number was sent.
    pub(crate) fn note_sent(&mut self, number: RequestNumber, mortal: Option<Mortal>) {
        self.open.insert(number);
        if mortal.is_some() {
            self.own_open = Some(number);
        }
    }

    /// The session is over: what was asked in it may have happened or not.
    pub(crate) fn forget(&mut self) {
        self.lost.extend(std::mem::take(&mut self.open));
        self.answered.clear();
        if self.own_open.take().is_some() {
            self.own_keys += 1;
        }
    }

    /// What was asked in sessions that are over for the broker too, now that there is another.
    pub(crate) fn take_lost(&mut self) -> Vec<RequestNumber> {
        std::mem::take(&mut self.lost)
    }

    /// A response has come. Says how the first one differs, if the request came again and was
    /// answered in another way.
    pub(crate) fn note_response(
        &mut self,
        response: &Response,
        operation: &Operation,
        answer: &Answer,
    ) -> Option<Response> {
        let number = response.number;
        self.open.remove(&number);
        if self.own_open == Some(number) {
            self.own_open = None;
        }
        self.learn(operation, answer);
        if matches!(operation.steps.first(), Some((_, Step::Get))) {
            return None;
        }
        let first = self.answered.entry(number);
        let first = &*first.or_insert_with(|| response.clone());
        (first != response).then(|| first.clone())
    }

    fn learn(&mut self, operation: &Operation, answer: &Answer) {
        match (operation.steps.as_slice(), answer) {
            ([(key, _)], Answer::Value(Some(found))) => {
                self.seen.insert(key.clone(), found.clone());
            }
            (
                [
                    (
                        key,
                        Step::Set(value)
                        | Step::SetIfAbsent(value)
                        | Step::SetIfAbsentOrEqual(value)
                        | Step::SetIfVersion(_, value),
                    ),
                ],
                Answer::Set(version),
            ) => {
                self.seen.insert(key.clone(), (value.clone(), *version));
            }
            ([(key, _)], Answer::Sum(sum, version)) => {
                let value = sum.to_string().into_bytes();
                self.seen.insert(key.clone(), (value, *version));
            }
            _ => {}
        }
    }

    /// Unlike any other.
    fn value(&mut self) -> Vec<u8> {
        self.values += 1;
        format!("{}-{}", self.index, self.values).into_bytes()
    }

    /// The value and version that it knows of a key.
    fn known(&self, key: &str) -> (Vec<u8>, Version) {
        let nothing = || (b"none".to_vec(), UNKNOWN);
        self.seen.get(key).cloned().unwrap_or_else(nothing)
    }

    fn write(&mut self, key: &str) -> Step {
        let (value, version) = self.known(key);
        match self.rng.below(10) {
            0 | 1 => Step::Set(self.value()),
            2 | 3 => Step::SetIfAbsent(self.value()),
            4 => Step::SetIfAbsentOrEqual(self.value()),
            5 => Step::SetIfAbsentOrEqual(value),
            6 => Step::SetIfVersion(version, self.value()),
            7 => Step::DeleteIfVersion(version),
            8 => Step::DeleteIfEqual(value),
            _ => Step::Delete,
        }
    }

    fn sum(&mut self) -> Step {
        match self.rng.below(8) {
            0 => Step::Delete,
            1 => Step::DeleteIfVersion(self.known(SUM).1),
            _ => Step::Add(self.rng.between(1, 9) as i64),
        }
    }

    fn own_step(&mut self) -> (Step, Option<u64>) {
        if self.rng.one_in(3) {
            let lifetime = self.rng.between(1, 3_000);
            (Step::Set(self.value()), Some(lifetime))
        } else {
            (Step::Get, None)
        }
    }
}
