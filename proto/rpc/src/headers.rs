//! User properties of requests and responses.

use catena_hlc::{Malformed, Stamp};

use crate::Status;

/// The content type of every payload.
pub const CONTENT_TYPE: &str = "application/octet-stream";

/// The version of the protocol that we speak, and that absence means.
pub const VERSION: &str = "1.0";

/// The only major version that we speak.
const MAJOR: &str = "1";

/// Names of user properties.
pub mod names {
    /// The sender's time: a stamp.
    pub const TIMESTAMP: &str = "__ts";
    /// The status of a response.
    pub const STATUS: &str = "__stat";
    /// Text about the status, for people.
    pub const STATUS_MESSAGE: &str = "__stMsg";
    /// The fencing token of a request: a stamp.
    pub const FENCING_TOKEN: &str = "__ft";
    /// Asks that the entry be kept on disk, if the value is [`super::PERSIST`].
    pub const PERSISTENCE: &str = "aio-persistence";
    /// The sender, for information only.
    pub const SOURCE: &str = "__srcId";
    /// An older name of [`SOURCE`].
    pub const INVOKER: &str = "__invId";
    /// The version of the protocol.
    pub const PROTOCOL_VERSION: &str = "__protVer";
    /// The major versions that are supported, separated by spaces, when a request had another.
    pub const SUPPORTED_MAJORS: &str = "__supProtMajVer";
    /// The version that was refused.
    pub const REFUSED_VERSION: &str = "__requestProtVer";
    /// Whether the error is one of the application: `true`.
    pub const APPLICATION_ERROR: &str = "__apErr";
    /// The header or property that is missing or invalid.
    pub const PROPERTY_NAME: &str = "__propName";
    /// Its value.
    pub const PROPERTY_VALUE: &str = "__propVal";
    /// What shared subscriptions of other services are distributed by.
    pub const PARTITION: &str = "$partition";
    /// Asks for service ahead of others; the value is empty.
    pub const HIGH_PRIORITY: &str = "$high_priority";
}

/// The value of [`names::PERSISTENCE`] that means yes.
pub const PERSIST: &str = "true";

/// What a request says besides its payload. Texts are not parsed: their errors have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestHeaders<'a> {
    /// The client's time, a stamp in text form.
    pub timestamp: Option<&'a [u8]>,
    /// The fencing token, a stamp in text form.
    pub fencing_token: Option<&'a [u8]>,
    /// Whether the entry is to be kept on disk.
    pub persist: bool,
    /// The version of the protocol.
    pub version: Option<&'a str>,
}

impl<'a> RequestHeaders<'a> {
    /// Picks out of user properties what is known, in any order. The first of a name counts. Names
    /// and values are the bytes of UTF-8 text, which is not looked at again.
    #[inline]
    pub fn read(properties: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut headers = Self::default();
        let (mut persistence, mut version) = (None, None);
        for (name, value) in properties {
            let known = if name == names::TIMESTAMP.as_bytes() {
                &mut headers.timestamp
            } else if name == names::FENCING_TOKEN.as_bytes() {
                &mut headers.fencing_token
            } else if name == names::PROTOCOL_VERSION.as_bytes() {
                &mut version
            } else if name == names::PERSISTENCE.as_bytes() {
                &mut persistence
            } else {
                continue;
            };
            known.get_or_insert(value);
        }
        headers.persist = persistence == Some(PERSIST.as_bytes());
        headers.version = version.and_then(|version| str::from_utf8(version).ok());
        headers
    }

    /// Whether we speak the version of the request.
    pub fn is_version_supported(&self) -> bool {
        is_supported(self.version)
    }
}

/// What a response says besides its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeaders<'a> {
    /// How the call went: the text of `__stat`.
    pub status: Option<&'a str>,
    /// Text about it.
    pub message: Option<&'a str>,
    /// A version, as a stamp in text form.
    pub timestamp: Option<&'a str>,
    /// The version of the protocol.
    pub version: Option<&'a str>,
}

impl<'a> ResponseHeaders<'a> {
    /// Picks out of user properties what is known, in any order. The first of a name counts.
    pub fn read(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut headers = Self::default();
        for (name, value) in properties {
            let known = match name {
                names::STATUS => &mut headers.status,
                names::STATUS_MESSAGE => &mut headers.message,
                names::TIMESTAMP => &mut headers.timestamp,
                names::PROTOCOL_VERSION => &mut headers.version,
                _ => continue,
            };
            known.get_or_insert(value);
        }
        headers
    }

    /// The status; `None` if it is absent or no number, which fails a call.
    pub fn status(&self) -> Option<Status> {
        Status::parse(self.status?)
    }

    /// The stamp, if there is one.
    ///
    /// # Errors
    /// [`Malformed`] if the text is no stamp.
    pub fn stamp(&self) -> Result<Option<Stamp<'a>>, Malformed> {
        self.timestamp.map(Stamp::parse).transpose()
    }

    /// Whether we speak the version of the response.
    pub fn is_version_supported(&self) -> bool {
        is_supported(self.version)
    }
}

fn is_supported(version: Option<&str>) -> bool {
    let Some((major, minor)) = version.unwrap_or(VERSION).split_once('.') else {
        return false;
    };
    major == MAJOR && minor.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_name_counts_in_any_order() {
        let headers = read(&[
            ("$high_priority", ""),
            ("__ft", "1:0:a"),
            ("aio-persistence", "true"),
            ("__ts", "2:0:b"),
            ("__ts", "3:0:c"),
            ("color", "blue"),
        ]);
        assert_eq!(headers.timestamp, Some(b"2:0:b".as_slice()));
        assert_eq!(headers.fencing_token, Some(b"1:0:a".as_slice()));
        assert!(headers.persist && headers.is_version_supported());
        assert!(!read(&[("aio-persistence", "false")]).persist);
        let twice = [("aio-persistence", ""), ("aio-persistence", "true")];
        assert!(!read(&twice).persist);
    }

    #[track_caller]
    fn read<'a>(properties: &[(&'a str, &'a str)]) -> RequestHeaders<'a> {
        let bytes = |(name, value): &(&'a str, &'a str)| (name.as_bytes(), value.as_bytes());
        RequestHeaders::read(properties.iter().map(bytes))
    }

    #[test]
    fn another_major_version_is_not_supported() {
        let supported = |v: &'static str| read(&[("__protVer", v)]);
        assert!(
            ["1.0", "1.7"]
                .iter()
                .all(|v| supported(v).is_version_supported())
        );
        for other in ["2.0", "1", "", "1.x", "0.1", "11.0"] {
            assert!(!supported(other).is_version_supported(), "{other}");
        }
    }

    #[test]
    fn a_response_is_read_like_a_request() {
        let headers = ResponseHeaders::read([("__stat", "200"), ("__ts", "7:1:StateStore")]);
        assert_eq!(headers.status(), Some(Status::Ok));
        assert_eq!(headers.stamp(), Stamp::parse("7:1:StateStore").map(Some));
        let bad = ResponseHeaders::read([("__ts", "abc"), ("__stat", "ok")]);
        assert_eq!((bad.stamp(), bad.status()), (Err(Malformed), None));
        assert_eq!(ResponseHeaders::default().stamp(), Ok(None));
    }
}
