//! What a message costs in the backend alone, without codec and sockets: publish, hand out,
//! acknowledge, in batches as a worker makes them. Prints nanoseconds per delivered message and the
//! ratio to the floor: copying topic and payload twice, as any broker must.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot run says why and stops"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use catena_backend::{Backend, Options};
use catena_hlc::Millis;
use catena_mqtt::Qos;
use catena_partition::{
    Attachment, AttachmentIndex, Connect, Connected, Delivery, Notice, Numbered, Outgoing, Phase,
    Publish, Receiver, Replay, Reply, Request, RequestNumber, Settings, Subscribe, SubscribeFilter,
    Taken,
};
use catena_transport::{Exchange, Port};
use catena_types::{FrontendId, Generation, Moment, PartitionId, Placement, Position, SessionId};

const FRONTEND: FrontendId = FrontendId::new(0);
const BATCH: usize = 100;

/// A frontend that copies what it is lent and acknowledges it in the next exchange.
#[derive(Default)]
struct Desk {
    out: Vec<u8>,
    taken: u64,
    acks: Vec<Ack>,
    connected: Option<Box<Connected>>,
}

struct Ack {
    session: SessionId,
    generation: Generation,
    attachment: AttachmentIndex,
    from: Position,
    count: u32,
}

impl Receiver for Desk {
    fn reply(&mut self, _number: RequestNumber, reply: Reply) {
        if let Reply::Connected(connected) = reply {
            self.connected = Some(connected);
        }
    }

    fn notice(&mut self, _notice: Notice) {}

    fn deliver(&mut self, delivery: &Delivery<'_>) -> Taken {
        let Outgoing::Publish(publish) = &delivery.what else {
            return Taken::Yes;
        };
        self.taken += 1;
        self.out.extend_from_slice(publish.topic.as_bytes());
        self.out.extend_from_slice(publish.payload);
        if self.out.len() > 60_000 {
            self.out.clear();
        }
        let Some(from) = publish.position else {
            return Taken::Yes;
        };
        match self.acks.last_mut() {
            Some(ack)
                if ack.session == delivery.session
                    && ack.from.plus(u64::from(ack.count)) == from =>
            {
                ack.count += 1;
            }
            _ => self.acks.push(Ack {
                session: delivery.session,
                generation: delivery.generation,
                attachment: delivery.attachment,
                from,
                count: 1,
            }),
        }
        Taken::Yes
    }
}

struct World {
    backend: Backend,
    desk: Desk,
    number: u64,
    now: Moment,
}

impl World {
    fn new() -> Self {
        let placement = Placement::new(8, 1).expect("eight is allowed");
        let options = Options {
            partition: Settings::generous(PartitionId::new(0), placement),
            frontends: 1,
            subscriptions_per_session_max: usize::MAX,
            wall: Arc::new(|| Millis::new(0)),
        };
        let (desk, now) = (Desk::default(), Moment::from_nanos(1));
        Self {
            backend: Backend::new(&options),
            desk,
            number: 0,
            now,
        }
    }

    fn ask(&mut self, partition: PartitionId, request: Request<'_>) {
        self.number += 1;
        let requests = [Numbered {
            number: self.number,
            request,
        }];
        self.exchange(partition, &requests);
        for partition in self.backend.waiting(FRONTEND).iter() {
            self.exchange(partition, &[]);
        }
    }

