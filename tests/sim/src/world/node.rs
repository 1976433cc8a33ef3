//! A node: real partitions and real workers, with simulated sockets around them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use catena_backend::{Backend, Options};
use catena_connection::Settings;
use catena_frontend::worker::{Closing, Rules, Urgency, Worker};
use catena_hlc::Millis;
use catena_partition::QueueLimit;
use catena_types::{FrontendId, Moment, PartitionId};

use super::{Event, Run, World};
use crate::invariants::{Verdict, check_leftovers, check_replicas};
use crate::mutations::Meddler;
use crate::network::{LinkId, Seat, Way};
use crate::port::SimPort;
use crate::rng::Rng;
use crate::time::{EPOCH_MS, ms, us};
use crate::violation::Violation;
use crate::workload::Profile;

/// A node.
pub(super) struct Node {
    pub(super) seats: Vec<Station>,
    backend: Arc<Backend>,
    port: SimPort,
    rules: Arc<Rules>,
    /// What the wall clock shows, in milliseconds since 1970: somebody may set it.
    wall: Arc<AtomicU64>,
    wall_rng: Rng,
    /// How far it is ahead of time, in milliseconds.
    wall_ahead_ms: u64,
}

/// A worker and its sockets.
pub(super) struct Station {
    worker: Worker<SimPort>,
    woken: Arc<AtomicBool>,
    /// Connections that were not accepted yet.
    arriving: Vec<LinkId>,
    slots: BTreeMap<LinkId, u32>,
    links: BTreeMap<u32, LinkId>,
    /// Connections that may have bytes to be read.
    ready: BTreeSet<LinkId>,
    /// Connections whose window was full.
    full: BTreeSet<u32>,
    /// Closing connections, and until when their output may take.
    lingering: BTreeMap<u32, Moment>,
    /// When the next turn is planned.
    planned: Moment,
}

impl Node {
    pub(super) fn new(profile: &Profile, run: Run) -> Self {
        let Run {
            seed,
            mutation,
            traces,
            ..
        } = run;
        let mut settings =
            catena_partition::Settings::generous(PartitionId::new(0), profile.placement);
        settings.share_strategy = profile.share_strategy;
        settings.cached_topics_max = 3;
        let share = profile.memory_bytes / u64::from(profile.placement.partitions());
        settings.memory_bytes_max = share;
        settings.store.bytes_max = share;
        settings.queue = QueueLimit {
            length_max: profile.queue_max.unwrap_or(u64::MAX),
            bytes_max: u64::MAX,
            strategy: profile.queue_strategy,
        };
        let wall = Arc::new(AtomicU64::new(EPOCH_MS));
        let shown = Arc::clone(&wall);
        let backend = Arc::new(Backend::new(&Options {
            partition: settings,
            frontends: profile.workers as u16,
            subscriptions_per_session_max: usize::MAX,
            wall: Arc::new(move || Millis::new(shown.load(Ordering::Relaxed))),
        }));
        let port = SimPort::new(Arc::clone(&backend), Meddler::new(mutation, seed), traces);
        let station = |worker: usize| Station::new(worker, &backend, &port, seed);
        let rules = Rules {
            listener: "sim".into(),
            settings: Settings {
                packet_ids_per_range: profile.placement.packet_ids_per_range(),
                receive_maximum: profile.receive_maximum,
                topic_alias_outbound_max: 3,
                ..Settings::default()
            },
            authenticate: false,
        };
        Self {
            seats: (0..profile.workers).map(station).collect(),
            port: port.clone(),
            backend,
            rules: Arc::new(rules),
            wall,
            wall_rng: Rng::new(seed, "wall clock"),
            wall_ahead_ms: 0,
        }
    }

    /// The wall clock goes on; now and then it is set, also back.
    fn set_wall(&mut self, now: Moment) {
        if self.wall_rng.one_in(500) {
            self.wall_ahead_ms = self.wall_rng.below(5_000);
        }
        let wall = EPOCH_MS + now.nanos() / 1_000_000 + self.wall_ahead_ms;
        self.wall.store(wall, Ordering::Relaxed);
    }

    /// What was seen on the port.
    pub(super) fn verdict(&self) -> Verdict {
        self.port.verdict()
    }

    pub(super) fn validate(&self, now: Moment) -> Verdict {
        self.port.verdict()?;
        let stats = self.backend.stats().partitions;
        if stats.refused_memory > 0 {
            let (refused, bytes) = (stats.refused_memory, stats.bytes);
            let detail = format!("{refused} publishes were refused at {bytes} bytes in all");
            return Err(Violation::new("memory", now, detail));
        }
        let result = self.backend.validate();
        result.map_err(|fault| Violation::new("validate", now, fault.to_string()))
    }

    pub(super) fn check_replicas(&self, partitions: u16, now: Moment) -> Verdict {
        check_replicas(&self.backend, partitions, now)
    }

