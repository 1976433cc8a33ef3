//! Partitions for tests: they note what they are asked, answer at once or when told, and hand out
//! the deliveries that a test has put there.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;

use catena_connection::Settings;
use catena_mqtt::{Qos, ReasonCode};
use catena_partition::{
    AttachmentIndex, Connected, Delivery, Notice, Outgoing, OutgoingPublish, Receiver, Reply,
    Request, RequestNumber, SharedBody, Taken,
};
use catena_transport::{Exchange, Port};
use catena_types::{
    FrontendId, Generation, Moment, PartitionId, PartitionSet, Position, RoutingVersion, SessionId,
    Stamp,
};

use crate::worker::{Rules, Worker};

pub(super) const NOW: Moment = Moment::from_nanos(1_000_000_000);
/// Partition 0 has all sessions of these tests.
pub(super) const SESSION: SessionId = SessionId::new(PartitionId::new(0), 1, 7);
pub(super) const FRONTEND: FrontendId = FrontendId::new(3);

/// A message that waits in a partition for a connection.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) connection: u32,
    pub(super) stamp: u64,
    pub(super) qos: Qos,
    pub(super) position: Option<u64>,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    /// One line per request: `partition number request`.
    pub(super) log: Vec<String>,
    /// Exchanges so far.
    pub(super) exchanges: usize,
    /// Replies are kept until `release`.
    pub(super) holds: bool,
    held: Vec<(u16, RequestNumber, Reply)>,
    next: BTreeMap<u16, RequestNumber>,
    pub(super) queues: BTreeMap<u16, VecDeque<Waiting>>,
    pub(super) blocked: PartitionSet,
    pub(super) notices: Vec<Notice>,
    /// Whether sessions are resumed, and where they were subscribed.
    pub(super) present: bool,
    pub(super) partitions: PartitionSet,
    pub(super) ranges: Vec<PartitionId>,
    pub(super) generation: u32,
    pub(super) ticks: Vec<Moment>,
}

/// The port; clones share their partitions.
#[derive(Debug, Clone, Default)]
pub(super) struct Fake(pub(super) Rc<RefCell<Inner>>);

impl Fake {
    pub(super) fn queue(&self, partition: u16, waiting: Waiting) {
        self.0
            .borrow_mut()
            .queues
            .entry(partition)
            .or_default()
            .push_back(waiting);
    }

    /// The requests since the last call.
    pub(super) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().log)
    }

    /// Answers what was held, in the opposite order.
    pub(super) fn release(&self) {
        let mut inner = self.0.borrow_mut();
        inner.holds = false;
        inner.held.reverse();
    }

    fn answer(inner: &mut Inner, request: &Request<'_>) -> Reply {
        match request {
            Request::Publish(_) | Request::Receive { .. } => Reply::Published(ReasonCode::Success),
            Request::Connect(_) => {
                inner.generation += 1;
                Reply::Connected(Box::new(Connected {
                    session: SESSION,
                    generation: Generation::new(inner.generation),
                    present: inner.present,
                    ranges: inner.ranges.clone().into(),
                    partitions: inner.partitions,
                }))
            }
            Request::Range { partition, .. } => {
                inner.ranges.push(*partition);
                let place = u16::try_from(inner.ranges.len() - 1).unwrap();
                Reply::Ranged {
                    partition: *partition,
                    place,
                }
            }
            Request::Subscribe(subscribe) => {
                Reply::Subscribed(Box::new(catena_partition::Subscribed {
                    version: RoutingVersion::new(1),
                    codes: subscribe
                        .filters
                        .iter()
                        .map(|_| ReasonCode::GrantedQos1)
                        .collect(),
                    partitions: PartitionSet::first(2),
                }))
            }
            Request::Unsubscribe { filters, .. } => Reply::Unsubscribed {
                codes: filters.iter().map(|_| ReasonCode::Success).collect(),
            },
            Request::Release { .. } => Reply::Released { known: true },
            _ => Reply::Done,
        }
    }
}

