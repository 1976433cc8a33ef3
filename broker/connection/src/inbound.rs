//! What the client publishes: checks on the way in, acknowledgements on the way out.

use std::collections::BTreeMap;

use catena_mqtt::{Ack, AckKind, PacketId, Publish, Qos, ReasonCode, ReasonProperties, Version};

use crate::close::Failure;
use crate::connection::{Connection, State};
use crate::receipts::{Answered, Kind, Receipts};
use crate::{Action, Close, Incoming, Outbox, Settings, Stats, Ticket, Topic};

/// The client's publishes that are not acknowledged yet.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) pubacks: Receipts,
    pub(crate) pubrecs: Receipts,
    /// QoS 2 messages between PUBLISH and PUBCOMP, and whether the broker has been asked and has
    /// not answered. A client may have 65,535 of them, and each publish looks for itself.
    pub(crate) exchanges: BTreeMap<PacketId, bool>,
}

impl Inbound {
    const fn new() -> Self {
        Self {
            pubacks: Receipts::new(Kind::PubAck),
            pubrecs: Receipts::new(Kind::PubRec),
            exchanges: BTreeMap::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pubacks.is_empty() && self.pubrecs.is_empty() && self.exchanges.is_empty()
    }

    /// How much of our Receive Maximum is in use.
    #[inline]
    pub(crate) fn in_use(&self) -> usize {
        self.pubacks.len() + self.exchanges.len()
    }

    fn end_exchange(&mut self, packet_id: PacketId) {
        self.exchanges.remove(&packet_id);
    }
}

impl Connection {
    /// The broker has taken over a QoS 1 or 2 message, or refuses it. PUBACK and PUBREC leave in
    /// the order of the publishes. A ticket of the past is ignored.
    ///
    /// # Errors
    /// The connection is over: the message was not taken over, and MQTT 3 has no way to say so
    /// [MQTT3-4.8.0-2].
    pub fn handle_published(
        &mut self,
        settings: &Settings,
        ticket: Ticket,
        reason: ReasonCode,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Close> {
        let Some(inbound) = &mut self.inbound else {
            return Ok(());
        };
        match ticket.kind {
            Kind::PubAck => {
                inbound.pubacks.answer(ticket, reason);
            }
            Kind::PubRec => {
                let packet_id = inbound.pubrecs.answer(ticket, reason);
                let exchange = packet_id.and_then(|id| inbound.exchanges.get_mut(&id));
                if let Some(is_asked) = exchange {
                    *is_asked = false;
                }
            }
        }
        self.write_receipts(settings, ticket.kind, bytes, stats)
            .map_err(|failure| self.close(settings, failure, bytes, stats))
    }

    /// As [`handle_published`](Self::handle_published), for a refusal with a cause that its reason
    /// code alone does not tell: `detail` is its Reason String, whatever `reason_strings` says,
    /// where the client wants to hear it [MQTT-3.1.2-29] and the packet then fits
    /// [MQTT-3.4.2-2] [MQTT-3.5.2-2].
    ///
    /// # Errors
    /// As there.
    #[cold]
    pub fn handle_refused(
        &mut self,
        settings: &Settings,
        ticket: Ticket,
        (reason, detail): (ReasonCode, &'static str),
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Close> {
        if let Some(inbound) = &mut self.inbound {
            match ticket.kind {
                Kind::PubAck => inbound.pubacks.explain(ticket, detail),
                Kind::PubRec => inbound.pubrecs.explain(ticket, detail),
            }
        }
        self.handle_published(settings, ticket, reason, bytes, stats)
    }

    /// The session has forgotten a QoS 2 message, or knew none: PUBCOMP [MQTT-4.3.3-11].
    ///
    /// # Errors
    /// The connection is over: the client takes not even a packet of that size.
    pub fn handle_released(
        &mut self,
        settings: &Settings,
        packet_id: PacketId,
        known: bool,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Close> {
        if self.state != State::Connected {
            return Ok(());
        }
        if let Some(inbound) = &mut self.inbound {
            inbound.end_exchange(packet_id);
        }
        let reason = if known {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        let answered = Answered {
            packet_id,
            reason,
            detail: None,
            begins_exchange: false,
        };
        self.write_ack(settings, AckKind::PubComp, answered, bytes, stats)
            .map_err(|failure| self.close(settings, failure, bytes, stats))
    }

    #[inline]
    pub(crate) fn take_publish<'a>(
        &mut self,
        settings: &Settings,
        publish: &Publish<'a>,
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        out.stats
            .count_publish_received(publish.qos, publish.payload.len());
        Self::check_publish(settings, publish)?;
        let topic = match publish.topic_alias {
            None => Topic::Borrowed(publish.topic),
            Some(alias) => {
                let aliases = self.inbound_aliases.get_or_insert_default();
                aliases.resolve(settings, alias, publish.topic)?
            }
        };
        if topic.starts_with('$') && is_reserved(&topic) {
            return self.refuse_publish(settings, publish, out);
        }
        let Some(packet_id) = publish.packet_id else {
            let message = incoming(settings, topic, publish, out.stats);
            out.actions.push(Action::Publish {
                ticket: None,
                message,
            });
            return Ok(());
        };
        let kind = kind_of(publish.qos);
        let Some(ticket) = self.note_publish(settings, kind, packet_id, None)? else {
            return self.write_receipts(settings, kind, out.bytes, out.stats);
        };
        let message = incoming(settings, topic, publish, out.stats);
        out.actions.push(match kind {
            Kind::PubAck => Action::Publish {
                ticket: Some(ticket),
                message,
            },
            Kind::PubRec => Action::Receive {
                ticket,
                packet_id,
                message,
            },
        });
        Ok(())
    }

    /// Answers a publish that the broker is not asked about.
    #[cold]
    fn refuse_publish(
        &mut self,
        settings: &Settings,
        publish: &Publish<'_>,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Failure> {
        out.stats.publishes_refused += 1;
        let Some(packet_id) = publish.packet_id else {
            return Ok(());
        };
        let kind = kind_of(publish.qos);
        let refusal = Some(ReasonCode::NotAuthorized);
        self.note_publish(settings, kind, packet_id, refusal)?;
        self.write_receipts(settings, kind, out.bytes, out.stats)
    }

    #[inline]
    fn check_publish(settings: &Settings, publish: &Publish<'_>) -> Result<(), Failure> {
        // [MQTT-3.2.2-11]
        if publish.qos > settings.maximum_qos {
            return Err(Failure::new(
                ReasonCode::QosNotSupported,
                "QoS above the maximum",
            ));
        }
        // [MQTT-3.2.2-14]
        if publish.retain && !settings.retain_available {
            let reason = ReasonCode::RetainNotSupported;
            return Err(Failure::new(reason, "RETAIN without retained messages"));
        }
        // [MQTT-3.3.4-6]
        if !publish.subscription_ids.is_empty() {
            return Err(Failure::protocol("subscription identifier from a client"));
        }
        Ok(())
    }

    /// Enters a publish that is to be acknowledged; `refusal` is its answer if that is known.
    /// Without a ticket it was answered here: its packet identifier stands for another message.
    #[inline]
    fn note_publish(
        &mut self,
        settings: &Settings,
        kind: Kind,
        packet_id: PacketId,
        refusal: Option<ReasonCode>,
    ) -> Result<Option<Ticket>, Failure> {
        // An MQTT 3 client knows no Receive Maximum, but has no more packet identifiers than this.
        let is_v5 = self.version == Some(Version::V5);
        let maximum = usize::from(if is_v5 {
            settings.receive_maximum
        } else {
            u16::MAX
        });
        let inbound = self.inbound.get_or_insert_with(|| Box::new(Inbound::new()));
        let exchange = inbound.exchanges.get(&packet_id).copied();
        let is_exchange = exchange.is_some();
        let is_new = match kind {
            Kind::PubAck => true,
            // Sent again [MQTT-4.3.3-10]: no second message, so no second place in the quota.
            Kind::PubRec => !is_exchange,
        };
        // [MQTT-3.3.4-7]
        if (is_new && inbound.in_use() >= maximum) || inbound.pubrecs.len() >= RECEIPTS_MAX {
            let reason = ReasonCode::ReceiveMaximumExceeded;
            return Err(Failure::new(
                reason,
                "more publishes in flight than Receive Maximum",
            ));
        }
        let in_use = Some(ReasonCode::PacketIdentifierInUse);
        Ok(match kind {
            Kind::PubAck if is_exchange => {
                inbound.pubacks.push(packet_id, in_use, false);
                None
            }
            Kind::PubAck => Some(inbound.pubacks.push(packet_id, refusal, false)),
            Kind::PubRec if is_new && inbound.pubacks.contains(packet_id) => {
                inbound.pubrecs.push(packet_id, in_use, false);
                None
            }
            Kind::PubRec if exchange == Some(true) => {
                // It has been asked about: whatever is said of the first holds for this one too.
                inbound.pubrecs.push_repeat(packet_id);
                None
            }
            Kind::PubRec => {
                inbound.exchanges.insert(packet_id, refusal.is_none());
                Some(inbound.pubrecs.push(packet_id, refusal, is_new))
            }
        })
    }

    /// Sends the acknowledgements that wait for no other.
    #[inline]
    fn write_receipts(
        &mut self,
        settings: &Settings,
        kind: Kind,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let is_v5 = self.version == Some(Version::V5);
        while let Some(inbound) = &mut self.inbound {
            let (receipts, ack_kind) = match kind {
                Kind::PubAck => (&mut inbound.pubacks, AckKind::PubAck),
                Kind::PubRec => (&mut inbound.pubrecs, AckKind::PubRec),
            };
            let Some(answered) = receipts.pop_answered() else {
                break;
            };
            let Answered {
                packet_id,
                reason,
                begins_exchange,
                ..
            } = answered;
            if reason.is_error() {
                if !is_v5 && !is_final(reason) {
                    return Err(Failure::new(reason, "publish not taken over"));
                }
                // A refused exchange is over [MQTT-4.3.3-9]; under MQTT 3, where the answer looks
                // like success, PUBREL follows.
                if is_v5 && begins_exchange {
                    inbound.end_exchange(packet_id);
                }
            }
            self.write_ack(settings, ack_kind, answered, bytes, stats)?;
        }
        Ok(())
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP, with words only where they are wanted and fit
    /// [MQTT-3.1.2-29].
    #[inline]
    pub(crate) fn write_ack(
        &self,
        settings: &Settings,
        kind: AckKind,
        answered: Answered,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let Some(version) = self.version else {
            return Ok(());
        };
        if answered.reason != ReasonCode::Success {
            return self.write_other_ack(settings, (version, kind), answered, bytes, stats);
        }
        let ack = Ack::success(answered.packet_id);
        if !self.write(bytes, |bytes| ack.encode(kind, version, bytes)) {
            return Err(Failure::TOO_LARGE);
        }
        stats.count_sent(kind.first_byte() >> 4);
        Ok(())
    }

    /// An acknowledgement with something to say.
    fn write_other_ack(
        &self,
        settings: &Settings,
        (version, kind): (Version, AckKind),
        answered: Answered,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let reason = answered.reason;
        let reason = if kind.allows(reason) {
            reason
        } else {
            ReasonCode::ImplementationSpecificError
        };
        let mut ack = Ack {
            packet_id: answered.packet_id,
            reason,
            properties: ReasonProperties::EMPTY,
        };
        if reason.is_error() && self.problem_information {
            let general = || settings.reason_strings.then(|| explanation_of(reason));
            ack.properties.reason_string = answered.detail.or_else(|| general().flatten());
            ack = ack.fit(self.packet_bytes_max);
        }
        if !self.write(bytes, |bytes| ack.encode(kind, version, bytes)) {
            // A client that takes four bytes but not five still learns that it succeeded.
            ack.reason = ReasonCode::Success;
            if reason.is_error() || !self.write(bytes, |bytes| ack.encode(kind, version, bytes)) {
                return Err(Failure::TOO_LARGE);
            }
        }
        stats.count_sent(kind.first_byte() >> 4);
        Ok(())
    }
}

#[inline]
fn incoming<'a>(
    settings: &Settings,
    topic: Topic<'a>,
    publish: &Publish<'a>,
    stats: &mut Stats,
) -> Incoming<'a> {
    Incoming {
        topic,
        qos: publish.qos,
        retain: publish.retain,
        dup: publish.dup,
        expiry_seconds: settings.message_expiry(publish.message_expiry, stats),
        forwarded: publish.forwarded,
        payload: publish.payload,
    }
}

const fn kind_of(qos: Qos) -> Kind {
    match qos {
        Qos::AtMostOnce | Qos::AtLeastOnce => Kind::PubAck,
        Qos::ExactlyOnce => Kind::PubRec,
    }
}

/// Whether no client publishes to this topic: those of the broker itself, and those that look like
/// shared filters.
pub fn is_reserved(topic: &str) -> bool {
    matches!(topic.split('/').next(), Some("$SYS" | "$share"))
}

/// Whether sending the message again would not help: then MQTT 3 clients get an acknowledgement,
/// the only answer they know [MQTT3-3.3.5-2].
const fn is_final(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::NotAuthorized | ReasonCode::TopicNameInvalid | ReasonCode::PayloadFormatInvalid
    )
}

const fn explanation_of(reason: ReasonCode) -> Option<&'static str> {
    match reason {
        ReasonCode::NotAuthorized => Some("the client may not publish to this topic"),
        ReasonCode::TopicNameInvalid => Some("the topic name is not allowed"),
        ReasonCode::PacketIdentifierInUse => Some("the packet identifier is in use"),
        ReasonCode::PacketIdentifierNotFound => Some("the packet identifier is not known"),
        ReasonCode::QuotaExceeded => Some("the broker has no room for the message"),
        ReasonCode::PayloadFormatInvalid => Some("the payload is not what it claims"),
        _ => None,
    }
}

/// Unanswered PUBRECs: a client that sends one message again and again reaches no Receive Maximum.
const RECEIPTS_MAX: usize = u16::MAX as usize;
