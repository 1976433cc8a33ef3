//! A chain of one: head and tail of a partition at once. The head stamps and matches; the tail
//! applies, answers and hands out.

use std::sync::Arc;

use catena_hlc::Millis;
use catena_mqtt::{Qos, ReasonCode};
use catena_partition::{
    APPROACHED_MAX, AskOutcome, Command, Effect, GroupRecipient, Held, IdRun, Notice, Numbered,
    Origin, Outbox, Own, Partition, Publish, Receiver, Recipient, RecipientList, Reply, Request,
    RequestNumber, RoutingChange, Settings, StoreRequest, What,
};
use catena_routing::Matches;
use catena_types::{
    Entry, Fault, FrontendId, Machine, Moment, PartitionId, RoutingVersion, Seq, Stamp,
};

use crate::backend::WallClock;
use crate::memory::Shared;
use crate::routes::{Routes, Table};

/// One partition's only replica.
pub(crate) struct Replica {
    pub(crate) partition: Partition,
    id: PartitionId,
    seq: u64,
    stamp: u64,
    out: Outbox,
    mail: Vec<Vec<Mail>>,
    matches: Matches,
    list: RecipientList,
    changes: Vec<RoutingChange>,
    fault: Option<Fault>,
    wall: WallClock,
    memory: Arc<Shared>,
}

/// What waits for a frontend besides deliveries.
enum Mail {
    Reply(RequestNumber, Reply),
    Notice(Notice),
}

/// What other chains have to do for this one, in order.
#[derive(Debug)]
pub(crate) enum Task {
    /// Carry out an ask.
    Ask(PartitionId, u64),
    /// Report what came of an ask.
    Done(PartitionId, u64, AskOutcome),
}

impl Replica {
    pub(crate) fn new(settings: Settings, wall: WallClock, memory: Arc<Shared>) -> Self {
        let mut replica = Self {
            partition: Partition::new(settings),
            id: settings.id,
            seq: 0,
            stamp: 0,
            out: Outbox::default(),
            mail: Vec::new(),
            matches: Matches::default(),
            list: RecipientList::default(),
            changes: Vec::new(),
            fault: None,
            wall,
            memory,
        };
        for held in [Held::Messages, Held::Entries] {
            let bytes = replica.memory.of(held).own();
            replica.apply(Origin::Nobody, What::Allow { held, bytes }, Moment::ZERO);
        }
        replica
    }

