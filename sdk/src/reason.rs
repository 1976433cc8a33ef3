//! Reason codes: what a broker says about a packet of ours.

use std::fmt;

use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, DisconnectReasonCode, PubAckReason, PubCompReason, PubRecReason,
    SubscribeReasonCode, UnsubAckReason,
};

/// A reason code of MQTT 5 (section 2.4 of the standard).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason(u8);

impl Reason {
    /// 0x00: it was done.
    pub const SUCCESS: Self = Self(0x00);
    /// 0x10: accepted, but nobody subscribes to the topic.
    pub const NO_MATCHING_SUBSCRIBERS: Self = Self(0x10);
    /// 0x80: refused without saying why.
    pub const UNSPECIFIED: Self = Self(0x80);
    /// 0x87: this client may not do that.
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    /// 0x8C: not a method of authentication that the broker knows.
    pub const BAD_AUTHENTICATION_METHOD: Self = Self(0x8C);
    /// 0x8E: another connection has the client ID now.
    pub const SESSION_TAKEN_OVER: Self = Self(0x8E);
    /// 0x95: larger than the broker takes.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);
    /// 0x9A: the broker keeps no retained messages.
    pub const RETAIN_NOT_SUPPORTED: Self = Self(0x9A);
    /// 0x9B: the broker does not have this quality of service.
    pub const QOS_NOT_SUPPORTED: Self = Self(0x9B);

    /// The code as it travels.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// Whether it is a refusal: 0x80 and above.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        self.0 >= 0x80
    }

    /// Whether the same may be accepted later, with nothing changed on this side: the broker is
    /// busy, unavailable, shutting down or short of something.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self.0,
            0x80 | 0x83
                | 0x88
                | 0x89
                | 0x8B
                | 0x8D
                | 0x91
                | 0x93
                | 0x96
                | 0x97
                | 0x98
                | 0x9F
                | 0xA0
        )
    }

    const fn name(self) -> &'static str {
        match self.0 {
            0x00 => "success",
            0x01 => "granted QoS 1",
            0x02 => "granted QoS 2",
            0x04 => "disconnected with will",
            0x10 => "no matching subscribers",
            0x11 => "no subscription existed",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "unsupported protocol version",
            0x85 => "client identifier not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "server unavailable",
            0x89 => "server busy",
            0x8A => "banned",
            0x8B => "server shutting down",
            0x8C => "bad authentication method",
            0x8D => "keep alive timeout",
            0x8E => "session taken over",
            0x8F => "topic filter invalid",
            0x90 => "topic name invalid",
            0x91 => "packet identifier in use",
            0x92 => "packet identifier not found",
            0x93 => "receive maximum exceeded",
            0x94 => "topic alias invalid",
            0x95 => "packet too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action",
            0x99 => "payload format invalid",
            0x9A => "retain not supported",
            0x9B => "QoS not supported",
            0x9C => "use another server",
            0x9D => "server moved",
            0x9E => "shared subscriptions not supported",
            0x9F => "connection rate exceeded",
            0xA0 => "maximum connect time",
            0xA1 => "subscription identifiers not supported",
            0xA2 => "wildcard subscriptions not supported",
            _ => "unknown reason",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.name(), self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({self})")
    }
}

impl From<PubAckReason> for Reason {
    fn from(reason: PubAckReason) -> Self {
        Self(match reason {
            PubAckReason::Success => 0x00,
            PubAckReason::NoMatchingSubscribers => 0x10,
            PubAckReason::UnspecifiedError => 0x80,
            PubAckReason::ImplementationSpecificError => 0x83,
            PubAckReason::NotAuthorized => 0x87,
            PubAckReason::TopicNameInvalid => 0x90,
            PubAckReason::PacketIdentifierInUse => 0x91,
            PubAckReason::QuotaExceeded => 0x97,
            PubAckReason::PayloadFormatInvalid => 0x99,
        })
    }
}

