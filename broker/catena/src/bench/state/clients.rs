//! Clients that ask the state store, and the books of what it answers.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::request::{Ask, Operation, Requests, WallText};
use super::response::{Response, Verdict};
use crate::bench::args::BenchArgs;
use crate::bench::fleet::{Fleet, Member};
use crate::bench::peer::Progress as Reading;
use crate::bench::progress::Progress;
use crate::bench::tally::{Arrival, Order, Tally};
use crate::bench::wire::{self, PUBACK, Stamp};
use crate::client::Failure;
use crate::clock;

/// Bytes that wait to leave a connection above which its client pauses.
const PENDING_MAX: usize = 256 * 1_024;
/// Unanswered requests of a client at most: packet identifiers are not to meet again.
const IN_FLIGHT_MAX: u32 = 60_000;
/// The scheduler of the system wakes late: within this time of the next request, do not sleep.
const AWAKE: Duration = Duration::from_millis(2);
/// How long to wait for an event if nothing is due.
const TURN: Duration = Duration::from_millis(50);
/// What a stamp says beside the client: which operation it was.
const OPERATION_SHIFT: u32 = 24;

/// The clients of a run.
#[derive(Debug)]
pub(super) struct Clients<'a> {
    args: &'a BenchArgs,
    pub(super) fleet: Fleet,
    clients: Vec<Client>,
    /// Those that may ask.
    listed: Vec<usize>,
    tally: Tally,
    pub(super) histogram: Histogram<u64>,
    pub(super) is_sampling: bool,
    pub(super) counts: Counts,
    began: Instant,
    /// The wall time when a turn began.
    time: WallText,
}

#[derive(Debug)]
struct Client {
    requests: Requests,
    sent: u32,
    answered: u32,
    acknowledged: u32,
    /// How many may be under way.
    window: u32,
    is_listed: bool,
}

/// What came of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) acknowledged: u64,
    /// Answers as they should be.
    pub(super) right: u64,
    pub(super) missing: u64,
    pub(super) errors: u64,
    /// The first error, in its words.
    pub(super) first_error: Option<String>,
    pub(super) malformed: u64,
    /// Requests that were refused by their acknowledgement.
    pub(super) refused: u64,
    pub(super) closed: u64,
}

/// How requests follow each other, and when that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Requests of a client under way at most, in a closed loop.
    pub(super) window: u32,
    /// Requests a second of all clients, in an open loop.
    pub(super) rate: Option<u32>,
    /// It ends after this time, or if there is nothing more to ask and all is answered.
    pub(super) time: Option<Duration>,
    /// It ends after so many answers.
    pub(super) answers: Option<u32>,
}

/// How a loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    /// The broker answered nothing more, or hung up.
    Stalled,
}

impl<'a> Clients<'a> {
    pub(super) fn assemble(
        args: &'a BenchArgs,
        tag: &str,
        count: usize,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        let mut fleet = Fleet::new(args)?;
        let topic = |number| format!("catena-bench/{tag}/{number}");
        let members: Vec<_> = (0..count)
            .map(|number| Member {
                client_id: format!("cb{tag}s{number}"),
                filters: vec![topic(number)],
                session_expiry: None,
            })
            .collect();
        fleet.assemble(&members, args, |now, ready| {
            progress.show(now, || format!("{ready} of {count} connected"));
        })?;
        let mut clients = Vec::with_capacity(count);
        for (number, peer) in fleet.peers.iter().enumerate() {
            clients.push(Client {
                requests: Requests::new(&topic(number), args.payload as usize)?,
                sent: 0,
                answered: 0,
                acknowledged: 0,
                window: u32::from(peer.receive_maximum).min(IN_FLIGHT_MAX),
                is_listed: true,
            });
        }
        // Up to a minute, to three digits; what takes longer counts as a minute.
        let histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .map_err(|error| Failure::general(format!("cannot keep latencies: {error}")))?;
        Ok(Self {
            args,
            fleet,
            clients,
            listed: (0..count).collect(),
            tally: Tally::new(count, 1, Order::Any),
            histogram,
            is_sampling: false,
            counts: Counts::default(),
            began: clock::monotonic(),
            time: WallText::of_millis(clock::wall().as_millis()),
        })
    }

