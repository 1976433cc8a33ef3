//! Reason codes of DISCONNECT as values of a label.

use catena_telemetry::metrics::DisconnectReason;

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
