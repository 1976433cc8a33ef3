//! The routing table of this node and its recent changes, until every partition has logged them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use catena_mqtt::{Qos, ReasonCode};
use catena_partition::{Attachment, OwnedFilter, Replay, RoutingChange, Subscribed};
use catena_routing::{
    Change, Command, FilterRequest, Outcome, Reach, Refusal, Routing, SubscriptionOptions,
};
use catena_types::{Fault, PartitionId, PartitionSet, Placement, RoutingVersion, SessionId};

/// Changes kept before all partitions are made to log them.
const CHANGES_MAX: usize = 4_096;

/// The table behind its lock. Never held while a partition's lock is waited for.
pub(crate) struct Routes {
    table: RwLock<Table>,
    version: AtomicU64,
    placement: Placement,
    subscriptions_max: usize,
}

/// The table and its recent changes.
pub(crate) struct Table {
    pub(crate) routing: Routing,
    changes: VecDeque<(RoutingVersion, PartitionSet, RoutingChange)>,
    logged: Box<[AtomicU64]>,
}

impl Table {
    pub(crate) fn version(&self) -> RoutingVersion {
        self.routing.version()
    }

    /// The changes after a version that concern a partition, in order.
    pub(crate) fn changes_since(
        &self,
        version: RoutingVersion,
        partition: PartitionId,
    ) -> impl Iterator<Item = &RoutingChange> {
        let start = self.changes.partition_point(|(at, ..)| *at <= version);
        self.changes
            .range(start..)
            .filter(move |(_, reach, _)| reach.contains(partition))
            .map(|(.., change)| change)
    }

    /// Notes that a partition's log has reached a version.
    pub(crate) fn logged(&self, partition: PartitionId, version: RoutingVersion) {
        if let Some(logged) = self.logged.get(usize::from(partition.number())) {
            logged.store(version.number(), Ordering::Release);
        }
    }

    fn forget_logged(&mut self) {
        let everywhere = self
            .logged
            .iter()
            .map(|logged| logged.load(Ordering::Acquire))
            .min();
        let everywhere = RoutingVersion::new(everywhere.unwrap_or(0));
        while self
            .changes
            .front()
            .is_some_and(|(version, ..)| *version <= everywhere)
        {
            self.changes.pop_front();
        }
    }
}

impl Routes {
    pub(crate) fn new(placement: Placement, seed: u64, subscriptions_max: usize) -> Self {
        let logged = placement.all().map(|_| AtomicU64::new(0)).collect();
        let table = Table {
            routing: Routing::new(seed),
            changes: VecDeque::new(),
            logged,
        };
        Self {
            table: RwLock::new(table),
            version: AtomicU64::new(0),
            placement,
            subscriptions_max,
        }
    }

