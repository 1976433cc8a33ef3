//! The in-process port: frontends of this process reach the partitions of this process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use catena_hlc::Millis;
use catena_partition::{Asked, Origin, Publish, Receiver, Settings};
use catena_transport::{Exchange, Port};
use catena_types::{Digest, FrontendId, Machine, Moment, PartitionId, PartitionSet, Placement};

use crate::memory::Shared;
use crate::replica::{Replica, Task};
use crate::routes::Routes;
use crate::stats::Stats;

/// Wakes a frontend worker that waits for its sockets.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Reads the wall clock, for the versions of the state store.
pub type WallClock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// What a backend is started with.
#[derive(Clone)]
pub struct Options {
    /// The settings of every partition; `id` is filled in for each. Of `memory_bytes_max`
    /// and `store.bytes_max`, three quarters are for whichever partition needs them.
    pub partition: Settings,
    /// How many frontend workers there are.
    pub frontends: u16,
    /// Subscriptions that one session may have.
    pub subscriptions_per_session_max: usize,
    /// The wall clock of this node.
    pub wall: WallClock,
}

/// All partitions of this process and the routing table.
pub struct Backend {
    placement: Placement,
    partitions: Box<[Slot]>,
    routes: Routes,
    frontends: Box<[Frontend]>,
}

/// A partition's lock on a cache line of its own.
#[repr(align(128))]
struct Slot {
    replica: Mutex<Replica>,
}

/// What is known of a frontend worker.
struct Frontend {
    /// Partitions that have something for it.
    waiting: [AtomicU64; 4],
    wake: OnceLock<Wake>,
}

impl Backend {
    /// Empty partitions.
    pub fn new(options: &Options) -> Self {
        let placement = options.partition.placement;
        let seed = options.partition.hash_seed;
        let memory = Arc::new(Shared::new(&options.partition, placement.partitions()));
        let slot = |id| Slot {
            replica: Mutex::new(Replica::new(
                Settings {
                    id,
                    ..options.partition
                },
                Arc::clone(&options.wall),
                Arc::clone(&memory),
            )),
        };
        let frontend = |_| Frontend {
            waiting: Default::default(),
            wake: OnceLock::new(),
        };
        Self {
            placement,
            partitions: placement.all().map(slot).collect(),
            routes: Routes::new(placement, seed, options.subscriptions_per_session_max),
            frontends: (0..options.frontends).map(frontend).collect(),
        }
    }

    /// Says how a frontend worker is woken. Once per worker; later calls change nothing.
    pub fn register(&self, frontend: FrontendId, wake: Wake) {
        if let Some(place) = self.frontends.get(usize::from(frontend.number())) {
            // A second registration of a worker would be a mistake of the program; the first holds.
            let _ = place.wake.set(wake);
        }
    }

    /// Does what is due at the partitions that this worker looks after: those with
    /// `partition mod workers = frontend`.
    pub fn tick(&self, frontend: FrontendId, now: Moment) {
        let workers = self.frontends.len().max(1);
        for partition in self.placement.all() {
            if usize::from(partition.number()) % workers != usize::from(frontend.number()) {
                continue;
            }
            let mut tasks = VecDeque::new();
            self.with(partition, &mut tasks, Some(frontend), |replica| {
                replica.tick(now);
            });
            self.carry_out(tasks, Some(frontend), now);
        }
    }

    /// When the next tick is due at any partition.
    pub fn next_deadline(&self) -> Option<Moment> {
        let deadline = |slot: &Slot| lock(slot).partition.next_deadline();
        self.partitions.iter().filter_map(deadline).min()
    }

    /// Publishes for the broker itself (`$SYS`): no client stands behind it and nobody waits.
    pub fn publish(&self, publish: &Publish<'_>, now: Moment) {
        let mut tasks = VecDeque::new();
        let partition = self.placement.partition_of(publish.topic);
        self.with(partition, &mut tasks, None, |replica| {
            replica.publish(&self.routes, Origin::Nobody, publish, now);
        });
        self.carry_out(tasks, None, now);
    }

    /// The digest of one partition's replicated state.
    pub fn digest(&self, partition: PartitionId) -> Option<Digest> {
        let slot = self.partitions.get(usize::from(partition.number()))?;
        Some(lock(slot).partition.digest())
    }

    /// A snapshot of one partition's replicated state.
    pub fn snapshot(&self, partition: PartitionId) -> Option<Vec<u8>> {
        let slot = self.partitions.get(usize::from(partition.number()))?;
        let mut bytes = Vec::new();
        lock(slot).partition.snapshot(&mut bytes);
        Some(bytes)
    }

