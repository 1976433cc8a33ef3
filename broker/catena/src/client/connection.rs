//! A client's connection to a broker: packets in and out, keep alive, the polite end.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::time::Duration;

use catena_mqtt::{
    Auth, Disconnect, Frame, Limits, Packet as Received, PacketId, Qos, ReasonCode, Version,
    encode, frame, limits,
};
use tokio::time::Instant;

use super::channel::Channel;
use super::failure::{CONNECTION_LOST, Failure, GENERAL, PROTOCOL, words};
use super::incoming::Incoming;
use super::properties::{Packet, Properties};
use super::session::{Introduction, SessionArgs};
use super::socket::{Socket, cannot_connect};
use super::target::Target;

/// How long connecting, and the broker's last words, may take.
const CONNECT_MAX: Duration = Duration::from_secs(30);
const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// Received bytes above which nothing more is read until somebody has taken some.
const RECEIVED_BYTES_MAX: usize = 1 << 20;
/// Bytes to send above which a publisher waits.
pub(crate) const SENDING_BYTES_MAX: usize = 1 << 18;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    channel: Option<Channel>,
    pub(crate) version: Version,
    pub(crate) properties: Properties,
    /// What the broker said about itself.
    pub(crate) broker: Broker,
    received: Vec<u8>,
    /// How much of `received` has been taken.
    taken: usize,
    sending: VecDeque<u8>,
    keep_alive: Option<Duration>,
    sent_at: Instant,
    /// When PINGREQ was sent, until something comes.
    asked_at: Option<Instant>,
    packet_id: u16,
    is_ended: bool,
    debug: bool,
}

/// What CONNACK told.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) session_present: bool,
    pub(crate) client_id: String,
    pub(crate) receive_maximum: usize,
    pub(crate) maximum_qos: Qos,
    pub(crate) retain_available: bool,
    pub(crate) packet_bytes_max: usize,
    /// The highest topic alias. 0: none.
    pub(crate) topic_alias_maximum: u16,
    pub(crate) response_information: Option<String>,
}

impl Connection {
    /// Connects as the arguments say and waits for CONNACK.
    pub(crate) async fn open(args: &SessionArgs) -> Result<Self, Failure> {
        let target = Target::resolve(&args.target)?;
        let introduction = Introduction::resolve(args, &target)?;
        let opening = Self::introduce(&target, &introduction, args.debug);
        match tokio::time::timeout(CONNECT_MAX, opening).await {
            Ok(connection) => connection,
            Err(_) => {
                let error = std::io::ErrorKind::TimedOut.into();
                Err(cannot_connect(&target.place, &error))
            }
        }
    }

    async fn introduce(
        target: &Target,
        introduction: &Introduction,
        debug: bool,
    ) -> Result<Self, Failure> {
        let socket = Socket::open(&target.place).await?;
        let mut connection = Self {
            socket,
            channel: target.channel()?,
            version: introduction.version,
            properties: introduction.properties.clone(),
            broker: Broker::unknown(introduction),
            received: Vec::new(),
            taken: 0,
            sending: VecDeque::new(),
            // Not before CONNACK.
            keep_alive: None,
            sent_at: Instant::now(),
            asked_at: None,
            packet_id: 0,
            is_ended: false,
            debug,
        };
        let mut packet = Vec::new();
        introduction.encode(&mut packet)?;
        connection.tell("sends CONNECT", &introduction.client_id);
        connection.send(&packet)?;
        connection.await_connack(introduction).await?;
        Ok(connection)
    }

    async fn await_connack(&mut self, introduction: &Introduction) -> Result<(), Failure> {
        self.keep_alive = introduction.keep_alive();
        loop {
            let incoming = self.next().await?;
            match incoming.packet(self.version)? {
                Received::ConnAck(connack) if connack.reason.is_error() => {
                    let explanation = connack.properties.reason_string;
                    return Err(Failure::connection_refused(
                        self.version,
                        connack.reason,
                        explanation,
                    ));
                }
                Received::ConnAck(connack) => {
                    self.broker.learn(&connack);
                    if let Some(seconds) = connack.properties.server_keep_alive {
                        // [MQTT-3.2.2-21]
                        self.keep_alive =
                            (seconds > 0).then(|| Duration::from_secs(seconds.into()));
                    }
                    return Ok(());
                }
                Received::Auth(_) => self.answer_auth()?,
                _ => return Err(Failure::new(PROTOCOL, "the broker sent no CONNACK")),
            }
        }
    }