    pub(super) fn check_leftovers(&self, now: Moment) -> Verdict {
        check_leftovers(&self.backend, now)?;
        let clients: usize = self.seats.iter().map(|seat| seat.worker.clients()).sum();
        if clients > 0 {
            let detail = format!("{clients} connections of workers");
            return Err(Violation::new("leftovers", now, detail));
        }
        Ok(())
    }

    /// Messages that full queues have dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.backend.stats().partitions.dropped_oldest
    }

    /// Whether any worker has work left that it knows of, or output that a window had no room for.
    pub(super) fn is_busy(&self) -> bool {
        self.seats.iter().any(|seat| {
            seat.worker.has_work() || seat.woken.load(Ordering::Relaxed) || !seat.full.is_empty()
        })
    }
}

impl Station {
    fn new(worker: usize, backend: &Arc<Backend>, port: &SimPort, seed: u64) -> Self {
        let frontend = FrontendId::new(worker as u16);
        let woken = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&woken);
        backend.register(
            frontend,
            Arc::new(move || flag.store(true, Ordering::Relaxed)),
        );
        Self {
            worker: Worker::new(port.clone(), frontend, [seed, worker as u64]),
            woken,
            arriving: Vec::new(),
            slots: BTreeMap::new(),
            links: BTreeMap::new(),
            ready: BTreeSet::new(),
            full: BTreeSet::new(),
            lingering: BTreeMap::new(),
            planned: Moment::NEVER,
        }
    }

    /// A connection is to be accepted.
    pub(super) fn note_arriving(&mut self, link: LinkId) {
        self.arriving.push(link);
    }

    /// A connection may have bytes.
    pub(super) fn note_ready(&mut self, link: LinkId) {
        self.ready.insert(link);
    }
}

impl World {
    fn station(&mut self, seat: Seat) -> &mut Station {
        &mut self.nodes[seat.node].seats[seat.worker]
    }

    /// Plans a turn of a worker, after whatever its thread is busy with.
    pub(super) fn wake_soon(&mut self, seat: Seat) {
        let delay = if self.is_calm {
            self.scheduler.below(200)
        } else if self.scheduler.one_in(200) {
            self.scheduler.below(300_000)
        } else {
            self.scheduler.below(2_000)
        };
        let at = self.agenda.now().plus(us(delay));
        self.plan(seat, at);
    }

    pub(super) fn plan(&mut self, seat: Seat, at: Moment) {
        let station = self.station(seat);
        if at < station.planned {
            station.planned = at;
            self.agenda.at(at, Event::Turn(seat));
        }
    }

    /// One turn of a worker: what a shell does, in the same order.
    pub(super) fn turn(&mut self, seat: Seat) -> Verdict {
        let now = self.agenda.now();
        if self.station(seat).planned > now {
            return Ok(());
        }
        self.nodes[seat.node].set_wall(now);
        self.station(seat).planned = Moment::NEVER;
        self.station(seat).woken.store(false, Ordering::Relaxed);
        self.accept(seat, now);
        self.read_ready(seat, now);
        let station = self.station(seat);
        if station.worker.next_deadline() <= now {
            station.worker.handle_timeouts(now);
        }
        self.give_up(seat, now);
        let mut is_done = false;
        for _ in 0..ROUNDS_MAX {
            let has_more = self.station(seat).worker.run(now);
            self.take_readable(seat);
            self.send_all(seat, now);
            self.close_all(seat, now);
            if !has_more && !self.station(seat).worker.has_work() {
                is_done = true;
                break;
            }
        }
        for line in self.nodes[seat.node].port.take_log() {
            self.trace.line(now, format_args!("port: {line}"));
        }
        self.check_turn()?;
        let station = self.station(seat);
        let deadline = station.worker.next_deadline();
        if !is_done || !station.ready.is_empty() {
            self.wake_soon(seat);
        }
        self.plan(seat, deadline.max(now.plus(us(10))));
        for other in self.seats() {
            if self.station(other).woken.load(Ordering::Relaxed) {
                self.wake_soon(other);
            }
        }
        Ok(())
    }

    fn accept(&mut self, seat: Seat, now: Moment) {
        let rules = Arc::clone(&self.nodes[seat.node].rules);
        let station = self.station(seat);
        for link in std::mem::take(&mut station.arriving) {
            let slot = station.worker.open(now, &rules);
            station.slots.insert(link, slot);
            station.links.insert(slot, link);
            station.ready.insert(link);
        }
    }

