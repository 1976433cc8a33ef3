//! The port between simulated workers and the partitions: watches what passes, and lets planted
//! bugs meddle with it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use catena_backend::Backend;
use catena_partition::{
    Delivery, Notice, Numbered, Outgoing, Receiver, Reply, Request, RequestNumber, Taken,
};
use catena_transport::{Exchange, Port};
use catena_types::{FrontendId, Moment, PartitionId, PartitionSet};

use crate::invariants::{OneConnection, Verdict};
use crate::model::Message;
use crate::mutations::Meddler;
use crate::violation::Violation;

/// The port of one node; clones share what they have seen.
#[derive(Clone)]
pub(crate) struct SimPort {
    backend: Arc<Backend>,
    watch: Rc<RefCell<Watch>>,
}

/// What was seen on the port.
struct Watch {
    one_connection: OneConnection,
    violation: Option<Violation>,
    meddler: Meddler,
    /// What passed since the last look, if anybody looks.
    log: Option<Vec<String>>,
}

impl SimPort {
    /// The port to these partitions, with a bug or without.
    pub(crate) fn new(backend: Arc<Backend>, meddler: Meddler, logs: bool) -> Self {
        let watch = Watch {
            one_connection: OneConnection::default(),
            violation: None,
            meddler,
            log: logs.then(Vec::new),
        };
        Self {
            backend,
            watch: Rc::new(RefCell::new(watch)),
        }
    }

    /// Takes what passed since the last call.
    pub(crate) fn take_log(&self) -> Vec<String> {
        let mut watch = self.watch.borrow_mut();
        watch.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What was seen that must not be.
    ///
    /// # Errors
    /// The first violation.
    pub(crate) fn verdict(&self) -> Verdict {
        self.watch.borrow().violation.clone().map_or(Ok(()), Err)
    }
}

impl Watch {
    fn log(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(line());
        }
    }

    fn note(&mut self, verdict: Verdict) {
        if let Err(violation) = verdict {
            self.violation.get_or_insert(violation);
        }
    }
}

impl Port for SimPort {
    fn exchange(&self, exchange: &Exchange<'_, '_>, receiver: &mut impl Receiver) {
        let mut watch = self.watch.borrow_mut();
        for numbered in exchange.requests {
            let verdict = watch.one_connection.asked(exchange.now, &numbered.request);
            watch.note(verdict);
        }
        let place = (exchange.frontend, exchange.partition);
        for numbered in exchange.requests {
            watch.log(|| format!("{} asks {}: {}", place.0, place.1, describe(numbered)));
        }
        for resume in exchange.resumes {
            watch.log(|| format!("{} asks {}: resume {}", place.0, place.1, resume.session));
        }
        let held = watch.meddler.take_held(place);
        let mut requests: Vec<Numbered<'_>> = held
            .iter()
            .map(crate::mutations::HeldRequest::numbered)
            .collect();
        let mut replies = Vec::new();
        watch.meddler.requests(
            &self.backend,
            exchange,
            exchange.requests,
            &mut requests,
            &mut replies,
        );
        let mut watcher = Watcher {
            watch: &mut watch,
            receiver,
            now: exchange.now,
        };
        for (number, reply) in replies {
            watcher.reply(number, reply);
        }
        let meddled = Exchange {
            requests: &requests,
            ..*exchange
        };
        self.backend.exchange(&meddled, &mut watcher);
        watcher.finish();
        while let Some(closed) = watcher.watch.meddler.take_early() {
            let early = Exchange {
                partition: closed.0,
                requests: &[closed.1],
                resumes: &[],
                ..*exchange
            };
            self.backend.exchange(&early, &mut watcher);
        }
    }

    fn waiting(&self, frontend: FrontendId) -> PartitionSet {
        Port::waiting(&*self.backend, frontend)
    }

    fn tick(&self, frontend: FrontendId, now: Moment) {
        Backend::tick(&self.backend, frontend, now);
    }

    fn partition_of(&self, key: &str) -> PartitionId {
        self.backend.partition_of(key)
    }

    fn partition_of_bytes(&self, key: &[u8]) -> PartitionId {
        self.backend.partition_of_bytes(key)
    }

    fn has(&self, partition: PartitionId) -> bool {
        self.backend.has(partition)
    }

    fn packet_ids_per_range(&self) -> u16 {
        self.backend.packet_ids_per_range()
    }
}

/// Stands between a partition and a worker.
struct Watcher<'w, R> {
    watch: &'w mut Watch,
    receiver: &'w mut R,
    now: Moment,
}

impl<R: Receiver> Watcher<'_, R> {
    fn pass(&mut self, delivery: &Delivery<'_>) -> Taken {
        let taken = self.receiver.deliver(delivery);
        self.watch
            .log(|| format!("delivers {}: {taken:?}", describe_delivery(delivery)));
        if taken == Taken::Yes && !self.watch.meddler.is_active() {
            let (session, generation) = (delivery.session, delivery.generation);
            let one_connection = &self.watch.one_connection;
            let verdict = one_connection.taken(self.now, session, generation);
            self.watch.note(verdict);
        }
        taken
    }

    /// Passes on what a planted bug has put aside.
    fn finish(&mut self) {
        if let Some(held) = self.watch.meddler.take_held_delivery() {
            self.pass(&held.borrow());
        }
    }
}

impl<R: Receiver> Receiver for Watcher<'_, R> {
    fn reply(&mut self, number: RequestNumber, reply: Reply) {
        if let Reply::Connected(connected) = &reply {
            let verdict = self.watch.one_connection.connected(self.now, connected);
            self.watch.note(verdict);
        }
        self.watch.log(|| format!("answers {number}: {reply:?}"));
        self.receiver.reply(number, reply);
    }

    fn notice(&mut self, notice: Notice) {
        self.watch.meddler.notice(&notice);
        self.watch.log(|| format!("tells {notice:?}"));
        self.receiver.notice(notice);
    }

    fn deliver(&mut self, delivery: &Delivery<'_>) -> Taken {
        if !self.watch.meddler.is_active() {
            return self.pass(delivery);
        }
        let Some((first, rest)) = self.watch.meddler.deliveries(delivery) else {
            return Taken::Yes;
        };
        let taken = self.pass(&first.borrow());
        if taken == Taken::Yes {
            for more in rest {
                self.pass(&more.borrow());
            }
        }
        taken
    }
}

fn describe(numbered: &Numbered<'_>) -> String {
    let number = numbered.number;
    match &numbered.request {
        Request::Publish(publish) => {
            let message = Message::id_in(publish.payload);
            format!("{number} publish {message:?} on {}", publish.topic)
        }
        Request::Receive {
            packet_id, publish, ..
        } => {
            let message = Message::id_in(publish.payload);
            format!(
                "{number} receive {packet_id} {message:?} on {}",
                publish.topic
            )
        }
        Request::Connect(connect) => format!("{number} connect {}", connect.client_id),
        other => format!("{number} {other:?}"),
    }
}

fn describe_delivery(delivery: &Delivery<'_>) -> String {
    let Delivery {
        session,
        generation,
        ..
    } = delivery;
    match &delivery.what {
        Outgoing::Release { position } => format!("{session}/{generation} release {position}"),
        Outgoing::Publish(publish) => {
            let message = Message::id_in(publish.payload);
            let (qos, position) = (publish.qos, publish.position);
            format!("{session}/{generation} {message:?} at {qos:?}, {position:?}")
        }
    }
}
