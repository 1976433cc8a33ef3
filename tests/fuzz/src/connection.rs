//! Any bytes as what a client sends, mixed with answers and deliveries of the broker: nothing
//! panics, every invariant holds after each step, and what is sent can be decoded.

use catena_connection::{
    Action, Connection, Outbox, Outgoing, OutgoingPublish, Session, Settings, Source, Stats,
};
use catena_mqtt::{Limits, Qos, ReasonCode};
use catena_types::{Moment, PartitionId, Position};

use crate::sent::each_packet;

/// One run of the target. The first byte chooses the listener, each later byte that is 0xFF a step
/// of the broker's; everything between is read from the socket.
pub fn run(data: &[u8]) {
    let [choice, input @ ..] = data else {
        return;
    };
    let settings = settings(*choice);
    let mut client = Client {
        connection: Connection::new(Moment::ZERO),
        stats: Stats::default(),
        sent: Vec::new(),
        position: 0,
    };
    let mut kept = Vec::new();
    for (number, part) in input.split_inclusive(|byte| *byte == 0xFF).enumerate() {
        kept.extend_from_slice(part);
        while client.read(&settings, &mut kept) {}
        client.deliver(&settings, number);
        client.check(&settings);
    }
}

/// A connection and what it has sent.
struct Client {
    connection: Connection,
    stats: Stats,
    sent: Vec<u8>,
    position: u64,
}

impl Client {
    /// Offers the bytes and answers what is asked. Whether to offer the rest again.
    fn read(&mut self, settings: &Settings, kept: &mut Vec<u8>) -> bool {
        let mut actions = Vec::new();
        let input = std::mem::take(kept);
        let mut out = Outbox {
            bytes: &mut self.sent,
            actions: &mut actions,
            stats: &mut self.stats,
        };
        let now = Moment::ZERO;
        let outcome = self
            .connection
            .handle_bytes(now, settings, &input, &mut out);
        let used = outcome.unwrap_or(input.len());
        assert!(used <= input.len());
        let mut is_answered = false;
        for action in actions {
            is_answered |= self.answer(settings, action);
        }
        kept.extend_from_slice(&input[used..]);
        self.check(settings);
        is_answered && !kept.is_empty()
    }

    /// Whether reading goes on after this answer.
    fn answer(&mut self, settings: &Settings, action: Action<'_>) -> bool {
        let (sent, stats) = (&mut self.sent, &mut self.stats);
        let connection = &mut self.connection;
        let reason = match stats.packets_received[3] % 4 {
            0 => ReasonCode::NotAuthorized,
            1 => ReasonCode::NoMatchingSubscribers,
            _ => ReasonCode::Success,
        };
        let outcome = match action {
            Action::Connect(_) => {
                let session = Session {
                    ranges: &[PARTITION],
                    ..Session::default()
                };
                let now = Moment::ZERO;
                let outcome = connection.handle_connected(now, settings, &session, sent, stats);
                return outcome.is_ok();
            }
            Action::Publish { ticket: None, .. } => Ok(()),
            Action::Publish {
                ticket: Some(ticket),
                ..
            }
            | Action::Receive { ticket, .. } => {
                connection.handle_published(settings, ticket, reason, sent, stats)
            }
            Action::Release { packet_id } => {
                connection.handle_released(settings, packet_id, true, sent, stats)
            }
            Action::Subscribe {
                packet_id, filters, ..
            } => {
                let codes = vec![ReasonCode::GrantedQos1; filters.len()];
                connection.handle_subscribed(settings, packet_id, &codes, sent, stats)
            }
            Action::Unsubscribe { packet_id, filters } => {
                let codes = vec![ReasonCode::Success; filters.len()];
                connection.handle_unsubscribed(settings, packet_id, &codes, sent, stats)
            }
            Action::Authenticate { .. } | Action::Ack { .. } | Action::Disconnect { .. } => Ok(()),
        };
        outcome.is_ok()
    }

    fn deliver(&mut self, settings: &Settings, number: usize) {
        let source = Source {
            partition: PARTITION,
            attachment: 0,
        };
        let position = Position::new(self.position);
        let publish = OutgoingPublish {
            topic: if number.is_multiple_of(2) {
                "even/topic"
            } else {
                "odd/topic"
            },
            qos: if number.is_multiple_of(3) {
                Qos::ExactlyOnce
            } else {
                Qos::AtLeastOnce
            },
            retain: false,
            dup: false,
            position: Some(position),
            expires: None,
            subscription_ids: &[],
            properties: &[],
            payload: b"payload",
            payload_apart: false,
        };
        self.position += 1;
        for outgoing in [Outgoing::Publish(publish), Outgoing::Release { position }] {
            let (sent, stats) = (&mut self.sent, &mut self.stats);
            self.connection
                .offer(Moment::ZERO, settings, source, &outgoing, sent, stats);
        }
    }

    fn check(&mut self, settings: &Settings) {
        if let Err(fault) = self.connection.validate(settings) {
            panic!("{fault}");
        }
        let Some(version) = self.connection.version() else {
            return;
        };
        // Refusals of unknown versions are written in the nearest one, which is `version`.
        each_packet(version, &self.sent, |_| ());
        self.sent.clear();
    }
}

/// Listeners that differ in what they allow.
fn settings(choice: u8) -> Settings {
    let has = |bit: u8| choice >> bit & 1 == 1;
    Settings {
        limits: Limits {
            packet_bytes_max: 1 << 16,
            ..Limits::DEFAULT
        },
        receive_maximum: if has(0) { 2 } else { u16::MAX },
        maximum_qos: if has(1) {
            Qos::AtLeastOnce
        } else {
            Qos::ExactlyOnce
        },
        retain_available: !has(2),
        topic_alias_maximum: if has(3) { 2 } else { 0 },
        wildcard_subscriptions: !has(4),
        reason_strings: has(5),
        packet_ids_per_range: if has(6) { 4 } else { u16::MAX },
        ..Settings::default()
    }
}

const PARTITION: PartitionId = PartitionId::new(0);
