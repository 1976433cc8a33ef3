//! The reference model: what was published, what was subscribed, what was received. It only notes;
//! what must follow from it is in `invariants`.

mod history;
mod message;
mod session;

use std::collections::BTreeMap;

use catena_mqtt::Qos;

pub(crate) use history::{Asked, History, Mortal, RequestNumber};
pub(crate) use message::{Message, MessageId, Origin, Terms};
pub(crate) use session::{Receipt, Session, SessionNumber, Subscription};

/// Everything that clients have done and seen.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// By ID.
    pub(crate) messages: Vec<Message>,
    /// All sessions there ever were, by number.
    pub(crate) sessions: Vec<Session>,
    /// By how many seconds workers may be apart about the present moment: none when simulated.
    pub(crate) skew_seconds: u32,
    /// Whether delivery queues are so short that messages give way.
    pub(crate) queues_drop: bool,
    /// What was asked of the state store.
    pub(crate) history: History,
    /// Who received copies of a message that is shared, and at which QoS.
    pub(crate) shared_copies: BTreeMap<MessageId, Vec<(SessionNumber, Qos)>>,
}

impl Model {
    /// Notes a new message.
    pub(crate) fn add_message(&mut self, message: Message) -> MessageId {
        self.messages.push(message);
        self.messages.len() - 1
    }

    /// A session that a client has asked for.
    pub(crate) fn begin_session(&mut self, client: usize) -> SessionNumber {
        self.sessions.push(Session::new(client));
        self.sessions.len() - 1
    }

    /// Whatever published on a topic with RETAIN, wills included.
    pub(crate) fn retained_on<'m>(&'m self, topic: &'m str) -> impl Iterator<Item = &'m Message> {
        self.messages
            .iter()
            .filter(move |message| message.terms.retain && message.terms.topic == topic)
    }
}

/// Whether a topic is only ever subscribed to by share groups.
pub(crate) fn is_shared(topic: &str) -> bool {
    topic.starts_with("s/")
}

/// Share groups of the workload: a client is in at most one, by its number.
pub(crate) const SHARE_GROUPS: usize = 3;