    /// The broken invariant that stopped this replica, if any.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Runs requests of a frontend in order.
    pub(crate) fn run(
        &mut self,
        routes: &Routes,
        frontend: FrontendId,
        requests: &[Numbered<'_>],
        now: Moment,
    ) {
        // One reading for all: versions rise by themselves.
        let mut wall = None;
        let mut before = None;
        for some in requests.chunks(APPROACHED_MAX) {
            self.partition.approach(some);
            for numbered in some {
                let before = before.replace(&numbered.request);
                self.run_one(routes, frontend, (before, numbered), &mut wall, now);
            }
        }
    }

    /// Runs a request, which came right after another one.
    #[inline]
    fn run_one(
        &mut self,
        routes: &Routes,
        frontend: FrontendId,
        (before, numbered): (Option<&Request<'_>>, &Numbered<'_>),
        wall: &mut Option<Millis>,
        now: Moment,
    ) {
        let origin = Origin::Frontend(frontend, numbered.number);
        match &numbered.request {
            Request::Publish(publish) => {
                if !is_matched(before, publish) {
                    self.match_unknown(routes, publish.topic, now);
                }
                self.order(origin, publish, now);
            }
            Request::Store(store) => {
                self.make_room(Held::Messages, 1, now);
                self.make_room(Held::Entries, store.growth_max(), now);
                if !is_prepared(before, store) {
                    self.prepare(routes, store, now);
                }
                let wall = *wall.get_or_insert_with(|| (self.wall)());
                let what = What::Store {
                    request: store,
                    wall,
                };
                self.apply(origin, what, now);
            }
            other => {
                // A new session is refused where the partition is full; no other request is.
                if matches!(other, Request::Connect(_)) {
                    self.make_room(Held::Messages, 1, now);
                }
                self.apply(origin, What::Request(other), now);
            }
        }
        if self.fault.is_some() {
            self.out.reply(origin, unavailable(&numbered.request));
        }
    }

    /// Orders a publish: matches its topic if the log does not have the recipients yet.
    pub(crate) fn publish(
        &mut self,
        routes: &Routes,
        origin: Origin,
        publish: &Publish<'_>,
        now: Moment,
    ) {
        self.match_unknown(routes, publish.topic, now);
        self.order(origin, publish, now);
    }

    /// Matches a topic whose recipients the log does not have.
    #[inline]
    fn match_unknown(&mut self, routes: &Routes, topic: &str, now: Moment) {
        if !self.partition.knows_recipients(topic) {
            self.match_topic(routes, topic, now);
        }
    }

    /// A publish whose recipients the log has.
    #[inline]
    fn order(&mut self, origin: Origin, publish: &Publish<'_>, now: Moment) {
        self.make_room(Held::Messages, 1, now);
        let volatile = publish.qos == Qos::AtMostOnce && !publish.retain;
        if volatile && self.partition.push(publish, now) {
            self.out
                .reply(origin, Reply::Published(ReasonCode::Success));
            return;
        }
        self.apply(origin, What::Publish(publish), now);
    }

    /// Sees to it that the partition is refused so many bytes more only if the node is full.
    #[inline]
    fn make_room(&mut self, held: Held, bytes: u64, now: Moment) {
        let (used, allowed) = self.partition.memory(held);
        let needed = used.saturating_add(bytes);
        // What is stopped takes nothing from the others.
        if needed > allowed && self.fault.is_none() {
            self.take_memory(held, (allowed, needed), now);
        }
    }

    #[cold]
    fn take_memory(&mut self, held: Held, (allowed, needed): (u64, u64), now: Moment) {
        let mut bytes = allowed;
        while bytes < needed {
            match self.memory.of(held).take() {
                0 => break,
                more => bytes = bytes.saturating_add(more),
            }
        }
        if bytes > allowed {
            self.apply(Origin::Nobody, What::Allow { held, bytes }, now);
        }
    }

    /// Gives back what the partition does not need any more.
    fn return_memory(&mut self, held: Held, now: Moment) {
        let (used, allowed) = self.partition.memory(held);
        let excess = self.memory.of(held).excess(used, allowed);
        if excess > 0 && self.fault.is_none() {
            let bytes = allowed - excess;
            self.apply(Origin::Nobody, What::Allow { held, bytes }, now);
            self.memory.of(held).give_back(excess);
        }
    }

    /// Before a request to the state store its session is attached and its response topic matched
    /// here, as far as the log does not have that yet.
    fn prepare(&mut self, routes: &Routes, request: &StoreRequest<'_>, now: Moment) {
        let (session, attachment) = (request.session, request.attachment);
        if !self.partition.is_attached(session, attachment.generation) {
            let what = What::Attach {
                session,
                attachment,
            };
            self.apply(Origin::Nobody, what, now);
        }
        self.match_unknown(routes, request.response_topic, now);
    }

    fn match_topic(&mut self, routes: &Routes, topic: &str, now: Moment) {
        routes.read(|table| {
            // The table may be newer than what the log names: first log what it brings.
            self.catch_up(table, now);
            table.routing.matching(topic, &mut self.matches);
        });
        // Before, not after: what was just matched is needed by the publish that comes next. Names
        // differ in size: a large one may need the room of several.
        while let Some(forgotten) = self.partition.forgettable() {
            self.apply(Origin::Nobody, What::Forget { topic: &forgotten }, now);
        }
        let mut list = std::mem::take(&mut self.list);
        fill(&mut list, &self.matches);
        self.apply(
            Origin::Nobody,
            What::Recipients {
                topic,
                recipients: &list,
            },
            now,
        );
        self.list = list;
    }

    /// Logs the changes of the routing table that the log does not have yet.
    pub(crate) fn catch_up(&mut self, table: &Table, now: Moment) {
        let reached = self.partition.routing_version();
        if reached >= table.version() {
            return;
        }
        let mut changes = std::mem::take(&mut self.changes);
        changes.clear();
        changes.extend(table.changes_since(reached, self.id).cloned());
        let version = table.version();
        if changes.is_empty() {
            // Nothing for this partition: the version alone is not worth an entry of its own, but
            // must be known, so that the table can forget old changes.
            self.note_version(version, now);
        } else {
            let what = What::Routing {
                version,
                changes: &changes,
            };
            self.apply(Origin::Nobody, what, now);
        }
        self.changes = changes;
        table.logged(self.id, version);
    }

    fn note_version(&mut self, version: RoutingVersion, now: Moment) {
        self.apply(
            Origin::Nobody,
            What::Routing {
                version,
                changes: &[],
            },
            now,
        );
    }

    /// Applies what another chain has done.
    pub(crate) fn done(&mut self, ask: u64, outcome: AskOutcome, now: Moment) {
        self.apply(Origin::Nobody, What::Done { ask, outcome }, now);
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Moment) {
        // A tick is paced: what is left over is due at once, with requests in between.
        if self
            .partition
            .next_deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            let wall = (self.wall)();
            self.apply(Origin::Nobody, What::Tick { wall }, now);
        }
        self.return_memory(Held::Messages, now);
        self.return_memory(Held::Entries, now);
    }

    fn apply(&mut self, origin: Origin, what: What<'_>, now: Moment) {
        if self.fault.is_some() {
            return;
        }
        self.seq += 1;
        // Unique and rising, whatever the clock does.
        self.stamp = now.nanos().max(self.stamp + 1);
        let entry = Entry {
            seq: Seq::new(self.seq),
            stamp: Stamp::new(self.stamp),
            time: now.max(self.partition.time()),
            command: Command { origin, what },
        };
        if let Err(fault) = self.partition.apply(entry, &mut self.out) {
            self.stop(fault);
        }
    }