    /// Asks what `next` says, which gets the number of the client and of its request, until the
    /// pace says that it ends.
    pub(super) fn work(
        &mut self,
        progress: &mut Progress,
        pace: Pace,
        mut next: impl FnMut(usize, u32) -> Option<Ask>,
    ) -> Result<End, Failure> {
        let begin = clock::monotonic();
        let first = self.answered();
        let mut last = (first, begin);
        let mut due = 0;
        let mut is_exhausted = false;
        for index in 0..self.clients.len() {
            self.list(index);
        }
        loop {
            let now = clock::monotonic();
            let answered = self.answered();
            if answered != last.0 {
                last = (answered, now);
            }
            let is_idle = self.is_idle();
            if self.counts.closed > 0 || (!is_idle && now - last.1 > self.args.stall) {
                return Ok(End::Stalled);
            }
            let is_over = pace.time.is_some_and(|time| now - begin >= time)
                || pace
                    .answers
                    .is_some_and(|most| answered - first >= u64::from(most));
            if is_over || (is_exhausted && is_idle) {
                return Ok(End::Done);
            }
            self.time = WallText::of_millis(clock::wall().as_millis());
            let timeout = match pace.rate {
                _ if is_exhausted => TURN,
                None => self.produce(pace.window, &mut next, &mut is_exhausted),
                Some(rate) => {
                    let begin_ns = self.nanoseconds_at(begin);
                    self.produce_on_time(rate, begin_ns, &mut due, &mut next, &mut is_exhausted)
                }
            };
            self.flush_listed()?;
            self.fleet.wait(timeout)?;
            self.serve()?;
            progress.show(now, || {
                let rate = super::per_second(answered - first, now - begin).unwrap_or_default();
                format!("{} answered, {rate:.0} operations/s", answered - first)
            });
        }
    }

    /// Waits for what is under way.
    pub(super) fn drain(&mut self, progress: &mut Progress) -> Result<End, Failure> {
        let pace = Pace {
            window: u32::MAX,
            rate: None,
            time: None,
            answers: None,
        };
        self.work(progress, pace, |_, _| None)
    }

    /// Responses to requests of this run, each counted once.
    pub(super) fn answered(&self) -> u64 {
        self.tally.counts().delivered
    }

    /// Requests without response.
    pub(super) fn lost(&self) -> u64 {
        self.tally.lost(self.counts.sent)
    }

    /// Responses that came twice, or answered nothing.
    pub(super) fn strays(&self) -> (u64, u64) {
        (self.tally.counts().duplicates, self.tally.counts().foreign)
    }

    fn is_idle(&self) -> bool {
        self.lost() == 0 && self.counts.acknowledged >= self.counts.sent
    }

