//! CONNECT and CONNACK: what both sides agree on for the time of a connection.

use std::num::{NonZeroU16, NonZeroU32};

use catena_mqtt::limits::PACKET_BYTES_MAX;
use catena_mqtt::{
    ConnAck, ConnAckProperties, Connect, Packet, Qos, ReasonCode, Version, Will, encode,
};
use catena_types::Moment;

use crate::close::Failure;
use crate::connection::{Connection, State};
use crate::inbound::is_reserved;
use crate::{
    Action, AuthenticationStep, Close, ConnectAction, ConnectWill, Outbox, Session, Settings,
    Stats, stats,
};

/// What is remembered of a CONNECT until it is answered.
#[derive(Debug)]
pub(crate) struct Handshake {
    /// Kept while an enhanced authentication goes on.
    pub(crate) action: Option<Box<ConnectAction>>,
    /// The session expiry in seconds, if it is not what the client asked for.
    session_expiry: Option<u32>,
    /// The keep alive in seconds, if it is not what the client asked for.
    server_keep_alive: Option<u16>,
    /// Whether the client asked for response information [MQTT-3.1.2-28].
    response_information: bool,
    /// The last data of an enhanced authentication.
    pub(crate) authentication_data: Option<Box<[u8]>>,
}

impl Connection {
    /// The broker has opened the session: CONNACK [MQTT-3.1.4-5] [MQTT3-3.1.4-4].
    ///
    /// # Errors
    /// The connection is over: it was before, or the client does not take even this packet.
    pub fn handle_connected(
        &mut self,
        now: Moment,
        settings: &Settings,
        session: &Session<'_>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Close> {
        let (State::Connecting, Some(version)) = (self.state, self.version) else {
            let failure = Failure::protocol("session for a connection that waits for none");
            return Err(self.close(settings, failure, bytes, stats));
        };
        let handshake = self.handshake.take();
        let properties = match &handshake {
            Some(handshake) if version.is_v5() => {
                connack_properties(settings, handshake, self.authentication_method.as_deref())
            }
            _ => ConnAckProperties::default(),
        };
        let assigned_client_id = session.assigned_client_id;
        let packet = ConnAck {
            session_present: session.present,
            reason: ReasonCode::Success,
            properties: ConnAckProperties {
                assigned_client_id,
                ..properties
            },
        };
        let packet = packet.fit(version, self.packet_bytes_max);
        if !self.write(bytes, |bytes| encode::connack(bytes, version, &packet)) {
            return Err(self.close(settings, Failure::TOO_LARGE, bytes, stats));
        }
        stats.count_sent(stats::CONNACK);
        stats.session_expiries_lowered += u64::from(packet.properties.session_expiry.is_some());
        stats.keep_alives_lowered += u64::from(packet.properties.server_keep_alive.is_some());
        self.ranges = session.ranges.to_vec();
        self.last_received = now;
        self.state = State::Connected;
        Ok(())
    }

    /// The broker does not accept the connection.
    pub fn handle_connect_refused(
        &mut self,
        settings: &Settings,
        reason: ReasonCode,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Close {
        self.close(
            settings,
            Failure::new(reason, "connection refused"),
            bytes,
            stats,
        )
    }

    /// The first packet.
    pub(crate) fn take_connect<'a>(
        &mut self,
        settings: &Settings,
        first_byte: u8,
        body: &'a [u8],
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        let version = match Connect::version_of(body) {
            Ok(version) => version,
            Err(error) => {
                self.version = version_to_refuse_in(body);
                return Err(error.into());
            }
        };
        // Flags that the version does not allow are not answered: whoever sends them may speak
        // something else.
        if first_byte == CONNECT_FIRST_BYTE || version == Version::V31 {
            self.version = Some(version);
        }
        let packet = Packet::decode_limited(version, first_byte, body, &settings.limits)?;
        let Packet::Connect(connect) = packet else {
            return Err(Failure::protocol("first packet is not CONNECT"));
        };
        self.note_wishes(settings, &connect);
        check(settings, &connect)?;
        let action = Box::new(connect_action(settings, &connect, out.stats));
        let asked = connect.properties.session_expiry.unwrap_or_default();
        let granted = action.session_expiry_seconds;
        let mut handshake = Box::new(Handshake {
            action: None,
            session_expiry: (granted != asked).then_some(granted),
            server_keep_alive: (self.keep_alive_seconds != connect.keep_alive)
                .then_some(self.keep_alive_seconds),
            response_information: connect.properties.request_response_information,
            authentication_data: None,
        });
        match connect.properties.authentication_method {
            None => {
                out.actions.push(Action::Connect(action));
                self.state = State::Connecting;
            }
            Some(method) => {
                self.authentication_method = Some(Box::from(method));
                handshake.action = Some(action);
                let data = connect.properties.authentication_data;
                let step = AuthenticationStep::Begin;
                out.actions
                    .push(Action::Authenticate { step, method, data });
                self.state = State::Verifying;
            }
        }
        self.handshake = Some(handshake);
        Ok(())
    }

