//! Planted bugs: the port lies to the worker or to the partition. Each must be found; a checker
//! that finds none of them proves nothing.

mod owned;
mod store;

use std::collections::BTreeMap;

use catena_backend::Backend;
use catena_mqtt::{Qos, ReasonCode};
use catena_partition::{
    Delivery, Notice, Numbered, OwnedPublish, Phase, Replay, Reply, Request, RequestNumber,
    WillFate,
};
use catena_transport::Exchange;
use catena_types::{FrontendId, Generation, PartitionId, SessionId};

use crate::rng::Rng;
pub(crate) use owned::{HeldRequest, OwnedDelivery};
use store::Reads;

macro_rules! mutations {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A planted bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutation { $($(#[$doc])* $name,)* }

        impl Mutation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it is called on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

mutations! {
    /// A publish is acknowledged now and applied with the next exchange.
    AckBeforeApply = "ack-before-apply",
    /// A delivery is dropped as if the queue had been full.
    DropDelivery = "drop-delivery",
    /// Deliveries that were sent before do not say so.
    LoseDup = "lose-dup",
    /// The first delivery after an attachment comes behind the second.
    ReorderAfterResume = "reorder-after-resume",
    /// Two publishes of a batch change places.
    ReorderPublishes = "reorder-publishes",
    /// A completed delivery stays in its queue.
    ForgetAck = "forget-ack",
    /// PUBREC is not committed: PUBREL never leaves.
    ForgetReceived = "forget-received",
    /// The end of a connection is not told to the partitions that deliver to it.
    ForgetDetach = "forget-detach",
    /// A resumed session is not attached.
    ForgetAttach = "forget-attach",
    /// The packet IDs of inbound QoS 2 messages are not kept.
    ForgetPacketId = "forget-packet-id",
    /// Retained messages are replayed twice.
    ReplayTwice = "replay-twice",
    /// Retained messages are not replayed.
    ReplayNever = "replay-never",
    /// A taken-over connection is reported closed before it is.
    CloseEarly = "close-early",
    /// UNSUBSCRIBE is answered and not done.
    ForgetUnsubscribe = "forget-unsubscribe",
    /// The end of a connection is not told to its session.
    ForgetDisconnect = "forget-disconnect",
    /// A will is published in spite of DISCONNECT.
    PublishWill = "publish-will",
    /// A delivery is handed over twice.
    DeliverTwice = "deliver-twice",
    /// A request to the state store that comes again is applied again.
    ApplyAgain = "apply-again",
    /// Whether a key exists is decided in front of the apply, by what was read last.
    ConditionInFront = "condition-in-front",
    /// A value is answered as set now and set with the next exchange.
    AnswerBeforeApply = "answer-before-apply",
    /// A read is answered as an earlier one of the key was.
    StaleRead = "stale-read",
    /// Values do not expire.
    KeepForever = "keep-forever",
}

impl Mutation {
    /// The bug with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|mutation| mutation.name() == name)
    }
}

type Place = (FrontendId, PartitionId);

/// What carries a planted bug out, or does nothing.
#[derive(Debug)]
pub(crate) struct Meddler {
    mutation: Option<Mutation>,
    rng: Rng,
    held: BTreeMap<Place, Vec<HeldRequest>>,
    resumed: Option<SessionId>,
    delivery: Option<OwnedDelivery>,
    early: Vec<(SessionId, Generation)>,
    reads: Reads,
}

impl Meddler {
    /// A port with a bug, or without.
    pub(crate) fn new(mutation: Option<Mutation>, seed: u64) -> Self {
        Self {
            mutation,
            rng: Rng::new(seed, "mutation"),
            held: BTreeMap::new(),
            resumed: None,
            delivery: None,
            early: Vec::new(),
            reads: Reads::default(),
        }
    }

    /// Whether there is a bug.
    pub(crate) fn is_active(&self) -> bool {
        self.mutation.is_some()
    }

    /// Requests that were answered before.
    pub(crate) fn take_held(&mut self, place: Place) -> Vec<HeldRequest> {
        self.held.remove(&place).unwrap_or_default()
    }

    /// Deliveries that were put aside and whose turn has come.
    pub(crate) fn take_held_delivery(&mut self) -> Option<OwnedDelivery> {
        self.delivery.take()
    }

    /// Passes on what is asked of a partition, more or less. `replies` are given at once.
    pub(crate) fn requests<'a>(
        &mut self,
        backend: &Backend,
        exchange: &Exchange<'_, '_>,
        asked: &[Numbered<'a>],
        requests: &mut Vec<Numbered<'a>>,
        replies: &mut Vec<(RequestNumber, Reply)>,
    ) {
        let Some(mutation) = self.mutation else {
            requests.extend_from_slice(asked);
            return;
        };
        for numbered in asked {
            match self.instead(mutation, backend, exchange, numbered) {
                Instead::Pass => requests.push(numbered.clone()),
                Instead::Change(request) => requests.push(Numbered {
                    number: numbered.number,
                    request,
                }),
                Instead::Twice => {
                    requests.push(numbered.clone());
                    requests.push(numbered.clone());
                }
                Instead::Answer(reply) => replies.push((numbered.number, reply)),
            }
        }
        let is_publish = |numbered: &Numbered<'_>| match &numbered.request {
            Request::Publish(publish) => publish.qos == Qos::AtLeastOnce,
            _ => false,
        };
        if mutation == Mutation::ReorderPublishes
            && let Some(at) = requests
                .windows(2)
                .position(|two| two.iter().all(is_publish))
            && self.rng.one_in(3)
        {
            requests.swap(at, at + 1);
        }
    }

    fn instead<'a>(
        &mut self,
        mutation: Mutation,
        backend: &Backend,
        exchange: &Exchange<'_, '_>,
        numbered: &Numbered<'a>,
    ) -> Instead<'a> {
        match (mutation, &numbered.request) {
            (Mutation::AckBeforeApply, Request::Publish(publish))
                if publish.qos != Qos::AtMostOnce =>
            {
                let place = (exchange.frontend, exchange.partition);
                let held = HeldRequest::publish(numbered.number, OwnedPublish::copy(publish));
                self.held.entry(place).or_default().push(held);
                Instead::Answer(Reply::Published(ReasonCode::Success))
            }
            (Mutation::ReorderAfterResume, Request::Attach { session, .. }) => {
                self.resumed = Some(*session);
                Instead::Pass
            }
            (Mutation::ForgetAck | Mutation::ForgetReceived, Request::Ack { phase, .. }) => {
                let meant = match mutation {
                    Mutation::ForgetAck => Phase::Complete,
                    _ => Phase::Received,
                };
                if *phase == meant && self.rng.one_in(4) {
                    Instead::Answer(Reply::Done)
                } else {
                    Instead::Pass
                }
            }
            (Mutation::ForgetDetach, Request::Detach { .. })
            | (Mutation::ForgetAttach, Request::Attach { .. }) => Instead::Answer(Reply::Done),
            (Mutation::ForgetPacketId, Request::Receive { publish, .. }) => {
                let publish = catena_partition::Publish {
                    qos: Qos::ExactlyOnce,
                    ..*publish
                };
                backend.publish(&publish, exchange.now);
                Instead::Answer(Reply::Published(ReasonCode::Success))
            }
            (Mutation::ForgetPacketId, Request::Release { .. }) => {
                Instead::Answer(Reply::Released { known: true })
            }
            (mutation, Request::Store(request)) => {
                let place = (exchange.frontend, exchange.partition);
                self.instead_of_store(mutation, (place, numbered.number), request)
            }
            (mutation, request) => self.instead_of_session(mutation, request),
        }
    }

    /// As [`Meddler::instead`], for what concerns subscriptions and the session itself.
    fn instead_of_session<'a>(&mut self, mutation: Mutation, request: &Request<'a>) -> Instead<'a> {
        match (mutation, request) {
            (Mutation::ReplayTwice, Request::Subscribe(_)) => Instead::Twice,
            (Mutation::ReplayNever, Request::Subscribe(subscribe)) => {
                let mut subscribe = subscribe.clone();
                for filter in &mut subscribe.filters {
                    filter.replay = Replay::Never;
                }
                Instead::Change(Request::Subscribe(subscribe))
            }
            (Mutation::ForgetUnsubscribe, Request::Unsubscribe { filters, .. }) => {
                let codes = filters.iter().map(|_| ReasonCode::Success).collect();
                Instead::Answer(Reply::Unsubscribed { codes })
            }
            (Mutation::ForgetDisconnect, Request::Disconnect { .. }) if self.rng.one_in(3) => {
                Instead::Answer(Reply::Done)
            }
            (
                Mutation::PublishWill,
                Request::Disconnect {
                    session,
                    generation,
                    expiry_seconds,
                    ..
                },
            ) => Instead::Change(Request::Disconnect {
                session: *session,
                generation: *generation,
                will: WillFate::Publish,
                expiry_seconds: *expiry_seconds,
            }),
            _ => Instead::Pass,
        }
    }

    /// Sees what a worker is told unasked.
    pub(crate) fn notice(&mut self, notice: &Notice) {
        let Notice::TakenOver {
            session,
            generation,
            ..
        } = *notice;
        if self.mutation == Some(Mutation::CloseEarly) {
            self.early.push((session, generation));
        }
    }

    /// A connection to be reported closed although it is not: where, and with which request.
    pub(crate) fn take_early(&mut self) -> Option<(PartitionId, Numbered<'static>)> {
        let (session, generation) = self.early.pop()?;
        // The worker knows no request with this number, so the reply is lost on it.
        let numbered = Numbered {
            number: 0,
            request: Request::Closed {
                session,
                generation,
            },
        };
        Some((session.partition(), numbered))
    }

    /// What is handed to the worker instead of a delivery: nothing, or a first one and more.
    pub(crate) fn deliveries(
        &mut self,
        delivery: &Delivery<'_>,
    ) -> Option<(OwnedDelivery, Vec<OwnedDelivery>)> {
        let mut first = OwnedDelivery::copy(delivery);
        self.meddle_with_response(&mut first);
        match self.mutation {
            Some(Mutation::DropDelivery) if first.is_reliable() && self.rng.one_in(50) => None,
            Some(Mutation::LoseDup) => {
                first.lose_dup();
                Some((first, Vec::new()))
            }
            Some(Mutation::DeliverTwice) if self.rng.one_in(20) => {
                let again = first.clone();
                Some((first, vec![again]))
            }
            Some(Mutation::ReorderAfterResume)
                if self.resumed == Some(delivery.session) && first.is_reliable() =>
            {
                self.resumed = None;
                self.delivery = Some(first);
                None
            }
            _ => {
                let behind = self.delivery.take().into_iter().collect();
                Some((first, behind))
            }
        }
    }
}

/// What is done instead of passing a request on.
enum Instead<'a> {
    Pass,
    Change(Request<'a>),
    Twice,
    Answer(Reply),
}