    /// Fail-stop: this partition refuses everything from here on; the process goes on.
    fn stop(&mut self, fault: Fault) {
        tracing::error!(partition = %self.id, reason = %fault, "partition stopped");
        self.fault = Some(fault);
    }

    /// Hands a frontend the replies and notices that waited for it.
    pub(crate) fn lend_mail(&mut self, frontend: FrontendId, receiver: &mut impl Receiver) {
        let mail = self.mail.get_mut(usize::from(frontend.number()));
        if let Some(mail) = mail.filter(|mail| !mail.is_empty()) {
            for mail in mail.drain(..) {
                match mail {
                    Mail::Reply(number, reply) => receiver.reply(number, reply),
                    Mail::Notice(notice) => receiver.notice(notice),
                }
            }
        }
    }

    /// Lends a frontend its deliveries.
    pub(crate) fn lend(&mut self, frontend: FrontendId, receiver: &mut impl Receiver) {
        self.lend_mail(frontend, receiver);
        if let Err(fault) = self.partition.take(frontend, receiver) {
            self.stop(fault);
        }
    }

    /// Sorts the outbox: answers to the caller go straight to `answer`, the rest is mail for
    /// frontends and tasks for other chains.
    pub(crate) fn sort(
        &mut self,
        tasks: &mut impl Extend<Task>,
        caller: Option<FrontendId>,
        mut answer: impl FnMut(RequestNumber, Reply),
        mut wake: impl FnMut(FrontendId),
    ) {
        for effect in self.out.effects.drain(..) {
            let (frontend, mail) = match effect {
                Effect::Reply(Origin::Frontend(frontend, number), reply) => {
                    if caller == Some(frontend) {
                        answer(number, reply);
                        continue;
                    }
                    (frontend, Mail::Reply(number, reply))
                }
                Effect::Reply(Origin::Partition(asker, ask), reply) => {
                    if let Reply::Published(reason) = reply {
                        let outcome = AskOutcome::Published(reason);
                        tasks.extend([Task::Done(asker, ask, outcome)]);
                    }
                    continue;
                }
                Effect::Reply(Origin::Nobody, _) => continue,
                Effect::Notice(frontend, notice) => (frontend, Mail::Notice(notice)),
                Effect::Ask { number } => {
                    tasks.extend([Task::Ask(self.id, number)]);
                    continue;
                }
            };
            let index = usize::from(frontend.number());
            if index >= self.mail.len() {
                self.mail.resize_with(index + 1, Vec::new);
            }
            if self.mail[index].is_empty() {
                wake(frontend);
            }
            self.mail[index].push(mail);
        }
        self.partition.woken(wake);
    }
}

/// Whether the request just before, of the same list, was a publish to the very same topic, which
/// changed nothing about who gets it.
#[inline]
fn is_matched(before: Option<&Request<'_>>, publish: &Publish<'_>) -> bool {
    match before {
        Some(Request::Publish(before)) => {
            !before.retain && std::ptr::eq(before.topic, publish.topic)
        }
        _ => false,
    }
}

/// Whether the request just before, of the same list, had the same session attached and the very
/// same response topic matched.
#[inline]
fn is_prepared(before: Option<&Request<'_>>, request: &StoreRequest<'_>) -> bool {
    match before {
        Some(Request::Store(before)) => {
            before.session == request.session
                && before.attachment == request.attachment
                && std::ptr::eq(before.response_topic, request.response_topic)
        }
        _ => false,
    }
}

/// The refusal of a stopped partition.
fn unavailable(request: &Request<'_>) -> Reply {
    match request {
        Request::Publish(_) | Request::Store(_) | Request::Receive { .. } => {
            Reply::Published(ReasonCode::UnspecifiedError)
        }
        Request::Connect(_) => Reply::ConnectRefused(ReasonCode::ServerUnavailable),
        _ => Reply::Stale,
    }
}

/// Turns what the table has matched into what enters the log.
fn fill(list: &mut RecipientList, matches: &Matches) {
    list.recipients.clear();
    list.groups.clear();
    list.ids.clear();
    for found in matches.recipients() {
        let ids = run(&mut list.ids, found.subscription_ids);
        let own = match found.own {
            catena_routing::Own::Same => Own::Same,
            catena_routing::Own::Excluded => Own::Excluded,
            catena_routing::Own::Merge {
                qos,
                retain_as_published,
                subscription_ids,
            } => {
                let ids = run(&mut list.ids, subscription_ids);
                Own::Only {
                    qos,
                    retain_as_published,
                    ids,
                }
            }
        };
        list.recipients.push(Recipient {
            session: found.session,
            qos: found.qos,
            retain_as_published: found.retain_as_published,
            ids,
            own,
        });
    }
    for shared in matches.shared() {
        let filter = format!("$share/{}/{}", shared.name, shared.filter);
        list.groups.push(GroupRecipient {
            filter: filter.into(),
        });
    }
}

fn run(all: &mut Vec<u32>, ids: &[u32]) -> IdRun {
    let start = all.len() as u32;
    all.extend_from_slice(ids);
    IdRun {
        start,
        count: ids.len() as u32,
    }
}
