//! Where the broker is, and how to connect to it: the settings that both kinds of components have.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::instances::Flavour;

use super::{Field, Invalid, Properties};

/// How to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Where the broker is.
    pub endpoint: Endpoint,
    /// Whom to trust, and as whom to appear.
    pub security: Security,
    /// User name and password.
    pub credentials: Option<Credentials>,
    /// File with a token of a Kubernetes service account.
    pub token_file: Option<PathBuf>,
    /// Whether a broker that does not know such tokens is asked without. Documents made for
    /// Azure's components name the file, whatever broker they are used with.
    pub token_is_optional: bool,
    /// `clientId`: the MQTT client ID, if not made from `consumerID`.
    pub client_id: Option<String>,
    /// `consumerID`: who the consumer is. A sidecar sets it to the ID of its application unless the
    /// user does.
    pub consumer_id: Option<String>,
    /// How often to ask whether the broker is there.
    pub keep_alive: Duration,
    /// What Init says of a broker that is not there.
    pub policy: Policy,
    /// How long Init tries to connect.
    pub connect_within: Duration,
}

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    user_info: Option<String>,
    host: String,
    port: Option<u16>,
    /// Path and query.
    tail: String,
}

/// Settings of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Certificate authorities to trust; those of the system by default.
    pub authorities: Option<Material>,
    /// Certificate chain and private key of the client.
    pub identity: Option<(Material, Material)>,
}

/// Something in PEM form.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// The text itself.
    Text(String),
    /// A file with the text.
    File(PathBuf),
}

/// User name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password, or a file that holds it.
    pub password: Material,
}

/// What Init says of a broker that cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// An error: the sidecar ends, unless the resource has `ignoreErrors`, and is started again.
    #[default]
    Fail,
    /// That all is well; the component goes on trying.
    Background,
}

/// A sidecar waits for 5 s.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);

impl Connection {
    /// A client ID at this broker.
    #[must_use]
    pub fn identity(&self, client_id: &str) -> String {
        format!("{} {client_id}", self.endpoint)
    }

    /// Reads the settings. The flavour says what holds when the broker is not named.
    ///
    /// # Errors
    ///
    /// Values that make no sense, alone or together.
    pub fn read(properties: &Properties, flavour: Flavour) -> Result<Self, Invalid> {
        let endpoint = Endpoint::read(properties, flavour)?;
        let keep_alive = properties.read(&["keepAlive"], |field| {
            let seconds = field.duration()?.as_secs();
            match (5..=65_535).contains(&seconds) {
                true => Ok(Duration::from_secs(seconds)),
                false => Err(field.invalid("5 s to 65535 s")),
            }
        })?;
        let connect_within =
            properties.read(&["connectTimeout"], |field| match field.duration()? {
                Duration::ZERO => Err(field.invalid("more than 0")),
                time => Ok(time.min(CONNECT_WITHIN)),
            })?;
        let policies = [("fail", Policy::Fail), ("background", Policy::Background)];
        let policy = properties.read(&["connectPolicy"], |field| field.word(&policies))?;
        properties.read(&["logLevel"], |field| {
            match crate::logging::level(field.text) {
                Some(_) => Ok(()),
                None => Err(field.invalid("one of Trace, Debug, Info, Warn, Error")),
            }
        })?;
        Ok(Self {
            security: Security::read(properties, &endpoint)?,
            credentials: Credentials::read(properties, &endpoint)?,
            endpoint,
            token_file: properties
                .text(&["satTokenPath", "satAuthFile"])?
                .map(Into::into),
            token_is_optional: flavour != Flavour::Catena,
            client_id: properties.text(&["clientId"])?,
            consumer_id: properties.text(&["consumerID"])?,
            keep_alive: keep_alive.unwrap_or(Duration::from_secs(30)),
            policy: policy.unwrap_or_default(),
            connect_within: connect_within.unwrap_or(CONNECT_WITHIN),
        })
    }
}

