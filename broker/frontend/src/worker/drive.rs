//! The worker: what the shell (or the simulator) calls, in the order of a turn.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use catena_connection::{Outbox, WillFate};
use catena_mqtt::ReasonCode;
use catena_partition::Numbered;
use catena_transport::{Exchange, Port};
use catena_types::{FrontendId, Moment, PartitionId, PartitionSet};

use super::batch::Spare;
use super::client::{Client, Closing, Rules};
use super::ending::Leave;
use super::limits::ROUNDS_MAX;
use super::opening::Authentication;
use super::round::Round;
use super::state::State;
use super::stats::Stats;
use super::turn::Turn;

/// The clients of one worker thread and their exchange with the partitions.
///
/// A turn: [`open`](Self::open), [`handle_reads`](Self::handle_reads),
/// [`handle_bytes`](Self::handle_bytes), [`handle_closed`](Self::handle_closed),
/// [`handle_authenticated`](Self::handle_authenticated) and
/// [`handle_timeouts`](Self::handle_timeouts) for what has happened, in any order; then
/// [`run`](Self::run); then the lists: [`take_dirty`](Self::take_dirty),
/// [`take_closing`](Self::take_closing), [`take_readable`](Self::take_readable),
/// [`take_authentications`](Self::take_authentications). What is sent is told by
/// [`written`](Self::written), after which [`has_work`](Self::has_work) may ask for another `run`.
#[derive(Debug)]
pub struct Worker<P> {
    pub(super) port: P,
    pub(super) state: State,
    pub(super) spare: Spare,
    pub(super) round: Round<'static>,
    next_tick: Moment,
}

impl<P: Port> Worker<P> {
    /// A worker without clients. The seeds are random and secret: assigned client IDs come of them.
    pub fn new(port: P, frontend: FrontendId, seeds: [u64; 2]) -> Self {
        let state = State::new(frontend, seeds);
        Self {
            port,
            state,
            spare: Spare::default(),
            round: Round::default(),
            next_tick: Moment::ZERO,
        }
    }

    /// A client has connected; returns its slot. A slot is used again after
    /// [`handle_closed`](Self::handle_closed).
    pub fn open(&mut self, now: Moment, rules: &Arc<Rules>) -> u32 {
        let epoch = self.state.next_epoch();
        let client = Client::new(now, Arc::clone(rules), epoch);
        let slot = self.state.clients.insert(client);
        self.state.stats.connections_opened += 1;
        self.state.stats.connections += 1;
        self.state.set_alarm(slot);
        slot
    }

    /// The socket is closed, by whomever; the slot must not be used any more.
    pub fn handle_closed(&mut self, slot: u32) {
        let Some(client) = self.state.clients.at_mut(slot) else {
            return;
        };
        client.is_socket_closed = true;
        let is_lost = client.has_session && !client.is_ending();
        self.state.stats.sockets_lost += u64::from(is_lost);
        client.out.clear(&mut self.state.buffers);
        let leave = Leave {
            will: WillFate::Publish,
            expiry_seconds: None,
        };
        self.state.end(slot, leave);
        self.state.advance_end(slot);
    }

