//! Tests of the sessions, one file per command, and what they share: sessions without a partition
//! round them, checked after each step.

mod connect;
mod disconnect;
mod model;
mod range;
mod receive;
mod snapshot;
mod steps;
mod subscribe;
mod takeover;
mod tick;

use catena_mqtt::{PacketId, Qos};
use catena_types::{
    FrontendId, Generation, Moment, PartitionId, Placement, SessionId, Stamp, Writer,
};

use super::{ConnectionEnd, Inbound, Sessions};
use crate::asks::Asks;
use crate::partition::Context;
use crate::{
    AskOutcome, Asked, Attachment, Connect, Connected, Effect, Notice, Origin, Outbox,
    OwnedPublish, Publish, Reply, Settings, Stats, Subscribe, Will, WillFate,
};

/// The sessions of one partition with everything that a handler may touch.
struct Harness {
    settings: Settings,
    sessions: Sessions,
    asks: Asks,
    now: Moment,
}

/// What a test says of a will: `(delay in seconds, topic)`.
type WillOf<'a> = Option<(u32, &'a str)>;

impl Harness {
    fn new() -> Self {
        let placement = Placement::new(8, 42).unwrap();
        Self::with(Settings::generous(PartitionId::new(3), placement))
    }

    fn with(settings: Settings) -> Self {
        let sessions = Sessions::new(&settings);
        let now = Moment::from_nanos(1_000);
        Self {
            settings,
            sessions,
            asks: Asks::default(),
            now,
        }
    }

    /// Runs a handler, checks the state, and returns what left.
    #[track_caller]
    fn run<T>(
        &mut self,
        handler: impl FnOnce(&mut Sessions, &mut Context<'_>) -> Result<T, catena_types::Fault>,
    ) -> Vec<Effect> {
        let mut out = Outbox::default();
        let mut ctx = Context {
            settings: &self.settings,
            time: self.now,
            stamp: Stamp::default(),
            asks: &mut self.asks,
            out: &mut out,
        };
        let result = handler(&mut self.sessions, &mut ctx).map(|_| ());
        assert_eq!(result, Ok(()));
        assert_eq!(self.sessions.validate(&self.asks), Ok(()));
        out.effects
    }

    #[track_caller]
    fn connect(&mut self, number: u64, connect: &Connect<'_>) -> Vec<Effect> {
        self.run(|sessions, ctx| sessions.connect(ctx, origin(number), connect))
    }

    /// Connects and expects an answer at once.
    #[track_caller]
    fn connected(&mut self, connect: &Connect<'_>) -> Connected {
        let effects = self.connect(0, connect);
        connected_in(&effects).unwrap_or_else(|| panic!("not connected: {effects:?}"))
    }

    #[track_caller]
    fn end(&mut self, of: &Connected, will: WillFate, expiry: Option<u32>) -> Vec<Effect> {
        let (session, generation) = (of.session, of.generation);
        let end = ConnectionEnd {
            session,
            generation,
            will,
            expiry_seconds: expiry,
        };
        self.run(|sessions, ctx| sessions.disconnect(ctx, origin(1), end))
    }

    /// The connection is lost.
    #[track_caller]
    fn lose(&mut self, of: &Connected) -> Vec<Effect> {
        self.end(of, WillFate::Publish, None)
    }

    #[track_caller]
    fn closed(&mut self, of: &Connected) -> Vec<Effect> {
        let (session, generation) = (of.session, of.generation);
        self.run(|sessions, ctx| sessions.closed(ctx, origin(2), session, generation))
    }

    /// Lets time pass, with ticks whenever one is due, as a head does.
    #[track_caller]
    fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        let end = self.now.plus_seconds(seconds);
        let mut effects = Vec::new();
        for ticks in 0.. {
            let due = self.sessions.next_deadline();
            let Some(due) = due.filter(|due| *due <= end) else {
                break;
            };
            assert!(ticks < 100, "each tick does something");
            self.now = self.now.max(due);
            effects.extend(self.tick());
        }
        self.now = end;
        effects
    }

    #[track_caller]
    fn tick(&mut self) -> Vec<Effect> {
        self.run(|sessions, ctx| sessions.tick(ctx))
    }

    #[track_caller]
    fn receive(&mut self, number: u64, of: &Connected, packet_id: u16) -> Vec<Effect> {
        let message = message("q/2");
        let key = inbound(of, packet_id);
        self.run(|sessions, ctx| sessions.receive(ctx, origin(number), key, &message))
    }

    #[track_caller]
    fn release(&mut self, of: &Connected, packet_id: u16) -> Vec<Effect> {
        let key = inbound(of, packet_id);
        self.run(|sessions, ctx| sessions.release(ctx, origin(9), key))
    }

