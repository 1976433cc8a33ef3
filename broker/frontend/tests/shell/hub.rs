//! One partition for all workers: exact topics, QoS 0 deliveries, no sessions that last.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use catena_frontend::Wake;
use catena_mqtt::{Qos, ReasonCode};
use catena_partition::{
    AttachmentIndex, Connected, Delivery, Outgoing, OutgoingPublish, Receiver, Reply, Request,
    Subscribed,
};
use catena_transport::{Exchange, Port};
use catena_types::{
    FrontendId, Generation, Moment, PartitionId, PartitionSet, RoutingVersion, SessionId, Stamp,
};

const PARTITION: PartitionId = PartitionId::new(0);

/// The partition.
#[derive(Default)]
pub(crate) struct Hub {
    inner: Mutex<Inner>,
    wakes: Mutex<HashMap<FrontendId, Wake>>,
}

#[derive(Default)]
struct Inner {
    next: u32,
    homes: HashMap<SessionId, (FrontendId, u32, Generation)>,
    subscribers: HashMap<String, Vec<SessionId>>,
    queues: HashMap<FrontendId, VecDeque<(SessionId, String, Vec<u8>)>>,
    ended: u32,
}

impl Hub {
    pub(crate) fn register(&self, frontend: FrontendId, wake: Wake) {
        lock(&self.wakes).insert(frontend, wake);
    }

    /// Sessions that have ended so far.
    pub(crate) fn ended(&self) -> u32 {
        lock(&self.inner).ended
    }

    fn answer(inner: &mut Inner, request: &Request<'_>, woken: &mut Vec<FrontendId>) -> Reply {
        match request {
            Request::Connect(connect) => {
                inner.next += 1;
                let session = SessionId::new(PARTITION, 1, inner.next);
                let generation = Generation::new(inner.next);
                let home = (connect.frontend, connect.connection, generation);
                inner.homes.insert(session, home);
                Reply::Connected(Box::new(Connected {
                    session,
                    generation,
                    present: false,
                    ranges: Box::default(),
                    partitions: PartitionSet::EMPTY,
                }))
            }
            Request::Subscribe(subscribe) => {
                for filter in &subscribe.filters {
                    let sessions = inner.subscribers.entry(filter.filter.into()).or_default();
                    sessions.push(subscribe.session);
                }
                let codes = subscribe
                    .filters
                    .iter()
                    .map(|_| ReasonCode::Success)
                    .collect();
                let (version, partitions) = (RoutingVersion::new(1), PartitionSet::first(1));
                Reply::Subscribed(Box::new(Subscribed {
                    version,
                    codes,
                    partitions,
                }))
            }
            Request::Publish(publish) => {
                let sessions = inner
                    .subscribers
                    .get(publish.topic)
                    .cloned()
                    .unwrap_or_default();
                for session in sessions {
                    let Some((home, ..)) = inner.homes.get(&session) else {
                        continue;
                    };
                    let message = (session, publish.topic.to_owned(), publish.payload.to_vec());
                    inner.queues.entry(*home).or_default().push_back(message);
                    woken.push(*home);
                }
                Reply::Published(ReasonCode::Success)
            }
            Request::Disconnect { session, .. } | Request::Closed { session, .. } => {
                inner.homes.remove(session);
                inner.ended += 1;
                Reply::Done
            }
            _ => Reply::Done,
        }
    }
}

impl Port for Hub {
    fn exchange(&self, exchange: &Exchange<'_, '_>, receiver: &mut impl Receiver) {
        let mut woken = Vec::new();
        {
            let mut inner = lock(&self.inner);
            for numbered in exchange.requests {
                let reply = Self::answer(&mut inner, &numbered.request, &mut woken);
                receiver.reply(numbered.number, reply);
            }
            let queue = inner.queues.remove(&exchange.frontend).unwrap_or_default();
            for (session, topic, payload) in queue {
                let Some((_, connection, generation)) = inner.homes.get(&session) else {
                    continue;
                };
                let publish = OutgoingPublish {
                    topic: &topic,
                    qos: Qos::AtMostOnce,
                    retain: false,
                    dup: false,
                    position: None,
                    expires: None,
                    subscription_ids: &[],
                    properties: &[],
                    payload: &payload,
                    shared: None,
                };
                receiver.deliver(&Delivery {
                    connection: *connection,
                    generation: *generation,
                    session,
                    attachment: AttachmentIndex(0),
                    stamp: Stamp::new(0),
                    what: Outgoing::Publish(publish),
                });
            }
        }
        woken.sort_unstable();
        woken.dedup();
        for frontend in woken {
            if frontend != exchange.frontend
                && let Some(wake) = lock(&self.wakes).get(&frontend)
            {
                wake();
            }
        }
    }

    fn waiting(&self, frontend: FrontendId) -> PartitionSet {
        let waits = lock(&self.inner)
            .queues
            .get(&frontend)
            .is_some_and(|queue| !queue.is_empty());
        if waits {
            PartitionSet::first(1)
        } else {
            PartitionSet::EMPTY
        }
    }

    fn tick(&self, _: FrontendId, _: Moment) {}

    fn partition_of(&self, _: &str) -> PartitionId {
        PARTITION
    }

    fn partition_of_bytes(&self, _key: &[u8]) -> PartitionId {
        PartitionId::new(0)
    }

    fn has(&self, partition: PartitionId) -> bool {
        partition == PartitionId::new(0)
    }

    fn packet_ids_per_range(&self) -> u16 {
        u16::MAX
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
