//! The connection: its states, and the dispatch of packets and timeouts.

use catena_mqtt::{Disconnect, Frame, Packet, Publish, ReasonCode, Version, encode, frame};
use catena_types::{Moment, PartitionId};

use crate::alias::{InboundAliases, OutboundAliases};
use crate::authentication::Reauthentication;
use crate::close::Failure;
use crate::connect::Handshake;
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::{Action, Close, Outbox, Settings, WillFate, stats};

/// One client connection.
#[derive(Debug)]
pub struct Connection {
    pub(crate) state: State,
    /// Known from the first bytes of CONNECT on.
    pub(crate) version: Option<Version>,
    /// Whether failures may be explained [MQTT-3.1.2-29].
    pub(crate) problem_information: bool,
    /// Whether CONNECT asked for a session that ends with the connection.
    pub(crate) expires_at_once: bool,
    pub(crate) reauthentication: Reauthentication,
    /// In force, in seconds. 0: none.
    pub(crate) keep_alive_seconds: u16,
    /// The client's Receive Maximum, or ours if lower.
    pub(crate) receive_maximum: u16,
    /// QoS 1 and 2 publishes sent and not acknowledged.
    pub(crate) in_flight: u16,
    /// Topic aliases that we may use. 0: none.
    pub(crate) topic_alias_outbound_max: u16,
    /// The client's Maximum Packet Size, in bytes.
    pub(crate) packet_bytes_max: u32,
    /// When the last whole packet came; before CONNACK when the connection was opened.
    pub(crate) last_received: Moment,
    /// Partitions by the place of their range of packet identifiers.
    pub(crate) ranges: Vec<PartitionId>,
    /// Present while a connection is being opened.
    pub(crate) handshake: Option<Box<Handshake>>,
    pub(crate) authentication_method: Option<Box<str>>,
    /// What the client publishes. Present while it does.
    pub(crate) inbound: Option<Box<Inbound>>,
    /// What is sent to the client. Present while something is in flight.
    pub(crate) outbound: Option<Box<Outbound>>,
    pub(crate) inbound_aliases: Option<Box<InboundAliases>>,
    pub(crate) outbound_aliases: Option<Box<OutboundAliases>>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for CONNECT.
    Opening,
    /// Waits for the client's AUTH.
    AwaitingAuth,
    /// Waits for the broker's judgement of a step of authentication.
    Verifying,
    /// Waits for the broker's answer to CONNECT.
    Connecting,
    /// Has sent CONNACK.
    Connected,
    /// Nothing more is read or written.
    Closed,
}

