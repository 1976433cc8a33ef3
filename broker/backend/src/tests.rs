//! The backend through its port: what partitions and the routing table do for each other.

use std::sync::Arc;

use catena_hlc::Millis;
use catena_mqtt::{Qos, ReasonCode};
use catena_partition::{
    Attachment, Connect, Connected, Delivery, Notice, Numbered, Publish, Receiver, Replay, Reply,
    Request, RequestNumber, Settings, Subscribe, SubscribeFilter, Taken, WillFate,
};
use catena_transport::{Exchange, Port};
use catena_types::{FrontendId, Moment, PartitionId, Placement, SessionId};

use crate::{Backend, Options};

const FRONTEND: FrontendId = FrontendId::new(0);

/// A frontend that notes answers and takes nothing.
#[derive(Default)]
struct Desk {
    replies: Vec<Reply>,
}

impl Receiver for Desk {
    fn reply(&mut self, _number: RequestNumber, reply: Reply) {
        self.replies.push(reply);
    }

    fn notice(&mut self, _notice: Notice) {}

    fn deliver(&mut self, _delivery: &Delivery<'_>) -> Taken {
        Taken::NotNow
    }
}

struct Bench {
    backend: Backend,
    number: RequestNumber,
    now: Moment,
}

impl Bench {
    fn new(partitions: u16) -> Self {
        Self::with_memory(partitions, u64::MAX)
    }

    /// With an equal share of so many bytes for each partition.
    fn with_memory(partitions: u16, memory_bytes_max: u64) -> Self {
        let placement = Placement::new(partitions, 1).unwrap();
        let mut partition = Settings {
            memory_bytes_max,
            ..Settings::generous(PartitionId::new(0), placement)
        };
        partition.store.bytes_max = memory_bytes_max;
        let options = Options {
            partition,
            frontends: 1,
            subscriptions_per_session_max: 10,
            wall: Arc::new(|| Millis::new(0)),
        };
        Self {
            backend: Backend::new(&options),
            number: 0,
            now: Moment::from_nanos(1),
        }
    }

    /// Asks and returns the only answer.
    fn ask(&mut self, key: &str, request: Request<'_>) -> Reply {
        let number = self.number;
        self.number += 1;
        let mut desk = Desk::default();
        let requests = [Numbered { number, request }];
        self.exchange(self.backend.partition_of(key), &requests, &mut desk);
        for partition in self.backend.waiting(FRONTEND).iter() {
            self.exchange(partition, &[], &mut desk);
        }
        self.backend.validate().unwrap();
        assert_eq!(desk.replies.len(), 1, "{:?}", desk.replies);
        desk.replies.remove(0)
    }