    /// Takes over what binds us from now on, in a refusal too.
    fn note_wishes(&mut self, settings: &Settings, connect: &Connect<'_>) {
        let wishes = &connect.properties;
        let receive_maximum = wishes.receive_maximum.map_or(u16::MAX, NonZeroU16::get);
        self.receive_maximum = receive_maximum.min(settings.receive_maximum_outbound_max);
        self.packet_bytes_max = wishes.maximum_packet_size.map_or(u32::MAX, NonZeroU32::get);
        // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
        self.topic_alias_outbound_max = wishes
            .topic_alias_maximum
            .min(settings.topic_alias_outbound_max);
        self.problem_information = wishes.request_problem_information;
        self.expires_at_once = wishes.session_expiry.unwrap_or_default() == 0;
        // An MQTT 3 client cannot be told of another keep alive [MQTT-3.2.2-21].
        self.keep_alive_seconds = match connect.version {
            Version::V5 => settings.keep_alive(connect.keep_alive),
            Version::V31 | Version::V311 => connect.keep_alive,
        };
    }

    /// The size of a packet is wrong: if it is a CONNECT, its version is needed for the answer.
    pub(crate) fn note_version(&mut self, packet: &[u8]) {
        if self.state != State::Opening || packet.first() != Some(&CONNECT_FIRST_BYTE) {
            return;
        }
        let is_last = |byte: &u8| byte & 0x80 == 0;
        let length = packet.iter().skip(1).take(4).position(is_last);
        let body = length.and_then(|index| packet.get(index + 2..));
        self.version = body.and_then(|body| Connect::version_of(body).ok());
    }
}