    /// Sends the AUTH given with `-D auth`.
    fn answer_auth(&mut self) -> Result<(), Failure> {
        let properties = self.properties.clone();
        let pairs = properties.user_properties(Packet::Auth);
        let method = properties
            .text(Packet::Auth, "authentication-method")
            .or_else(|| properties.text(Packet::Connect, "authentication-method"));
        let auth = Auth {
            reason: ReasonCode::ContinueAuthentication,
            authentication_method: method,
            authentication_data: properties
                .text(Packet::Auth, "authentication-data")
                .map(str::as_bytes),
            reason_string: properties.text(Packet::Auth, "reason-string"),
            user_properties: pairs.as_slice().into(),
        };
        let mut packet = Vec::new();
        encode::auth(&mut packet, &auth)?;
        self.tell("sends AUTH", "");
        self.send(&packet)
    }

    /// Queues bytes of MQTT. They leave while the connection is waited for.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<(), Failure> {
        match &mut self.channel {
            None => self.sending.extend(packet),
            Some(channel) => {
                let mut raw = Vec::new();
                channel.send(packet, &mut raw)?;
                self.sending.extend(raw);
            }
        }
        self.sent_at = Instant::now();
        Ok(())
    }

    /// Bytes that wait to leave.
    pub(crate) fn sending_bytes(&self) -> usize {
        self.sending.len()
    }

    /// A packet identifier that is not the last ones'.
    pub(crate) fn next_packet_id(&mut self) -> PacketId {
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
        PacketId(NonZeroU16::new(self.packet_id).unwrap_or(NonZeroU16::MIN))
    }

    /// The next packet from the broker. May be abandoned at any point.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Failure> {
        loop {
            if let Some(incoming) = self.step().await? {
                return Ok(incoming);
            }
        }
    }

    /// Gives a packet if one is there, else waits until something has been sent or has come. May
    /// be abandoned at any point. Answers to PINGREQ stay here; a DISCONNECT is a failure.
    pub(crate) async fn step(&mut self) -> Result<Option<Incoming>, Failure> {
        while let Some(incoming) = self.take()? {
            if let Some(incoming) = self.screen(incoming)? {
                return Ok(Some(incoming));
            }
        }
        if self.is_ended {
            return Err(Failure::lost());
        }
        self.turn(true).await?;
        Ok(None)
    }

    /// Whether a whole packet is there, so that [`Self::next`] will not wait.
    pub(crate) fn has_packet(&self) -> bool {
        let rest = self.received.get(self.taken..).unwrap_or_default();
        !matches!(
            frame::next(rest, limits::PACKET_BYTES_MAX),
            Ok(Frame::Incomplete { .. })
        )
    }

    /// Waits until everything queued has left.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        while !self.sending.is_empty() && !self.is_ended {
            let has_room = self.received.len() - self.taken < RECEIVED_BYTES_MAX;
            self.turn(has_room).await?;
        }
        Ok(())
    }

    /// Says DISCONNECT and waits for the broker to hang up, so that it reads all that was sent.
    pub(crate) async fn close(&mut self) -> Result<(), Failure> {
        let properties = self.properties.clone();
        let pairs = properties.user_properties(Packet::Disconnect);
        let disconnect = Disconnect {
            session_expiry: properties.final_session_expiry(),
            reason_string: properties.text(Packet::Disconnect, "reason-string"),
            user_properties: pairs.as_slice().into(),
            ..Disconnect::new(ReasonCode::Success)
        };
        let mut packet = Vec::new();
        encode::disconnect(&mut packet, self.version, &disconnect)?;
        self.tell("sends DISCONNECT", "");
        self.send(&packet)?;
        self.keep_alive = None;
        let farewell = async {
            self.flush().await?;
            // The broker may be faster in closing.
            let _ = self.socket.finish();
            while !self.is_ended {
                self.received.clear();
                self.taken = 0;
                self.turn(true).await?;
            }
            Ok::<(), Failure>(())
        };
        // Whatever goes wrong after DISCONNECT, the work is done.
        let _ = tokio::time::timeout(FAREWELL_MAX, farewell).await;
        Ok(())
    }

    /// Tells on standard error what happens, if asked to.
    pub(crate) fn tell(&self, what: &str, details: &str) {
        if self.debug {
            let id = match self.broker.client_id.as_str() {
                "" => "client",
                id => id,
            };
            eprintln!("{id} {what} {details}");
        }
    }

    /// Takes a whole packet off what was received.
    fn take(&mut self) -> Result<Option<Incoming>, Failure> {
        let rest = self.received.get(self.taken..).unwrap_or_default();
        let Frame::Complete {
            first_byte,
            body,
            size,
        } = frame::next(rest, limits::PACKET_BYTES_MAX)?
        else {
            self.received.drain(..self.taken);
            self.taken = 0;
            return Ok(None);
        };
        let incoming = Incoming::new(first_byte, body);
        self.taken += size;
        Ok(Some(incoming))
    }

    /// Keeps what is nobody else's business.
    fn screen(&mut self, incoming: Incoming) -> Result<Option<Incoming>, Failure> {
        if self.debug {
            let packet = incoming.packet(self.version)?;
            self.tell("received", &super::incoming::summary(&packet));
        }
        match incoming.packet(self.version)? {
            Received::PingResp => Ok(None),
            Received::Disconnect(disconnect) => {
                let reason = disconnect.reason;
                let mut text = format!("the broker ended the connection: {}", words(reason));
                for detail in [disconnect.reason_string, disconnect.server_reference] {
                    text.extend(detail.iter().flat_map(|detail| [": ", detail]));
                }
                let code = if reason.is_error() {
                    reason as u8
                } else {
                    CONNECTION_LOST
                };
                Err(Failure::new(code, text))
            }
            _ => Ok(Some(incoming)),
        }
    }

    /// Waits for the socket or for a deadline of keep alive, then does what is due.
    async fn turn(&mut self, reading: bool) -> Result<(), Failure> {
        let writing = !self.sending.is_empty();
        let deadline = self.next_deadline();
        let lost = |error: std::io::Error| {
            Failure::new(CONNECTION_LOST, format!("the connection was lost: {error}"))
        };
        let is_late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = async {
                match reading {
                    true => self.socket.ready(writing).await,
                    false => self.socket.writable().await,
                }
            } => ready.map_err(lost)?,
            () = is_late => return self.handle_timeout(),
        }
        if writing {
            let (bytes, _) = self.sending.as_slices();
            if let Some(count) = self.socket.write(bytes).map_err(lost)? {
                self.sending.drain(..count);
            }
        }
        if reading {
            let mut buffer = [0; 65_536];
            match self.socket.read(&mut buffer).map_err(lost)? {
                None => {}
                Some(0) => self.is_ended = true,
                Some(count) => self.take_in(buffer.get(..count).unwrap_or_default())?,
            }
        }
        Ok(())
    }

    fn take_in(&mut self, raw: &[u8]) -> Result<(), Failure> {
        self.asked_at = None;
        let Some(channel) = &mut self.channel else {
            self.received.extend_from_slice(raw);
            return Ok(());
        };
        channel.receive(raw, &mut self.received)?;
        let mut answer = Vec::new();
        channel.send(&[], &mut answer)?;
        self.sending.extend(answer);
        Ok(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let keep_alive = self.keep_alive?;
        Some(self.asked_at.unwrap_or(self.sent_at) + keep_alive)
    }

    /// Keep alive: PINGREQ after silence [MQTT-3.1.2-20], the end after another.
    fn handle_timeout(&mut self) -> Result<(), Failure> {
        if self.asked_at.is_some() {
            return Err(Failure::new(
                GENERAL,
                "the broker does not answer PINGREQ any more",
            ));
        }
        let mut packet = Vec::new();
        encode::pingreq(&mut packet);
        self.tell("sends PINGREQ", "");
        self.send(&packet)?;
        self.asked_at = Some(self.sent_at);
        Ok(())
    }
}

impl Broker {
    fn unknown(introduction: &Introduction) -> Self {
        Self {
            session_present: false,
            client_id: introduction.client_id.clone(),
            receive_maximum: usize::from(u16::MAX),
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            packet_bytes_max: Limits::DEFAULT.packet_bytes_max as usize,
            topic_alias_maximum: 0,
            response_information: None,
        }
    }

    fn learn(&mut self, connack: &catena_mqtt::ConnAck<'_>) {
        let properties = &connack.properties;
        self.session_present = connack.session_present;
        if let Some(client_id) = properties.assigned_client_id {
            client_id.clone_into(&mut self.client_id);
        }
        if let Some(maximum) = properties.receive_maximum {
            self.receive_maximum = maximum.get().into();
        }
        if let Some(bytes) = properties.maximum_packet_size {
            self.packet_bytes_max = bytes.get() as usize;
        }
        self.maximum_qos = properties.maximum_qos;
        self.retain_available = properties.retain_available;
        self.topic_alias_maximum = properties.topic_alias_maximum;
        self.response_information = properties.response_information.map(str::to_owned);
    }
}
