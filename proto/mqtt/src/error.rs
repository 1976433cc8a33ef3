//! What can be wrong with bytes from a peer, and with a packet that we are asked to write.

use crate::reason::ReasonCode;

/// Why bytes are no acceptable MQTT packet. The connection they came from is to be closed
/// [MQTT-4.13.1-1], under MQTT 5.0 with [`reason`](Self::reason) in a CONNACK or DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (reason code {:#04x})", *reason as u8)]
pub struct DecodeError {
    /// The reason code that MQTT 5.0 asks for.
    pub reason: ReasonCode,
    /// What is wrong, for a log line.
    pub what: &'static str,
}

impl DecodeError {
    /// An error with the given reason code.
    #[must_use]
    pub const fn new(reason: ReasonCode, what: &'static str) -> Self {
        Self { reason, what }
    }

    /// The bytes do not follow the grammar of the packet.
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::new(ReasonCode::MalformedPacket, what)
    }

    /// The grammar holds, but the content is forbidden.
    pub(crate) const fn protocol(what: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, what)
    }

    /// A field runs past the end of its packet or property section.
    pub(crate) const TRUNCATED: Self = Self::malformed("field runs past the end of the packet");
}

/// Why a packet cannot be written. Nothing was written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string or binary field is longer than 65,535 bytes.
    #[error("field longer than 65535 bytes")]
    FieldTooLong,
    /// The packet would be longer than MQTT can express.
    #[error("packet longer than 268435455 bytes")]
    PacketTooLong,
    /// A PUBLISH above QoS 0 has no packet identifier.
    #[error("packet identifier missing")]
    PacketIdMissing,
    /// A number has no representation on the wire (a subscription identifier above 2^28 - 1).
    #[error("number too large for a variable byte integer")]
    NumberTooLarge,
}
