//! Why a client gave up, as a sentence for a person and an exit code for a script.

use std::fmt;

use catena_mqtt::{ConnectReturnCode, ReasonCode, Version};

/// Why a client ended without having done what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What the process exits with. As mosquitto's clients: the reason code of a refusal, else one
    /// of the numbers below.
    pub(crate) code: u8,
    /// Lower case, without a final dot.
    pub(crate) text: String,
}

/// No connection, or something else that has no number of its own.
pub(crate) const GENERAL: u8 = 1;
/// The broker does not follow the protocol.
pub(crate) const PROTOCOL: u8 = 2;
/// The arguments do not fit together. mosquitto's clients exit with 1 then.
pub(crate) const USAGE: u8 = 2;
/// The connection ended before the work was done.
pub(crate) const CONNECTION_LOST: u8 = 7;
/// The TLS handshake failed.
pub(crate) const TLS: u8 = 8;
/// The time given with `-W` is over, or an answer took too long.
pub(crate) const TIMED_OUT: u8 = 27;

impl Failure {
    /// A failure with an exit code.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { code, text }
    }

    /// Arguments that do not fit together.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(USAGE, text)
    }

    /// Something that has no number of its own.
    pub(crate) fn general(text: impl Into<String>) -> Self {
        Self::new(GENERAL, text)
    }

    /// The time for an answer is over.
    pub(crate) fn unanswered() -> Self {
        Self::new(TIMED_OUT, "timed out: the broker did not answer")
    }

    /// The broker hung up.
    pub(crate) fn lost() -> Self {
        Self::new(CONNECTION_LOST, "the broker closed the connection")
    }

    /// The broker refused `what`. The exit code is its reason code.
    pub(crate) fn refused(what: &str, reason: ReasonCode, explanation: Option<&str>) -> Self {
        let mut text = format!("the broker refused {what}: {}", words(reason));
        if let Some(explanation) = explanation {
            text.push_str(": ");
            text.push_str(explanation);
        }
        Self::new(reason as u8, text)
    }

    /// The broker refused the connection. Under MQTT 3 the exit code is the return code.
    pub(crate) fn connection_refused(
        version: Version,
        reason: ReasonCode,
        explanation: Option<&str>,
    ) -> Self {
        let mut failure = Self::refused("the connection", reason, explanation);
        if !version.is_v5() {
            failure.code = ConnectReturnCode::from(reason) as u8;
        }
        failure
    }

    /// Prints the failure unless `quiet`, and tells what to exit with.
    pub(crate) fn report(&self, quiet: bool) -> u8 {
        if !quiet {
            eprintln!("error: {}", self.text);
        }
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl From<catena_mqtt::DecodeError> for Failure {
    fn from(error: catena_mqtt::DecodeError) -> Self {
        Self::new(
            PROTOCOL,
            format!("the broker sent what is no MQTT: {error}"),
        )
    }
}

impl From<catena_mqtt::EncodeError> for Failure {
    fn from(error: catena_mqtt::EncodeError) -> Self {
        Self::usage(format!("cannot be written as MQTT: {error}"))
    }
}

/// The name of a reason code in words: `NotAuthorized` is "not authorized (0x87)".
pub(crate) fn words(reason: ReasonCode) -> String {
    let mut words = String::new();
    for character in format!("{reason:?}").chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    format!("{words} (0x{:02X})", reason as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_exit_with_the_code_of_their_version() {
        let reason = ReasonCode::NotAuthorized;
        let new = Failure::connection_refused(Version::V5, reason, Some("no such rule"));
        assert_eq!(
            (new.code, new.text.as_str()),
            (
                0x87,
                "the broker refused the connection: not authorized (0x87): no such rule"
            )
        );
        let old = Failure::connection_refused(Version::V311, reason, None);
        assert_eq!(old.code, 5);
    }
}