/// What the listener does not allow, although it is well formed.
fn check(settings: &Settings, connect: &Connect<'_>) -> Result<(), Failure> {
    check_client_id(settings, connect)?;
    if let Some(will) = &connect.will {
        check_will(settings, will)?;
    }
    // [MQTT-4.12.0-1]
    let mut methods = settings.authentication_methods.iter();
    match connect.properties.authentication_method {
        Some(method) if !methods.any(|known| **known == *method) => {
            let reason = ReasonCode::BadAuthenticationMethod;
            Err(Failure::new(reason, "authentication method not known"))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_client_id(settings: &Settings, connect: &Connect<'_>) -> Result<(), Failure> {
    let refused = |detail| Err(Failure::new(ReasonCode::ClientIdentifierNotValid, detail));
    let length = connect.client_id.len();
    if length == 0 {
        // MQTT 3.1.1 allows it only for what ends with the connection [MQTT3-3.1.3-7]
        // [MQTT3-3.1.3-8].
        if connect.version != Version::V5 && !connect.clean_start {
            return refused("empty client identifier without clean session");
        }
        if !settings.empty_client_id {
            return refused("empty client identifier");
        }
    }
    // At least 23 are accepted [MQTT-3.1.3-5] [MQTT3-3.1.3-5].
    if length > usize::from(settings.client_id_bytes_max.max(23)) {
        return refused("client identifier too long");
    }
    Ok(())
}

fn check_will(settings: &Settings, will: &Will<'_>) -> Result<(), Failure> {
    // [MQTT-3.2.2-12]
    if will.qos > settings.maximum_qos {
        return Err(Failure::new(
            ReasonCode::QosNotSupported,
            "will QoS above the maximum",
        ));
    }
    // [MQTT-3.2.2-13]
    if will.retain && !settings.retain_available {
        let reason = ReasonCode::RetainNotSupported;
        return Err(Failure::new(
            reason,
            "retained will without retained messages",
        ));
    }
    if is_reserved(will.topic) {
        let reason = ReasonCode::NotAuthorized;
        return Err(Failure::new(reason, "will topic not allowed"));
    }
    Ok(())
}

fn connect_action(settings: &Settings, connect: &Connect<'_>, stats: &mut Stats) -> ConnectAction {
    let cap = settings.session_expiry_seconds_max;
    let session_expiry_seconds = match connect.version {
        Version::V5 => connect
            .properties
            .session_expiry
            .unwrap_or_default()
            .min(cap),
        // A session of MQTT 3 ends with the connection or not by itself [MQTT3-3.1.2-4].
        Version::V31 | Version::V311 if connect.clean_start => 0,
        Version::V31 | Version::V311 => cap,
    };
    let user_properties = connect.properties.user_properties.iter();
    ConnectAction {
        version: connect.version,
        client_id: Box::from(connect.client_id),
        clean_start: connect.clean_start,
        session_expiry_seconds,
        will: connect
            .will
            .as_ref()
            .map(|will| connect_will(settings, will, stats)),
        username: connect.username.map(Box::from),
        password: connect.password.map(Box::from),
        authentication_method: connect.properties.authentication_method.map(Box::from),
        user_properties: user_properties
            .map(|(name, value)| (Box::from(name), Box::from(value)))
            .collect(),
    }
}

fn connect_will(settings: &Settings, will: &Will<'_>, stats: &mut Stats) -> ConnectWill {
    let mut properties = Vec::with_capacity(will.forwarded.len());
    will.forwarded.copy_to(&mut properties);
    ConnectWill {
        topic: Box::from(will.topic),
        qos: will.qos,
        retain: will.retain,
        delay_seconds: will.delay_seconds,
        expiry_seconds: settings.message_expiry(will.message_expiry, stats),
        properties: properties.into_boxed_slice(),
        payload: Box::from(will.payload),
    }
}

fn connack_properties<'s>(
    settings: &'s Settings,
    handshake: &'s Handshake,
    method: Option<&'s str>,
) -> ConnAckProperties<'s> {
    let limited = |maximum: &u32| *maximum < PACKET_BYTES_MAX;
    let response_information = settings.response_information.as_deref();
    ConnAckProperties {
        session_expiry: handshake.session_expiry,
        receive_maximum: NonZeroU16::new(settings.receive_maximum)
            .filter(|maximum| maximum.get() < u16::MAX),
        // [MQTT-3.2.2-9]
        maximum_qos: settings.maximum_qos.min(Qos::ExactlyOnce),
        retain_available: settings.retain_available,
        maximum_packet_size: Some(settings.limits.packet_bytes_max)
            .filter(limited)
            .and_then(NonZeroU32::new),
        topic_alias_maximum: settings.topic_alias_maximum,
        wildcard_subscription_available: settings.wildcard_subscriptions,
        subscription_identifiers_available: settings.subscription_identifiers,
        shared_subscription_available: settings.shared_subscriptions,
        server_keep_alive: handshake.server_keep_alive,
        response_information: response_information.filter(|_| handshake.response_information),
        // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
        authentication_method: method,
        authentication_data: handshake.authentication_data.as_deref(),
        ..ConnAckProperties::default()
    }
}

/// The version in which a client of another one understands that it is refused: MQTT 3.1.1 for
/// older ones [MQTT3-3.1.2-2], MQTT 5.0 for newer ones [MQTT-3.1.2-2]. A client that speaks of
/// something else than MQTT gets no answer [MQTT-3.1.2-1] [MQTT3-3.1.2-1].
fn version_to_refuse_in(body: &[u8]) -> Option<Version> {
    match body {
        [0, 4, b'M', b'Q', b'T', b'T', level, ..]
        | [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', level, ..] => Some(if *level > 5 {
            Version::V5
        } else {
            Version::V311
        }),
        _ => None,
    }
}

const CONNECT_FIRST_BYTE: u8 = stats::CONNECT << 4;
