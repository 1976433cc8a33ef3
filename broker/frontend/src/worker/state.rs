//! Everything of a worker but the port: what replies and deliveries change while the port lends
//! them.

use catena_connection::Stats as ConnectionStats;
use catena_partition::{Attachment, Numbered, Request, RequestNumber};
use catena_types::{FrontendId, Moment, PartitionId, PartitionSet, Pool};

use super::buffers::Buffers;
use super::client::{Client, Closing};
use super::ledger::{FollowUp, Ledger, Purpose, Record};
use super::opening::Authentication;
use super::stats::Stats;
use super::timers::Timers;

/// The worker's state.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) frontend: FrontendId,
    pub(crate) clients: Pool<Client>,
    /// By partition; grows to the highest that was touched, and there are at most 256.
    ledgers: Vec<Ledger>,
    /// Partitions with follow-ups or resumes.
    pub(crate) followed: PartitionSet,
    pub(crate) timers: Timers,
    pub(crate) buffers: Buffers,
    /// Clients with new output.
    pub(crate) dirty: Vec<u32>,
    pub(crate) closing: Vec<Closing>,
    /// Clients that may be read from again.
    pub(crate) readable: Vec<u32>,
    /// Clients whose input was put aside and can go on.
    pub(crate) held: Vec<u32>,
    /// Clients of which a stalled queue goes on in this round.
    pub(crate) resuming: Vec<u32>,
    pub(crate) authentications: Vec<Authentication>,
    pub(crate) seeds: [u64; 2],
    random: u64,
    /// Client IDs made so far.
    pub(crate) assigned: u64,
    epoch: u32,
    pub(crate) stats: Stats,
}

impl State {
    pub(crate) fn new(frontend: FrontendId, seeds: [u64; 2]) -> Self {
        Self {
            frontend,
            clients: Pool::new(),
            ledgers: Vec::new(),
            followed: PartitionSet::EMPTY,
            timers: Timers::default(),
            buffers: Buffers::default(),
            dirty: Vec::new(),
            closing: Vec::new(),
            readable: Vec::new(),
            held: Vec::new(),
            resuming: Vec::new(),
            authentications: Vec::new(),
            seeds,
            random: seeds[0] ^ seeds[1].rotate_left(32),
            assigned: 0,
            epoch: 0,
            stats: Stats::default(),
        }
    }

    pub(crate) fn next_epoch(&mut self) -> u32 {
        self.epoch = self.epoch.wrapping_add(1);
        self.epoch
    }

    /// A number to spread by (SplitMix64); nothing that is to be kept secret.
    #[inline]
    pub(crate) fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 32) as u32
    }

    #[inline]
    pub(crate) fn ledger(&mut self, partition: PartitionId) -> &mut Ledger {
        let index = usize::from(partition.number());
        if self.ledgers.len() <= index {
            self.ledgers.resize_with(index + 1, Ledger::new);
        }
        &mut self.ledgers[index]
    }

    /// Lets a client's connection write: lends it an output buffer and notes that there is output.
    #[inline]
    pub(crate) fn speak<R>(
        &mut self,
        slot: u32,
        speak: impl FnOnce(&mut Client, &mut ConnectionStats) -> R,
    ) -> Option<R> {
        let client = self.clients.at_mut(slot)?;
        self.buffers.provide(&mut client.out.bytes);
        let result = speak(client, &mut self.stats.connection);
        if client.out.bytes.is_empty() {
            self.buffers.reclaim(&mut client.out.bytes);
        } else if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(slot);
        }
        Some(result)
    }

    /// Numbers a request and notes what its reply is for.
    #[inline]
    pub(crate) fn open(
        &mut self,
        partition: PartitionId,
        slot: u32,
        purpose: Purpose,
    ) -> RequestNumber {
        if purpose != Purpose::Nothing {
            self.count_outstanding(slot);
        }
        self.ledger(partition).open(slot, purpose)
    }

    /// Asks something of a partition in the next exchange with it.
    pub(crate) fn follow_up(
        &mut self,
        partition: PartitionId,
        slot: u32,
        purpose: Purpose,
        request: Request<'static>,
    ) {
        if purpose != Purpose::Nothing {
            self.count_outstanding(slot);
        }
        let follow_up = FollowUp {
            record: Record { slot, purpose },
            request,
        };
        self.ledger(partition).follow_ups.push(follow_up);
        self.followed.insert(partition);
    }

    #[inline]
    fn count_outstanding(&mut self, slot: u32) {
        if let Some(client) = self.clients.at_mut(slot) {
            client.outstanding += 1;
        }
    }

    /// The follow-ups for a partition with their numbers. They go before whatever else is asked of
    /// it in the same exchange.
    pub(crate) fn numbered_follow_ups<'a>(&mut self, partition: PartitionId) -> Vec<Numbered<'a>> {
        let mut requests = Vec::new();
        self.number_follow_ups(partition, &mut requests);
        requests
    }

    /// As [`State::numbered_follow_ups`], into a list that exists.
    pub(crate) fn number_follow_ups(
        &mut self,
        partition: PartitionId,
        requests: &mut Vec<Numbered<'_>>,
    ) {
        let ledger = self.ledger(partition);
        if ledger.follow_ups.is_empty() {
            return;
        }
        let mut follow_ups = std::mem::take(&mut ledger.follow_ups);
        for FollowUp { record, request } in follow_ups.drain(..) {
            let number = ledger.open(record.slot, record.purpose);
            requests.push(Numbered { number, request });
        }
        ledger.follow_ups = follow_ups;
    }

    /// Takes the earliest of a client's stalled queues up again, now that there may be room; if one
    /// is under way, when its round is over.
    pub(crate) fn begin_resume(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else {
            return;
        };
        let session = client.session;
        if !client.out.is_low() || client.is_ending() {
            return;
        }
        let Some(stalled) = client.stalled() else {
            return;
        };
        if let Some(entry) = stalled.begin_round() {
            let resume = catena_transport::Resume {
                attachment: entry.attachment,
                session,
            };
            self.ledger(entry.partition).resumes.push(resume);
            self.followed.insert(entry.partition);
            self.resuming.push(slot);
        }
    }

    /// A round of exchanges is over: queues that still find room go on in the next.
    pub(crate) fn end_round(&mut self) {
        for slot in std::mem::take(&mut self.resuming) {
            let client = self.clients.at_mut(slot);
            let Some(stalled) = client.and_then(Client::stalled) else {
                continue;
            };
            if stalled.end_round() {
                self.begin_resume(slot);
            }
        }
    }

    /// Lets a client be read from again if it was paused and nothing is in the way any more.
    #[inline]
    pub(crate) fn reopen(&mut self, now: Moment, slot: u32) {
        if let Some(client) = self.clients.at_mut(slot)
            && client.is_paused
            && client.reads()
        {
            client.is_paused = false;
            client.connection.handle_reading_resumed(now);
            self.readable.push(slot);
        }
    }

    /// Sees to it that the timers have an entry that is early enough.
    #[inline]
    pub(crate) fn set_alarm(&mut self, slot: u32) {
        if let Some(client) = self.clients.at_mut(slot)
            && let Some(deadline) = client.connection.next_deadline(&client.rules.settings)
            && deadline < client.alarm
        {
            client.alarm = deadline;
            self.timers.add(deadline, slot, client.epoch);
        }
    }
}

impl Client {
    /// Where the session's deliveries go.
    pub(crate) fn attachment(&self, frontend: FrontendId, slot: u32) -> Attachment {
        Attachment {
            frontend,
            connection: slot,
            generation: self.generation,
            share_credit: self.connection.receive_maximum(),
        }
    }
}