    /// Ends all connections, with the reason for those that can be told.
    pub fn shut_down(&mut self, reason: ReasonCode, detail: &'static str) {
        let slots: Vec<u32> = self.state.clients.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.state.shut_down(slot, (reason, detail));
        }
    }

    /// Does what is due at `now`. [`run`](Self::run) has to follow.
    pub fn handle_timeouts(&mut self, now: Moment) {
        if self.next_tick <= now {
            self.next_tick = now.plus(TICK_PERIOD);
            self.port.tick(self.state.frontend, now);
        }
        while let Some((when, slot, epoch)) = self.state.timers.pop_due(now) {
            let client = self.state.clients.at_mut(slot);
            let Some(client) = client.filter(|client| client.epoch == epoch) else {
                continue;
            };
            if client.alarm != when || client.is_ending() {
                continue;
            }
            client.alarm = Moment::NEVER;
            let mut actions = Vec::new();
            let result = self.state.speak(slot, |client, stats| {
                // Silence that we asked for is not the client's.
                if client.is_paused {
                    client.connection.handle_reading_resumed(now);
                }
                let bytes = &mut client.out.bytes;
                let mut out = Outbox {
                    bytes,
                    actions: &mut actions,
                    stats,
                };
                client
                    .connection
                    .handle_timeout(now, &client.rules.settings, &mut out)
            });
            match result {
                Some(Err(close)) => self.state.end(slot, close.into()),
                Some(Ok(())) | None => self.state.set_alarm(slot),
            }
        }
    }

    /// When [`handle_timeouts`](Self::handle_timeouts) has something to do, at the earliest.
    pub fn next_deadline(&self) -> Moment {
        self.state
            .timers
            .next()
            .map_or(self.next_tick, |next| next.min(self.next_tick))
    }

    /// Exchanges with partitions until nothing is left to be said on either side, or it is enough
    /// for one turn: then it returns true and has to be called again.
    pub fn run(&mut self, now: Moment) -> bool {
        for _ in 0..ROUNDS_MAX {
            self.feed_held(now);
            let mut due = std::mem::take(&mut self.state.followed);
            due.extend(&self.port.waiting(self.state.frontend));
            if due.is_empty() {
                return false;
            }
            self.exchange_all(now, &due);
            self.state.end_round();
        }
        true
    }

    fn exchange_all(&mut self, now: Moment, due: &PartitionSet) {
        for partition in due.iter() {
            let requests = self.state.numbered_follow_ups(partition);
            self.exchange(now, partition, &requests);
        }
    }

    /// Whether [`run`](Self::run) has something to do.
    pub fn has_work(&self) -> bool {
        !self.state.followed.is_empty() || !self.state.held.is_empty()
    }

    /// One exchange. Requests and resumes go in; what comes out has reached its clients when this
    /// returns.
    pub(super) fn exchange(
        &mut self,
        now: Moment,
        partition: PartitionId,
        requests: &[Numbered<'_>],
    ) {
        self.state.stats.exchanges += 1;
        self.state.stats.requests += requests.len() as u64;
        let frontend = self.state.frontend;
        let mut resumes = std::mem::take(&mut self.state.ledger(partition).resumes);
        let exchange = Exchange {
            frontend,
            partition,
            now,
            requests,
            resumes: &resumes,
        };
        let mut turn = Turn {
            state: &mut self.state,
            partition,
            now,
        };
        self.port.exchange(&exchange, &mut turn);
        resumes.clear();
        let ledger = self.state.ledger(partition);
        if ledger.resumes.is_empty() {
            ledger.resumes = resumes;
        }
    }

    /// From now on, large payloads for a client are lent from where they are stored: whoever says
    /// so has to send what [`output_slices`](Self::output_slices) gives.
    pub fn take_apart(&mut self, slot: u32) {
        if let Some(client) = self.state.clients.at_mut(slot) {
            client.takes_apart = true;
        }
    }

    /// Output of a client that waits to be sent; `None` if it is in several slices.
    #[inline]
    pub fn output(&self, slot: u32) -> Option<&[u8]> {
        match self.state.clients.at(slot) {
            Some(client) => client.out.contiguous(),
            None => Some(&[]),
        }
    }

    /// The beginning of a client's output, in order, in as many slices as there is room for.
    /// Returns how many.
    pub fn output_slices<'w>(&'w self, slot: u32, slices: &mut [IoSlice<'w>]) -> usize {
        let client = self.state.clients.at(slot);
        client.map_or(0, |client| client.out.slices(slices))
    }

    /// The first `count` bytes of the output were sent.
    pub fn written(&mut self, now: Moment, slot: u32, count: usize) {
        let Some(client) = self.state.clients.at_mut(slot) else {
            return;
        };
        self.state.stats.bytes_sent += count as u64;
        client.out.advance(count, &mut self.state.buffers);
        if client.rare.is_some() {
            self.state.begin_resume(slot);
        }
        self.state.reopen(now, slot);
    }

    /// Whether the shell may read from a client now. After a no the slot comes back by
    /// [`take_readable`](Self::take_readable).
    #[inline]
    pub fn reads(&mut self, slot: u32) -> bool {
        let Some(client) = self.state.clients.at_mut(slot) else {
            return false;
        };
        let reads = client.reads();
        if !reads && !client.is_paused {
            client.is_paused = true;
            self.state.stats.reads_paused += 1;
        }
        reads
    }

    /// Takes the clients with new output, each once. `dirty` must be empty.
    pub fn take_dirty(&mut self, dirty: &mut Vec<u32>) {
        std::mem::swap(dirty, &mut self.state.dirty);
        for slot in dirty.iter() {
            if let Some(client) = self.state.clients.at_mut(*slot) {
                client.is_dirty = false;
            }
        }
    }

    /// Takes the clients whose sockets are to be closed. `closing` must be empty.
    pub fn take_closing(&mut self, closing: &mut Vec<Closing>) {
        std::mem::swap(closing, &mut self.state.closing);
    }

    /// Takes the clients that may be read from again. `readable` must be empty.
    pub fn take_readable(&mut self, readable: &mut Vec<u32>) {
        std::mem::swap(readable, &mut self.state.readable);
    }

    /// Takes the clients whose credentials are to be checked.
    pub fn take_authentications(&mut self) -> Vec<Authentication> {
        std::mem::take(&mut self.state.authentications)
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.state.stats
    }

    /// How many clients there are, those that leave included.
    pub fn clients(&self) -> usize {
        self.state.clients.len()
    }
}

/// How often the partitions that this worker looks after are asked for what is due.
const TICK_PERIOD: Duration = Duration::from_millis(50);
