//! Quality of service of a publish or a subscription.

use crate::error::DecodeError;

/// Quality of service. The order is that of the guarantee: the least of two is the lower one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Qos {
    /// QoS 0: delivered once or not at all.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: delivered, possibly more than once.
    AtLeastOnce = 1,
    /// QoS 2: delivered exactly once.
    ExactlyOnce = 2,
}

impl TryFrom<u8> for Qos {
    type Error = DecodeError;

    /// Fails for everything above 2 [MQTT-3.3.1-4].
    #[inline]
    fn try_from(value: u8) -> Result<Self, DecodeError> {
        match value {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            2 => Ok(Self::ExactlyOnce),
            _ => Err(DecodeError::malformed("QoS above 2")),
        }
    }
}
