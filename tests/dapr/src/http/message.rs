//! Requests and responses, read from and written to a connection.

use std::fmt::Write as _;
use std::io::{BufRead, Write};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// What a client asks.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST` and the like.
    pub method: String,
    /// The path, with what follows a `?`.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a server answers.
#[derive(Clone, Debug)]
pub struct Response {
    /// 200 and the like.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Reads the next request. There is none when the connection ends before it.
    pub(crate) fn read(from: &mut impl BufRead) -> anyhow::Result<Option<Self>> {
        let Some(first) = line(from)? else {
            return Ok(None);
        };
        let mut parts = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (parts.next(), parts.next()) else {
            bail!("no request: {first}")
        };
        let headers = headers(from)?;
        let body = body(from, &headers, Some(0))?;
        Ok(Some(Self {
            method,
            target,
            headers,
            body,
        }))
    }
}

impl Response {
    /// A response without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// 200 with a body of JSON.
    #[must_use]
    pub fn json_of(body: &Value) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// That it is none.
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.text()))
    }

    /// Itself, if it has the status that is expected.
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        let found = self.status;
        ensure!(
            found == status,
            "status {found}, not {status}: {}",
            self.text()
        );
        Ok(self)
    }

    pub(crate) fn read(from: &mut impl BufRead) -> anyhow::Result<Self> {
        let first = line(from)?.context("the connection ends before the response")?;
        let status = first.split(' ').nth(1).unwrap_or_default();
        let status = status
            .parse()
            .with_context(|| format!("no response: {first}"))?;
        let headers = headers(from)?;
        let without_body = status == 204 || status == 304;
        let body = body(from, &headers, without_body.then_some(0))?;
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> anyhow::Result<()> {
        let mut head = format!("HTTP/1.1 {} .\r\n", self.status);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        write!(head, "content-length: {}\r\n\r\n", self.body.len())?;
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        to.write_all(&bytes).context("cannot respond")
    }
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(one, _)| one == name);
    found.next().map(|(_, value)| value.as_str())
}

fn line(from: &mut impl BufRead) -> anyhow::Result<Option<String>> {
    let mut line = String::new();
    if from.read_line(&mut line).context("cannot read a line")? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end().to_owned()))
}

fn headers(from: &mut impl BufRead) -> anyhow::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = line(from)?.context("the connection ends in headers")?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').context("a header without a name")?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads a body. One without a length has `default` bytes, or ends with the connection.
fn body(
    from: &mut impl BufRead,
    headers: &[(String, String)],
    default: Option<usize>,
) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    if value(headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let size = line(from)?.context("the connection ends in a body")?;
            let size = usize::from_str_radix(&size, 16).context("a chunk without a size")?;
            let begin = body.len();
            body.resize(begin + size, 0);
            from.read_exact(&mut body[begin..])
                .context("a chunk is cut")?;
            line(from)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = value(headers, "content-length").map(str::parse::<usize>);
    match length.transpose().context("a length that is no number")? {
        Some(length) => {
            body.resize(length, 0);
            from.read_exact(&mut body).context("a body is cut")?;
        }
        None if default.is_some() => {}
        None => {
            from.read_to_end(&mut body).context("cannot read a body")?;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_have_a_length_or_chunks_or_end_with_the_connection() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello more",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            let response = Response::read(&mut text.as_bytes()).expect("a response");
            assert_eq!((response.status, response.text().as_str()), (200, "hello"));
        }
    }

    #[test]
    fn a_cut_body_is_no_response() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
        assert!(Response::read(&mut text.as_bytes()).is_err());
    }

    #[test]
    fn requests_follow_each_other() {
        let text =
            "POST /a HTTP/1.1\r\nContent-Length: 2\r\nX-Y: z\r\n\r\nhiGET /b HTTP/1.1\r\n\r\n";
        let mut from = text.as_bytes();
        let first = Request::read(&mut from)
            .expect("a request")
            .expect("is there");
        assert_eq!(
            (first.target.as_str(), first.header("x-y")),
            ("/a", Some("z"))
        );
        assert_eq!(first.body, b"hi");
        let second = Request::read(&mut from)
            .expect("a request")
            .expect("is there");
        assert_eq!(
            (second.method.as_str(), second.target.as_str()),
            ("GET", "/b")
        );
        assert!(Request::read(&mut from).expect("the end").is_none());
    }
}
