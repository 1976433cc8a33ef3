//! How a connection ends by our doing: which packet says so, and to whom it may be said.

use catena_mqtt::{
    ConnAck, ConnAckProperties, DecodeError, Disconnect, ReasonCode, Version, encode,
};

use crate::connection::{Connection, State};
use crate::stats;
use crate::{Settings, Stats, WillFate};

/// The connection is over: send what was written, close the socket, tell the session if there is
/// one [MQTT-4.13.2-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("connection closed: {detail} ({reason})")]
#[must_use]
pub struct Close {
    /// Why, in the words of MQTT 5.0.
    pub reason: ReasonCode,
    /// What becomes of the will.
    pub will: WillFate,
    /// Why, for a log line.
    pub detail: &'static str,
}

/// Something that ends the connection, before it is decided what is said about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) reason: ReasonCode,
    pub(crate) detail: &'static str,
}

impl Failure {
    pub(crate) const fn new(reason: ReasonCode, detail: &'static str) -> Self {
        Self { reason, detail }
    }

    pub(crate) const fn protocol(detail: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, detail)
    }

    /// AUTH on a connection that was opened without a method [MQTT-4.12.0-7].
    pub(crate) const NO_METHOD: Self =
        Self::protocol("AUTH without an authentication method in CONNECT");

    /// A packet that has to be sent is above the client's Maximum Packet Size [MQTT-3.1.2-24].
    pub(crate) const TOO_LARGE: Self = Self::new(
        ReasonCode::PacketTooLarge,
        "answer above the client's maximum packet size",
    );
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::new(error.reason, error.what)
    }
}

impl Connection {
    /// The broker ends the connection: shutdown, an administrator, credentials that have expired.
    /// The will is published, as the client has not sent DISCONNECT.
    pub fn handle_shutdown(
        &mut self,
        settings: &Settings,
        reason: ReasonCode,
        detail: &'static str,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Close {
        self.close(settings, Failure::new(reason, detail), bytes, stats)
    }

    /// Another connection has taken the session: DISCONNECT 0x8E [MQTT-3.1.4-3]
    /// [MQTT3-3.1.4-2].
    pub fn handle_taken_over(
        &mut self,
        settings: &Settings,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Close {
        let failure = Failure::new(ReasonCode::SessionTakenOver, "session taken over");
        self.close(settings, failure, bytes, stats)
    }

    /// Ends the connection and says why, where the version has a way to say it.
    #[cold]
    pub(crate) fn close(
        &mut self,
        settings: &Settings,
        failure: Failure,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Close {
        let state = self.end();
        stats.count_detail(failure.detail);
        match (state, self.version) {
            (State::Closed, _) | (_, None) => {}
            (State::Connected, Some(Version::V5)) => {
                self.write_disconnect(settings, failure, bytes, stats);
            }
            // MQTT 3 has no packet for it.
            (State::Connected, Some(Version::V31 | Version::V311)) => {}
            // No DISCONNECT before the CONNACK [MQTT-3.14.0-1].
            (
                State::Opening | State::AwaitingAuth | State::Verifying | State::Connecting,
                Some(version),
            ) => self.write_refusal(settings, version, failure, bytes, stats),
        }
        match state {
            State::Closed => {}
            State::Connected => stats.count_closed(failure.reason),
            State::Opening | State::AwaitingAuth | State::Verifying | State::Connecting => {
                stats.count_refused(failure.reason);
            }
        }
        Close {
            reason: failure.reason,
            will: WillFate::Publish,
            detail: failure.detail,
        }
    }

    fn write_disconnect(
        &self,
        settings: &Settings,
        failure: Failure,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) {
        let mut packet = Disconnect::new(disconnect_reason(failure.reason));
        packet.reason_string = settings.reason_strings.then_some(failure.detail);
        let packet = packet.fit(self.packet_bytes_max);
        if self.write(bytes, |bytes| {
            encode::disconnect(bytes, Version::V5, &packet)
        }) {
            stats.count_sent(stats::DISCONNECT);
        }
    }

    fn write_refusal(
        &self,
        settings: &Settings,
        version: Version,
        failure: Failure,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) {
        if !version.is_v5() && !has_return_code(failure.reason) {
            return;
        }
        let reason = if version.is_v5() {
            connack_reason(failure.reason)
        } else {
            failure.reason
        };
        let reason_string = settings.reason_strings.then_some(failure.detail);
        let properties = ConnAckProperties {
            reason_string,
            ..ConnAckProperties::default()
        };
        let packet = ConnAck {
            session_present: false,
            reason,
            properties,
        };
        let packet = packet.fit(version, self.packet_bytes_max);
        if self.write(bytes, |bytes| encode::connack(bytes, version, &packet)) {
            stats.count_sent(stats::CONNACK);
        }
    }

    /// Writes a packet; takes it back and returns false if it is above the client's Maximum Packet
    /// Size [MQTT-3.1.2-24].
    #[inline]
    pub(crate) fn write<E>(
        &self,
        bytes: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> bool {
        let start = bytes.len();
        let is_written = encode(bytes).is_ok();
        if bytes.len() - start > self.packet_bytes_max as usize {
            bytes.truncate(start);
            return false;
        }
        is_written
    }
}

/// The reasons for which MQTT 3 has a CONNACK return code. For others there is none
/// [MQTT3-3.2.2-6], a malformed CONNECT among them [MQTT3-3.1.4-1].
const fn has_return_code(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::UnsupportedProtocolVersion
            | ReasonCode::ClientIdentifierNotValid
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::NotAuthorized
            | ReasonCode::Banned
            | ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
            | ReasonCode::ServerShuttingDown
            | ReasonCode::QuotaExceeded
            | ReasonCode::ConnectionRateExceeded
            | ReasonCode::UseAnotherServer
            | ReasonCode::ServerMoved
    )
}

/// The nearest code that CONNACK may carry [MQTT-3.2.2-8].
const fn connack_reason(reason: ReasonCode) -> ReasonCode {
    match reason {
        _ if ConnAck::allows(reason) => reason,
        ReasonCode::ServerShuttingDown | ReasonCode::SessionTakenOver => {
            ReasonCode::ServerUnavailable
        }
        ReasonCode::AdministrativeAction => ReasonCode::NotAuthorized,
        _ => ReasonCode::UnspecifiedError,
    }
}

/// The nearest code that DISCONNECT may carry [MQTT-3.14.2-1].
const fn disconnect_reason(reason: ReasonCode) -> ReasonCode {
    match reason {
        // The decoder takes it, section 3.14.2.1 does not list it.
        ReasonCode::BadAuthenticationMethod => ReasonCode::NotAuthorized,
        // Only a client has a will to keep.
        ReasonCode::DisconnectWithWill => ReasonCode::ProtocolError,
        _ if Disconnect::allows(reason) => reason,
        ReasonCode::BadUserNameOrPassword | ReasonCode::Banned => ReasonCode::NotAuthorized,
        ReasonCode::ServerUnavailable => ReasonCode::ServerBusy,
        _ => ReasonCode::ProtocolError,
    }
}
