//! Packets to bytes, appended to a buffer of the caller. What stands in front of the body is
//! computed from sizes, so nothing is moved or built in between.

mod publish;

use crate::error::EncodeError;
use crate::packet::{
    self, Ack, AckKind, Auth, ConnAck, Connect, Disconnect, ReasonProperties, SubAck, Subscribe,
    UnsubAck, Unsubscribe,
};
use crate::packet_id::PacketId;
use crate::reason::ReasonCode;
use crate::version::Version;

pub use publish::{PublishHead, publish, publish_beginning, publish_size};

pub(crate) use publish::publish_from;

/// Defines a function per acknowledgement.
macro_rules! acknowledgements {
    ($($(#[$doc:meta])* $name:ident = $kind:ident,)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// A field that cannot be expressed. `out` is unchanged then; never without properties.
        #[inline]
        pub fn $name(
            out: &mut Vec<u8>,
            version: Version,
            packet_id: PacketId,
            reason: ReasonCode,
            properties: &ReasonProperties<'_>,
        ) -> Result<(), EncodeError> {
            let properties = *properties;
            Ack { packet_id, reason, properties }.encode(AckKind::$kind, version, out)
        }
    )*};
}

acknowledgements! {
    /// PUBACK.
    puback = PubAck,
    /// PUBREC.
    pubrec = PubRec,
    /// PUBREL.
    pubrel = PubRel,
    /// PUBCOMP.
    pubcomp = PubComp,
}

/// CONNECT, in the version that it names.
///
/// # Errors
/// What cannot be expressed. `out` is unchanged then.
pub fn connect(out: &mut Vec<u8>, connect: &Connect<'_>) -> Result<(), EncodeError> {
    connect.encode(out)
}

/// Defines a function per packet that only delegates.
macro_rules! packets {
    ($($(#[$doc:meta])* $name:ident($type:ident),)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// What cannot be expressed. `out` is unchanged then.
        pub fn $name(
            out: &mut Vec<u8>,
            version: Version,
            $name: &$type<'_>,
        ) -> Result<(), EncodeError> {
            $name.encode(version, out)
        }
    )*};
}

packets! {
    /// CONNACK; the return code under MQTT 3.
    connack(ConnAck),
    /// SUBSCRIBE.
    subscribe(Subscribe),
    /// SUBACK; 0x80 for every failure under MQTT 3.
    suback(SubAck),
    /// UNSUBSCRIBE.
    unsubscribe(Unsubscribe),
    /// UNSUBACK.
    unsuback(UnsubAck),
    /// DISCONNECT; two bytes under MQTT 3.
    disconnect(Disconnect),
}

/// AUTH, which only MQTT 5.0 has.
///
/// # Errors
/// What cannot be expressed. `out` is unchanged then.
pub fn auth(out: &mut Vec<u8>, auth: &Auth<'_>) -> Result<(), EncodeError> {
    auth.encode(out)
}

/// PINGREQ.
pub fn pingreq(out: &mut Vec<u8>) {
    out.extend_from_slice(&[packet::PINGREQ << 4, 0]);
}

/// PINGRESP.
pub fn pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[packet::PINGRESP << 4, 0]);
}
