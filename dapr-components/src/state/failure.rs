//! Why an operation fails, and how a sidecar reads it.
//!
//! A sidecar understands two forms, each with exactly one detail: a `BadRequest` with one
//! violation of the field `etag`, and an `ErrorInfo` that says `kit_error`, whose HTTP code, tag
//! and text the application sees.

use std::collections::HashMap;
use std::fmt::Write as _;

use catena_sdk::{Error, Reason};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::etag::{Condition, EtagError};
use super::keys::PartitionBy;
use super::ttl::TtlError;

/// Why an operation fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// What the application reads.
    pub(crate) text: String,
}

/// What kind of failure it is: what an application can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody else has changed the entry, or the ETag can be nobody's.
    Etag(EtagError),
    /// The request cannot be served as it is.
    Invalid,
    /// The rights of the component do not suffice.
    NotAuthorized,
    /// Key or value are longer than the broker takes.
    TooLarge,
    /// A value or answer is longer than a sidecar takes.
    TooLargeForSidecar,
    /// The store is full.
    QuotaExceeded,
    /// The key is protected by a fencing token, or a clock is wrong.
    Precondition,
    /// The broker cannot be reached; nothing was done.
    Unavailable,
    /// No answer: a write may have been done.
    NoAnswer,
    /// The store, or this component, cannot do that.
    Unsupported,
    /// An answer that makes no sense.
    Internal,
}

/// Who speaks, in the sense of `google.rpc.ErrorInfo`.
const DOMAIN: &str = "catena";

/// Texts travel in HTTP/2 trailers, whose length is limited.
const TEXT_BYTES_MAX: usize = 1_024;

/// The store's refusal of a transaction whose keys do not meet.
const SPREADS: &str = "the keys of a group must share the text in their braces";

/// What to do about a broker where nobody takes requests.
const NO_STORE: &str = ": the broker has no state store, since nobody there takes requests on \
    statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/command/invoke; connect the component to a \
    broker that has one, as Catena has";

/// What to do about a broker that lets the client in, and not to the store.
const RIGHTS: &str = ": the broker does not let this client use the state store; allow it to \
    publish to statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/command/invoke and to subscribe \
    to what begins with clients/, its client ID and /services/statestore/";

impl Kind {
    /// Code, HTTP status and the word for it.
    const fn form(self) -> (Code, u16, &'static str) {
        match self {
            Self::Etag(EtagError::Mismatch) => (Code::Aborted, 409, "ETAG_MISMATCH"),
            Self::Etag(EtagError::Invalid) => (Code::InvalidArgument, 400, "ETAG_INVALID"),
            Self::Invalid => (Code::InvalidArgument, 400, "INVALID_REQUEST"),
            Self::NotAuthorized => (Code::PermissionDenied, 403, "NOT_AUTHORIZED"),
            Self::TooLarge => (Code::InvalidArgument, 413, "TOO_LARGE"),
            Self::TooLargeForSidecar => (Code::ResourceExhausted, 413, "TOO_LARGE_FOR_SIDECAR"),
            Self::QuotaExceeded => (Code::ResourceExhausted, 507, "QUOTA_EXCEEDED"),
            Self::Precondition => (Code::FailedPrecondition, 412, "PRECONDITION_FAILED"),
            Self::Unavailable => (Code::Unavailable, 503, "UNAVAILABLE"),
            Self::NoAnswer => (Code::DeadlineExceeded, 504, "NO_ANSWER"),
            Self::Unsupported => (Code::Unimplemented, 501, "NOT_SUPPORTED"),
            Self::Internal => (Code::Internal, 500, "INTERNAL"),
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, text }
    }

    pub(crate) fn etag(error: EtagError, key: &str) -> Self {
        let text = match error {
            EtagError::Mismatch => format!("{key:?} is not there with this ETag"),
            EtagError::Invalid => format!("the ETag for {key:?} is malformed"),
        };
        Self::new(Kind::Etag(error), text)
    }