    fn read_ready(&mut self, seat: Seat, now: Moment) {
        let station = self.station(seat);
        let mut ready: Vec<LinkId> = std::mem::take(&mut station.ready).into_iter().collect();
        self.scheduler.shuffle(&mut ready);
        // As the shell does, reads are gathered for a while and given to the worker together.
        let mut gathered: Vec<(u32, Vec<u8>)> = Vec::new();
        for link in ready {
            let Some(slot) = self.station(seat).slots.get(&link).copied() else {
                continue;
            };
            if self.station(seat).lingering.contains_key(&slot) {
                continue;
            }
            if !self.station(seat).worker.reads(slot) {
                continue;
            }
            let available = self.network.available(link, Way::Up);
            let count = if self.scheduler.one_in(4) {
                self.scheduler.between(1, available.max(1) as u64) as usize
            } else {
                available
            };
            let bytes = self.network.take(link, Way::Up, count);
            if !bytes.is_empty() {
                gathered.push((slot, bytes));
                self.flush_client(link);
            }
            let is_over = self.network.is_over(link, Way::Up);
            if is_over || self.scheduler.one_in(4) {
                self.feed(seat, now, &mut gathered);
            }
            if is_over {
                self.note_goodbye(link);
                self.close(seat, slot);
            } else if self.network.available(link, Way::Up) > 0 {
                self.station(seat).ready.insert(link);
            }
        }
        self.feed(seat, now, &mut gathered);
    }

    fn feed(&mut self, seat: Seat, now: Moment, gathered: &mut Vec<(u32, Vec<u8>)>) {
        let reads = gathered.iter().map(|(slot, bytes)| (*slot, &**bytes));
        self.station(seat).worker.handle_reads(now, reads);
        gathered.clear();
    }

    fn take_readable(&mut self, seat: Seat) {
        let station = self.station(seat);
        let mut readable = Vec::new();
        station.worker.take_readable(&mut readable);
        for slot in readable {
            if let Some(link) = station.links.get(&slot).copied() {
                station.ready.insert(link);
            }
        }
    }

    fn send_all(&mut self, seat: Seat, now: Moment) {
        let station = self.station(seat);
        let mut dirty = Vec::new();
        station.worker.take_dirty(&mut dirty);
        let mut all = std::mem::take(&mut station.full);
        all.extend(dirty);
        for slot in all {
            self.send_slot(seat, now, slot);
        }
    }

    fn send_slot(&mut self, seat: Seat, now: Moment, slot: u32) {
        let station = self.station(seat);
        let Some(link) = station.links.get(&slot).copied() else {
            return;
        };
        let output = station.worker.output(slot).unwrap_or_default().to_vec();
        let taken = self.send(link, Way::Down, &output);
        let station = self.station(seat);
        if taken > 0 {
            station.worker.written(now, slot, taken);
        }
        if taken < output.len() {
            station.full.insert(slot);
        } else if station.lingering.contains_key(&slot) {
            self.close(seat, slot);
        }
    }

    fn close_all(&mut self, seat: Seat, now: Moment) {
        let mut closing = Vec::new();
        self.station(seat).worker.take_closing(&mut closing);
        for Closing { slot, urgency } in closing {
            if !self.station(seat).links.contains_key(&slot) {
                continue;
            }
            let patience = now.plus(ms(5_000));
            self.station(seat).lingering.insert(slot, patience);
            self.send_slot(seat, now, slot);
            if urgency == Urgency::Now {
                self.close(seat, slot);
            }
        }
    }

    fn give_up(&mut self, seat: Seat, now: Moment) {
        let due: Vec<u32> = self
            .station(seat)
            .lingering
            .iter()
            .filter(|(_, patience)| **patience <= now)
            .map(|(slot, _)| *slot)
            .collect();
        for slot in due {
            self.close(seat, slot);
        }
    }

    /// Closes the socket on the broker's side.
    pub(super) fn close(&mut self, seat: Seat, slot: u32) {
        let station = self.station(seat);
        let Some(link) = station.links.remove(&slot) else {
            return;
        };
        station.slots.remove(&link);
        station.full.remove(&slot);
        station.lingering.remove(&slot);
        station.ready.remove(&link);
        station.worker.handle_closed(slot);
        self.end(link, Way::Down);
        self.retired.remove(&link);
        self.wake_soon(seat);
    }

    /// The broker's side of a cut connection notices.
    pub(super) fn break_off(&mut self, link: LinkId) {
        let seat = self.network.link(link).seat;
        let station = self.station(seat);
        station.arriving.retain(|arriving| *arriving != link);
        if let Some(slot) = station.slots.get(&link).copied() {
            self.close(seat, slot);
        }
        self.retired.remove(&link);
    }

    /// There is room again for what is sent to a client.
    pub(super) fn note_room(&mut self, link: LinkId) {
        let seat = self.network.link(link).seat;
        let station = self.station(seat);
        let slot = station.slots.get(&link).copied();
        if slot.is_some_and(|slot| station.full.contains(&slot)) {
            self.wake_soon(seat);
        }
    }
}

/// Rounds of running and sending in one turn.
const ROUNDS_MAX: usize = 8;