    /// The newest version, without the lock: compared once a batch.
    pub(crate) fn version(&self) -> RoutingVersion {
        RoutingVersion::new(self.version.load(Ordering::Acquire))
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut table);
        self.version
            .store(table.version().number(), Ordering::Release);
        result
    }

    /// Whether so many changes are kept that all partitions should log them.
    pub(crate) fn is_crowded(&self) -> bool {
        self.read(|table| table.changes.len() > CHANGES_MAX)
    }

    /// Drops the changes that every partition has logged.
    pub(crate) fn forget_logged(&self) {
        self.write(Table::forget_logged);
    }

    /// Adds a session's subscriptions, all filters of a SUBSCRIBE at once.
    pub(crate) fn subscribe(
        &self,
        session: SessionId,
        attachment: Attachment,
        subscription_id: Option<u32>,
        filters: &[OwnedFilter],
    ) -> Result<Subscribed, Fault> {
        self.write(|table| {
            let fits = self.fitting(&table.routing, session, filters);
            let accepted: Vec<&OwnedFilter> = filters
                .iter()
                .zip(&fits)
                .filter_map(|(filter, fits)| fits.then_some(filter))
                .collect();
            let requests: Vec<FilterRequest<'_>> = accepted.iter().map(|f| request(f)).collect();
            let command = Command::Subscribe {
                session,
                subscription_id,
                filters: &requests,
            };
            let outcome = table.routing.apply_command(command)?;
            let mut done = outcome.filters.iter();
            let mut partitions = PartitionSet::EMPTY;
            let mut codes = Vec::with_capacity(filters.len());
            for (filter, fits) in filters.iter().zip(fits) {
                let result = if fits { done.next() } else { None };
                let Some(result) = result else {
                    codes.push(filter.refused.unwrap_or(ReasonCode::QuotaExceeded));
                    continue;
                };
                let reach = self.reach(&result.reach);
                let is_new = match result.change {
                    Change::Refused(Refusal::Invalid) => {
                        codes.push(ReasonCode::TopicFilterInvalid);
                        continue;
                    }
                    Change::Refused(Refusal::Full) => {
                        codes.push(ReasonCode::QuotaExceeded);
                        continue;
                    }
                    Change::Replaced => false,
                    Change::New | Change::Removed | Change::Absent => true,
                };
                partitions.extend(&reach);
                codes.push(granted(filter.qos));
                let change = subscribed(session, attachment, subscription_id, filter, is_new);
                table.changes.push_back((outcome.version, reach, change));
            }
            Ok(Subscribed {
                version: outcome.version,
                codes: codes.into(),
                partitions,
            })
        })
    }

    /// Removes a session's subscriptions.
    pub(crate) fn unsubscribe(
        &self,
        session: SessionId,
        filters: &[Box<str>],
    ) -> Result<Subscribed, Fault> {
        self.write(|table| {
            let texts: Vec<&str> = filters.iter().map(|filter| &**filter).collect();
            let outcome = table.routing.apply_command(Command::Unsubscribe {
                session,
                filters: &texts,
            })?;
            let mut partitions = PartitionSet::EMPTY;
            let mut codes = Vec::with_capacity(filters.len());
            for (filter, result) in filters.iter().zip(&outcome.filters) {
                if result.change != Change::Removed {
                    codes.push(ReasonCode::NoSubscriptionExisted);
                    continue;
                }
                let reach = self.reach(&result.reach);
                partitions.extend(&reach);
                codes.push(ReasonCode::Success);
                let change = RoutingChange::Unsubscribed {
                    session,
                    filter: filter.clone(),
                };
                table.changes.push_back((outcome.version, reach, change));
            }
            Ok(Subscribed {
                version: outcome.version,
                codes: codes.into(),
                partitions,
            })
        })
    }

    /// Removes everything of a session. Every partition has to log it: there may be a queue
    /// wherever it was ever subscribed.
    pub(crate) fn end_session(&self, session: SessionId) -> Result<(), Fault> {
        self.write(|table| {
            let outcome = table
                .routing
                .apply_command(Command::EndSession { session })?;
            let all = PartitionSet::first(self.placement.partitions());
            let filters = invalidated(&outcome);
            let change = RoutingChange::Ended { session, filters };
            table.changes.push_back((outcome.version, all, change));
            Ok(())
        })
    }

    /// Which filters are accepted. One that takes the place of another needs no room; the others
    /// are taken one by one up to the session's limit.
    fn fitting(&self, routing: &Routing, session: SessionId, filters: &[OwnedFilter]) -> Vec<bool> {
        let count = routing.subscription_count(session);
        let mut room = self.subscriptions_max.saturating_sub(count);
        let mut fits = |filter: &OwnedFilter| {
            if filter.refused.is_some() || routing.is_subscribed(session, &filter.filter) {
                return filter.refused.is_none();
            }
            let has_room = room > 0;
            room = room.saturating_sub(1);
            has_room
        };
        filters.iter().map(&mut fits).collect()
    }

    fn reach(&self, reach: &Reach) -> PartitionSet {
        match reach {
            Reach::Nothing => PartitionSet::EMPTY,
            Reach::All => PartitionSet::first(self.placement.partitions()),
            Reach::Topic(topic) => [self.placement.partition_of(topic)].into_iter().collect(),
        }
    }
}

/// What an ended session's subscriptions matched, as filters: `#` stands for any wildcard.
fn invalidated(outcome: &Outcome) -> Box<[Box<str>]> {
    let mut filters = Vec::new();
    let mut wildcard = false;
    for filter in &outcome.filters {
        match &filter.reach {
            Reach::Nothing => {}
            Reach::All => wildcard = true,
            Reach::Topic(topic) => filters.push(topic.clone()),
        }
    }
    if wildcard {
        filters.push("#".into());
    }
    filters.into()
}

fn request(filter: &OwnedFilter) -> FilterRequest<'_> {
    let options = SubscriptionOptions {
        qos: filter.qos,
        no_local: filter.no_local,
        retain_as_published: filter.retain_as_published,
    };
    FilterRequest {
        filter: &filter.filter,
        options,
    }
}

fn granted(qos: Qos) -> ReasonCode {
    match qos {
        Qos::AtMostOnce => ReasonCode::Success,
        Qos::AtLeastOnce => ReasonCode::GrantedQos1,
        Qos::ExactlyOnce => ReasonCode::GrantedQos2,
    }
}

fn subscribed(
    session: SessionId,
    attachment: Attachment,
    subscription_id: Option<u32>,
    filter: &OwnedFilter,
    is_new: bool,
) -> RoutingChange {
    let replay = match filter.replay {
        Replay::Always => true,
        Replay::IfNew => is_new,
        Replay::Never => false,
    };
    RoutingChange::Subscribed {
        session,
        filter: filter.filter.clone(),
        qos: filter.qos,
        retain_as_published: filter.retain_as_published,
        subscription_id,
        replay,
        attachment,
    }
}