    fn nanoseconds_at(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Fills the window of each client that may have room. Tells how long to wait.
    fn produce(
        &mut self,
        window: u32,
        next: &mut impl FnMut(usize, u32) -> Option<Ask>,
        is_exhausted: &mut bool,
    ) -> Duration {
        let due_ns = self.nanoseconds_at(clock::monotonic());
        for position in 0..self.listed.len() {
            let Some(&index) = self.listed.get(position) else {
                break;
            };
            while self.has_room(index, window) {
                let sent = self.clients.get(index).map_or(0, |client| client.sent);
                let Some(ask) = next(index, sent) else {
                    *is_exhausted = true;
                    return TURN;
                };
                self.put(index, ask, due_ns);
            }
        }
        TURN
    }

    /// Asks what is due. Tells how long to wait for the next.
    fn produce_on_time(
        &mut self,
        rate: u32,
        begin_ns: u64,
        due: &mut u64,
        next: &mut impl FnMut(usize, u32) -> Option<Ask>,
        is_exhausted: &mut bool,
    ) -> Duration {
        let now_ns = self.nanoseconds_at(clock::monotonic());
        loop {
            // 128 bits, since nanoseconds times requests outgrow 64 within minutes.
            let due_ns = u128::from(*due) * 1_000_000_000 / u128::from(rate);
            let due_ns = begin_ns.saturating_add(u64::try_from(due_ns).unwrap_or(u64::MAX));
            if due_ns > now_ns {
                let left = Duration::from_nanos(due_ns - now_ns);
                return left.saturating_sub(AWAKE).min(TURN);
            }
            let index = usize::try_from(*due).unwrap_or_default() % self.clients.len().max(1);
            if !self.has_room(index, u32::MAX) {
                // The request stays due, and its latency grows.
                return Duration::from_millis(1);
            }
            let sent = self.clients.get(index).map_or(0, |client| client.sent);
            let Some(ask) = next(index, sent) else {
                *is_exhausted = true;
                return TURN;
            };
            self.put(index, ask, due_ns);
            self.list(index);
            *due += 1;
        }
    }

    fn has_room(&self, index: usize, window: u32) -> bool {
        let (Some(client), Some(peer)) = (self.clients.get(index), self.fleet.peers.get(index))
        else {
            return false;
        };
        let under_way = client.sent - client.answered.min(client.acknowledged).min(client.sent);
        under_way < window.min(client.window) && peer.pending() <= PENDING_MAX
    }

    fn put(&mut self, index: usize, ask: Ask, due_ns: u64) {
        let (Some(client), Some(peer)) =
            (self.clients.get_mut(index), self.fleet.peers.get_mut(index))
        else {
            return;
        };
        let operation: u32 = match ask.operation {
            Operation::Set | Operation::SetFor(_) => 0,
            Operation::Get => 1,
            Operation::Delete => 2,
        };
        let number = u32::try_from(index).unwrap_or_default();
        let stamp = Stamp {
            due_ns,
            publisher: operation << OPERATION_SHIFT | number,
            sequence: client.sent,
        };
        client.requests.put(&mut peer.out, ask, stamp, &self.time);
        client.sent += 1;
        self.counts.sent += 1;
    }

    /// Puts a client on the list of those that may ask.
    fn list(&mut self, index: usize) {
        if let Some(client) = self.clients.get_mut(index)
            && !client.is_listed
        {
            client.is_listed = true;
            self.listed.push(index);
        }
    }

    fn flush_listed(&mut self) -> Result<(), Failure> {
        let mut listed = std::mem::take(&mut self.listed);
        for index in listed.drain(..) {
            if let Some(client) = self.clients.get_mut(index) {
                client.is_listed = false;
            }
            if let Some(peer) = self.fleet.peers.get_mut(index) {
                let was_open = peer.is_open;
                peer.flush()?;
                self.counts.closed += u64::from(was_open && !peer.is_open);
            }
        }
        self.listed = listed;
        Ok(())
    }

    /// Takes what has come.
    fn serve(&mut self) -> Result<(), Failure> {
        let ready = std::mem::take(&mut self.fleet.ready);
        for event in &ready {
            if event.is_readable {
                self.take(event.index)?;
            }
            self.list(event.index);
        }
        self.fleet.ready = ready;
        Ok(())
    }

    fn take(&mut self, index: usize) -> Result<(), Failure> {
        let now_ns = self.nanoseconds_at(clock::monotonic());
        let value_bytes = self.args.payload as usize;
        let (Some(client), Some(peer)) =
            (self.clients.get_mut(index), self.fleet.peers.get_mut(index))
        else {
            return Ok(());
        };
        let was_open = peer.is_open;
        let counts = &mut self.counts;
        let progress = peer.read(&mut self.fleet.scratch, |out, first_byte, body| {
            if first_byte == PUBACK {
                if let Some((_, reason)) = wire::acknowledged(body) {
                    client.acknowledged += 1;
                    counts.acknowledged += 1;
                    counts.refused += u64::from(reason >= 0x80);
                }
                return;
            }
            if first_byte >> 4 != 3 {
                return;
            }
            let Some(response) = Response::read(first_byte, body) else {
                counts.malformed += 1;
                return;
            };
            if response.packet_id > 0 {
                wire::acknowledge(out, PUBACK, response.packet_id);
            }
            let stamp = response.stamp.unwrap_or(Stamp::FOREIGN);
            let number = stamp.publisher & ((1 << OPERATION_SHIFT) - 1);
            let (of, sent) = match number as usize == index {
                true => (index, client.sent),
                false => (usize::MAX, 0),
            };
            if self.tally.arrive(0, of, stamp.sequence, sent) != Arrival::New {
                return;
            }
            client.answered += 1;
            counts.book(&response, stamp.publisher >> OPERATION_SHIFT, value_bytes);
            if self.is_sampling {
                let latency = now_ns.saturating_sub(stamp.due_ns);
                self.histogram.saturating_record(latency);
            }
        })?;
        self.counts.closed += u64::from(was_open && progress == Reading::Closed);
        self.fleet.note(index, progress);
        Ok(())
    }
}

impl Counts {
    fn book(&mut self, response: &Response<'_>, operation: u32, value_bytes: usize) {
        let operation = match operation {
            0 => Operation::Set,
            1 => Operation::Get,
            _ => Operation::Delete,
        };
        match response.verdict(operation, value_bytes) {
            Verdict::Right => self.right += 1,
            Verdict::Missing => self.missing += 1,
            Verdict::Wrong => self.malformed += 1,
            Verdict::Refused(text) => {
                self.errors += 1;
                self.first_error.get_or_insert_with(|| text.to_owned());
            }
        }
    }
}