    /// Numbers for metrics, of all partitions together.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for slot in &self.partitions {
            let replica = lock(slot);
            stats.add(&replica.partition.stats());
            stats.faults += u64::from(replica.fault().is_some());
        }
        stats.routing = self.routes.read(|table| table.routing.stats());
        stats
    }

    /// Checks every documented invariant of every partition and of the routing table.
    ///
    /// # Errors
    /// The first [`catena_types::Fault`] found, also one that has stopped a partition.
    #[cfg(any(test, feature = "validate"))]
    pub fn validate(&self) -> Result<(), catena_types::Fault> {
        for slot in &self.partitions {
            let replica = lock(slot);
            if let Some(fault) = replica.fault() {
                return Err(fault.clone());
            }
            replica.partition.validate()?;
        }
        self.routes.read(|table| table.routing.validate())
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.placement
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// What a partition asks, if it is not done.
    pub(crate) fn asked(&self, asker: PartitionId, number: u64) -> Option<Arc<Asked>> {
        let slot = self.partitions.get(usize::from(asker.number()))?;
        lock(slot)
            .partition
            .ask(number)
            .map(|ask| Arc::clone(&ask.what))
    }

    /// Runs something at a partition under its lock; collects tasks and wakes frontends after.
    pub(crate) fn with(
        &self,
        partition: PartitionId,
        tasks: &mut VecDeque<Task>,
        caller: Option<FrontendId>,
        work: impl FnOnce(&mut Replica),
    ) {
        let Some(slot) = self.partitions.get(usize::from(partition.number())) else {
            return;
        };
        let mut woken = 0u64;
        {
            let mut replica = lock(slot);
            work(&mut replica);
            let wake = |frontend: FrontendId| woken |= 1 << frontend.number().min(63);
            replica.sort(tasks, None, |_, _| {}, wake);
        }
        if woken != 0 {
            self.wake(partition, woken, caller);
        }
    }

    /// Marks a partition for each frontend in the mask and wakes those that do not run this.
    fn wake(&self, partition: PartitionId, mask: u64, caller: Option<FrontendId>) {
        for (index, frontend) in self.frontends.iter().enumerate() {
            if mask >> index.min(63) & 1 == 0 {
                continue;
            }
            let word = usize::from(partition.number() / 64);
            let bit = 1 << (partition.number() % 64);
            let before = frontend.waiting[word].fetch_or(bit, Ordering::AcqRel);
            let is_caller = caller.is_some_and(|caller| usize::from(caller.number()) == index);
            if before & bit == 0
                && !is_caller
                && let Some(wake) = frontend.wake.get()
            {
                wake();
            }
        }
    }
}

impl Port for Backend {
    fn exchange(&self, exchange: &Exchange<'_, '_>, receiver: &mut impl Receiver) {
        let (frontend, now) = (exchange.frontend, exchange.now);
        let index = usize::from(exchange.partition.number());
        let Some(slot) = self.partitions.get(index) else {
            return;
        };
        let mut tasks = VecDeque::new();
        let mut woken = 0u64;
        {
            let mut replica = lock(slot);
            if replica.partition.routing_version() < self.routes.version() {
                self.routes.read(|table| replica.catch_up(table, now));
            }
            for resume in exchange.resumes {
                replica.partition.resume(resume.attachment, resume.session);
            }
            replica.run(&self.routes, frontend, exchange.requests, now);
            // What waited for this frontend was answered earlier: it goes first.
            replica.lend_mail(frontend, receiver);
            let wake = |frontend: FrontendId| woken |= 1 << frontend.number().min(63);
            let answer = |number, reply| receiver.reply(number, reply);
            replica.sort(&mut tasks, Some(frontend), answer, wake);
            replica.lend(frontend, receiver);
        }
        // What was for the caller itself has just been lent.
        if frontend.number() < 63 {
            woken &= !(1 << frontend.number());
        }
        if woken != 0 {
            self.wake(exchange.partition, woken, Some(frontend));
        }
        if !tasks.is_empty() {
            self.carry_out(tasks, Some(frontend), now);
        }
    }

    fn waiting(&self, frontend: FrontendId) -> PartitionSet {
        let Some(place) = self.frontends.get(usize::from(frontend.number())) else {
            return PartitionSet::EMPTY;
        };
        let take = |word: &AtomicU64| {
            // The common case is nothing: look before taking the line from the other cores.
            if word.load(Ordering::Acquire) == 0 {
                0
            } else {
                word.swap(0, Ordering::AcqRel)
            }
        };
        let [a, b, c, d] = &place.waiting;
        PartitionSet::from_words([take(a), take(b), take(c), take(d)])
    }

    fn partition_of(&self, key: &str) -> PartitionId {
        self.placement.partition_of(key)
    }

    fn partition_of_bytes(&self, key: &[u8]) -> PartitionId {
        self.placement.partition_of_bytes(key)
    }

    fn has(&self, partition: PartitionId) -> bool {
        partition.number() < self.placement.partitions()
    }

    fn packet_ids_per_range(&self) -> u16 {
        self.placement.packet_ids_per_range()
    }

    fn tick(&self, frontend: FrontendId, now: Moment) {
        Backend::tick(self, frontend, now);
    }
}

/// A partition stops itself on a fault; a lock is never poisoned by more than a caller's panic.
fn lock(slot: &Slot) -> MutexGuard<'_, Replica> {
    slot.replica.lock().unwrap_or_else(PoisonError::into_inner)
}