fn describe(request: &Request<'_>) -> String {
    match request {
        Request::Publish(publish) => {
            let text = String::from_utf8_lossy(publish.payload);
            format!("publish {} {}", publish.topic, &text[..text.len().min(10)])
        }
        Request::Attach { attachment, .. } => format!("attach {}", attachment.connection),
        Request::Detach { first_unsent, .. } => format!("detach {first_unsent}"),
        Request::Ack {
            from, count, phase, ..
        } => format!("ack {from}+{count} {phase:?}"),
        Request::Connect(connect) => format!("connect {}", connect.client_id),
        Request::Disconnect {
            will,
            expiry_seconds,
            ..
        } => {
            format!("disconnect {will:?} {expiry_seconds:?}")
        }
        Request::Closed { generation, .. } => format!("closed {generation}"),
        Request::Range { partition, .. } => format!("range {partition}"),
        Request::Subscribe(subscribe) => format!("subscribe {}", subscribe.filters[0].filter),
        Request::Unsubscribe { filters, .. } => format!("unsubscribe {}", filters[0]),
        Request::Store(store) => format!("store {:?}", store.command),
        Request::Receive { packet_id, .. } => format!("receive {packet_id}"),
        Request::Release { packet_id, .. } => format!("release {packet_id}"),
    }
}

impl Port for Fake {
    fn exchange(&self, exchange: &Exchange<'_, '_>, receiver: &mut impl Receiver) {
        let partition = exchange.partition.number();
        let mut inner = self.0.borrow_mut();
        let inner = &mut *inner;
        inner.exchanges += 1;
        for numbered in exchange.requests {
            let next = inner.next.entry(partition).or_insert(1);
            assert_eq!(numbered.number, *next, "numbers ascend without gaps");
            *next += 1;
            inner
                .log
                .push(format!("{partition} {}", describe(&numbered.request)));
            let reply = Self::answer(inner, &numbered.request);
            inner.held.push((partition, numbered.number, reply));
        }
        if !exchange.resumes.is_empty() {
            inner.blocked.remove(exchange.partition);
            inner.log.push(format!("{partition} resume"));
        }
        for notice in std::mem::take(&mut inner.notices) {
            receiver.notice(notice);
        }
        if !inner.holds {
            let (now, later): (Vec<_>, Vec<_>) =
                inner.held.drain(..).partition(|held| held.0 == partition);
            inner.held = later;
            for (_, number, reply) in now {
                receiver.reply(number, reply);
            }
        }
        while !inner.blocked.contains(exchange.partition) {
            let queue = inner.queues.entry(partition).or_default();
            let Some(waiting) = queue.front() else { break };
            let shared = SharedBody::new(&waiting.payload);
            let publish = OutgoingPublish {
                topic: "t",
                qos: waiting.qos,
                retain: false,
                dup: false,
                position: waiting.position.map(Position::new),
                expires: None,
                subscription_ids: &[],
                properties: &[],
                payload: &waiting.payload,
                shared: Some(&shared),
            };
            let delivery = Delivery {
                connection: waiting.connection,
                generation: Generation::new(inner.generation),
                session: SESSION,
                attachment: AttachmentIndex(u32::from(partition) + 256 * waiting.connection),
                stamp: Stamp::new(waiting.stamp),
                what: Outgoing::Publish(publish),
            };
            match receiver.deliver(&delivery) {
                Taken::Yes => drop(queue.pop_front()),
                Taken::NotNow => inner.blocked.insert(exchange.partition),
            }
        }
    }

    fn waiting(&self, frontend: FrontendId) -> PartitionSet {
        assert_eq!(frontend, FRONTEND);
        let inner = self.0.borrow();
        let queued = inner.queues.iter().filter(|(partition, queue)| {
            !queue.is_empty() && !inner.blocked.contains(PartitionId::new(**partition))
        });
        let mut set: PartitionSet = queued
            .map(|(partition, _)| PartitionId::new(*partition))
            .collect();
        if !inner.holds {
            set.extend(
                &inner
                    .held
                    .iter()
                    .map(|held| PartitionId::new(held.0))
                    .collect(),
            );
        }
        if !inner.notices.is_empty() {
            set.insert(PartitionId::new(0));
        }
        set
    }

    fn tick(&self, frontend: FrontendId, now: Moment) {
        assert_eq!(frontend, FRONTEND);
        self.0.borrow_mut().ticks.push(now);
    }