    #[track_caller]
    fn subscribe(&mut self, number: u64, of: &Connected, filters: &[&str]) -> Vec<Effect> {
        let subscribe = Subscribe {
            session: of.session,
            attachment: attachment(of.generation),
            subscription_id: Some(7),
            filters: filters
                .iter()
                .map(|filter| subscribe::filter(filter))
                .collect(),
        };
        self.run(|sessions, ctx| sessions.subscribe(ctx, origin(number), &subscribe))
    }

    #[track_caller]
    fn done(&mut self, ask: u64, outcome: AskOutcome) -> Vec<Effect> {
        let ask = self.asks.finish(ask).unwrap();
        self.run(|sessions, ctx| sessions.done(ctx, &ask, outcome))
    }

    /// Topics of the messages among the asks that left, in order.
    fn published(&self, effects: &[Effect]) -> Vec<String> {
        let asks = self.asked(effects).into_iter();
        let topic = |what: std::sync::Arc<Asked>| match &*what {
            Asked::Publish(publish) => Some(publish.topic.to_string()),
            _ => None,
        };
        asks.filter_map(topic).collect()
    }

    /// Sessions whose end was asked for, in order.
    fn ended(&self, effects: &[Effect]) -> Vec<SessionId> {
        let asks = self.asked(effects).into_iter();
        let session = |what: std::sync::Arc<Asked>| match &*what {
            Asked::EndSession { session } => Some(*session),
            _ => None,
        };
        asks.filter_map(session).collect()
    }

    fn asked(&self, effects: &[Effect]) -> Vec<std::sync::Arc<Asked>> {
        let find = |number: u64| self.asks.find(number).unwrap().what.clone();
        asks_in(effects).into_iter().map(find).collect()
    }

    fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        self.sessions.add_stats(&mut stats);
        stats
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        self.asks.write(&mut writer);
        self.sessions.write(&mut writer);
        bytes
    }
}

/// Who asks with this number.
fn origin(number: u64) -> Origin {
    Origin::Frontend(FrontendId::new(1), number)
}

/// A CONNECT that asks for a session of an hour.
fn client(client_id: &str) -> Connect<'_> {
    Connect {
        client_id,
        clean_start: false,
        expiry_seconds: 3_600,
        frontend: FrontendId::new(1),
        connection: 11,
        will: None,
    }
}

/// A CONNECT with a will.
fn client_with_will<'a>(client_id: &'a str, will: WillOf<'a>) -> Connect<'a> {
    let will = will.map(|(delay_seconds, topic)| Will {
        delay_seconds,
        publish: message(topic),
    });
    Connect {
        will,
        ..client(client_id)
    }
}

fn message(topic: &str) -> Publish<'_> {
    Publish {
        topic,
        qos: Qos::AtLeastOnce,
        retain: true,
        expiry_seconds: Some(60),
        properties: [b"ab", b"c", b""],
        payload: b"payload",
        publisher: SessionId::from_packed(0),
        random: 0,
    }
}

fn attachment(generation: Generation) -> Attachment {
    Attachment {
        frontend: FrontendId::new(1),
        connection: 11,
        generation,
        share_credit: 10,
    }
}

fn inbound(of: &Connected, packet_id: u16) -> Inbound {
    let packet_id = PacketId::new(packet_id).unwrap();
    Inbound {
        session: of.session,
        generation: of.generation,
        packet_id,
    }
}

fn asks_in(effects: &[Effect]) -> Vec<u64> {
    let number = |effect: &Effect| match effect {
        Effect::Ask { number } => Some(*number),
        Effect::Reply(..) | Effect::Notice(..) => None,
    };
    effects.iter().filter_map(number).collect()
}

fn replies_in(effects: &[Effect]) -> Vec<(Origin, Reply)> {
    let reply = |effect: &Effect| match effect {
        Effect::Reply(origin, reply) => Some((*origin, reply.clone())),
        Effect::Ask { .. } | Effect::Notice(..) => None,
    };
    effects.iter().filter_map(reply).collect()
}

fn connected_in(effects: &[Effect]) -> Option<Connected> {
    replies_in(effects)
        .into_iter()
        .find_map(|(_, reply)| match reply {
            Reply::Connected(connected) => Some(*connected),
            _ => None,
        })
}

fn notices_in(effects: &[Effect]) -> Vec<(FrontendId, Notice)> {
    let notice = |effect: &Effect| match effect {
        Effect::Notice(frontend, notice) => Some((*frontend, *notice)),
        Effect::Ask { .. } | Effect::Reply(..) => None,
    };
    effects.iter().filter_map(notice).collect()
}

/// The replies that left, without who gets them.
#[track_caller]
fn check_replies(effects: &[Effect], expected: &[(u64, Reply)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(number, reply)| (origin(*number), reply.clone()))
        .collect();
    assert_eq!(replies_in(effects), expected);
}