    fn exchange(&self, partition: PartitionId, requests: &[Numbered<'_>], desk: &mut Desk) {
        let exchange = Exchange {
            frontend: FRONTEND,
            partition,
            now: self.now,
            requests,
            resumes: &[],
        };
        self.backend.exchange(&exchange, desk);
    }

    /// Connects a client whose session lasts ten seconds after it.
    fn connect(&mut self, client_id: &str) -> Box<Connected> {
        let connect = Connect {
            client_id,
            clean_start: false,
            expiry_seconds: 10,
            frontend: FRONTEND,
            connection: 0,
            will: None,
        };
        match self.ask(client_id, Request::Connect(Box::new(connect))) {
            Reply::Connected(connected) => connected,
            other => panic!("{other:?}"),
        }
    }

    fn subscribe(&mut self, client_id: &str, connected: &Connected, filter: &str) {
        let filter = SubscribeFilter {
            filter,
            qos: Qos::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            replay: Replay::Always,
            refused: None,
        };
        let subscribe = Subscribe {
            session: connected.session,
            attachment: Attachment {
                frontend: FRONTEND,
                connection: 0,
                generation: connected.generation,
                share_credit: 10,
            },
            subscription_id: None,
            filters: vec![filter],
        };
        let reply = self.ask(client_id, Request::Subscribe(Box::new(subscribe)));
        assert!(matches!(reply, Reply::Subscribed(_)), "{reply:?}");
    }

    fn publish(&mut self, topic: &str) -> ReasonCode {
        let publish = Publish {
            topic,
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry_seconds: None,
            properties: [&[], &[], &[]],
            payload: b"x",
            publisher: SessionId::from_packed(u64::MAX),
            random: 0,
        };
        match self.ask(topic, Request::Publish(publish)) {
            Reply::Published(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn lose(&mut self, client_id: &str, connected: &Connected) {
        let request = Request::Disconnect {
            session: connected.session,
            generation: connected.generation,
            will: WillFate::Publish,
            expiry_seconds: None,
        };
        assert_eq!(self.ask(client_id, request), Reply::Done);
    }
}

/// Nothing of a session outlives it, in whatever partition, and nobody has to come by for that.
#[test]
fn what_sessions_had_queued_is_freed_when_they_expire() {
    let mut bench = Bench::new(8);
    for number in 0..100 {
        let client_id = format!("client-{number}");
        let connected = bench.connect(&client_id);
        let topic = format!("topic-{number}");
        bench.subscribe(&client_id, &connected, &topic);
        bench.subscribe(&client_id, &connected, "all/#");
        assert_eq!(bench.publish(&topic), ReasonCode::Success);
        bench.lose(&client_id, &connected);
    }
    assert_eq!(bench.publish("all/of/them"), ReasonCode::Success);
    let stats = bench.backend.stats();
    assert_eq!(
        (stats.partitions.sessions, stats.partitions.queued),
        (100, 200)
    );
    bench.now = bench.backend.next_deadline().unwrap();
    bench.backend.tick(FRONTEND, bench.now);
    bench.backend.validate().unwrap();
    let stats = bench.backend.stats();
    let all = stats.partitions;
    assert_eq!((all.sessions, all.queued, all.messages), (0, 0, 0));
    assert_eq!(
        (all.attachments, all.asks, stats.routing.subscriptions),
        (0, 0, 0)
    );
    assert_eq!(bench.backend.next_deadline(), None);
}

#[test]
fn subscriptions_of_a_session_are_limited_and_refused_one_by_one() {
    let mut bench = Bench::new(2);
    let connected = bench.connect("a");
    for number in 0..10 {
        bench.subscribe("a", &connected, &format!("topic-{number}"));
    }
    bench.subscribe("a", &connected, "one/too/many");
    assert_eq!(bench.backend.stats().routing.subscriptions, 10);
    assert_eq!(
        bench.publish("one/too/many"),
        ReasonCode::NoMatchingSubscribers
    );
    assert_eq!(bench.publish("topic-9"), ReasonCode::Success);
}

/// The messages of one topic may take what other partitions do not need: all but the part that is
/// each one's own; what they took is there for others when they are gone.
#[test]
fn partitions_share_the_memory_for_messages() {
    const SHARE: u64 = 10_000;
    let mut bench = Bench::with_memory(8, SHARE);
    let topic = |partition| {
        let topics = (0..).map(|number| format!("topic/{number}"));
        let is_there = |topic: &String| bench.backend.partition_of(topic).number() == partition;
        topics.into_iter().find(is_there).unwrap()
    };
    let topics: Vec<String> = (0..8).map(topic).collect();
    for round in 0..3 {
        let client_id = format!("client-{round}");
        let connected = bench.connect(&client_id);
        bench.subscribe(&client_id, &connected, "topic/#");
        bench.lose(&client_id, &connected);
        let fill = |bench: &mut Bench, topic: &str| {
            let before = bench.backend.stats().partitions.bytes;
            while bench.publish(topic) == ReasonCode::Success {}
            bench.backend.stats().partitions.bytes - before
        };
        let most = fill(&mut bench, &topics[round]);
        let own = SHARE / 4;
        let shared = 8 * (SHARE - own);
        // Whoever gave some back has kept a little. The last message may go beyond.
        let expected = own + shared * 15 / 16..own + shared + 200;
        assert!(expected.contains(&most), "{most}");
        let other = fill(&mut bench, &topics[round + 1]);
        assert!((own..own + 200).contains(&other), "{other}");
        bench.now = bench.backend.next_deadline().unwrap();
        bench.backend.tick(FRONTEND, bench.now);
        assert_eq!(bench.backend.stats().partitions.bytes, 0);
        // The next one finds what this one has freed.
        bench.backend.tick(FRONTEND, bench.now);
    }
}