    /// The digit at the end of a topic; client IDs are in partition 0.
    fn partition_of(&self, key: &str) -> PartitionId {
        let last = key.bytes().last().filter(u8::is_ascii_digit);
        PartitionId::new(last.map_or(0, |digit| u16::from(digit - b'0')))
    }

    fn partition_of_bytes(&self, _key: &[u8]) -> PartitionId {
        PartitionId::new(0)
    }

    fn has(&self, partition: PartitionId) -> bool {
        partition == PartitionId::new(0)
    }

    fn packet_ids_per_range(&self) -> u16 {
        u16::MAX / 4
    }
}

/// A worker over fake partitions.
pub(super) struct Bench {
    pub(super) port: Fake,
    pub(super) worker: Worker<Fake>,
    pub(super) rules: Arc<Rules>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with_rules(false)
    }

    pub(super) fn with_rules(authenticate: bool) -> Self {
        let port = Fake::default();
        let settings = Settings {
            packet_ids_per_range: port.packet_ids_per_range(),
            ..Settings::default()
        };
        let rules = Arc::new(Rules {
            listener: "test".into(),
            settings,
            authenticate,
        });
        let worker = Worker::new(port.clone(), FRONTEND, [1, 2]);
        Self {
            port,
            worker,
            rules,
        }
    }

    pub(super) fn open(&mut self) -> u32 {
        self.worker.open(NOW, &self.rules)
    }

    /// A connected client; what was asked for it is not in the log any more.
    pub(super) fn connected(&mut self) -> u32 {
        let slot = self.open();
        let output = self.feed(slot, &connect("id"));
        assert_eq!(output.first(), Some(&0x20), "CONNACK");
        self.port.log();
        slot
    }

    /// Feeds bytes, runs, and returns (and sends) the output.
    pub(super) fn feed(&mut self, slot: u32, bytes: &[u8]) -> Vec<u8> {
        self.worker.handle_bytes(NOW, slot, bytes);
        self.run(slot)
    }

    pub(super) fn run(&mut self, slot: u32) -> Vec<u8> {
        assert!(!self.worker.run(NOW), "came to an end");
        self.send(slot)
    }

    pub(super) fn send(&mut self, slot: u32) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 256];
        let count = self.worker.output_slices(slot, &mut slices);
        let slices = slices[..count].iter();
        let output: Vec<u8> = slices.flat_map(|slice| slice.to_vec()).collect();
        self.worker.written(NOW, slot, output.len());
        output
    }
}

pub(super) fn connect(client_id: &str) -> Vec<u8> {
    packet(
        0x10,
        &[b"\0\x04MQTT\x05\x02\0\x3c\0".as_slice(), &string(client_id)].concat(),
    )
}

/// With Receive Maximum.
pub(super) fn connect_narrow(client_id: &str, receive_maximum: u8) -> Vec<u8> {
    let head = [
        b"\0\x04MQTT\x05\x02\0\x3c\x03\x21\0".as_slice(),
        &[receive_maximum],
    ]
    .concat();
    packet(0x10, &[head, string(client_id)].concat())
}

pub(super) fn publish0(topic: &str, payload: &str) -> Vec<u8> {
    packet(
        0x30,
        &[string(topic), vec![0], payload.as_bytes().to_vec()].concat(),
    )
}

pub(super) fn publish1(topic: &str, packet_id: u8, payload: &str) -> Vec<u8> {
    let body = [
        string(topic),
        vec![0, packet_id, 0],
        payload.as_bytes().to_vec(),
    ]
    .concat();
    packet(0x32, &body)
}

pub(super) fn subscribe(packet_id: u8, filter: &str) -> Vec<u8> {
    packet(
        0x82,
        &[vec![0, packet_id, 0], string(filter), vec![1]].concat(),
    )
}

pub(super) fn puback(packet_id: u16) -> Vec<u8> {
    packet(0x40, &packet_id.to_be_bytes())
}

pub(super) fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [length.to_be_bytes().as_slice(), text.as_bytes()].concat()
}

pub(super) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        out.push(length as u8 & 0x7F | more);
        length >>= 7;
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}
