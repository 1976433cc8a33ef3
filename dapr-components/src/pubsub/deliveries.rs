//! Which message goes to which stream, and when once more. Neither waits nor asks for the time.
//!
//! Streams of one subscription compete: each message goes to one of them, in turn, as far as it has
//! room. A message keeps its place until an application has taken it or it is given up:
//!
//! ```text
//! take ──▶ ready ──▶ in flight at a stream ──▶ acknowledged
//!            ▲ ▲            │      │
//!            │ └─ stream ───┘      │ failed
//!            └───── backoff ◀──────┘ ─────▶ given up
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::settings::{Delivery, OnFailure};

/// Number of a message, in the order of arrival.
pub(super) type Number = u64;

/// Number of a stream.
pub(super) type StreamNumber = u64;

/// What decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) in_flight_max: usize,
    /// 0: a message that failed is given up at once.
    pub(super) redeliveries_max: u32,
    pub(super) backoff_min: Duration,
    pub(super) backoff_max: Duration,
    pub(super) block_on_retry: bool,
}

/// The messages of one subscription that nobody has taken yet, and its streams.
#[derive(Debug)]
pub(super) struct Deliveries<M> {
    rules: Rules,
    messages: BTreeMap<Number, Held<M>>,
    ready: BTreeSet<Number>,
    waiting: BTreeSet<(Instant, Number)>,
    streams: BTreeMap<StreamNumber, Stream>,
    next: Number,
    turn: StreamNumber,
    is_paused: bool,
}

#[derive(Debug)]
struct Held<M> {
    message: M,
    failures: u32,
}

#[derive(Debug, Default)]
struct Stream {
    in_flight: BTreeSet<Number>,
    /// What it has failed on lately.
    failed: VecDeque<(Instant, Number)>,
}

/// A sidecar that ends says of what it has in hand that it has failed. So failures right before the
/// end of a stream are none, and a message is given up only when it is clear that it was none.
const END_OF_STREAM: Duration = Duration::from_secs(1);

impl Rules {
    /// Those of a subscription.
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self {
            // One that is under way already could not be held back.
            in_flight_max: match delivery.block_on_retry {
                true => 1,
                false => delivery.in_flight_max,
            },
            redeliveries_max: match delivery.on_failure {
                OnFailure::Redeliver => delivery.redeliveries_max,
                OnFailure::Drop => 0,
            },
            backoff_min: delivery.backoff_min,
            backoff_max: delivery.backoff_max,
            block_on_retry: delivery.block_on_retry,
        }
    }
}

