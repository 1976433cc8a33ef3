//! URLs that name a broker.

use crate::Error;

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Tcp,
    Tls,
    WebSocket,
    SecureWebSocket,
    Unix,
}

/// A URL, cut into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    /// A name, an IPv4 address, or an IPv6 address without brackets; the path of a Unix socket.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Of WebSocket: with the slash.
    pub(crate) path: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// What follows `?`, as pairs.
    pub(crate) query: Vec<(String, String)>,
}

impl Url {
    /// Reads `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH][?NAME=VALUE&..]`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(invalid("expected SCHEME://HOST, such as mqtt://localhost"));
        };
        let (scheme, port) = match scheme {
            "mqtt" | "tcp" => (Scheme::Tcp, 1883),
            "mqtts" | "ssl" | "tls" => (Scheme::Tls, 8883),
            "ws" => (Scheme::WebSocket, 80),
            "wss" => (Scheme::SecureWebSocket, 443),
            "unix" => (Scheme::Unix, 0),
            _ => return Err(invalid("expected mqtt, mqtts, ws, wss or unix before ://")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        let query = query.collect::<Result<_, Error>>()?;
        let (authority, path) = match (scheme, rest.find('/')) {
            (Scheme::Unix, _) | (_, None) => (rest, ""),
            (_, Some(slash)) => rest.split_at(slash),
        };
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (user, password) = match user.map(|user| user.split_once(':').ok_or(user)) {
            None => (None, None),
            Some(Ok((user, password))) => (Some(decoded(user)?), Some(decoded(password)?)),
            Some(Err(user)) => (Some(decoded(user)?), None),
        };
        let (host, port) = match scheme {
            Scheme::Unix => (decoded(address)?, 0),
            _ => host_and_port(address, port)?,
        };
        if host.is_empty() {
            return Err(invalid("it names no host"));
        }
        if matches!(scheme, Scheme::Tcp | Scheme::Tls) && !matches!(path, "" | "/") {
            return Err(invalid("a path makes sense with ws and wss only"));
        }
        Ok(Self {
            scheme,
            host,
            port,
            path: path.to_owned(),
            user,
            password,
            query,
        })
    }

    /// The host as it stands before a port.
    pub(crate) fn bracketed(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

fn host_and_port(address: &str, default: u16) -> Result<(String, u16), Error> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => return Err(invalid("a bracket is open")),
        },
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = port.map_or(Ok(default), str::parse);
    let port = port.map_err(|_| invalid("the port is no number up to 65535"))?;
    Ok((host.to_owned(), port))
}

/// `%41` is `A`.
fn decoded(text: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.ok_or_else(|| invalid("two hexadecimal digits follow %"))?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| invalid("it is no UTF-8"))
}

fn invalid(why: &str) -> Error {
    Error::invalid("URL", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_found() {
        let url = Url::parse("wss://a%40b:c%3Ad@[::1]:81/mqtt?client_id=x%20y&z").unwrap();
        assert_eq!(url.scheme, Scheme::SecureWebSocket);
        assert_eq!((&*url.host, url.port, &*url.path), ("::1", 81, "/mqtt"));
        assert_eq!(url.user.as_deref(), Some("a@b"));
        assert_eq!(url.password.as_deref(), Some("c:d"));
        let query = [("client_id", "x y"), ("z", "")];
        assert_eq!(url.query, query.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(url.bracketed(), "[::1]");
    }

    #[test]
    fn each_scheme_has_its_port() {
        for (text, host, port) in [
            ("mqtt://h", "h", 1883),
            ("mqtts://h/", "h", 8883),
            ("ws://h/x", "h", 80),
            ("wss://h:1/x", "h", 1),
            ("unix:///run/m.sock", "/run/m.sock", 0),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((&*url.host, url.port), (host, port), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "localhost",
            "http://h",
            "mqtt://",
            "mqtt://h:x",
            "mqtt://h:65536",
            "mqtt://[::1",
            "mqtt://h/path",
            "mqtt://a%4@h",
            "mqtt://a%ff@h",
        ] {
            let refused = matches!(Url::parse(text), Err(Error::Invalid { what: "URL", .. }));
            assert!(refused, "{text}");
        }
    }
}
