//! Reason codes of MQTT 5.0 and the CONNACK return codes of MQTT 3.

use std::fmt;

use crate::error::DecodeError;

/// Defines the reason codes once: enum, conversion from the wire and names.
macro_rules! reason_codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        /// The outcome of an operation (MQTT 5.0, section 2.4). From 0x80 on it is a failure.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ReasonCode { $($(#[$doc])* $name = $value,)* }

        impl ReasonCode {
            /// All codes, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        impl TryFrom<u8> for ReasonCode {
            type Error = DecodeError;

            /// Fails for numbers that the standard does not define.
            #[inline]
            fn try_from(value: u8) -> Result<Self, DecodeError> {
                match value {
                    $($value => Ok(Self::$name),)*
                    _ => Err(DecodeError::protocol("undefined reason code")),
                }
            }
        }
    };
}

reason_codes! {
    /// Success, normal disconnection, or granted QoS 0.
    #[default]
    Success = 0x00,
    /// Granted QoS 1.
    GrantedQos1 = 0x01,
    /// Granted QoS 2.
    GrantedQos2 = 0x02,
    /// The client ends the connection but wants its will published.
    DisconnectWithWill = 0x04,
    /// Accepted, but nobody subscribes to the topic.
    NoMatchingSubscribers = 0x10,
    /// There was no such subscription to end.
    NoSubscriptionExisted = 0x11,
    /// The authentication exchange goes on.
    ContinueAuthentication = 0x18,
    /// The client starts a new authentication.
    Reauthenticate = 0x19,
    /// A failure that the sender does not want to explain.
    UnspecifiedError = 0x80,
    /// The bytes do not follow the standard.
    MalformedPacket = 0x81,
    /// The content or the order of packets is forbidden.
    ProtocolError = 0x82,
    /// Valid, but this receiver does not accept it.
    ImplementationSpecificError = 0x83,
    /// The protocol version is not supported.
    UnsupportedProtocolVersion = 0x84,
    /// The client identifier is not allowed.
    ClientIdentifierNotValid = 0x85,
    /// User name or password is wrong.
    BadUserNameOrPassword = 0x86,
    /// The client may not do this.
    NotAuthorized = 0x87,
    /// The server is not available.
    ServerUnavailable = 0x88,
    /// The server has too much to do: try again later.
    ServerBusy = 0x89,
    /// This client is banned.
    Banned = 0x8A,
    /// The server is shutting down.
    ServerShuttingDown = 0x8B,
    /// The authentication method is not supported or not the current one.
    BadAuthenticationMethod = 0x8C,
    /// Nothing came for one and a half times the keep alive.
    KeepAliveTimeout = 0x8D,
    /// Another connection has taken the session.
    SessionTakenOver = 0x8E,
    /// The topic filter is not accepted.
    TopicFilterInvalid = 0x8F,
    /// The topic name is not accepted.
    TopicNameInvalid = 0x90,
    /// The packet identifier is in use.
    PacketIdentifierInUse = 0x91,
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92,
    /// More unacknowledged publishes than the Receive Maximum.
    ReceiveMaximumExceeded = 0x93,
    /// The topic alias is zero, above the maximum, or not set.
    TopicAliasInvalid = 0x94,
    /// The packet is larger than the receiver accepts.
    PacketTooLarge = 0x95,
    /// The rate of packets is too high.
    MessageRateTooHigh = 0x96,
    /// A limit set by the operator is exceeded.
    QuotaExceeded = 0x97,
    /// An operator ended the connection.
    AdministrativeAction = 0x98,
    /// The payload is not in the format it claims.
    PayloadFormatInvalid = 0x99,
    /// The server has no retained messages.
    RetainNotSupported = 0x9A,
    /// The QoS is above the server's maximum.
    QosNotSupported = 0x9B,
    /// Use another server for now.
    UseAnotherServer = 0x9C,
    /// Use another server from now on.
    ServerMoved = 0x9D,
    /// The server has no shared subscriptions.
    SharedSubscriptionsNotSupported = 0x9E,
    /// The rate of connections is too high.
    ConnectionRateExceeded = 0x9F,
    /// The longest permitted connection time is over.
    MaximumConnectTime = 0xA0,
    /// The server has no subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xA1,
    /// The server has no wildcard subscriptions.
    WildcardSubscriptionsNotSupported = 0xA2,
}

impl ReasonCode {
    /// Whether the operation failed.
    #[inline]
    #[must_use]
    pub const fn is_error(self) -> bool {
        self as u8 >= 0x80
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} (0x{:02X})", *self as u8)
    }
}

/// The return code of a CONNACK under MQTT 3.1 and 3.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ConnectReturnCode {
    /// The connection is accepted.
    Accepted = 0,
    /// The protocol level is not supported [MQTT3-3.1.2-2].
    UnacceptableProtocolVersion = 1,
    /// The client identifier is not allowed [MQTT3-3.1.3-9].
    IdentifierRejected = 2,
    /// The service is not available.
    ServerUnavailable = 3,
    /// User name or password is malformed or wrong.
    BadUserNameOrPassword = 4,
    /// The client may not connect.
    NotAuthorized = 5,
}

impl From<ReasonCode> for ConnectReturnCode {
    /// The nearest code that MQTT 3 has. Whatever it has no code for is "server unavailable",
    /// which makes a client try again later; a core that wants to close without a CONNACK
    /// [MQTT3-3.2.2-6] decides that before it gets here.
    fn from(reason: ReasonCode) -> Self {
        match reason {
            code if !code.is_error() => Self::Accepted,
            ReasonCode::UnsupportedProtocolVersion => Self::UnacceptableProtocolVersion,
            ReasonCode::ClientIdentifierNotValid => Self::IdentifierRejected,
            ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => {
                Self::BadUserNameOrPassword
            }
            ReasonCode::NotAuthorized | ReasonCode::Banned => Self::NotAuthorized,
            _ => Self::ServerUnavailable,
        }
    }
}

impl From<ConnectReturnCode> for ReasonCode {
    fn from(code: ConnectReturnCode) -> Self {
        match code {
            ConnectReturnCode::Accepted => Self::Success,
            ConnectReturnCode::UnacceptableProtocolVersion => Self::UnsupportedProtocolVersion,
            ConnectReturnCode::IdentifierRejected => Self::ClientIdentifierNotValid,
            ConnectReturnCode::ServerUnavailable => Self::ServerUnavailable,
            ConnectReturnCode::BadUserNameOrPassword => Self::BadUserNameOrPassword,
            ConnectReturnCode::NotAuthorized => Self::NotAuthorized,
        }
    }
}

impl TryFrom<u8> for ConnectReturnCode {
    type Error = DecodeError;

    fn try_from(value: u8) -> Result<Self, DecodeError> {
        Ok(match value {
            0 => Self::Accepted,
            1 => Self::UnacceptableProtocolVersion,
            2 => Self::IdentifierRejected,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => return Err(DecodeError::malformed("undefined CONNACK return code")),
        })
    }
}
