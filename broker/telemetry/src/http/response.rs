//! An answer and its bytes.

/// Status, content type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: Status,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Response {
    /// A plain text answer.
    pub(super) fn text(status: Status, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }

    /// The bytes for GET: head and body.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_head();
        bytes.extend_from_slice(self.body.as_bytes());
        bytes
    }

    /// The bytes for HEAD: what GET would answer, without the body.
    pub(super) fn encode_head(&self) -> Vec<u8> {
        let Self {
            status,
            content_type,
            body,
        } = self;
        let (code, phrase) = (status.code(), status.phrase());
        let length = body.len();
        let allow = match status {
            Status::MethodNotAllowed => "allow: GET, HEAD\r\n",
            _ => "",
        };
        format!(
            "HTTP/1.1 {code} {phrase}\r\n\
             content-type: {content_type}\r\n\
             content-length: {length}\r\n\
             cache-control: no-store\r\n\
             x-content-type-options: nosniff\r\n\
             {allow}connection: close\r\n\r\n"
        )
        .into_bytes()
    }
}

/// The status codes that the admin port answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    HeadTooLarge,
    Unavailable,
    VersionNotSupported,
}

impl Status {
    pub(super) const ALL: [Self; 8] = [
        Self::Ok,
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::HeadTooLarge,
        Self::Unavailable,
        Self::VersionNotSupported,
    ];

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Ok => "200",
            Self::BadRequest => "400",
            Self::NotFound => "404",
            Self::MethodNotAllowed => "405",
            Self::RequestTimeout => "408",
            Self::HeadTooLarge => "431",
            Self::Unavailable => "503",
            Self::VersionNotSupported => "505",
        }
    }

    const fn phrase(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::HeadTooLarge => "Request Header Fields Too Large",
            Self::Unavailable => "Service Unavailable",
            Self::VersionNotSupported => "HTTP Version Not Supported",
        }
    }
}
