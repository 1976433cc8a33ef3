//! The status of a response, in the user property `__stat`.

/// How a call went before anybody looked at its payload. What the state store itself refuses is a
/// payload with status [`Status::Ok`]: any other status would hide its text from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The payload is the answer.
    Ok,
    /// There is no content; the payload is empty.
    NoContent,
    /// The payload or a header is missing or invalid.
    BadRequest,
    /// It took too long.
    RequestTimeout,
    /// The content type or payload format is not known.
    UnsupportedMediaType,
    /// It failed on the other side.
    InternalError,
    /// The other side is in no state to do it.
    StateInvalid,
    /// The version of the protocol is not supported.
    VersionNotSupported,
    /// A number that says nothing more to us.
    Other(u16),
}

impl Status {
    /// The number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::NoContent => 204,
            Self::BadRequest => 400,
            Self::RequestTimeout => 408,
            Self::UnsupportedMediaType => 415,
            Self::InternalError => 500,
            Self::StateInvalid => 503,
            Self::VersionNotSupported => 505,
            Self::Other(number) => number,
        }
    }

    /// The status with this number.
    pub const fn from_number(number: u16) -> Self {
        match number {
            200 => Self::Ok,
            204 => Self::NoContent,
            400 => Self::BadRequest,
            408 => Self::RequestTimeout,
            415 => Self::UnsupportedMediaType,
            500 => Self::InternalError,
            503 => Self::StateInvalid,
            505 => Self::VersionNotSupported,
            other => Self::Other(other),
        }
    }

    /// Reads the text of the user property; `None` if it is no number.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_number)
    }

    /// The text of the user property where it is constant, which is what a server writes.
    pub const fn text(self) -> Option<&'static str> {
        Some(match self {
            Self::Ok => "200",
            Self::NoContent => "204",
            Self::BadRequest => "400",
            Self::RequestTimeout => "408",
            Self::UnsupportedMediaType => "415",
            Self::InternalError => "500",
            Self::StateInvalid => "503",
            Self::VersionNotSupported => "505",
            Self::Other(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_statuses_belong_together() {
        for number in 0..1_000 {
            let status = Status::from_number(number);
            assert_eq!(status.number(), number);
            assert_eq!(Status::parse(&number.to_string()), Some(status));
            if let Some(text) = status.text() {
                assert_eq!(text, number.to_string());
            }
        }
        assert_eq!(Status::parse("200"), Some(Status::Ok));
        assert!(
            ["", "ok", "-1", "65536"]
                .iter()
                .all(|text| Status::parse(text).is_none())
        );
    }
}