impl Connection {
    /// A connection that was accepted at `now`.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        Self {
            state: State::Opening,
            version: None,
            problem_information: true,
            expires_at_once: true,
            reauthentication: Reauthentication::None,
            keep_alive_seconds: 0,
            receive_maximum: u16::MAX,
            in_flight: 0,
            topic_alias_outbound_max: 0,
            packet_bytes_max: u32::MAX,
            last_received: now,
            ranges: Vec::new(),
            handshake: None,
            authentication_method: None,
            inbound: None,
            outbound: None,
            inbound_aliases: None,
            outbound_aliases: None,
        }
    }

    /// Takes bytes as they were read and returns how many were used: whole packets only. The
    /// caller keeps the rest and offers it again, with more, or after an answer of the broker when
    /// [`is_waiting`](Self::is_waiting) has ended.
    ///
    /// # Errors
    /// The connection is over. What is in `out` still counts, and is to be sent and done first.
    pub fn handle_bytes<'a>(
        &mut self,
        now: Moment,
        settings: &Settings,
        input: &'a [u8],
        out: &mut Outbox<'_, 'a>,
    ) -> Result<usize, Close> {
        match self.take_packets(now, settings, input, out) {
            Ok(used) => Ok(used),
            Err(failure) => Err(self.close(settings, failure, out.bytes, out.stats)),
        }
    }

    /// Does what is due at `now`: connect timeout, keep alive.
    ///
    /// # Errors
    /// The connection is over.
    pub fn handle_timeout(
        &mut self,
        now: Moment,
        settings: &Settings,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Close> {
        match self.next_deadline(settings) {
            Some(deadline) if deadline <= now => {}
            Some(_) | None => {
                self.trim();
                return Ok(());
            }
        }
        let failure = if self.state == State::Connected {
            // As if the network had failed [MQTT-3.1.2-22] [MQTT3-3.1.2-24].
            Failure::new(ReasonCode::KeepAliveTimeout, "keep alive timeout")
        } else {
            out.stats.connect_timeouts += 1;
            Failure::new(ReasonCode::UnspecifiedError, "connect timeout")
        };
        Err(self.close(settings, failure, out.bytes, out.stats))
    }

    /// Whether the client speaks MQTT 5.0; known from its CONNECT on.
    pub fn is_v5(&self) -> bool {
        self.version == Some(Version::V5)
    }

    /// The earliest moment at which [`handle_timeout`](Self::handle_timeout) has something to do.
    /// It moves with every packet, so a shell looks again when a deadline that it noted has come.
    #[must_use]
    pub fn next_deadline(&self, settings: &Settings) -> Option<Moment> {
        match self.state {
            State::Opening | State::AwaitingAuth => {
                Some(self.last_received.plus(settings.connect_timeout))
            }
            State::Connected if self.keep_alive_seconds > 0 => {
                let nanos = u64::from(self.keep_alive_seconds) * 1_500_000_000;
                let nanos = self.last_received.nanos().saturating_add(nanos);
                Some(Moment::from_nanos(nanos))
            }
            State::Verifying | State::Connecting | State::Connected | State::Closed => None,
        }
    }

    /// The caller reads from the socket again after it has paused: the client's silence in between
    /// was not its own.
    pub fn handle_reading_resumed(&mut self, now: Moment) {
        if self.state == State::Connected {
            self.last_received = now;
        }
    }

    /// Whether the broker owes an answer before more bytes are taken.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Verifying | State::Connecting)
    }

    /// Whether CONNACK was sent and the connection goes on.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Whether the connection is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The version that the client speaks, once it has said so.
    #[must_use]
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// How many QoS 1 and 2 publishes may be in flight to the client.
    #[must_use]
    pub const fn receive_maximum(&self) -> u16 {
        self.receive_maximum
    }

    /// How many QoS 1 and 2 publishes are in flight to the client.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// Gives memory back that is not in use. Happens by itself at PINGREQ and at timeouts.
    pub fn trim(&mut self) {
        if self
            .inbound
            .as_ref()
            .is_some_and(|inbound| inbound.is_empty())
        {
            self.inbound = None;
        }
        if self
            .outbound
            .as_ref()
            .is_some_and(|outbound| outbound.is_empty())
        {
            self.outbound = None;
        }
    }

    /// Ends the connection without a word. Returns the state it was in.
    pub(crate) fn end(&mut self) -> State {
        self.handshake = None;
        self.inbound = None;
        self.outbound = None;
        self.in_flight = 0;
        self.inbound_aliases = None;
        self.outbound_aliases = None;
        std::mem::replace(&mut self.state, State::Closed)
    }

    fn take_packets<'a>(
        &mut self,
        now: Moment,
        settings: &Settings,
        input: &'a [u8],
        out: &mut Outbox<'_, 'a>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        // Publishes come in runs of one topic, which is checked once.
        let mut known_topic = "";
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let bytes_max = match self.state {
                // Nothing is processed after DISCONNECT [MQTT-3.14.4-1] [MQTT3-3.14.4-2].
                State::Closed => return Ok(input.len()),
                State::Verifying | State::Connecting => {
                    self.check_while_waiting(rest)?;
                    return Ok(used);
                }
                State::Opening => {
                    check_first(rest)?;
                    settings
                        .connect_bytes_max
                        .min(settings.limits.packet_bytes_max)
                }
                State::AwaitingAuth => settings.connect_bytes_max,
                State::Connected => {
                    self.check_sender(rest)?;
                    settings.limits.packet_bytes_max
                }
            };
            let (first_byte, body, size) = match frame::next(rest, bytes_max) {
                Ok(Frame::Complete {
                    first_byte,
                    body,
                    size,
                }) => (first_byte, body, size),
                Ok(Frame::Incomplete { missing_at_least }) => {
                    self.handle_partial(now, used, missing_at_least);
                    return Ok(used);
                }
                Err(error) => {
                    self.note_version(rest);
                    return Err(error.into());
                }
            };
            out.stats.count_received(first_byte);
            match (self.state, self.version) {
                (State::Connected, Some(version)) if first_byte >> 4 == stats::PUBLISH => {
                    self.last_received = now;
                    let limits = &settings.limits;
                    // Looked at where it was decoded: moving it costs as much as decoding it.
                    match &Publish::decode_after(known_topic, version, first_byte, body, limits) {
                        Ok(publish) => {
                            known_topic = publish.topic;
                            self.take_publish(settings, publish, out)?;
                        }
                        Err(error) => return Err((*error).into()),
                    }
                }
                (State::Connected, Some(version)) => {
                    self.last_received = now;
                    self.take_packet(settings, version, (first_byte, body), out)?;
                }
                (State::AwaitingAuth, _) => self.take_auth(settings, first_byte, body, out)?,
                _ => self.take_connect(settings, first_byte, body, out)?,
            }
            used += size;
        }
    }

    /// A packet on an open connection, of any type but PUBLISH.
    #[inline]
    fn take_packet<'a>(
        &mut self,
        settings: &Settings,
        version: Version,
        (first_byte, body): (u8, &'a [u8]),
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        match &Packet::decode_limited(version, first_byte, body, &settings.limits) {
            Err(error) => Err((*error).into()),
            Ok(Packet::PubAck(ack)) => self.take_puback(ack.packet_id, out),
            Ok(Packet::PubRec(ack)) => self.take_pubrec(ack, out),
            Ok(Packet::PubComp(ack)) => self.take_pubcomp(ack.packet_id, out),
            Ok(Packet::PubRel(ack)) => {
                out.actions.push(Action::Release {
                    packet_id: ack.packet_id,
                });
                Ok(())
            }
            Ok(Packet::Publish(publish)) => self.take_publish(settings, publish, out),
            Ok(Packet::Subscribe(subscribe)) => {
                self.take_subscribe(settings, version, subscribe, out)
            }
            Ok(Packet::Unsubscribe(unsubscribe)) => {
                let filters = unsubscribe.filters.iter().collect();
                let packet_id = unsubscribe.packet_id;
                out.actions.push(Action::Unsubscribe { packet_id, filters });
                Ok(())
            }
            Ok(Packet::PingReq) => {
                self.trim();
                self.write_pingresp(out)
            }
            Ok(Packet::Disconnect(disconnect)) => self.take_disconnect(settings, disconnect, out),
            Ok(Packet::Auth(auth)) => self.take_reauthentication(auth, out),
            Ok(
                Packet::Connect(_)
                | Packet::ConnAck(_)
                | Packet::SubAck(_)
                | Packet::UnsubAck(_)
                | Packet::PingResp,
            ) => Err(Failure::protocol("packet that only a server sends")),
        }
    }

    fn write_pingresp(&self, out: &mut Outbox<'_, '_>) -> Result<(), Failure> {
        // [MQTT-3.12.4-1] [MQTT3-3.12.4-1]
        let pingresp = |bytes: &mut Vec<u8>| {
            encode::pingresp(bytes);
            Ok::<(), Failure>(())
        };
        if !self.write(out.bytes, pingresp) {
            return Err(Failure::TOO_LARGE);
        }
        out.stats.count_sent(stats::PINGRESP);
        Ok(())
    }

    pub(crate) fn take_disconnect(
        &mut self,
        settings: &Settings,
        disconnect: &Disconnect<'_>,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Failure> {
        let expiry = disconnect.session_expiry;
        if Disconnect::is_of_servers(disconnect.reason) || disconnect.server_reference.is_some() {
            return Err(Failure::protocol("DISCONNECT that only a server sends"));
        }
        if self.expires_at_once && expiry.is_some_and(|seconds| seconds > 0) {
            return Err(Failure::protocol(
                "session expiry in DISCONNECT but not in CONNECT",
            ));
        }
        // [MQTT-3.14.4-3] [MQTT3-3.14.4-3]; every other reason leaves the will.
        let will = if disconnect.reason == ReasonCode::Success {
            WillFate::Forget
        } else {
            WillFate::Publish
        };
        let expiry_seconds = expiry.map(|asked| asked.min(settings.session_expiry_seconds_max));
        out.actions.push(Action::Disconnect {
            will,
            expiry_seconds,
        });
        self.end();
        Ok(())
    }

    /// Part of a packet has come. A large one counts as a sign of life before it is whole: over a
    /// slow network it may take longer than the keep alive.
    fn handle_partial(&mut self, now: Moment, used: usize, missing_at_least: usize) {
        if self.state == State::Connected && used == 0 && missing_at_least > LARGE_BYTES {
            self.last_received = now;
        }
    }

    /// A client that authenticates may send nothing but AUTH and DISCONNECT before CONNACK
    /// [MQTT-3.1.2-30]; any other waits until CONNACK has decided about it [MQTT-3.1.4-6].
    fn check_while_waiting(&self, rest: &[u8]) -> Result<(), Failure> {
        match rest.first().map(|first_byte| first_byte >> 4) {
            None | Some(stats::AUTH | stats::DISCONNECT) => Ok(()),
            Some(_) if self.authentication_method.is_none() => Ok(()),
            Some(_) => Err(Failure::protocol(
                "packet before authentication was complete",
            )),
        }
    }

    /// What a client never sends on an open connection is refused by its first byte, whatever
    /// follows: there is nothing to gain from reading it. Wrong flags are malformed before that
    /// [MQTT-2.1.3-1].
    #[inline]
    fn check_sender(&self, rest: &[u8]) -> Result<(), Failure> {
        const CONNACK: u8 = stats::CONNACK << 4;
        const SUBACK: u8 = stats::SUBACK << 4;
        const UNSUBACK: u8 = stats::UNSUBACK << 4;
        const PINGRESP: u8 = stats::PINGRESP << 4;
        const AUTH: u8 = stats::AUTH << 4;
        match rest.first() {
            // [MQTT-3.1.0-2] [MQTT3-3.1.0-2]
            Some(0x10..0x20) => Err(Failure::protocol("second CONNECT")),
            Some(&(CONNACK | SUBACK | UNSUBACK | PINGRESP)) => {
                Err(Failure::protocol("packet that only a server sends"))
            }
            // [MQTT-4.12.0-7]
            Some(&AUTH) if self.authentication_method.is_none() => Err(Failure::NO_METHOD),
            Some(_) | None => Ok(()),
        }
    }
}

/// The first packet is CONNECT: seen from its first byte [MQTT-3.1.0-1] [MQTT3-3.1.0-1].
fn check_first(rest: &[u8]) -> Result<(), Failure> {
    match rest.first() {
        None => Ok(()),
        Some(first_byte) if first_byte >> 4 == stats::CONNECT => Ok(()),
        Some(_) => Err(Failure::protocol("first packet is not CONNECT")),
    }
}

/// A packet of which more than this many bytes are missing is a large one.
const LARGE_BYTES: usize = 1_000;
