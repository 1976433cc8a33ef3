//! What can go wrong, told so that a program can act on it.

use std::sync::Arc;
use std::time::Duration;

use catena_store::Refusal;

use crate::Reason;

/// Why something could not be done.
///
/// Two questions decide what to do next, and each has a method: may the same succeed later
/// ([`is_retryable`](Self::is_retryable)), and may it have been done after all
/// ([`outcome`](Self::outcome))?
///
/// ```
/// use catena_sdk::{Error, Outcome};
///
/// fn next_step(error: &Error) -> &'static str {
///     match (error.is_retryable(), error.outcome()) {
///         (true, Outcome::NotApplied) => "do it again",
///         (true, Outcome::Unknown) => "do it again if twice does no harm",
///         (false, _) => "tell somebody",
///         (_, _) => "tell somebody",
///     }
/// }
/// assert_eq!(next_step(&Error::Full), "do it again");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument or option that cannot be used. Nothing was sent.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// What it is: a topic, a filter, a URL, ...
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The broker answered with a refusal, or has said before that it would.
    #[error("the broker refused: {reason}{}", told(text.as_deref()))]
    Refused {
        /// The reason code of its answer.
        reason: Reason,
        /// Its Reason String, if it sent one.
        text: Option<Arc<str>>,
    },
    /// The broker refused CONNECT, or ended the connection for good.
    #[error("the broker refused the connection: {reason}")]
    ConnectionRefused {
        /// The reason code of CONNACK or DISCONNECT.
        reason: Reason,
    },
    /// There is no connection: name resolution, TCP, TLS, WebSocket, or no CONNACK in time.
    #[error("cannot reach the broker: {why}")]
    Unreachable {
        /// What the network said.
        why: Arc<str>,
    },
    /// The connection broke before this was done, and it is not repeated by itself: a publish at
    /// QoS 0.
    #[error("the connection broke")]
    ConnectionLost,
    /// The broker has lost the session, and with it whether this was done: a publish at QoS 2.
    #[error("the broker has lost the session")]
    SessionLost,
    /// No answer came in time.
    #[error("no answer within {after:?}")]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// The queue is full; only methods that do not wait say so.
    #[error("the queue is full")]
    Full,
    /// The client was closed before this was sent.
    #[error("the client is closed")]
    Closed,
    /// The client was closed after this was sent and before it was answered.
    #[error("the client was closed before an answer came")]
    ClosedUnanswered,
    /// An answer came that does not follow the protocol.
    #[error("the answer cannot be understood: {why}")]
    Answer {
        /// What is wrong with it.
        why: String,
    },
    /// The state store refused a command.
    #[error("the state store refused: {text}")]
    StoreRefused {
        /// In its words.
        text: String,
    },
    /// A value was read that is not what the program takes it for.
    #[error("the value cannot be decoded: {why}")]
    Undecodable {
        /// What is wrong with it.
        why: String,
    },
    /// A lease was lost before the work that it protects was done.
    #[error("the lease was lost")]
    LeaseLost,
    /// The other side of a request/response exchange answered with an error of its own.
    #[error("the responder answered with an error: {why}")]
    Remote {
        /// What it said.
        why: String,
    },
}

impl Error {
    pub(crate) fn invalid(what: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid {
            what,
            why: why.into(),
        }
    }

    pub(crate) fn answer(why: &str) -> Self {
        let why = why.to_owned();
        Self::Answer { why }
    }

    /// Whether the same may succeed later, with nothing changed on this side.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { reason, .. } | Self::ConnectionRefused { reason } => {
                reason.is_retryable()
            }
            Self::Unreachable { .. }
            | Self::ConnectionLost
            | Self::SessionLost
            | Self::TimedOut { .. }
            | Self::LeaseLost
            | Self::Full => true,
            Self::StoreRefused { text } => Refusal::from_text(text) == Some(Refusal::QuotaExceeded),
            Self::Invalid { .. }
            | Self::Undecodable { .. }
            | Self::Closed
            | Self::ClosedUnanswered
            | Self::Answer { .. }
            | Self::Remote { .. } => false,
        }
    }

    /// Whether what was asked may have been done nevertheless.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Invalid { .. }
            | Self::Refused { .. }
            | Self::ConnectionRefused { .. }
            | Self::Unreachable { .. }
            | Self::StoreRefused { .. }
            | Self::Undecodable { .. }
            | Self::Full
            | Self::Closed => Outcome::NotApplied,
            Self::ConnectionLost
            | Self::SessionLost
            | Self::TimedOut { .. }
            | Self::LeaseLost
            | Self::ClosedUnanswered
            | Self::Answer { .. }
            | Self::Remote { .. } => Outcome::Unknown,
        }
    }
}

/// Whether something that ended in an [`Error`] may have been done nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was not done.
    NotApplied,
    /// It may have been done, or be done yet.
    Unknown,
}

fn told(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}
