//! Drives one connection in tests: feeds bytes, shows actions and answers, checks invariants after
//! every step.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what drives a test fails the test"
)]

use catena_connection::{
    Action, Close, Connection, Offered, Outbox, Outgoing, OutgoingPublish, Session, Settings,
    Source, Stats, Ticket,
};
use catena_mqtt::{
    Ack, AckKind, Connect, ConnectProperties, Disconnect, Forwarded, Frame, Packet, PacketId,
    Publish, Qos, ReasonCode, SubscriptionIds, Version, encode, frame,
};
use catena_types::{Moment, PartitionId, Position};

/// A connection and everything around it.
pub(crate) struct Driver {
    pub(crate) connection: Connection,
    pub(crate) settings: Settings,
    pub(crate) now: Moment,
    pub(crate) stats: Stats,
    pub(crate) bytes: Vec<u8>,
}

/// What came of one read.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) actions: Vec<Action<'static>>,
    /// What was written for the client.
    pub(crate) sent: Vec<u8>,
    pub(crate) outcome: Result<usize, Close>,
}

impl Driver {
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Moment::from_nanos(1_000_000_000);
        let (stats, bytes) = (Stats::default(), Vec::new());
        Self {
            connection: Connection::new(now),
            settings,
            now,
            stats,
            bytes,
        }
    }

    /// A connection with default settings that has got its CONNACK.
    pub(crate) fn open(version: Version) -> Self {
        Self::open_with(Settings::default(), &connect(version))
    }

    pub(crate) fn open_with(settings: Settings, connect: &Connect<'_>) -> Self {
        let mut driver = Self::new(settings);
        driver.connect(connect);
        driver
    }

    /// Sends CONNECT and lets the broker accept it. Returns CONNACK.
    pub(crate) fn connect(&mut self, connect: &Connect<'_>) -> Vec<u8> {
        let step = self.send(&connect_bytes(connect));
        assert!(matches!(step.actions[..], [Action::Connect(_)]), "{step:?}");
        self.accept(&Session {
            ranges: &[partition(0)],
            ..Session::default()
        })
    }

    pub(crate) fn accept(&mut self, session: &Session<'_>) -> Vec<u8> {
        self.connection
            .handle_connected(
                self.now,
                &self.settings,
                session,
                &mut self.bytes,
                &mut self.stats,
            )
            .unwrap();
        self.take_sent()
    }

    pub(crate) fn send(&mut self, input: &[u8]) -> Step {
        // Actions borrow from the input; a test may keep them as long as it likes.
        let input: &'static [u8] = Box::leak(input.to_vec().into_boxed_slice());
        let mut actions = Vec::new();
        let mut out = Outbox {
            bytes: &mut self.bytes,
            actions: &mut actions,
            stats: &mut self.stats,
        };
        let outcome = self
            .connection
            .handle_bytes(self.now, &self.settings, input, &mut out);
        Step {
            actions,
            sent: self.take_sent(),
            outcome,
        }
    }

    /// What was written since the last look.
    #[track_caller]
    pub(crate) fn take_sent(&mut self) -> Vec<u8> {
        self.connection.validate(&self.settings).unwrap();
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn elapse(&mut self, milliseconds: u64) {
        self.now = Moment::from_nanos(self.now.nanos() + milliseconds * 1_000_000);
    }

    pub(crate) fn timeout(&mut self) -> Result<(), Close> {
        let mut actions = Vec::new();
        let mut out = Outbox {
            bytes: &mut self.bytes,
            actions: &mut actions,
            stats: &mut self.stats,
        };
        self.connection
            .handle_timeout(self.now, &self.settings, &mut out)
    }

    pub(crate) fn published(
        &mut self,
        ticket: Ticket,
        reason: ReasonCode,
    ) -> Result<Vec<u8>, Close> {
        self.connection.handle_published(
            &self.settings,
            ticket,
            reason,
            &mut self.bytes,
            &mut self.stats,
        )?;
        Ok(self.take_sent())
    }

    pub(crate) fn refused(
        &mut self,
        ticket: Ticket,
        refusal: (ReasonCode, &'static str),
    ) -> Result<Vec<u8>, Close> {
        let (bytes, stats) = (&mut self.bytes, &mut self.stats);
        self.connection
            .handle_refused(&self.settings, ticket, refusal, bytes, stats)?;
        Ok(self.take_sent())
    }

    pub(crate) fn released(&mut self, packet_id: u16, known: bool) -> Vec<u8> {
        let (packet_id, settings) = (id(packet_id), &self.settings);
        let (bytes, stats) = (&mut self.bytes, &mut self.stats);
        self.connection
            .handle_released(settings, packet_id, known, bytes, stats)
            .unwrap();
        self.take_sent()
    }

    /// Offers from partition 0.
    pub(crate) fn offer(&mut self, outgoing: &Outgoing<'_>) -> (Offered, Vec<u8>) {
        self.offer_from(0, outgoing)
    }

    pub(crate) fn offer_from(&mut self, from: u16, outgoing: &Outgoing<'_>) -> (Offered, Vec<u8>) {
        let source = Source {
            partition: partition(from),
            attachment: u32::from(from) + 70,
        };
        let (bytes, stats) = (&mut self.bytes, &mut self.stats);
        let offered =
            self.connection
                .offer(self.now, &self.settings, source, outgoing, bytes, stats);
        (offered, self.take_sent())
    }

    /// Offers messages at these positions and checks that they are sent.
    #[track_caller]
    pub(crate) fn deliver(
        &mut self,
        qos: Qos,
        positions: impl IntoIterator<Item = u64>,
    ) -> Vec<u8> {
        let mut sent = Vec::new();
        for position in positions {
            let (offered, bytes) = self.offer(&message(qos, position));
            assert_eq!(offered, Offered::Taken);
            sent.extend(bytes);
        }
        sent
    }
}

impl Step {
    /// The ticket of the only action.
    #[track_caller]
    pub(crate) fn ticket(&self) -> Ticket {
        match &self.actions[..] {
            [
                Action::Publish {
                    ticket: Some(ticket),
                    ..
                }
                | Action::Receive { ticket, .. },
            ] => *ticket,
            other => panic!("not one publish: {other:?}"),
        }
    }

    /// Why the connection is over, and what was sent last.
    #[track_caller]
    pub(crate) fn closed(self) -> (ReasonCode, Vec<u8>) {
        (self.outcome.unwrap_err().reason, self.sent)
    }

    /// Checks that DISCONNECT with this reason was the last thing sent.
    #[track_caller]
    pub(crate) fn assert_disconnected(&self, reason: ReasonCode) {
        assert_eq!(self.outcome.unwrap_err().reason, reason);
        assert!(
            self.sent.ends_with(&[0xE0, 1, reason as u8]),
            "{:02x?}",
            self.sent
        );
    }
}

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

pub(crate) fn partition(number: u16) -> PartitionId {
    PartitionId::new(number)
}

pub(crate) fn position(number: u64) -> Position {
    Position::new(number)
}

/// A CONNECT with a clean session and a keep alive of 60 s.
pub(crate) fn connect(version: Version) -> Connect<'static> {
    Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_id: "client",
        properties: ConnectProperties::default(),
        will: None,
        username: None,
        password: None,
    }
}

