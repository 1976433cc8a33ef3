//! Any bytes as requests of two clients to the state store, from PUBLISH to response: through a
//! real worker to real partitions. Each request is acknowledged once; a proper one is answered
//! once, with its correlation data and a reply; an improper one is not. All invariants hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catena_backend::{Backend, Options};
use catena_connection::Settings;
use catena_frontend::worker::{Rules, Worker};
use catena_hlc::{Millis, Stamp};
use catena_mqtt::{
    Ack, Connect, Forwarded, Limits, Packet, PacketId, Property, Publish, Qos, ReasonCode,
    Subscribe, SubscriptionIds, SubscriptionOptions, UserProperties, Version,
};
use catena_rpc::{names, topics};
use catena_types::{FrontendId, Moment, PartitionId, Placement};

use crate::sent::each_packet;

/// Wall time at the start, in milliseconds.
const WALL: u64 = 1_696_374_425_000;

/// The packet ID of every request: one at a time is under way.
const REQUEST: u16 = 7;

/// One run of the target: steps of a selector, a length and so many bytes.
pub fn run(data: &[u8]) {
    let mut world = World::new();
    let mut rest = data;
    while let [selector, length, more @ ..] = rest {
        let (bytes, after) = more.split_at(usize::from(*length).min(more.len()));
        rest = after;
        world.step(*selector, bytes);
    }
}

/// A worker, its partitions, and two clients.
struct World {
    backend: Arc<Backend>,
    worker: Worker<Arc<Backend>>,
    rules: Arc<Rules>,
    wall: Arc<AtomicU64>,
    millis: u64,
    /// The connections of the clients.
    slots: [Option<u32>; 2],
    heard: Heard,
    requests: u64,
}

/// What came since the last look.
#[derive(Default)]
struct Heard {
    acknowledged: Vec<ReasonCode>,
    responses: Vec<Vec<u8>>,
    is_connected: bool,
    is_subscribed: bool,
    is_closed: bool,
}

/// What is wrong with a request, if anything.
struct Request<'a> {
    payload: &'a [u8],
    properties: Vec<u8>,
    qos: Qos,
    dup: bool,
    is_proper: bool,
}

impl World {
    fn new() -> Self {
        let Some(placement) = Placement::new(2, 7) else {
            panic!("two partitions are allowed");
        };
        let wall = Arc::new(AtomicU64::new(WALL));
        let shown = Arc::clone(&wall);
        let mut partition = catena_partition::Settings::generous(PartitionId::new(0), placement);
        partition.store = catena_statestore::Settings {
            keys_max: 8,
            bytes_max: 4_096,
            key_bytes_max: 40,
            registrations_max: 6,
            changes_max: 4,
            answers_max: 3,
            scan_page_keys: 2,
            ..partition.store
        };
        let backend = Arc::new(Backend::new(&Options {
            partition,
            frontends: 1,
            subscriptions_per_session_max: 100,
            wall: Arc::new(move || Millis::new(shown.load(Ordering::Relaxed))),
        }));
        let frontend = FrontendId::new(0);
        backend.register(frontend, Arc::new(|| {}));
        let rules = Rules {
            listener: "fuzz".into(),
            settings: Settings {
                packet_ids_per_range: placement.packet_ids_per_range(),
                ..Settings::default()
            },
            authenticate: false,
        };
        Self {
            worker: Worker::new(Arc::clone(&backend), frontend, [1, 2]),
            backend,
            rules: Arc::new(rules),
            wall,
            millis: 1,
            slots: [None; 2],
            heard: Heard::default(),
            requests: 0,
        }
    }

    /// The two high bits say what happens, the lowest who does it, the others how.
    fn step(&mut self, selector: u8, bytes: &[u8]) {
        let client = usize::from(selector & 1);
        let has = |bit: u8| selector >> bit & 1 == 1;
        match selector >> 6 {
            0 | 1 => {
                self.requests += 1;
                let request = self.request(selector, bytes);
                self.ask(client, &request);
            }
            2 if has(5) => self.hang_up(client),
            2 => self.ask_raw(client, bytes),
            _ => {
                self.millis += u64::from(selector & 63) * 20;
                self.wall.store(WALL + self.millis, Ordering::Relaxed);
                self.settle();
            }
        }
        assert_eq!(self.backend.validate(), Ok(()));
    }

