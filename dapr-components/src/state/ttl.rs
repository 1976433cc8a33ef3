//! How long an entry lives: what a request asks for, and what an answer tells.

use std::collections::HashMap;
use std::time::Duration;

use prost_types::Timestamp;

/// The name of the request's metadata item.
const TTL_IN_SECONDS: &str = "ttlInSeconds";

/// The name of the answer's metadata item.
pub(crate) const TTL_EXPIRE_TIME: &str = "ttlExpireTime";

/// Dapr's own limit.
const SECONDS_MAX: i64 = i32::MAX as i64;

/// A `ttlInSeconds` that cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("ttlInSeconds is a whole number from -1 to 2147483647, not {found:?}")]
pub(crate) struct TtlError {
    found: String,
}

/// The lifetime that a request asks for: `None` is for ever, which absent, empty, -1 and 0 mean.
pub(crate) fn lifetime(metadata: &HashMap<String, String>) -> Result<Option<Duration>, TtlError> {
    let Some(text) = metadata.get(TTL_IN_SECONDS).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(-1 | 0) => Ok(None),
        Ok(seconds @ 1..=SECONDS_MAX) => Ok(Some(Duration::from_secs(seconds.unsigned_abs()))),
        _ => Err(TtlError {
            found: text.clone(),
        }),
    }
}

/// The moment when an entry is gone, in RFC 3339 and UTC, in whole seconds, never too early.
pub(crate) fn expire_time(since_epoch: Duration, left: Duration) -> String {
    let at = since_epoch.saturating_add(left);
    let seconds = at.as_secs() + u64::from(at.subsec_nanos() > 0);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp { seconds, nanos: 0 }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Option<Duration>, TtlError> {
        lifetime(&HashMap::from([(
            TTL_IN_SECONDS.to_owned(),
            text.to_owned(),
        )]))
    }

    #[test]
    fn a_lifetime_is_whole_seconds_and_some_numbers_mean_for_ever() {
        assert_eq!(lifetime(&HashMap::new()), Ok(None));
        for (text, seconds) in [
            ("", None),
            ("-1", None),
            ("0", None),
            ("1", Some(1)),
            ("+2", Some(2)),
            ("2147483647", Some(2_147_483_647)),
        ] {
            assert_eq!(asked(text), Ok(seconds.map(Duration::from_secs)), "{text}");
        }
        for text in [
            "foo",
            "-2",
            "2147483648",
            "1.5",
            " 1",
            "1s",
            "9223372036854775808",
        ] {
            assert!(asked(text).is_err(), "{text}");
        }
        let told = asked("foo").unwrap_err().to_string();
        assert!(told.contains("ttlInSeconds") && told.contains("foo"));
    }

    #[test]
    fn the_end_is_told_in_whole_seconds_and_never_too_early() {
        let at = |millis| expire_time(Duration::from_millis(millis), Duration::from_secs(2));
        assert_eq!(at(0), "1970-01-01T00:00:02Z");
        assert_eq!(at(1), "1970-01-01T00:00:03Z");
        assert_eq!(at(1_709_164_798_000), "2024-02-29T00:00:00Z");
    }
}