impl From<PubRecReason> for Reason {
    fn from(reason: PubRecReason) -> Self {
        Self(match reason {
            PubRecReason::Success => 0x00,
            PubRecReason::NoMatchingSubscribers => 0x10,
            PubRecReason::UnspecifiedError => 0x80,
            PubRecReason::ImplementationSpecificError => 0x83,
            PubRecReason::NotAuthorized => 0x87,
            PubRecReason::TopicNameInvalid => 0x90,
            PubRecReason::PacketIdentifierInUse => 0x91,
            PubRecReason::QuotaExceeded => 0x97,
            PubRecReason::PayloadFormatInvalid => 0x99,
        })
    }
}

impl From<PubCompReason> for Reason {
    fn from(reason: PubCompReason) -> Self {
        Self(match reason {
            PubCompReason::Success => 0x00,
            PubCompReason::PacketIdentifierNotFound => 0x92,
        })
    }
}

impl From<SubscribeReasonCode> for Reason {
    fn from(reason: SubscribeReasonCode) -> Self {
        Self(match reason {
            SubscribeReasonCode::Success(qos) => qos as u8,
            SubscribeReasonCode::Failure | SubscribeReasonCode::Unspecified => 0x80,
            SubscribeReasonCode::ImplementationSpecific => 0x83,
            SubscribeReasonCode::NotAuthorized => 0x87,
            SubscribeReasonCode::TopicFilterInvalid => 0x8F,
            SubscribeReasonCode::PkidInUse => 0x91,
            SubscribeReasonCode::QuotaExceeded => 0x97,
            SubscribeReasonCode::SharedSubscriptionsNotSupported => 0x9E,
            SubscribeReasonCode::SubscriptionIdNotSupported => 0xA1,
            SubscribeReasonCode::WildcardSubscriptionsNotSupported => 0xA2,
        })
    }
}

impl From<UnsubAckReason> for Reason {
    fn from(reason: UnsubAckReason) -> Self {
        Self(match reason {
            UnsubAckReason::Success => 0x00,
            UnsubAckReason::NoSubscriptionExisted => 0x11,
            UnsubAckReason::UnspecifiedError => 0x80,
            UnsubAckReason::ImplementationSpecificError => 0x83,
            UnsubAckReason::NotAuthorized => 0x87,
            UnsubAckReason::TopicFilterInvalid => 0x8F,
            UnsubAckReason::PacketIdentifierInUse => 0x91,
        })
    }
}

impl From<DisconnectReasonCode> for Reason {
    fn from(reason: DisconnectReasonCode) -> Self {
        Self(reason as u8)
    }
}

impl From<ConnectReturnCode> for Reason {
    fn from(reason: ConnectReturnCode) -> Self {
        use ConnectReturnCode as Code;
        Self(match reason {
            Code::Success => 0x00,
            Code::UnspecifiedError => 0x80,
            Code::MalformedPacket => 0x81,
            Code::ProtocolError => 0x82,
            Code::ImplementationSpecificError => 0x83,
            Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => 0x84,
            Code::BadClientId | Code::ClientIdentifierNotValid => 0x85,
            Code::BadUserNamePassword => 0x86,
            Code::NotAuthorized => 0x87,
            Code::ServiceUnavailable | Code::ServerUnavailable => 0x88,
            Code::ServerBusy => 0x89,
            Code::Banned => 0x8A,
            Code::BadAuthenticationMethod => 0x8C,
            Code::TopicNameInvalid => 0x90,
            Code::PacketTooLarge => 0x95,
            Code::QuotaExceeded => 0x97,
            Code::PayloadFormatInvalid => 0x99,
            Code::RetainNotSupported => 0x9A,
            Code::QoSNotSupported => 0x9B,
            Code::UseAnotherServer => 0x9C,
            Code::ServerMoved => 0x9D,
            Code::ConnectionRateExceeded => 0x9F,
        })
    }
}
