//! Errors of the SDK as gRPC statuses: codes that retry rules can match, texts that say what to do.

use catena_sdk::{Error, Reason};
use tonic::{Code, Status};

/// The status for an error that came up while doing something, such as "publish to orders".
#[must_use]
pub fn of(error: &Error, doing: &str) -> Status {
    Status::new(code(error), format!("cannot {doing}: {error}"))
}

/// The code for an error.
#[must_use]
pub fn code(error: &Error) -> Code {
    match error {
        Error::Invalid { .. } => Code::InvalidArgument,
        Error::Refused { reason, .. } | Error::ConnectionRefused { reason } => of_reason(*reason),
        Error::Unreachable { .. }
        | Error::ConnectionLost
        | Error::SessionLost
        | Error::Closed
        | Error::ClosedUnanswered => Code::Unavailable,
        Error::TimedOut { .. } => Code::DeadlineExceeded,
        Error::Full => Code::ResourceExhausted,
        _ => Code::Internal,
    }
}

/// The code for a reason code of MQTT 5.
#[must_use]
pub fn of_reason(reason: Reason) -> Code {
    match reason.code() {
        // Malformed packet, protocol error, version, client ID, filter, topic, payload format.
        0x81 | 0x82 | 0x84 | 0x85 | 0x8F | 0x90 | 0x99 => Code::InvalidArgument,
        // Bad user name or password, bad authentication method.
        0x86 | 0x8C => Code::Unauthenticated,
        // Not authorized, banned.
        0x87 | 0x8A => Code::PermissionDenied,
        // Receive maximum, packet too large, message rate, quota, connection rate.
        0x93 | 0x95 | 0x96 | 0x97 | 0x9F => Code::ResourceExhausted,
        // Retain, QoS, shared subscriptions, subscription identifiers, wildcards.
        0x9A | 0x9B | 0x9E | 0xA1 | 0xA2 => Code::Unimplemented,
        _ => Code::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_rules_can_tell_what_may_go_away() {
        let why = "x".into();
        assert_eq!(code(&Error::Unreachable { why }), Code::Unavailable);
        assert_eq!(code(&Error::Full), Code::ResourceExhausted);
        let after = std::time::Duration::from_secs(1);
        assert_eq!(code(&Error::TimedOut { after }), Code::DeadlineExceeded);
        let reason = Reason::NOT_AUTHORIZED;
        let refused = Error::Refused { reason, text: None };
        assert_eq!(code(&refused), Code::PermissionDenied);
        assert!(
            of(&refused, "publish to a")
                .message()
                .starts_with("cannot publish to a: ")
        );
    }
}