impl Endpoint {
    fn read(properties: &Properties, flavour: Flavour) -> Result<Self, Invalid> {
        let spellings = ["tlsEnabled", "useTls", "tls"];
        let (tls, wants_tls) = properties.agreed(&spellings, Field::boolean)?;
        let number = |field: Field<'_>| field.integer(1..=65_535);
        let (port, port_number) = properties.agreed(&["tcpPort", "port"], number)?;
        let port_number = port_number.and_then(|number| u16::try_from(number).ok());
        let url = properties.field(&["url"])?;
        let hostname = properties.field(&["hostname"])?;
        let mut endpoint = match (url, hostname) {
            (Some(url), None) => Self::parse(url, wants_tls)?,
            (None, Some(hostname)) => Self::bare(hostname, wants_tls, Some(18_883))?,
            (Some(url), Some(hostname)) => {
                let endpoint = Self::parse(url, wants_tls)?;
                if endpoint.host != hostname.text {
                    return Err(url.conflicts(&hostname));
                }
                endpoint
            }
            (None, None) => Self::default_of(flavour, wants_tls)?,
        };
        if let (Some(tls), Some(wanted), Some(url)) = (tls, wants_tls, url)
            && wanted != endpoint.is_secure()
            && endpoint.scheme != "unix"
        {
            return Err(url.conflicts(&tls));
        }
        if let (Some(port), Some(number)) = (port, port_number) {
            match (url, endpoint.port) {
                (Some(url), Some(other))
                    if url.text.contains(':') && other != number && hostname.is_none() =>
                {
                    return Err(url.conflicts(&port));
                }
                _ => endpoint.port = Some(number),
            }
        }
        Ok(endpoint)
    }

    /// `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH]`, or as Azure has it, `HOST[:PORT]`.
    fn parse(field: Field<'_>, wants_tls: Option<bool>) -> Result<Self, Invalid> {
        let Some((scheme, rest)) = field.text.split_once("://") else {
            return Self::bare(field, wants_tls, None);
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "tcp" | "mqtt" => "mqtt",
            "ssl" | "mqtts" | "tcps" | "tls" => "mqtts",
            "ws" => "ws",
            "wss" => "wss",
            "unix" => "unix",
            _ => {
                let problem = "its scheme is not valid: expected mqtt, mqtts, tcp, ssl, tls, tcps, \
                               ws, wss or unix before ://";
                return Err(field.unusable(problem));
            }
        };
        if scheme == "unix" {
            return Ok(Self {
                scheme,
                user_info: None,
                host: rest.to_owned(),
                port: None,
                tail: String::new(),
            });
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (user_info, address) = match authority.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info.to_owned()), address),
            None => (None, authority),
        };
        let (host, port) = address_of(address).ok_or_else(|| {
            field.unusable(
                "it is not valid: expected HOST or HOST:PORT after ://, with a port \
                             from 1 to 65535",
            )
        })?;
        let tail = match (scheme, tail) {
            ("mqtt" | "mqtts", "/") => "",
            ("mqtt" | "mqtts", tail) if tail.starts_with('/') => {
                return Err(field.unusable("it has a path: only ws:// and wss:// can have one"));
            }
            _ => tail,
        };
        Ok(Self {
            scheme,
            user_info,
            host,
            port,
            tail: tail.to_owned(),
        })
    }

    fn bare(field: Field<'_>, wants_tls: Option<bool>, port: Option<u16>) -> Result<Self, Invalid> {
        let address = address_of(field.text).filter(|(host, _)| !host.contains(['/', '@', ' ']));
        let (host, given) = address.ok_or_else(|| {
            field.unusable(
                "it is not valid: expected HOST, HOST:PORT or SCHEME://HOST:PORT, with a \
                             port from 1 to 65535",
            )
        })?;
        // Azure's components use TLS unless told otherwise.
        let scheme = match wants_tls.unwrap_or(true) {
            true => "mqtts",
            false => "mqtt",
        };
        Ok(Self {
            scheme,
            user_info: None,
            host,
            port: given.or(port),
            tail: String::new(),
        })
    }

    fn default_of(flavour: Flavour, wants_tls: Option<bool>) -> Result<Self, Invalid> {
        let (name, text) = match flavour {
            Flavour::AzureFirst => ("url", "aio-mq-dmqtt-frontend:8883"),
            Flavour::AzureSecond => ("hostname", "aio-broker:18883"),
            Flavour::Catena => {
                let field = Field {
                    name: "url",
                    text: "",
                };
                let problem = "it is missing: expected where the broker is, such as \
                               mqtt://broker:1883";
                return Err(field.unusable(problem));
            }
        };
        Self::bare(Field { name, text }, wants_tls, None)
    }

    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme, "mqtts" | "wss")
    }

    /// As a URL for the SDK. It may contain a password.
    #[must_use]
    pub fn url(&self) -> String {
        let user_info = self
            .user_info
            .as_ref()
            .map(|it| format!("{it}@"))
            .unwrap_or_default();
        let Self { scheme, tail, .. } = self;
        format!("{scheme}://{user_info}{}{tail}", self.address())
    }

    fn address(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        match self.scheme != "unix" && self.host.contains(':') {
            true => format!("[{}]{port}", self.host),
            false => format!("{}{port}", self.host),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.address())
    }
}

