//! ETags: the version of an entry as text, and what a request demands of the entry it changes.

use catena_sdk::Version;

/// The node of every version that a store gives; another one's versions are no ETags.
const NODE_SUFFIX: &str = ":StateStore";

/// Longer texts are no ETags of anybody.
const ETAG_BYTES_MAX: usize = 256;

/// What has to be true of an entry for a write of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing: the last write wins.
    Always,
    /// It does not exist.
    Absent,
    /// It exists with this version.
    Version(Version),
}

/// Why a write is refused for its ETag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EtagError {
    /// The entry is not what the caller takes it for.
    Mismatch,
    /// The text can be nobody's ETag.
    Invalid,
}

impl Condition {
    /// Reads the decision table: an ETag counts more than the concurrency mode, and an empty one
    /// is none.
    pub(crate) fn read(etag: Option<&str>, is_first_write: bool) -> Result<Self, EtagError> {
        match etag.filter(|etag| !etag.is_empty()) {
            Some(etag) => parse(etag).map(Self::Version),
            None if is_first_write => Ok(Self::Absent),
            None => Ok(Self::Always),
        }
    }
}

/// Only the text that we have given is an ETag of ours. What is not, no entry can have, which is a
/// mismatch; invalid is what looks like damage.
fn parse(etag: &str) -> Result<Version, EtagError> {
    if etag.len() > ETAG_BYTES_MAX || etag.contains(char::is_control) {
        return Err(EtagError::Invalid);
    }
    let version = Version::parse(etag).map_err(|_| EtagError::Mismatch)?;
    let is_ours = etag.ends_with(NODE_SUFFIX) && version.to_string() == etag;
    if is_ours {
        Ok(version)
    } else {
        Err(EtagError::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "001696374425000:00001:StateStore";

    #[test]
    fn an_etag_counts_more_than_the_mode_and_an_empty_one_is_none() {
        let version = Condition::Version(Version::parse(OURS).unwrap());
        for (etag, is_first_write, expected) in [
            (None, false, Ok(Condition::Always)),
            (Some(""), false, Ok(Condition::Always)),
            (None, true, Ok(Condition::Absent)),
            (Some(""), true, Ok(Condition::Absent)),
            (Some(OURS), false, Ok(version.clone())),
            (Some(OURS), true, Ok(version)),
            (Some("bad-etag"), false, Err(EtagError::Mismatch)),
        ] {
            assert_eq!(Condition::read(etag, is_first_write), expected, "{etag:?}");
        }
    }

    #[test]
    fn what_no_entry_can_have_is_a_mismatch_and_damage_is_invalid() {
        let long = "x".repeat(ETAG_BYTES_MAX + 1);
        for (etag, expected) in [
            ("bad-etag", EtagError::Mismatch),
            ("1696374425000:1:StateStore", EtagError::Mismatch),
            ("001696374425000:00001:Somebody", EtagError::Mismatch),
            ("001696374425000:00001:", EtagError::Mismatch),
            ("héllo", EtagError::Mismatch),
            ("a\nb", EtagError::Invalid),
            (&long, EtagError::Invalid),
        ] {
            assert_eq!(
                Condition::read(Some(etag), false),
                Err(expected),
                "{etag:?}"
            );
        }
    }
}
