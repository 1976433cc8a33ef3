//! What a client remembers of its session, across connections: the layer between the events of
//! `rumqttc` and the handles of users. Must never wait.

mod arrivals;
mod flights;
mod ledger;
mod limits;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rumqttc::v5::mqttbytes::v5 as wire;
use rumqttc::v5::{AsyncClient, Event as WireEvent, MqttState};
use rumqttc::{Outgoing as Written, v5::ClientError};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::builder::Options;
use crate::connection::{self, REQUESTS_MAX, Resume};
use crate::{Error, Event, Published, Qos, Reason, Subscribe};

use arrivals::Unclaimed;
use flights::{Flights, PacketIds};
use limits::Limits;
use subscriptions::{Subscription, Subscriptions};

pub(crate) use flights::{Answer, Outgoing};
pub(crate) use ledger::{Receipt, Shared};
pub(crate) use subscriptions::{Answer as SubscribeAnswer, Stream};

/// The session of a client. While there is a connection, it hands requests over to its event loop.
pub(crate) struct Session {
    options: Arc<Options>,
    shared: Arc<Shared>,
    events: broadcast::Sender<Event>,
    flights: Flights,
    packet_ids: PacketIds,
    /// Answers to publishes at QoS 0 that have been handed over.
    unwritten: VecDeque<Answer>,
    /// Publishes that go first: those that could not go when it was their turn.
    first: VecDeque<Outgoing>,
    /// Until then, subscribers whose sessions the broker has lost go first.
    held_until: Option<Instant>,
    subscriptions: Subscriptions,
    /// What is to be asked, and what has been and is unanswered, by packet ID.
    questions: VecDeque<Question>,
    asked: HashMap<u16, Question>,
    /// Packet IDs of messages at QoS 2 that PUBREC was sent for and PUBREL has not come for.
    releasing: BTreeSet<u16>,
    unclaimed: Unclaimed,
    /// The connection in use, once CONNACK has come.
    requests: Option<AsyncClient>,
    limits: Limits,
    /// Requests handed over and not seen to be written, acknowledgements apart.
    handed_over: usize,
    /// Refusals of publishes at QoS 2. The event loop counts them as in flight for ever.
    leaked: usize,
    was_connected: bool,
    /// What a DISCONNECT said.
    farewell: Option<Reason>,
    goodbye_written: bool,
}

/// SUBSCRIBE or UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Subscribe(usize),
    Unsubscribe(String),
}