/// `HOST`, `HOST:PORT`, or an IPv6 address in brackets.
fn address_of(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            match rest {
                "" => (host, None),
                _ => (host, Some(rest.strip_prefix(':')?)),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || host.contains(char::is_whitespace) || port == Some("0") {
        return None;
    }
    let port = port.map(str::parse).transpose().ok()?;
    Some((host.to_owned(), port))
}

impl Security {
    fn read(properties: &Properties, endpoint: &Endpoint) -> Result<Self, Invalid> {
        let path = properties.field(&["caCertPath", "caFile"])?;
        let either = properties.field(&["caCert"])?;
        if let (Some(path), Some(either)) = (path, either)
            && path.text != either.text
        {
            return Err(path.conflicts(&either));
        }
        if let Some(path) = path.filter(|path| path.text.contains("-----BEGIN")) {
            return Err(path.unusable("it is PEM text: expected the path of a file, or `caCert`"));
        }
        let authorities = match (path, either) {
            (Some(path), _) => Some(Material::File(path.text.into())),
            (None, either) => either.map(Material::read).transpose()?,
        };
        let chain = properties.field(&["clientCert"])?;
        let key = properties.field(&["clientKey"])?;
        let identity = match (chain, key) {
            (Some(chain), Some(key)) => Some((Material::read(chain)?, Material::read(key)?)),
            (Some(chain), None) => return Err(chain.unusable("it is useless without `clientKey`")),
            (None, Some(key)) => return Err(key.unusable("it is useless without `clientCert`")),
            (None, None) => None,
        };
        if let Some(chain) = chain.filter(|_| !endpoint.is_secure()) {
            let problem = "a certificate needs TLS: expected `url` to begin with mqtts://, or \
                           `useTls: true`";
            return Err(chain.unusable(problem));
        }
        Ok(Self {
            authorities,
            identity,
        })
    }
}

impl Material {
    /// The text itself, or the path of a file.
    fn read(field: Field<'_>) -> Result<Self, Invalid> {
        if field.text.contains("-----BEGIN") {
            return Ok(Self::Text(field.text.to_owned()));
        }
        if field.text.contains('\n') || field.text.len() > 1024 {
            let problem = "it is neither PEM text (-----BEGIN ..) nor the path of a file";
            return Err(field.unusable(problem));
        }
        Ok(Self::File(field.text.into()))
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

impl Credentials {
    fn read(properties: &Properties, endpoint: &Endpoint) -> Result<Option<Self>, Invalid> {
        let username = properties.field(&["username"])?;
        let password = properties.field(&["password"])?;
        let file = properties.field(&["passwordFile"])?;
        if let (Some(password), Some(file)) = (password, file) {
            return Err(password.conflicts(&file));
        }
        let Some(username) = username else {
            return match password.or(file) {
                Some(field) => Err(field.unusable("it is useless without `username`")),
                None => Ok(None),
            };
        };
        if endpoint.user_info.is_some() {
            let url = properties.field(&["url"])?;
            return Err(url.map_or_else(
                || username.unusable("conflict"),
                |it| it.conflicts(&username),
            ));
        }
        let password = match (password, file) {
            (_, Some(file)) => Material::File(file.text.into()),
            (password, None) => {
                let text = password.map(|field| field.text.to_owned());
                Material::Text(text.unwrap_or_default())
            }
        };
        if username.text.contains(char::is_control) {
            return Err(username.unusable("it has control characters"));
        }
        let username = username.text.to_owned();
        Ok(Some(Self { username, password }))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