impl<M> Deliveries<M> {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            messages: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            streams: BTreeMap::new(),
            next: 0,
            turn: 0,
            is_paused: false,
        }
    }

    /// What decides from now on.
    pub(super) fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// A stream begins.
    pub(super) fn add_stream(&mut self, stream: StreamNumber) {
        self.streams.insert(stream, Stream::default());
    }

    /// A stream has ended: what it had not answered is for others.
    pub(super) fn remove_stream(&mut self, now: Instant, stream: StreamNumber) {
        let Some(ended) = self.streams.remove(&stream) else {
            return;
        };
        self.ready.extend(ended.in_flight);
        for (at, number) in ended.failed {
            let is_late = now.saturating_duration_since(at) <= END_OF_STREAM;
            let was_waiting = self.waiting.len();
            if is_late {
                self.waiting.retain(|(_, waiting)| *waiting != number);
            }
            if self.waiting.len() < was_waiting {
                self.ready.insert(number);
                if let Some(held) = self.messages.get_mut(&number) {
                    held.failures = held.failures.saturating_sub(1);
                }
            }
        }
    }

    /// Nothing is delivered while paused; answers are taken.
    pub(super) fn set_paused(&mut self, paused: bool) {
        self.is_paused = paused;
    }

    /// A message has come.
    pub(super) fn take(&mut self, message: M) {
        let held = Held {
            message,
            failures: 0,
        };
        self.messages.insert(self.next, held);
        self.ready.insert(self.next);
        self.next += 1;
    }

    /// The next delivery, which is under way from now on: stream, number, how often the message has
    /// failed, and the message.
    pub(super) fn deliver(&mut self) -> Option<(StreamNumber, Number, u32, &mut M)> {
        let is_blocked = self.rules.block_on_retry && !self.waiting.is_empty();
        if self.is_paused || is_blocked || self.ready.is_empty() {
            return None;
        }
        let stream = self.stream_with_room()?;
        let number = self.ready.pop_first()?;
        self.turn = stream;
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.in_flight.insert(number);
        }
        let held = self.messages.get_mut(&number)?;
        Some((stream, number, held.failures, &mut held.message))
    }

    /// An application has taken a message.
    pub(super) fn acknowledge(&mut self, stream: StreamNumber, number: Number) -> Option<M> {
        let is_there = self.streams.get_mut(&stream)?.in_flight.remove(&number);
        is_there.then(|| self.remove(number))?
    }

    /// An application has failed on a message. `false` if the stream does not have it.
    pub(super) fn fail(&mut self, now: Instant, stream: StreamNumber, number: Number) -> bool {
        let Some(of_stream) = self.streams.get_mut(&stream) else {
            return false;
        };
        if !of_stream.in_flight.remove(&number) {
            return false;
        }
        let failures = self.messages.get_mut(&number).map_or(0, |held| {
            held.failures = held.failures.saturating_add(1);
            held.failures
        });
        of_stream.failed.push_back((now, number));
        while { of_stream.failed.front() }
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) > END_OF_STREAM)
        {
            of_stream.failed.pop_front();
        }
        let pause = if failures > self.rules.redeliveries_max {
            END_OF_STREAM
        } else {
            let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
            let pause = self.rules.backoff_min.saturating_mul(doubled);
            pause.min(self.rules.backoff_max)
        };
        self.waiting.insert((now + pause, number));
        true
    }

    /// Makes ready what has waited long enough, and takes out what has failed too often.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<M> {
        let mut given_up = Vec::new();
        while let Some((at, number)) = self.waiting.first().copied()
            && at <= now
        {
            self.waiting.pop_first();
            let failures = self.messages.get(&number).map_or(0, |held| held.failures);
            if failures > self.rules.redeliveries_max {
                given_up.extend(self.remove(number));
            } else {
                self.ready.insert(number);
            }
        }
        given_up
    }

    /// When the next message has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Whether another message could be delivered at once.
    pub(super) fn wants_more(&self) -> bool {
        let is_blocked = self.rules.block_on_retry && !self.waiting.is_empty();
        let has_room = self.stream_with_room().is_some();
        !self.is_paused && !is_blocked && self.ready.is_empty() && has_room
    }

    /// How many messages applications have and have not answered.
    pub(super) fn unanswered(&self) -> usize {
        self.streams
            .values()
            .map(|stream| stream.in_flight.len())
            .sum()
    }

    /// Takes out all messages that are not at a stream.
    pub(super) fn clear(&mut self) -> Vec<M> {
        self.waiting.clear();
        self.ready.clear();
        for stream in self.streams.values_mut() {
            stream.in_flight.clear();
        }
        std::mem::take(&mut self.messages)
            .into_values()
            .map(|held| held.message)
            .collect()
    }

    /// Takes out some of the messages, where there is no stream.
    pub(super) fn extract(&mut self, which: impl Fn(&M) -> bool) -> Vec<M> {
        let extracted = self.messages.extract_if(.., |_, held| which(&held.message));
        let (numbers, messages): (BTreeSet<_>, Vec<_>) = extracted
            .map(|(number, held)| (number, held.message))
            .unzip();
        self.ready.retain(|number| !numbers.contains(number));
        self.waiting.retain(|(_, number)| !numbers.contains(number));
        messages
    }

    /// The next stream in turn that has room.
    fn stream_with_room(&self) -> Option<StreamNumber> {
        let after = self.streams.range(self.turn.saturating_add(1)..);
        let before = self.streams.range(..=self.turn);
        let mut streams = after.chain(before);
        let has_room = |stream: &Stream| stream.in_flight.len() < self.rules.in_flight_max;
        streams
            .find(|(_, stream)| has_room(stream))
            .map(|(number, _)| *number)
    }

    fn remove(&mut self, number: Number) -> Option<M> {
        self.messages.remove(&number).map(|held| held.message)
    }
}

#[cfg(test)]
mod tests;
