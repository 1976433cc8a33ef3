//! What comes in: messages to their streams, answers to subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::v5 as wire;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use crate::message::Ticket;
use crate::messages::drain;
use crate::{Event, Message, Properties, Qos, Reason};

use super::ledger::{Ready, Receipt};
use super::subscriptions::{Guard, Stream, Subscriptions, granted};
use super::{Broken, Question, Session};

/// Messages that no stream wanted yet: a session that was there before this process brings what was
/// queued for it before the process has subscribed. Bounded by Receive Maximum.
#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    messages: VecDeque<(Receipt, Arrived)>,
    until: Option<Instant>,
    gathering: Option<Gathering>,
    /// Given up at once, since their stream has gone, and not told yet.
    left_over: usize,
    tell_at: Option<Instant>,
}

/// Streams are being made over a session of an earlier process. What comes waits until all are
/// there, since nobody can tell how many of them it is for.
#[derive(Debug)]
struct Gathering {
    /// How long after a subscription no other one comes any more.
    pause: Duration,
    /// When all are there; not before the first.
    over_at: Option<Instant>,
    /// However many come.
    over_by: Option<Instant>,
}

/// So many times the pause is enough for all.
const GATHERING_PAUSES: u32 = 10;

/// What a subscription leaves behind comes in a row, and is told together.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// A message before it is known for how many streams it is.
#[derive(Clone, Debug)]
struct Arrived {
    topic: Arc<str>,
    payload: bytes::Bytes,
    qos: Qos,
    retain: bool,
    duplicate: bool,
    properties: Arc<Properties>,
    expires_at: Option<Instant>,
    identifiers: Vec<usize>,
}

impl Arrived {
    /// The streams that it is for.
    fn streams(&self, all: &Subscriptions) -> Vec<usize> {
        all.route(&self.topic, self.retain, &self.identifiers)
    }
}

impl Unclaimed {
    /// The time in which streams claim what is theirs begins.
    pub(super) fn restart(&mut self, claim_within: Duration) {
        self.until = Instant::now().checked_add(claim_within);
    }

    /// Streams are to get together what comes, if `pause` is not zero.
    pub(super) fn gather(&mut self, pause: Duration) {
        self.gathering = (!pause.is_zero()).then_some(Gathering {
            pause,
            over_at: None,
            over_by: None,
        });
    }

    /// Another stream was made. Whether what comes waits for more of them.
    fn goes_on_gathering(&mut self, now: Instant) -> bool {
        let Some(gathering) = &mut self.gathering else {
            return false;
        };
        let limit = gathering.pause.saturating_mul(GATHERING_PAUSES);
        let over_by = *gathering.over_by.get_or_insert(now + limit);
        gathering.over_at = Some(over_by.min(now + gathering.pause));
        true
    }

    fn gathered_at(&self) -> Option<Instant> {
        self.gathering.as_ref()?.over_at
    }
}

