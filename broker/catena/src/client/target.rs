//! Where the broker is and how it is reached: host and port or a path, TLS, WebSocket, credentials.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustls::ClientConfig;

use super::channel::Channel;
use super::failure::Failure;
use super::tls;

/// Where the broker is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Broker")]
pub struct TargetArgs {
    /// Host to connect to [default: localhost]
    #[arg(short = 'h', long, env = "CATENA_HOST")]
    pub host: Option<String>,
    /// Port to connect to [default: 1883, with TLS 8883, with --ws 80 or 443]
    #[arg(short, long, env = "CATENA_PORT")]
    pub port: Option<u16>,
    /// Everything at once: mqtt(s):// or ws(s)://, then USER:PASSWORD@HOST:PORT/TOPIC; HOST is
    /// what must be there
    #[arg(short = 'L', long, env = "CATENA_URL")]
    pub url: Option<String>,
    /// Connect to this Unix domain socket
    #[arg(long, value_name = "PATH", env = "CATENA_UNIX")]
    pub unix: Option<PathBuf>,
    /// Speak MQTT over WebSocket
    #[arg(long)]
    pub ws: bool,
    /// Path of the WebSocket [default: /mqtt]
    #[arg(long, value_name = "PATH", env = "CATENA_WS_PATH")]
    pub ws_path: Option<String>,
    /// User name
    #[arg(short, long, env = "CATENA_USERNAME")]
    pub username: Option<String>,
    /// Password
    #[arg(
        short = 'P',
        long = "pw",
        value_name = "PASSWORD",
        env = "CATENA_PASSWORD"
    )]
    #[arg(hide_env_values = true, allow_hyphen_values = true)]
    pub password: Option<String>,
    /// Settings of TLS.
    #[command(flatten)]
    pub tls: tls::TlsArgs,
}

/// The socket to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// A broker to connect to: checked arguments.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) place: Place,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Path of the WebSocket, if one is spoken.
    pub(crate) websocket: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    /// What follows the host in a URL.
    pub(crate) topic: Option<String>,
}

impl Target {
    /// Checks the arguments and reads certificates.
    pub(crate) fn resolve(args: &TargetArgs) -> Result<Self, Failure> {
        let url = args.url.as_deref().map(Url::parse).transpose()?;
        let url = url.unwrap_or_default();
        let is_tls = url.is_tls || args.tls.is_wanted();
        let is_websocket = url.is_websocket || args.ws;
        let place = match &args.unix {
            Some(path) => Place::Unix(path.clone()),
            None => Place::Tcp {
                host: url
                    .host
                    .or_else(|| args.host.clone())
                    .unwrap_or_else(|| "localhost".to_owned()),
                port: url
                    .port
                    .or(args.port)
                    .unwrap_or(match (is_websocket, is_tls) {
                        (false, false) => 1883,
                        (false, true) => 8883,
                        (true, false) => 80,
                        (true, true) => 443,
                    }),
            },
        };
        // A URL with a WebSocket scheme has a path there, not a topic.
        let (path, topic) = match url.is_websocket {
            true => (url.path.map(|path| format!("/{path}")), None),
            false => (None, url.path),
        };
        let path = args.ws_path.clone().or(path);
        Ok(Self {
            place,
            tls: is_tls.then(|| tls::configure(&args.tls)).transpose()?,
            websocket: is_websocket.then(|| path.unwrap_or_else(|| "/mqtt".to_owned())),
            username: url.username.or_else(|| args.username.clone()),
            password: url.password.or_else(|| args.password.clone()),
            topic,
        })
    }

    /// What stands between MQTT and the socket. `None`: nothing.
    pub(crate) fn channel(&self) -> Result<Option<Channel>, Failure> {
        if self.tls.is_none() && self.websocket.is_none() {
            return Ok(None);
        }
        let host = match &self.place {
            Place::Tcp { host, .. } => host.as_str(),
            Place::Unix(_) => "localhost",
        };
        let tls = self.tls.as_ref();
        Channel::open(host, tls, self.websocket.as_deref()).map(Some)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The parts of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Url {
    is_tls: bool,
    is_websocket: bool,
    username: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: Option<String>,
}

impl Url {
    fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::usage(format!("cannot read the URL {text}: {what}"));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("no scheme"))?;
        let (is_websocket, is_tls) = match scheme {
            "mqtt" | "tcp" => (false, false),
            "mqtts" | "ssl" | "tls" => (false, true),
            "ws" => (true, false),
            "wss" => (true, true),
            _ => return Err(wrong("the scheme is none of mqtt, mqtts, ws, wss")),
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path.to_owned())),
            None => (rest, None),
        };
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, authority),
        };
        let (username, password) = match credentials.map(|both| both.split_once(':')) {
            None => (None, None),
            Some(None) => (credentials.map(unescape), None),
            Some(Some((name, password))) => (Some(unescape(name)), Some(unescape(password))),
        };
        let (host, port) = split_port(address);
        let port = port
            .map(|port| {
                port.parse()
                    .map_err(|_| wrong("the port is no number up to 65535"))
            })
            .transpose()?;
        if host.is_empty() {
            return Err(wrong("no host"));
        }
        Ok(Self {
            is_tls,
            is_websocket,
            username,
            password,
            host: Some(host.to_owned()),
            port,
            path: path.filter(|path| !path.is_empty()),
        })
    }
}

/// Host and port of `HOST`, `HOST:PORT`, `[HOST]` or `[HOST]:PORT`.
fn split_port(address: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = address.strip_prefix('[').and_then(|it| it.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    }
}

/// Text with `%41` in place of `A`. What is no such sequence stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match code {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, place: &str, websocket: Option<&str>, topic: Option<&str>) {
        let args = TargetArgs {
            url: Some(url.to_owned()),
            ..TargetArgs::default()
        };
        let target = Target::resolve(&args).unwrap();
        assert_eq!(target.place.to_string(), place);
        assert_eq!(target.websocket.as_deref(), websocket);
        assert_eq!(target.topic.as_deref(), topic);
    }

    #[test]
    fn urls_say_where_and_what() {
        check("mqtt://broker", "broker:1883", None, None);
        check("mqtt://broker:1/a/b", "broker:1", None, Some("a/b"));
        check("ws://broker:9001/chat", "broker:9001", Some("/chat"), None);
        check("ws://broker", "broker:80", Some("/mqtt"), None);
        check("mqtt://[::1]:5", "[::1]:5", None, None);
        check("mqtt://u:p@h/t", "h:1883", None, Some("t"));
    }

    #[test]
    fn credentials_in_urls_may_be_escaped() {
        let url = Url::parse("mqtt://a%40b:p%3aw%@host/t").unwrap();
        assert_eq!(url.username.as_deref(), Some("a@b"));
        assert_eq!(url.password.as_deref(), Some("p:w%"));
    }

    #[test]
    fn bad_urls_are_told() {
        for (url, what) in [
            ("broker", "no scheme"),
            ("http://broker", "none of mqtt"),
            ("mqtt://broker:x", "port"),
            ("mqtt:///topic", "no host"),
        ] {
            let failure = Url::parse(url).unwrap_err();
            assert!(failure.text.contains(what), "{failure}");
        }
    }
}
