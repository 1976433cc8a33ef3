//! A simulated client of either version: it keeps its side of the protocol to the letter, but not
//! always at once: it is slow, forgets, vanishes and comes back.

mod call;
mod connect;
mod in_flight;
mod receive;
mod send;
mod subscribe;

use std::collections::{BTreeMap, VecDeque};

use catena_mqtt::Version;
use catena_types::Moment;

use crate::invariants::Window;
use crate::model::{MessageId, Model, SessionNumber, Terms};
use crate::network::LinkId;
use crate::rng::Rng;
use crate::store::Player;
use crate::trace::Trace;

pub(crate) use call::Call;
pub(crate) use connect::Farewell;
pub(crate) use in_flight::Outgoing;

/// What a client is like, for as long as the world lasts.
#[derive(Debug, Clone)]
pub(crate) struct Traits {
    /// Its client ID.
    pub(crate) id: String,
    /// What it speaks.
    pub(crate) version: Version,
    /// The session expiry interval it asks for, in seconds; MQTT 3: 0 or for ever.
    pub(crate) expiry_seconds: u32,
    /// In seconds; 0 is none.
    pub(crate) keep_alive: u16,
    /// What it takes unacknowledged; MQTT 3 cannot say.
    pub(crate) receive_maximum: u16,
    /// The highest topic alias it takes.
    pub(crate) alias_max: u16,
    /// Whether its connections have a will, and with which delay in seconds.
    pub(crate) will_delay: Option<u32>,
    /// How often acknowledgements are held back, in per cent.
    pub(crate) tardy_percent: u64,
}

/// What a client may touch besides itself.
pub(crate) struct Scene<'a> {
    /// The present moment.
    pub(crate) now: Moment,
    /// What everybody does is noted here.
    pub(crate) model: &'a mut Model,
    /// Line by line.
    pub(crate) trace: &'a mut Trace,
    /// The world heals: no more dawdling.
    pub(crate) is_calm: bool,
}

/// Where a client is with its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No connection.
    Offline,
    /// CONNECT was sent.
    Connecting,
    /// CONNACK has come.
    Connected,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its number.
    pub(crate) index: usize,
    /// What it is like.
    pub(crate) traits: Traits,
    /// Where it is.
    pub(crate) stage: Stage,
    /// Its connection, unless offline.
    pub(crate) link: Option<LinkId>,
    /// The session it has, or hopes to have.
    pub(crate) session: Option<SessionNumber>,
    /// Bytes to be sent.
    pub(crate) output: Vec<u8>,
    /// It does not read until then.
    pub(crate) paused_until: Moment,
    /// It has lost its memory: the next session has to be a new one.
    pub(crate) is_blank: bool,
    /// A CONNECT since the last CONNACK was given up.
    is_unheard: bool,
    /// What it wants to publish.
    pub(crate) backlog: VecDeque<Terms>,
    /// What it does with the state store, if it uses that.
    player: Option<Player>,
    rng: Rng,
    input: Vec<u8>,
    outgoing: Vec<Outgoing>,
    /// QoS 2 messages received and not released, by packet ID.
    incoming: BTreeMap<u16, Option<MessageId>>,
    /// SUBSCRIBE and UNSUBSCRIBE without answer.
    asked: BTreeMap<u16, Asked>,
    /// PUBACK, and PUBREC, that are to be sent, each in order.
    acks: [VecDeque<u16>; 2],
    held_until: Moment,
    window: Window,
    aliases: BTreeMap<u16, String>,
    next_packet_id: u16,
    will: Option<MessageId>,
    last_sent: Moment,
    last_received: Moment,
    connect_sent: Moment,
    asked_clean: bool,
    /// The expiry intervals that may be in force: lowest and highest.
    expiry_bounds: Option<(u32, u32)>,
    /// QoS 1 and 2 messages that the broker takes unacknowledged.
    send_max: usize,
}

/// What an answer is waited for.
#[derive(Debug)]
enum Asked {
    /// SUBSCRIBE: the subscriptions, by place in the session.
    Subscribe(Vec<usize>),
    /// UNSUBSCRIBE: the subscriptions that it ends.
    Unsubscribe(Vec<usize>),
}

impl Client {
    /// A client that has never been anywhere.
    pub(crate) fn new(index: usize, traits: Traits, seed: u64) -> Self {
        let rng = Rng::new(seed, &traits.id);
        Self {
            index,
            stage: Stage::Offline,
            link: None,
            session: None,
            output: Vec::new(),
            paused_until: Moment::ZERO,
            is_blank: false,
            is_unheard: false,
            backlog: VecDeque::new(),
            player: None,
            rng,
            input: Vec::new(),
            outgoing: Vec::new(),
            incoming: BTreeMap::new(),
            asked: BTreeMap::new(),
            acks: Default::default(),
            held_until: Moment::ZERO,
            window: Window::new(traits.receive_maximum),
            aliases: BTreeMap::new(),
            next_packet_id: 0,
            will: None,
            last_sent: Moment::ZERO,
            last_received: Moment::ZERO,
            connect_sent: Moment::ZERO,
            asked_clean: false,
            expiry_bounds: None,
            send_max: 0,
            traits,
        }
    }

    /// Whether it is connected and everything it asked was answered; if not, what it waits for.
    pub(crate) fn waits_for(&self) -> Option<String> {
        let index = self.index;
        if self.stage != Stage::Connected {
            return Some(format!("client {index} is {:?}", self.stage));
        }
        if let Some(outgoing) = self.outgoing.first() {
            return Some(format!(
                "client {index} waits for the answer to {outgoing:?}"
            ));
        }
        if let Some(asked) = self.asked.values().next() {
            return Some(format!("client {index} waits for the answer to {asked:?}"));
        }
        if let Some((packet_id, _)) = self.incoming.first_key_value() {
            return Some(format!("client {index} waits for PUBREL {packet_id}"));
        }
        if let Some(number) = self.player.as_ref().and_then(Player::waits_for) {
            return Some(format!("client {index} waits for the response to {number}"));
        }
        if !self.backlog.is_empty() {
            return Some(format!("client {index} has more to publish"));
        }
        None
    }

    /// A packet ID that is not in use.
    fn new_packet_id(&mut self) -> u16 {
        loop {
            self.next_packet_id = self.next_packet_id.wrapping_add(1).max(1);
            let id = self.next_packet_id;
            let used = self
                .outgoing
                .iter()
                .any(|outgoing| outgoing.packet_id == id);
            if !used && !self.asked.contains_key(&id) {
                return id;
            }
        }
    }
}