    fn exchange(&mut self, partition: PartitionId, requests: &[Numbered<'_>]) {
        let exchange = Exchange {
            frontend: FRONTEND,
            partition,
            now: self.now,
            requests,
            resumes: &[],
        };
        self.backend.exchange(&exchange, &mut self.desk);
    }

    fn subscribe(&mut self, client: &str, filter: &str, qos: Qos) {
        let partition = self.backend.partition_of(client);
        let connect = Connect {
            client_id: client,
            clean_start: true,
            expiry_seconds: 0,
            frontend: FRONTEND,
            connection: 0,
            will: None,
        };
        self.ask(partition, Request::Connect(Box::new(connect)));
        let connected = self.desk.connected.take().expect("connected");
        let attachment = Attachment {
            frontend: FRONTEND,
            connection: 0,
            generation: connected.generation,
            share_credit: u16::MAX,
        };
        let filter = SubscribeFilter {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            replay: Replay::Always,
            refused: None,
        };
        let subscribe = Subscribe {
            session: connected.session,
            attachment,
            subscription_id: None,
            filters: vec![filter],
        };
        self.ask(partition, Request::Subscribe(Box::new(subscribe)));
    }

    /// Publishes a batch to a topic and acknowledges what was delivered of the last one.
    fn round(&mut self, topic: &str, partition: PartitionId, payload: &[u8], qos: Qos) {
        let publisher = SessionId::from_packed(u64::MAX);
        let mut requests = Vec::with_capacity(BATCH);
        for ack in self.desk.acks.drain(..) {
            self.number += 1;
            let request = Request::Ack {
                session: ack.session,
                generation: ack.generation,
                attachment: ack.attachment,
                from: ack.from,
                count: ack.count,
                phase: Phase::Complete,
            };
            requests.push(Numbered {
                number: self.number,
                request,
            });
        }
        for _ in 0..BATCH {
            self.number += 1;
            let request = Request::Publish(Publish {
                topic,
                qos,
                retain: false,
                expiry_seconds: None,
                properties: [&[], &[], &[]],
                payload,
                publisher,
                random: 0,
            });
            requests.push(Numbered {
                number: self.number,
                request,
            });
        }
        self.exchange(partition, &requests);
    }
}

fn measure(name: &str, subscribers: usize, filter: &str, payload: usize, qos: Qos, floor: f64) {
    let mut world = World::new();
    let topic = "bench/line-1/temperature";
    for number in 0..subscribers {
        world.subscribe(&format!("client-{number}"), filter, qos);
    }
    let partition = world.backend.partition_of(topic);
    let payload = vec![7u8; payload];
    let rounds = (400_000 / BATCH / subscribers.max(1)).max(20);
    let mut best = f64::MAX;
    for _ in 0..5 {
        world.desk.taken = 0;
        let start = Instant::now();
        for _ in 0..rounds {
            world.round(topic, partition, &payload, qos);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / world.desk.taken.max(1) as f64);
    }
    println!("{name:<24} {best:8.1} ns  {:5.1} x floor", best / floor);
}

fn floor(payload: usize) -> f64 {
    let (topic, payload) = (vec![1u8; 24], vec![2u8; payload]);
    let mut out = Vec::new();
    let start = Instant::now();
    for _ in 0..1_000_000 {
        for _ in 0..2 {
            out.extend_from_slice(black_box(&topic));
            out.extend_from_slice(black_box(&payload));
        }
        if out.len() > 60_000 {
            out.clear();
        }
    }
    start.elapsed().as_nanos() as f64 / 1e6
}

fn main() {
    let (small, large) = (floor(64), floor(4_096));
    println!("floor: {small:.1} ns (64 B), {large:.1} ns (4 KiB)");
    measure(
        "p2p QoS 0, 64 B",
        1,
        "bench/line-1/temperature",
        64,
        Qos::AtMostOnce,
        small,
    );
    measure(
        "p2p QoS 1, 64 B",
        1,
        "bench/line-1/temperature",
        64,
        Qos::AtLeastOnce,
        small,
    );
    measure(
        "p2p QoS 1, 4 KiB",
        1,
        "bench/line-1/temperature",
        4_096,
        Qos::AtLeastOnce,
        large,
    );
    measure(
        "fan-out 200, QoS 0, 64 B",
        200,
        "bench/+/temperature",
        64,
        Qos::AtMostOnce,
        small,
    );
    measure(
        "fan-out 200, QoS 1, 64 B",
        200,
        "bench/#",
        64,
        Qos::AtLeastOnce,
        small,
    );
    measure(
        "shared by 5, QoS 1, 64 B",
        5,
        "$share/g/bench/#",
        64,
        Qos::AtLeastOnce,
        small,
    );
}