pub(crate) fn connect_bytes(connect: &Connect<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::connect(&mut bytes, connect).unwrap();
    bytes
}

/// A PUBLISH to `a/b` with the payload `hi`.
pub(crate) fn publish(qos: Qos, packet_id: u16) -> Publish<'static> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: "a/b",
        packet_id: PacketId::new(packet_id).filter(|_| qos != Qos::AtMostOnce),
        topic_alias: None,
        message_expiry: None,
        subscription_ids: SubscriptionIds::EMPTY,
        forwarded: Forwarded::EMPTY,
        payload: b"hi",
    }
}

pub(crate) fn bytes_of(version: Version, packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes).unwrap();
    bytes
}

pub(crate) fn publish_bytes(version: Version, qos: Qos, packet_id: u16) -> Vec<u8> {
    bytes_of(version, &Packet::Publish(publish(qos, packet_id)))
}

/// An acknowledgement with a reason.
pub(crate) fn ack_bytes(kind: AckKind, packet_id: u16, reason: ReasonCode) -> Vec<u8> {
    let mut bytes = Vec::new();
    let ack = Ack {
        reason,
        ..Ack::success(id(packet_id))
    };
    ack.encode(kind, Version::V5, &mut bytes).unwrap();
    bytes
}

pub(crate) fn ack(kind: AckKind, packet_id: u16) -> Vec<u8> {
    ack_bytes(kind, packet_id, ReasonCode::Success)
}

pub(crate) fn disconnect_bytes(version: Version, disconnect: Disconnect<'_>) -> Vec<u8> {
    bytes_of(version, &Packet::Disconnect(disconnect))
}

/// A delivery to `a/b` with the payload `hi`.
pub(crate) fn outgoing(qos: Qos, at: Option<u64>) -> OutgoingPublish<'static> {
    OutgoingPublish {
        topic: "a/b",
        qos,
        retain: false,
        dup: false,
        position: at.map(position),
        expires: None,
        subscription_ids: &[],
        properties: &[],
        payload: b"hi",
        payload_apart: false,
    }
}

pub(crate) fn message(qos: Qos, at: u64) -> Outgoing<'static> {
    Outgoing::Publish(outgoing(qos, Some(at)))
}

/// The packets in `bytes`.
pub(crate) fn packets(version: Version, bytes: &[u8]) -> Vec<Packet<'_>> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let Frame::Complete {
            first_byte,
            body,
            size,
        } = frame::next(rest, u32::MAX).unwrap()
        else {
            panic!("half a packet: {rest:02x?}");
        };
        packets.push(Packet::decode(version, first_byte, body).unwrap());
        rest = &rest[size..];
    }
    packets
}

pub(crate) const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];