    /// A request whose payload is what it is, and whose properties are as the bits say.
    fn request<'a>(&self, selector: u8, payload: &'a [u8]) -> Request<'a> {
        let has = |bit: u8| selector >> bit & 1 == 1;
        let (mut out, mut is_proper) = (Vec::new(), true);
        let client = selector & 1;
        let oddity = selector >> 3 & 7;
        let wall = Millis::new(WALL + self.millis);
        let stamp = Stamp {
            wall,
            counter: u64::from(oddity),
            node: "c",
        };
        let stamp = stamp.to_string();
        let topic = response_topic(usize::from(client));
        let mut put = |property: Property<'_>| assert!(property.encode(&mut out).is_ok());
        match oddity {
            1 => is_proper = false,
            2 => {
                is_proper = false;
                put(Property::ResponseTopic(topics::INVOKE));
            }
            _ => put(Property::ResponseTopic(&topic)),
        }
        if oddity == 3 {
            is_proper = false;
        } else {
            // The same again now and then: a request that comes again.
            let number = self.requests >> u64::from(has(1));
            put(Property::CorrelationData(&number.to_be_bytes()));
        }
        if oddity != 4 {
            put(Property::UserProperty(names::TIMESTAMP, &stamp));
        }
        if oddity == 5 {
            put(Property::UserProperty(names::FENCING_TOKEN, &stamp));
        }
        let qos = match (selector >> 6, oddity) {
            (1, 6) => Qos::AtMostOnce,
            (1, 7) => Qos::ExactlyOnce,
            _ => Qos::AtLeastOnce,
        };
        Request {
            payload,
            properties: out,
            qos,
            dup: has(2) && qos != Qos::AtMostOnce,
            is_proper: is_proper && qos == Qos::AtLeastOnce,
        }
    }

    /// Sends a request, and looks at what comes.
    fn ask(&mut self, client: usize, request: &Request<'_>) {
        self.connect(client);
        self.heard = Heard::default();
        let Ok(forwarded) = Forwarded::parse(&request.properties, &Limits::DEFAULT) else {
            panic!("properties that were built from some");
        };
        self.send(
            client,
            &Packet::Publish(Publish {
                dup: request.dup,
                qos: request.qos,
                retain: false,
                topic: topics::INVOKE,
                packet_id: PacketId::new(REQUEST).filter(|_| request.qos != Qos::AtMostOnce),
                topic_alias: None,
                message_expiry: None,
                subscription_ids: SubscriptionIds::EMPTY,
                forwarded,
                payload: request.payload,
            }),
        );
        let acknowledged = &self.heard.acknowledged;
        let expected = usize::from(request.qos != Qos::AtMostOnce);
        assert_eq!(acknowledged.len(), expected, "{acknowledged:?}");
        let is_done = acknowledged.first() == Some(&ReasonCode::Success);
        assert_eq!(is_done, request.is_proper, "{acknowledged:?}");
        let responses = &self.heard.responses;
        assert_eq!(responses.len(), usize::from(request.is_proper));
        for response in responses {
            assert!(response.ends_with(b"\r\n"), "{response:?}");
            let kind = response.first();
            assert!(kind.is_some_and(|kind| b"+-:$*".contains(kind)));
        }
    }

    /// Sends a PUBLISH to the invoke topic whose properties and payload are any bytes.
    fn ask_raw(&mut self, client: usize, bytes: &[u8]) {
        self.connect(client);
        let mut body = (topics::INVOKE.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(topics::INVOKE.as_bytes());
        body.extend_from_slice(&REQUEST.to_be_bytes());
        body.extend_from_slice(bytes);
        let length = body.len();
        // Two bytes hold any length that there can be here.
        let head = [0x32, (length % 128) as u8 | 0x80, (length / 128) as u8];
        self.heard = Heard::default();
        self.give(client, &[&head[..], &body].concat());
        // A response may go to a topic that nobody hears, but no request goes without an answer.
        let is_answered = self.heard.acknowledged.len() == 1;
        assert!(is_answered || self.heard.is_closed);
    }

    /// Sees to it that a client is connected and hears its responses.
    fn connect(&mut self, client: usize) {
        if self.slots[client].is_some() {
            return;
        }
        self.slots[client] = Some(self.worker.open(self.now(), &self.rules));
        self.heard = Heard::default();
        let name = format!("c{client}");
        let mut properties = catena_mqtt::ConnectProperties::default();
        properties.session_expiry = Some(1_000);
        self.send(
            client,
            &Packet::Connect(Box::new(Connect {
                version: Version::V5,
                clean_start: false,
                keep_alive: 0,
                client_id: &name,
                properties,
                will: None,
                username: None,
                password: None,
            })),
        );
        assert!(self.heard.is_connected);
        let topic = response_topic(client);
        let options = SubscriptionOptions {
            qos: Qos::AtLeastOnce,
            ..SubscriptionOptions::default()
        };
        let Some(packet_id) = PacketId::new(1) else {
            return;
        };
        self.send(
            client,
            &Packet::Subscribe(Subscribe {
                packet_id,
                subscription_id: None,
                user_properties: UserProperties::EMPTY,
                filters: [(&*topic, options)].as_slice().into(),
            }),
        );
        assert!(self.heard.is_subscribed);
    }

    fn hang_up(&mut self, client: usize) {
        if let Some(slot) = self.slots[client].take() {
            self.worker.handle_closed(slot);
        }
        self.settle();
    }

    fn send(&mut self, client: usize, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        assert!(packet.encode(Version::V5, &mut bytes).is_ok());
        self.give(client, &bytes);
    }

    fn give(&mut self, client: usize, bytes: &[u8]) {
        if let Some(slot) = self.slots[client] {
            self.worker.handle_bytes(self.now(), slot, bytes);
        }
        self.settle();
    }

    /// Lets everything happen that follows.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let now = self.now();
            if self.worker.next_deadline() <= now {
                self.worker.handle_timeouts(now);
            }
            let mut has_more = self.worker.run(now);
            self.worker.take_readable(&mut Vec::new());
            self.worker.take_dirty(&mut Vec::new());
            for client in 0..self.slots.len() {
                has_more |= self.read(client);
            }
            let mut closing = Vec::new();
            self.worker.take_closing(&mut closing);
            for closed in closing {
                self.close(closed.slot);
                has_more = true;
            }
            if !has_more && !self.worker.has_work() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn close(&mut self, slot: u32) {
        for client in 0..self.slots.len() {
            if self.slots[client] == Some(slot) {
                self.read(client);
                self.slots[client] = None;
                self.heard.is_closed = true;
            }
        }
        self.worker.handle_closed(slot);
    }

    /// Reads what is for a client, and acknowledges it. Whether there was anything.
    fn read(&mut self, client: usize) -> bool {
        let Some(slot) = self.slots[client] else {
            return false;
        };
        let output = self.worker.output(slot).unwrap_or_default().to_vec();
        if output.is_empty() {
            return false;
        }
        self.worker.written(self.now(), slot, output.len());
        let mut answers = Vec::new();
        each_packet(Version::V5, &output, |packet| {
            self.heard.note(client, packet, &mut answers);
        });
        self.worker.handle_bytes(self.now(), slot, &answers);
        true
    }

    fn now(&self) -> Moment {
        Moment::from_nanos(self.millis * 1_000_000)
    }
}

impl Heard {
    fn note(&mut self, client: usize, packet: &Packet<'_>, answers: &mut Vec<u8>) {
        match packet {
            Packet::ConnAck(connack) => self.is_connected = !connack.reason.is_error(),
            Packet::SubAck(_) => self.is_subscribed = true,
            Packet::PubAck(ack) | Packet::PubRec(ack) => self.acknowledged.push(ack.reason),
            Packet::Publish(publish) => {
                if publish.topic == response_topic(client) {
                    self.responses.push(publish.payload.to_vec());
                }
                if let Some(packet_id) = publish.packet_id {
                    let ack = Packet::PubAck(Ack::success(packet_id));
                    assert!(ack.encode(Version::V5, answers).is_ok());
                }
            }
            _ => {}
        }
    }
}

/// More than anything needs that is asked at once.
const ROUNDS_MAX: usize = 10_000;

fn response_topic(client: usize) -> String {
    topics::response(&format!("c{client}"))
}