impl Session {
    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        { self.given_up_at().into_iter() }
            .chain(self.held_until)
            .chain(self.unclaimed.tell_at)
            .chain(self.unclaimed.gathered_at())
            .min()
    }

    /// When unclaimed messages are given up.
    fn given_up_at(&self) -> Option<Instant> {
        let waits = !self.unclaimed.messages.is_empty();
        self.unclaimed.until.filter(|_| waits)
    }

    /// Does what is due: gives up what nobody has claimed, and lets publishes go that were held
    /// back.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), Broken> {
        self.held_until = self.held_until.filter(|until| *until > now);
        if self.unclaimed.gathered_at().is_some_and(|at| at <= now) {
            self.unclaimed.gathering = None;
            self.claim(|all, arrived| arrived.streams(all));
        }
        if self.given_up_at().is_some_and(|at| at <= now) {
            let count = self.unclaimed.messages.len();
            // Nobody holds them: they can be acknowledged now.
            let mut ledger = self.shared.ledger();
            for (receipt, _) in self.unclaimed.messages.drain(..) {
                ledger.acknowledge(receipt);
            }
            drop(ledger);
            self.tell_unclaimed(count);
        }
        if self.unclaimed.tell_at.take_if(|at| *at <= now).is_some() {
            let count = std::mem::take(&mut self.unclaimed.left_over);
            self.tell_unclaimed(count);
        }
        self.hand_over()
    }

    fn tell_unclaimed(&self, count: usize) {
        tracing::warn!(count, "messages came that no stream wanted");
        // Nobody may listen.
        let _ = self.events.send(Event::Unclaimed { count });
    }

    fn is_left_over(&self, arrived: &Arrived) -> bool {
        let Arrived {
            topic, identifiers, ..
        } = arrived;
        let is_late = self
            .unclaimed
            .until
            .is_some_and(|until| until <= Instant::now());
        is_late || self.subscriptions.is_left_over(topic, identifiers)
    }

    pub(super) fn handle_publish(&mut self, publish: wire::Publish) -> Result<(), Broken> {
        let qos = Qos::from(publish.qos);
        let packet_id = publish.pkid;
        let ready = Ready { packet_id, qos };
        let receipt = match qos {
            Qos::AtMostOnce => None,
            // PUBREC again, and no second message [MQTT-4.3.3-10].
            Qos::ExactlyOnce if self.releasing.contains(&packet_id) => {
                self.shared.ledger().arrive(ready, false);
                return Ok(());
            }
            Qos::AtLeastOnce | Qos::ExactlyOnce => {
                let mut ledger = self.shared.ledger();
                let Some(receipt) = ledger.arrive(ready, publish.dup) else {
                    return Ok(());
                };
                if ledger.len() > self.options.receive_max.into() {
                    return Err(Broken("the broker sends more than Receive Maximum"));
                }
                Some(receipt)
            }
        };
        let Ok(topic) = std::str::from_utf8(&publish.topic) else {
            return Err(Broken("a topic is no UTF-8"));
        };
        let topic = Arc::from(topic);
        let mut properties = publish.properties;
        let identifiers = properties
            .as_mut()
            .map(|it| std::mem::take(&mut it.subscription_identifiers))
            .unwrap_or_default();
        let properties = Properties::from_wire(properties);
        let lives = properties
            .expiry
            .map(|expiry| Instant::now().checked_add(expiry));
        let arrived = Arrived {
            topic,
            payload: publish.payload,
            qos,
            retain: publish.retain,
            duplicate: publish.dup,
            properties: Arc::new(properties),
            expires_at: lives.flatten(),
            identifiers,
        };
        let streams = arrived.streams(&self.subscriptions);
        match receipt {
            Some(_) if streams.is_empty() && self.is_left_over(&arrived) => {
                // Nobody holds it: it is acknowledged at once.
                self.unclaimed.left_over += 1;
                let soon = Instant::now().checked_add(TOLD_AFTER);
                self.unclaimed.tell_at = self.unclaimed.tell_at.or(soon);
                Ok(())
            }
            Some(receipt) if streams.is_empty() || self.unclaimed.gathering.is_some() => {
                // Held by the list.
                self.shared.ledger().hold(receipt);
                self.unclaimed.messages.push_back((receipt, arrived));
                Ok(())
            }
            _ => streams
                .into_iter()
                .try_for_each(|id| self.deliver(id, receipt, &arrived)),
        }
    }

    /// Puts a message into a stream.
    fn deliver(
        &mut self,
        id: usize,
        receipt: Option<Receipt>,
        arrived: &Arrived,
    ) -> Result<(), Broken> {
        let Some(subscription) = self.subscriptions.find(id) else {
            return Ok(());
        };
        let sender = subscription.sender.clone();
        // Messages at QoS 0 leave the room that others are entitled to.
        let reserved = usize::from(self.options.receive_max);
        if receipt.is_none() && sender.capacity() <= reserved {
            subscription.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let ticket = receipt.map(|receipt| {
            self.shared.ledger().hold(receipt);
            Ticket::new(Arc::clone(&self.shared), receipt)
        });
        let message = Message {
            topic: Arc::clone(&arrived.topic),
            payload: arrived.payload.clone(),
            qos: arrived.qos,
            retain: arrived.retain,
            duplicate: arrived.duplicate,
            properties: Arc::clone(&arrived.properties),
            expires_at: arrived.expires_at,
            ticket,
        };
        match sender.try_send(message) {
            Ok(()) => Ok(()),
            // The stream is gone, and wants it no more.
            Err(TrySendError::Closed(message)) => {
                message.acknowledge();
                Ok(())
            }
            // Only what earlier sessions brought can fill so much.
            Err(TrySendError::Full(_)) => Err(Broken("a stream is not read")),
        }
    }

    pub(super) fn handle_suback(&mut self, ack: &wire::SubAck) {
        let Some(Question::Subscribe(id)) = self.asked.remove(&ack.pkid) else {
            return;
        };
        let codes = &ack.return_codes;
        let code = codes.first().copied().map(Reason::from);
        let Some(subscription) = self.subscriptions.find(id) else {
            return;
        };
        let waiting = subscription.waiting.take();
        match (granted(code.unwrap_or(Reason::UNSPECIFIED)), waiting) {
            (Ok(granted), waiting) => {
                subscription.granted = true;
                if let Some((answer, receiver)) = waiting {
                    let shared = Arc::clone(&self.shared);
                    let guard = Guard { id, shared };
                    // If nobody waits any more, the guard ends it.
                    let _ = answer.send(Ok(Stream {
                        receiver,
                        guard,
                        granted,
                    }));
                }
                if !self.unclaimed.goes_on_gathering(Instant::now()) {
                    self.claim(|all, arrived| {
                        let is_its = all.matches(id, &arrived.topic);
                        is_its.then_some(id).into_iter().collect()
                    });
                }
                if self.options.claims_from_subscribe {
                    self.unclaimed.restart(self.options.claim_within);
                }
            }
            (Err(reason), Some((answer, mut receiver))) => {
                self.subscriptions.remove(id);
                // What came for a stream that overlaps came here as well.
                drain(&mut receiver);
                let text = ack.properties.as_ref();
                let text = text.and_then(|it| it.reason_string.clone());
                let text = text.map(Into::into);
                // Whoever asked may have stopped waiting.
                let _ = answer.send(Err(crate::Error::Refused { reason, text }));
            }
            (Err(reason), None) => {
                if let Some(subscription) = self.subscriptions.remove(id) {
                    let filter = subscription.subscribe.filter;
                    // Nobody may listen.
                    let _ = (self.events).send(Event::SubscriptionLost { filter, reason });
                }
            }
        }
    }

    /// Gives new streams what waited for them.
    fn claim(&mut self, streams: impl Fn(&Subscriptions, &Arrived) -> Vec<usize>) {
        for (receipt, arrived) in std::mem::take(&mut self.unclaimed.messages) {
            let streams = streams(&self.subscriptions, &arrived);
            if streams.is_empty() {
                self.unclaimed.messages.push_back((receipt, arrived));
                continue;
            }
            for id in streams {
                // A new stream has room for all of them.
                let _ = self.deliver(id, Some(receipt), &arrived);
            }
            // No longer held by the list.
            self.shared.ledger().acknowledge(receipt);
        }
    }

    /// Ends the subscriptions whose streams have gone.
    pub(super) fn forget_dropped(&mut self) {
        for id in self.shared.take_dropped() {
            let Some(subscription) = self.subscriptions.end(id) else {
                continue;
            };
            self.questions.retain(|it| *it != Question::Subscribe(id));
            let filter = subscription.subscribe.filter;
            // Ahead of subscriptions that overlap with it: one of them may get an identifier now.
            self.questions.push_front(Question::Unsubscribe(filter));
        }
    }

    /// Hands SUBSCRIBE or UNSUBSCRIBE over.
    pub(super) fn ask(&mut self, question: Question, requests: &AsyncClient) -> Result<(), Broken> {
        match &question {
            Question::Subscribe(id) => {
                let has_identifiers = self.limits.has_identifiers;
                let is_identified = self.subscriptions.identify(*id, has_identifiers);
                let Some(subscription) = self.subscriptions.find(*id) else {
                    return Ok(());
                };
                let filters = vec![subscription.subscribe.wire()];
                if is_identified {
                    let properties = wire::SubscribeProperties {
                        id: Some(*id),
                        user_properties: Vec::new(),
                    };
                    requests.try_subscribe_many_with_properties(filters, properties)?;
                } else {
                    requests.try_subscribe_many(filters)?;
                }
            }
            Question::Unsubscribe(filter) => requests.try_unsubscribe(filter.as_str())?,
        }
        self.handed_over += 1;
        self.asked.insert(self.packet_ids.next(), question);
        self.packet_ids.advance();
        Ok(())
    }
}
