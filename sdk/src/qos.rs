//! The three qualities of service.

use rumqttc::v5::mqttbytes::QoS as Wire;

/// How often a message arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// QoS 0: once, or not at all if a connection breaks or a receiver is slow.
    AtMostOnce,
    /// QoS 1: once or, around a break of a connection, several times. The default of this crate.
    #[default]
    AtLeastOnce,
    /// QoS 2: once. Costs two round trips.
    ExactlyOnce,
}

impl From<Qos> for Wire {
    fn from(qos: Qos) -> Self {
        match qos {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce,
            Qos::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

impl From<Wire> for Qos {
    fn from(qos: Wire) -> Self {
        match qos {
            Wire::AtMostOnce => Self::AtMostOnce,
            Wire::AtLeastOnce => Self::AtLeastOnce,
            Wire::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}