    /// The mismatch of a first write that came without an ETag.
    pub(crate) fn exists(key: &str) -> Self {
        let text = format!(
            "{key:?} exists already, and first-write without an ETag wants that it does not"
        );
        Self::new(Kind::Etag(EtagError::Mismatch), text)
    }

    /// The mismatch of a condition that an entry does not meet.
    pub(crate) fn unmet(condition: &Condition, key: &str) -> Self {
        match condition {
            Condition::Absent => Self::exists(key),
            Condition::Always | Condition::Version(_) => Self::etag(EtagError::Mismatch, key),
        }
    }

    /// Why a transaction fails: where its keys do not meet, with the remedy that there is.
    pub(crate) fn of_transaction(error: Error, by: PartitionBy) -> Self {
        if !matches!(&error, Error::StoreRefused { text } if text == SPREADS) {
            return error.into();
        }
        let or = match by {
            PartitionBy::Prefix => {
                "give all of them one prefix, the text before `||`: the component's metadata \
                 keyPrefix must not be none for that"
            }
            PartitionBy::Key => {
                "set the component's metadata partitionBy to prefix, for keys that have one \
                 prefix, the text before `||`"
            }
        };
        let text = format!(
            "the keys of a transaction have to share a partition: send the same metadata \
             partitionKey with each Set, Get, Delete and transaction of these keys, or {or}"
        );
        Self::new(Kind::Invalid, text)
    }

    /// As the answer to a single operation or a bulk one.
    pub(crate) fn into_status(self) -> Status {
        let Kind::Etag(error) = self.kind else {
            return self.into_kit_status();
        };
        let code = match error {
            EtagError::Mismatch => Code::FailedPrecondition,
            EtagError::Invalid => Code::InvalidArgument,
        };
        let text = shortened(self.text);
        let details = ErrorDetails::with_bad_request_violation("etag", text.as_str());
        Status::with_error_details(code, text, details)
    }

    /// As the answer to a transaction, for which a sidecar knows no other form.
    pub(crate) fn into_kit_status(self) -> Status {
        let (code, http_code, word) = self.kind.form();
        let metadata = HashMap::from([
            ("kit_error".to_owned(), "true".to_owned()),
            ("http_code".to_owned(), http_code.to_string()),
            ("tag".to_owned(), format!("ERR_STATE_{word}")),
        ]);
        let reason = format!("CATENA_STATE_{word}");
        let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        Status::with_error_details(code, shortened(self.text), details)
    }

    /// The one answer to a bulk operation, of whose items some have failed. An ETag error of any
    /// counts more than all else, and an invalid ETag more than a mismatch.
    pub(crate) fn of_many(failed: &[(String, Self)]) -> Option<Self> {
        let has = |error| failed.iter().any(|(_, it)| it.kind == Kind::Etag(error));
        let etag = [EtagError::Invalid, EtagError::Mismatch]
            .into_iter()
            .find(|it| has(*it));
        let kind = etag.map_or(failed.first()?.1.kind, Kind::Etag);
        let mut text = format!("{} failed", failed.len());
        for (index, (key, failure)) in failed.iter().enumerate() {
            // Writing into a string does not fail.
            let _ = write!(
                text,
                "{} {key:?}: {}",
                if index == 0 { ":" } else { ";" },
                failure.text
            );
            if text.len() > TEXT_BYTES_MAX {
                break;
            }
        }
        Some(Self::new(kind, text))
    }
}