/// The connection must be given up; the session goes on with a new one.
#[derive(Debug)]
pub(crate) struct Broken(pub(crate) &'static str);

impl From<ClientError> for Broken {
    fn from(_: ClientError) -> Self {
        Self("the event loop takes no more requests")
    }
}

impl Session {
    pub(crate) fn new(
        options: Arc<Options>,
        shared: Arc<Shared>,
        events: broadcast::Sender<Event>,
    ) -> Self {
        Self {
            packet_ids: PacketIds::new(connection::packet_ids(&options)),
            options,
            shared,
            events,
            flights: Flights::default(),
            unwritten: VecDeque::new(),
            first: VecDeque::new(),
            held_until: None,
            subscriptions: Subscriptions::default(),
            questions: VecDeque::new(),
            asked: HashMap::new(),
            releasing: BTreeSet::new(),
            unclaimed: Unclaimed::default(),
            requests: None,
            limits: Limits::none(),
            handed_over: 0,
            leaked: 0,
            was_connected: false,
            farewell: None,
            goodbye_written: false,
        }
    }

    /// What the next connection has to know.
    pub(crate) fn resume(&self, all_releases: bool) -> Resume {
        let releasing = if all_releases {
            (1..=u16::MAX).collect()
        } else {
            self.releasing.iter().copied().collect()
        };
        Resume {
            authenticates: true,
            clean_start: self.options.clean_start && !self.was_connected,
            again: self.flights.again(),
            releasing,
        }
    }

    /// Whether a publish may be handed in.
    pub(crate) fn has_room(&self) -> bool {
        self.requests.is_some() && self.first.is_empty()
    }

    /// Whether nothing waits for the broker.
    pub(crate) fn is_idle(&self) -> bool {
        self.flights.len() == 0 && self.unwritten.is_empty() && self.first.is_empty()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.requests.is_some()
    }

    pub(crate) fn goodbye_written(&self) -> bool {
        self.goodbye_written
    }

    /// What a DISCONNECT said on the connection that ended last.
    pub(crate) fn take_farewell(&mut self) -> Option<Reason> {
        self.farewell.take()
    }

    /// A user publishes.
    pub(crate) fn publish(&mut self, outgoing: Outgoing) -> Result<(), Broken> {
        self.first.push_back(outgoing);
        self.hand_over()
    }

    /// A user subscribes.
    pub(crate) fn subscribe(
        &mut self,
        subscribe: Subscribe,
        lost: Arc<std::sync::atomic::AtomicU64>,
        answer: SubscribeAnswer,
    ) -> Result<(), Broken> {
        self.forget_dropped();
        // Whatever Receive Maximum lets come fits, and as much again at QoS 0.
        let room = 2 * usize::from(self.options.receive_max);
        let (sender, receiver) = mpsc::channel(room);
        let subscription = Subscription {
            subscribe,
            sender,
            lost,
            waiting: Some((answer, receiver)),
            granted: false,
            is_identified: false,
        };
        match self.subscriptions.add(subscription) {
            Ok(id) => {
                if self.requests.is_some() {
                    self.questions.push_back(Question::Subscribe(id));
                }
                self.hand_over()
            }
            Err(subscription) => {
                if let Some((answer, _)) = subscription.waiting {
                    let why = "the client has a stream of this filter";
                    // Whoever asked may have stopped waiting.
                    let _ = answer.send(Err(Error::invalid("filter", why)));
                }
                Ok(())
            }
        }
    }

    /// A user acknowledged or dropped something.
    pub(crate) fn handle_wake(&mut self) -> Result<(), Broken> {
        self.forget_dropped();
        let limit = usize::from(self.options.receive_max);
        if self.requests.is_some() && self.shared.ledger().is_stuck(limit) {
            return Err(Broken("messages were dropped unacknowledged"));
        }
        self.hand_over()
    }

    /// Says goodbye.
    pub(crate) fn disconnect(&mut self) -> Result<(), Broken> {
        if let Some(requests) = &self.requests {
            requests.try_disconnect()?;
        }
        Ok(())
    }

    /// Something happened on the connection.
    pub(crate) fn handle_event(
        &mut self,
        event: WireEvent,
        state: &mut MqttState,
        requests: &AsyncClient,
    ) -> Result<(), Broken> {
        match event {
            WireEvent::Incoming(packet) => match packet {
                wire::Packet::ConnAck(connack) => {
                    connection::use_all_packet_ids(state);
                    self.handle_connack(&connack, requests);
                }
                wire::Packet::Publish(publish) => self.handle_publish(publish)?,
                wire::Packet::PubAck(ack) => {
                    let text = ack.properties.and_then(|it| it.reason_string);
                    self.flights.answered(ack.pkid, ack.reason.into(), text);
                }
                wire::Packet::PubRec(ack) => self.handle_pubrec(ack)?,
                wire::Packet::PubRel(release) => {
                    self.releasing.remove(&release.pkid);
                }
                wire::Packet::PubComp(complete) => {
                    if Reason::from(complete.reason).is_refusal() {
                        self.leak()?;
                    }
                    self.flights.completed(complete.pkid);
                }
                wire::Packet::SubAck(ack) => self.handle_suback(&ack),
                wire::Packet::UnsubAck(ack) => {
                    self.asked.remove(&ack.pkid);
                }
                wire::Packet::Disconnect(disconnect) => {
                    self.farewell = Some(disconnect.reason_code.into());
                }
                // The event loop answers, or refuses, the rest.
                _ => {}
            },
            WireEvent::Outgoing(written) => self.handle_written(&written),
        }
        self.hand_over()
    }

    /// The connection is gone.
    pub(crate) fn handle_disconnect(&mut self) {
        self.requests = None;
        self.handed_over = 0;
        self.leaked = 0;
        // Subscriptions are asked for anew as far as they are missing then.
        let unsubscribes = |question: &Question| matches!(question, Question::Unsubscribe(_));
        let unanswered = self.asked.drain().map(|(_, question)| question);
        let unanswered: Vec<_> = unanswered.chain(self.questions.drain(..)).collect();
        self.questions
            .extend(unanswered.into_iter().filter(unsubscribes));
        self.shared.ledger().disconnect();
        for answer in self.unwritten.drain(..) {
            // Whoever asked may have stopped waiting.
            let _ = answer.send(Err(Error::ConnectionLost));
        }
        let mut unsent = self.flights.take_unsent();
        unsent.append(&mut self.first);
        self.first = unsent;
        self.packet_ids = PacketIds::new(connection::packet_ids(&self.options));
    }

    /// The client ends.
    pub(crate) fn end(&mut self, error: &Error) {
        self.handle_disconnect();
        self.flights.end();
        for outgoing in self.first.drain(..) {
            // As above.
            let _ = outgoing.answer.send(Err(error.clone()));
        }
        self.subscriptions.end_all(error);
        self.unclaimed = Unclaimed::default();
    }

    fn handle_connack(&mut self, connack: &wire::ConnAck, requests: &AsyncClient) {
        let session_present = connack.session_present;
        if !session_present {
            self.shared.ledger().lose_session();
            self.releasing.clear();
            self.unclaimed = Unclaimed::default();
            // There is nothing to unsubscribe from.
            self.questions.clear();
            let mut anew = self.flights.lose_session();
            anew.append(&mut self.first);
            self.first = anew;
            self.let_subscribers_go_first();
        }
        // Those that are sent again are ahead of all others.
        self.handed_over = self.flights.sent_len();
        self.limits = Limits::of(connack.properties.as_ref());
        if session_present && !self.was_connected {
            self.subscriptions.inherit_session();
            self.unclaimed.gather(self.options.claim_together);
        }
        self.was_connected = true;
        self.requests = Some(requests.clone());
        for id in self.subscriptions.missing(session_present) {
            self.questions.push_back(Question::Subscribe(id));
        }
        if !self.options.claims_from_subscribe {
            self.unclaimed.restart(self.options.claim_within);
        }
        // Nobody may listen.
        let _ = self.events.send(Event::Connected { session_present });
    }

    /// Holds publishes back if the broker had a session to lose.
    fn let_subscribers_go_first(&mut self) {
        let (time, kept) = (self.options.subscribers_first, self.options.session_expiry);
        if self.was_connected && !time.is_zero() && !kept.is_zero() {
            self.held_until = Instant::now().checked_add(time);
            tracing::info!(
                ?time,
                "the broker has lost the session: subscribers go first"
            );
        }
    }

    fn handle_pubrec(&mut self, ack: wire::PubRec) -> Result<(), Broken> {
        let reason = Reason::from(ack.reason);
        if !reason.is_refusal() {
            self.flights.released(ack.pkid, reason);
            return Ok(());
        }
        let text = ack.properties.and_then(|it| it.reason_string);
        self.flights.answered(ack.pkid, reason, text);
        self.leak()
    }

    /// The event loop has one packet less that it can have in flight. A new one has all again.
    fn leak(&mut self) -> Result<(), Broken> {
        self.leaked += 1;
        if self.leaked >= usize::from(self.options.in_flight_max) {
            return Err(Broken("too many publishes at QoS 2 were refused"));
        }
        Ok(())
    }

    fn handle_written(&mut self, written: &Written) {
        match written {
            Written::Publish(0) => {
                self.handed_over = self.handed_over.saturating_sub(1);
                if let Some(answer) = self.unwritten.pop_front() {
                    let reason = Reason::SUCCESS;
                    // Whoever asked may have stopped waiting.
                    let _ = answer.send(Ok(Published { reason }));
                }
            }
            Written::Publish(packet_id) => {
                self.handed_over = self.handed_over.saturating_sub(1);
                self.flights.sent(*packet_id);
            }
            Written::Subscribe(_) | Written::Unsubscribe(_) => {
                self.handed_over = self.handed_over.saturating_sub(1);
            }
            Written::Disconnect => self.goodbye_written = true,
            _ => {}
        }
    }

    /// Gives the event loop all that it may have now.
    fn hand_over(&mut self) -> Result<(), Broken> {
        let Some(requests) = self.requests.clone() else {
            return Ok(());
        };
        while let Some(ready) = self.shared.ledger().take_ready() {
            let acknowledged = wire::Publish {
                pkid: ready.packet_id,
                qos: ready.qos.into(),
                ..wire::Publish::default()
            };
            requests.try_ack(&acknowledged)?;
            if ready.qos == Qos::ExactlyOnce {
                self.releasing.insert(ready.packet_id);
            }
        }
        while self.handed_over < REQUESTS_MAX && self.next_id_is_free() {
            let Some(question) = self.questions.pop_front() else {
                break;
            };
            self.ask(question, &requests)?;
        }
        while self.handed_over < REQUESTS_MAX && self.held_until.is_none() {
            let Some(outgoing) = self.first.pop_front() else {
                break;
            };
            if let Some(outgoing) = self.send(outgoing, &requests)? {
                self.first.push_front(outgoing);
                break;
            }
        }
        Ok(())
    }

    fn next_id_is_free(&self) -> bool {
        let next = self.packet_ids.next();
        !self.flights.uses(next) && !self.asked.contains_key(&next)
    }

    /// Hands a publish over, or gives it back if it is not its turn.
    fn send(
        &mut self,
        outgoing: Outgoing,
        requests: &AsyncClient,
    ) -> Result<Option<Outgoing>, Broken> {
        let packet = outgoing.publish.packet();
        if let Err(reason) = self.limits.check(&packet) {
            // Whoever asked may have stopped waiting.
            let _ = outgoing
                .answer
                .send(Err(Error::Refused { reason, text: None }));
            return Ok(None);
        }
        let qos = outgoing.publish.qos;
        let window = self.limits.receive_max;
        let window = window.min(self.options.in_flight_max.into());
        if qos != Qos::AtMostOnce && (self.flights.len() >= window || !self.next_id_is_free()) {
            return Ok(Some(outgoing));
        }
        let topic = outgoing.publish.topic.as_str();
        match packet.properties {
            Some(properties) => requests.try_publish_with_properties(
                topic,
                packet.qos,
                packet.retain,
                packet.payload,
                properties,
            )?,
            None => requests.try_publish(topic, packet.qos, packet.retain, packet.payload)?,
        }
        self.handed_over += 1;
        if qos == Qos::AtMostOnce {
            self.unwritten.push_back(outgoing.answer);
        } else {
            self.flights.begin(self.packet_ids.next(), outgoing);
            self.packet_ids.advance();
        }
        Ok(None)
    }
}
