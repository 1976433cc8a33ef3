//! Reads the request line. Must never look at headers: no answer depends on one.

/// A request for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// From the first slash up to the question mark.
    pub(super) path: &'a str,
    /// After the question mark, else empty.
    pub(super) query: &'a str,
}

impl<'a> Request<'a> {
    /// Parses the head of a request: request line and headers.
    pub(super) fn parse(head: &'a [u8]) -> Result<Self, BadRequest> {
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| BadRequest::Malformed)?;
        let mut words = line.split(' ');
        let (method, target, version) = match (words.next(), words.next(), words.next()) {
            (Some(method), Some(target), Some(version)) => (method, target, version),
            _ => return Err(BadRequest::Malformed),
        };
        if words.next().is_some() || method.is_empty() || !version.starts_with("HTTP/") {
            return Err(BadRequest::Malformed);
        }
        if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
            return Err(BadRequest::Version);
        }
        let path = path_of(target).ok_or(BadRequest::Malformed)?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        };
        Ok(Self {
            method,
            path,
            query,
        })
    }

    /// True if the query has this name, with or without a value.
    pub(super) fn asks(&self, name: &str) -> bool {
        let mut parts = self.query.split('&');
        parts.any(|part| part.split('=').next() == Some(name))
    }
}

/// Length of the head once it is complete: up to and with the empty line.
pub(super) fn head_length(bytes: &[u8]) -> Option<usize> {
    let after = |end: &[u8]| {
        let place = bytes.windows(end.len()).position(|window| window == end);
        place.map(|place| place + end.len())
    };
    match (after(b"\r\n\r\n"), after(b"\n\n")) {
        (Some(strict), Some(lax)) => Some(strict.min(lax)),
        (strict, lax) => strict.or(lax),
    }
}

/// The methods that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    /// Known to somebody, not to us.
    Other,
}

/// Why the first line is no request that could be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadRequest {
    Malformed,
    Version,
}

/// A proxy's form names scheme and host before the path; they say nothing here.
fn path_of(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let rest = target.strip_prefix("http://")?;
    Some(rest.find('/').map_or("/", |slash| &rest[slash..]))
}

#[cfg(test)]
mod tests {
    use super::{BadRequest, Method, Request, head_length};

    #[test]
    fn requests_are_parsed() {
        check(
            "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            Method::Get,
            "/metrics",
            "",
        );
        check("HEAD / HTTP/1.0\n\n", Method::Head, "/", "");
        check(
            "GET /readyz?verbose HTTP/1.1\r\n\r\n",
            Method::Get,
            "/readyz",
            "verbose",
        );
        check(
            "BREW /pot?a=1&b HTTP/1.1\r\n\r\n",
            Method::Other,
            "/pot",
            "a=1&b",
        );
        check(
            "GET http://node:9600/livez HTTP/1.1\r\n\r\n",
            Method::Get,
            "/livez",
            "",
        );
        check("GET http://node HTTP/1.1\r\n\r\n", Method::Get, "/", "");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        refuse(b"", BadRequest::Malformed);
        refuse(b"\r\n\r\n", BadRequest::Malformed);
        refuse(b"GET /metrics\r\n\r\n", BadRequest::Malformed);
        refuse(b"GET  /metrics HTTP/1.1\r\n\r\n", BadRequest::Malformed);
        refuse(b"GET /a b HTTP/1.1\r\n\r\n", BadRequest::Malformed);
        refuse(b" / HTTP/1.1\r\n\r\n", BadRequest::Malformed);
        refuse(b"GET metrics HTTP/1.1\r\n\r\n", BadRequest::Malformed);
        refuse(b"GET /\xff HTTP/1.1\r\n\r\n", BadRequest::Malformed);
        refuse(
            b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
            BadRequest::Malformed,
        );
        refuse(b"PRI * HTTP/2.0\r\n\r\n", BadRequest::Version);
        refuse(b"GET / HTTP/3\r\n\r\n", BadRequest::Version);
    }

    #[test]
    fn a_query_is_asked_by_name() {
        let request = Request::parse(b"GET /readyz?a=1&verbose=true HTTP/1.1\n\n").unwrap();
        assert!(request.asks("verbose") && request.asks("a"));
        assert!(!request.asks("verb") && !request.asks("1"));
    }

    #[test]
    fn the_head_ends_with_an_empty_line() {
        assert_eq!(head_length(b"GET / HTTP/1.1\r\nA: b\r\n"), None);
        assert_eq!(head_length(b"ab\r\n\r\nrest"), Some(6));
        assert_eq!(head_length(b"ab\n\nrest\r\n\r\n"), Some(4));
    }

    #[track_caller]
    fn check(head: &str, method: Method, path: &str, query: &str) {
        let expected = Request {
            method,
            path,
            query,
        };
        assert_eq!(Request::parse(head.as_bytes()), Ok(expected));
    }

    #[track_caller]
    fn refuse(head: &[u8], expected: BadRequest) {
        assert_eq!(Request::parse(head), Err(expected));
    }
}