impl From<TtlError> for Failure {
    fn from(error: TtlError) -> Self {
        Self::new(Kind::Invalid, error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::StoreRefused { text } => return refused(text),
            Error::Refused { reason, .. } => return refused_by_broker(*reason, &error),
            Error::ConnectionRefused { reason } if is_about_rights(*reason) => Kind::NotAuthorized,
            Error::ConnectionRefused { .. }
            | Error::Unreachable { .. }
            | Error::Full
            | Error::Closed => Kind::Unavailable,
            // An ETag that has the form of a version, and can be none.
            Error::Invalid {
                what: "version", ..
            } => Kind::Etag(EtagError::Mismatch),
            Error::Invalid { .. } => Kind::Invalid,
            Error::TimedOut { .. }
            | Error::ConnectionLost
            | Error::SessionLost
            | Error::ClosedUnanswered => Kind::NoAnswer,
            _ => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

/// A refusal in the store's words.
fn refused(text: &str) -> Failure {
    let kind = match text {
        "not authorized" => Kind::NotAuthorized,
        "the quota has been exceeded" => Kind::QuotaExceeded,
        "the key is too long" | "the value is too long" => Kind::TooLarge,
        "the key length is zero" => Kind::Invalid,
        "unknown command" => Kind::Unsupported,
        SPREADS => Kind::Invalid,
        _ if text.contains("fencing token") || text.contains("too far in the future") => {
            Kind::Precondition
        }
        _ => Kind::Internal,
    };
    Failure::new(kind, format!("the state store refused: {text}"))
}

/// A refusal of what carries a request or its answer.
fn refused_by_broker(reason: Reason, error: &Error) -> Failure {
    let (kind, remedy) = match reason {
        Reason::PACKET_TOO_LARGE => (Kind::TooLarge, ""),
        // It may be one whose store is still to come.
        Reason::NO_MATCHING_SUBSCRIBERS => (Kind::Unavailable, NO_STORE),
        _ if is_about_rights(reason) => (Kind::NotAuthorized, RIGHTS),
        _ if reason.is_retryable() => (Kind::Unavailable, ""),
        _ => (Kind::Internal, ""),
    };
    Failure::new(kind, format!("{error}{remedy}"))
}

/// Not authorized, bad user name or password, banned, bad authentication method.
fn is_about_rights(reason: Reason) -> bool {
    matches!(reason.code(), 0x86 | 0x87 | 0x8A | 0x8C)
}

fn shortened(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX)
            .rev()
            .find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mismatch(key: &str) -> Failure {
        Failure::etag(EtagError::Mismatch, key)
    }

    /// What a sidecar takes for an ETag error: one detail, one violation, of this field.
    #[test]
    fn an_etag_error_has_one_violation_and_nothing_else() {
        for (error, code) in [
            (EtagError::Mismatch, Code::FailedPrecondition),
            (EtagError::Invalid, Code::InvalidArgument),
        ] {
            let status = Failure::etag(error, "shop||total").into_status();
            assert_eq!(status.code(), code);
            let details = status.get_error_details_vec();
            let [tonic_types::ErrorDetail::BadRequest(request)] = &*details else {
                panic!("{details:?}");
            };
            let [violation] = &*request.field_violations else {
                panic!("{request:?}");
            };
            assert_eq!(violation.field, "etag");
            assert!(violation.description.contains("shop||total"));
        }
    }

    #[test]
    fn other_errors_tell_an_application_code_tag_and_text() {
        for (kind, code, http_code) in [
            (Kind::Unavailable, Code::Unavailable, "503"),
            (Kind::NotAuthorized, Code::PermissionDenied, "403"),
            (Kind::QuotaExceeded, Code::ResourceExhausted, "507"),
            (Kind::Unsupported, Code::Unimplemented, "501"),
            (Kind::NoAnswer, Code::DeadlineExceeded, "504"),
        ] {
            let status = Failure::new(kind, "why").into_status();
            assert_eq!((status.code(), status.message()), (code, "why"));
            let details = status.get_error_details_vec();
            let [tonic_types::ErrorDetail::ErrorInfo(info)] = &*details else {
                panic!("{details:?}");
            };
            assert_eq!(info.metadata["kit_error"], "true");
            assert_eq!(info.metadata["http_code"], http_code);
            assert!(info.metadata["tag"].starts_with("ERR_STATE_"));
        }
    }

    #[test]
    fn a_transaction_tells_a_mismatch_in_the_only_form_that_is_read() {
        let status = mismatch("a").into_kit_status();
        assert_eq!(status.code(), Code::Aborted);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["http_code"], "409");
        assert!(status.get_details_bad_request().is_none());
    }

    #[test]
    fn what_the_store_and_the_broker_refuse_has_its_kind() {
        let refused = |text: &str| Error::StoreRefused {
            text: text.to_owned(),
        };
        let broker = |reason| Error::Refused { reason, text: None };
        let connection = |reason| Error::ConnectionRefused { reason };
        let after = Duration::from_secs(1);
        for (error, kind) in [
            (refused("not authorized"), Kind::NotAuthorized),
            (refused("the quota has been exceeded"), Kind::QuotaExceeded),
            (refused("the value is too long"), Kind::TooLarge),
            (
                refused("a fencing token is required for this request"),
                Kind::Precondition,
            ),
            (
                refused("the request timestamp is too far in the future; .."),
                Kind::Precondition,
            ),
            (refused("something new"), Kind::Internal),
            (broker(Reason::NOT_AUTHORIZED), Kind::NotAuthorized),
            (broker(Reason::NO_MATCHING_SUBSCRIBERS), Kind::Unavailable),
            (broker(Reason::PACKET_TOO_LARGE), Kind::TooLarge),
            (connection(Reason::NOT_AUTHORIZED), Kind::NotAuthorized),
            (connection(Reason::SESSION_TAKEN_OVER), Kind::Unavailable),
            (Error::TimedOut { after }, Kind::NoAnswer),
            (Error::Closed, Kind::Unavailable),
        ] {
            assert_eq!(Failure::from(error.clone()).kind, kind, "{error:?}");
        }
        for (reason, remedy) in [
            (Reason::NO_MATCHING_SUBSCRIBERS, "has no state store"),
            (Reason::NOT_AUTHORIZED, "allow it to publish to statestore/"),
        ] {
            let text = Failure::from(broker(reason)).text;
            assert!(text.contains(remedy), "{text}");
        }
    }

    #[test]
    fn a_transaction_that_spreads_is_told_a_remedy_that_is_not_in_force_yet() {
        let refused = |text: &str| Error::StoreRefused {
            text: text.to_owned(),
        };
        for (by, other, remedy) in [
            (PartitionBy::Prefix, "partitionBy", "keyPrefix"),
            (PartitionBy::Key, "keyPrefix", "partitionBy to prefix"),
        ] {
            let failure = Failure::of_transaction(refused(SPREADS), by);
            assert_eq!(failure.kind, Kind::Invalid);
            let text = failure.text;
            assert!(
                text.contains("partitionKey") && text.contains(remedy),
                "{text}"
            );
            assert!(!text.contains(other), "{text}");
            let failure = Failure::of_transaction(refused("not authorized"), by);
            assert_eq!(failure.kind, Kind::NotAuthorized);
        }
    }

    #[test]
    fn one_answer_tells_of_all_that_failed_and_an_etag_error_counts_most() {
        assert_eq!(Failure::of_many(&[]), None);
        let failed = |failures: &[(&str, Kind)]| {
            let each = failures.iter();
            let each = each.map(|(key, kind)| ((*key).to_owned(), Failure::new(*kind, "why")));
            Failure::of_many(&each.collect::<Vec<_>>()).unwrap()
        };
        let wrong = Kind::Etag(EtagError::Mismatch);
        let bad = Kind::Etag(EtagError::Invalid);
        assert_eq!(failed(&[("a", Kind::Internal), ("b", wrong)]).kind, wrong);
        assert_eq!(failed(&[("a", wrong), ("b", bad)]).kind, bad);
        let both = failed(&[("a", Kind::QuotaExceeded), ("b", Kind::Internal)]);
        assert_eq!(both.kind, Kind::QuotaExceeded);
        assert_eq!(both.text, "2 failed: \"a\": why; \"b\": why");
    }

    #[test]
    fn texts_fit_into_trailers() {
        let key = "ä".repeat(4_000);
        let many = (0..1_000).map(|_| (key.clone(), mismatch(&key)));
        let failure = Failure::of_many(&many.collect::<Vec<_>>()).unwrap();
        assert!(failure.text.len() < 20_000);
        assert!(failure.into_status().message().len() <= TEXT_BYTES_MAX + '…'.len_utf8());
    }
}
