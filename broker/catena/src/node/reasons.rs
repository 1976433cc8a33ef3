//! Reason codes of DISCONNECT, and what a frontend refuses, as values of labels.

use catena_frontend::Refusal;
use catena_telemetry::metrics::{DisconnectReason, Limit, RefusalReason};

/// Why a connection was refused before it came to MQTT.
pub(super) fn refusal(refusal: Refusal) -> RefusalReason {
    match refusal {
        Refusal::Connections => RefusalReason::ConnectionsLimit,
        Refusal::ConnectionsPerAddress => RefusalReason::ConnectionsPerAddress,
        Refusal::ConnectionsPerPort => RefusalReason::ConnectionsPerPort,
        Refusal::AcceptFailed => RefusalReason::AcceptFailed,
        Refusal::Proxy => RefusalReason::Proxy,
        Refusal::Tls => RefusalReason::Tls,
        Refusal::WebSocket => RefusalReason::Websocket,
        Refusal::HandshakeTimeout => RefusalReason::HandshakeTimeout,
    }
}

/// The limit that acted, if it was one.
pub(super) fn limit(refusal: Refusal) -> Option<Limit> {
    match refusal {
        Refusal::Connections => Some(Limit::Connections),
        Refusal::ConnectionsPerAddress => Some(Limit::ConnectionsPerAddress),
        Refusal::ConnectionsPerPort => Some(Limit::ConnectionsPerPort),
        Refusal::HandshakeTimeout => Some(Limit::HandshakeTime),
        Refusal::AcceptFailed | Refusal::Proxy | Refusal::Tls | Refusal::WebSocket => None,
    }
}

/// Why a CONNECT was refused with this reason code.
pub(super) fn refused(code: u8) -> RefusalReason {
    match code {
        0x80 => RefusalReason::ConnectTimeout,
        0x81 | 0x82 => RefusalReason::Malformed,
        0x83 => RefusalReason::Fault,
        0x84 => RefusalReason::ProtocolVersion,
        0x85 => RefusalReason::ClientId,
        0x86 | 0x8C => RefusalReason::Authentication,
        0x87 | 0x8A => RefusalReason::Authorization,
        0x8B => RefusalReason::ShuttingDown,
        0x95 => RefusalReason::PacketTooLarge,
        0x97 => RefusalReason::MemoryPool,
        0x90 | 0x9A | 0x9B => RefusalReason::WillUnsupported,
        _ => RefusalReason::Unavailable,
    }
}

/// Why a connection was ended with this reason code.
pub(super) fn disconnect(code: u8) -> DisconnectReason {
    match code {
        0x00 => DisconnectReason::Normal,
        0x04 => DisconnectReason::WithWill,
        0x81 => DisconnectReason::Malformed,
        0x87 => DisconnectReason::NotAuthorized,
        0x88 | 0x89 | 0x8B | 0x9C | 0x9D => DisconnectReason::ShuttingDown,
        0x8D => DisconnectReason::KeepAlive,
        0x8E => DisconnectReason::TakenOver,
        0x8F | 0x90 => DisconnectReason::TopicInvalid,
        0x93 => DisconnectReason::ReceiveMaximum,
        0x94 => DisconnectReason::TopicAlias,
        0x95 => DisconnectReason::PacketTooLarge,
        0x96 | 0x97 | 0x9F => DisconnectReason::QuotaExceeded,
        0x98 => DisconnectReason::Administrative,
        0x9A | 0x9B | 0x9E | 0xA1 | 0xA2 => DisconnectReason::Unsupported,
        0xA0 => DisconnectReason::AuthenticationExpired,
        0x83 => DisconnectReason::Fault,
        _ => DisconnectReason::ProtocolError,
    }
}
