//! The options of a client.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::url::{Scheme, Url};
use crate::{Client, Error, Publish, Tls, publish, random, text};

/// Makes a [`Client`]. Each option has a default that suits most programs.
///
/// A URL may carry some of the options: user and password before the host, and `client_id`,
/// `clean_start`, `session_expiry` and `keep_alive` (both in seconds) after a `?`. What is said by
/// a method counts more.
///
/// ```no_run
/// # async fn example() -> Result<(), catena_sdk::Error> {
/// use std::time::Duration;
/// use catena_sdk::Client;
///
/// let client = Client::builder("mqtt://localhost")
///     .client_id("line-1")
///     .session_expiry(Duration::from_secs(24 * 3600))
///     .credentials("anna", "s3cret")
///     .connect()
///     .await?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `connect` or `start`"]
pub struct Builder {
    url: String,
    client_id: Option<String>,
    clean_start: Option<bool>,
    session_expiry: Option<Duration>,
    credentials: Option<Credentials>,
    keep_alive: Option<Duration>,
    tls: Option<Tls>,
    will: Option<(Publish, Duration)>,
    connect_timeout: Duration,
    backoff: (Duration, Duration),
    receive_max: u16,
    in_flight_max: u16,
    queue_len_max: usize,
    packet_bytes_max: u32,
    claim_within: Duration,
    close_within: Duration,
    user_properties: Vec<(String, String)>,
    authentication: Option<Authentication>,
    authentication_is_optional: bool,
    keeps_trying: bool,
    claims_from_subscribe: bool,
    claim_together: Duration,
    subscribers_first: Duration,
}

/// A user name and a password. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: Password,
}

/// A password, or the file that holds it.
#[derive(Clone)]
pub(crate) enum Password {
    Text(String),
    File(PathBuf),
}

/// A method of authentication, and the file with what it needs.
#[derive(Clone, Debug)]
pub(crate) struct Authentication {
    pub(crate) method: String,
    pub(crate) file: PathBuf,
}

/// What a driver needs to know, checked.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) url: Url,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) client_id: String,
    pub(crate) clean_start: bool,
    pub(crate) session_expiry: Duration,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) keep_alive: Duration,
    pub(crate) will: Option<(Publish, Duration)>,
    pub(crate) connect_timeout: Duration,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) receive_max: u16,
    pub(crate) in_flight_max: u16,
    pub(crate) queue_len_max: usize,
    pub(crate) packet_bytes_max: u32,
    pub(crate) claim_within: Duration,
    pub(crate) close_within: Duration,
    pub(crate) user_properties: Vec<(String, String)>,
    pub(crate) authentication: Option<Authentication>,
    pub(crate) authentication_is_optional: bool,
    pub(crate) keeps_trying: bool,
    pub(crate) claims_from_subscribe: bool,
    pub(crate) claim_together: Duration,
    pub(crate) subscribers_first: Duration,
}

/// `rumqttc` asks for no less, and the packet has 16 bits for it.
const KEEP_ALIVE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5)..=Duration::from_secs(65_535);

/// More in flight has no use, and each costs memory in advance.
const IN_FLIGHT_MAX: u16 = 4_096;

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client_id: None,
            clean_start: None,
            session_expiry: None,
            credentials: None,
            keep_alive: None,
            tls: None,
            will: None,
            connect_timeout: Duration::from_secs(10),
            backoff: (Duration::from_millis(100), Duration::from_secs(30)),
            receive_max: 256,
            in_flight_max: 128,
            queue_len_max: 64,
            packet_bytes_max: 16 * 1024 * 1024,
            claim_within: Duration::from_secs(10),
            close_within: Duration::from_secs(5),
            user_properties: Vec::new(),
            authentication: None,
            authentication_is_optional: false,
            keeps_trying: false,
            claims_from_subscribe: false,
            claim_together: Duration::ZERO,
            subscribers_first: Duration::ZERO,
        }
    }

    /// The name of the session. Two clients that are connected at once need two names. Default: one
    /// that nobody else has, for a session that nobody comes back to.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Whether the first connection throws away the session that the broker has under the client
    /// ID. Connections after the first never do. Default: no.
    pub fn clean_start(mut self, clean_start: bool) -> Self {
        self.clean_start = Some(clean_start);
        self
    }

    /// How long the broker keeps the session, with all that is queued for it, after the connection
    /// has ended. Whole seconds travel. Default: one hour.
    pub fn session_expiry(mut self, session_expiry: Duration) -> Self {
        self.session_expiry = Some(session_expiry);
        self
    }

    /// User name and password.
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials {
            user: user.into(),
            password: Password::Text(password.into()),
        });
        self
    }

    /// User name, and the file whose content is the password, without the line end that editors
    /// leave. The file is read for each connection anew, since passwords are replaced.
    pub fn credentials_file(mut self, user: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        self.credentials = Some(Credentials {
            user: user.into(),
            password: Password::File(file.into()),
        });
        self
    }

    /// How often to ask whether the broker is there; it is given up after twice as long. From 5 s
    /// to 65,535 s. Default: 30 s.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = Some(keep_alive);
        self
    }

    /// Whom to trust in TLS. Default: [`Tls::system`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What the broker publishes when this client has vanished without saying goodbye, and has not
    /// come back after `delay`.
    pub fn will(mut self, will: impl Into<Publish>, delay: Duration) -> Self {
        self.will = Some((will.into(), delay));
        self
    }

    /// How long one attempt to connect may take, from name resolution to CONNACK. Whole seconds.
    /// Default: 10 s.
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// The delay after a first failed connection, and the longest; it doubles in between, less up
    /// to half of it by chance. Default: 100 ms and 30 s.
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        self.backoff = (min, max);
        self
    }

    /// Receive Maximum: how many messages at QoS 1 and 2 the broker sends ahead of their
    /// acknowledgement, over all subscriptions. This bounds the memory of streams that are read
    /// slowly. Default: 256.
    pub fn receive_max(mut self, messages: u16) -> Self {
        self.receive_max = messages;
        self
    }

    /// How many publishes at QoS 1 and 2 may wait for their answer at once; the broker may allow
    /// fewer. Up to 4,096. Default: 128.
    pub fn in_flight_max(mut self, publishes: u16) -> Self {
        self.in_flight_max = publishes;
        self
    }

    /// How many publishes may wait for their turn: while there is no connection, or while others
    /// wait for their answer. Further ones have to wait outside. Default: 64.
    pub fn queue_len_max(mut self, publishes: usize) -> Self {
        self.queue_len_max = publishes;
        self
    }

    /// The largest packet, in bytes, that the broker may send. Default: 16 MiB.
    pub fn packet_bytes_max(mut self, bytes: u32) -> Self {
        self.packet_bytes_max = bytes;
        self
    }

    /// How long messages of a session that was there before this process wait for a stream whose
    /// filter matches. After that they are acknowledged and dropped. Default: 10 s.
    pub fn claim_within(mut self, time: Duration) -> Self {
        self.claim_within = time;
        self
    }

    /// How long [`Client::close`], or dropping all handles, waits for what was published. Default:
    /// 5 s.
    pub fn close_within(mut self, time: Duration) -> Self {
        self.close_within = time;
        self
    }

    /// One more user property of CONNECT.
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.user_properties.push((name.into(), value.into()));
        self
    }

    /// Authentication Method of CONNECT, such as `K8S-SAT`, and the file whose content is the
    /// Authentication Data. The file is read for each connection anew, since tokens are replaced
    /// before they expire. Methods that need more than CONNECT and CONNACK are out of reach.
    pub fn authentication_file(
        mut self,
        method: impl Into<String>,
        file: impl Into<PathBuf>,
    ) -> Self {
        self.authentication = Some(Authentication {
            method: method.into(),
            file: file.into(),
        });
        self
    }

    /// A broker that does not know the method of [`authentication_file`](Self::authentication_file)
    /// (reason code 0x8C) is asked once more without it, each time.
    pub fn authentication_optional(mut self) -> Self {
        self.authentication_is_optional = true;
        self
    }

    /// Goes on connecting whatever the broker says, once there is a client: a refusal may be
    /// mended at the broker, and a client that ends does not hear of that. Else a refusal that is
    /// no passing one ends the client.
    pub fn keep_trying(mut self) -> Self {
        self.keeps_trying = true;
        self
    }

    /// The time of [`claim_within`](Self::claim_within) runs from the latest subscription, and not
    /// at all before the first: for programs that cannot know when they will subscribe. Messages
    /// that wait take from what Receive Maximum allows, and are not acknowledged.
    pub fn claim_from_subscribe(mut self) -> Self {
        self.claims_from_subscribe = true;
        self
    }

    /// In a session of an earlier process, what was queued waits so long for further streams, so
    /// that all that overlap get it; without, the first one does. Default: 0.
    pub fn claim_together(mut self, time: Duration) -> Self {
        self.claim_together = time;
        self
    }

    /// How long publishes wait once a connection was made anew and the broker does not have the
    /// session any more. It has then forgotten those of others as well, who have to subscribe anew
    /// before what is published can reach them. Sessions that end with their connection tell
    /// nothing of that, and let nothing wait. Default: 0.
    pub fn subscribers_first(mut self, time: Duration) -> Self {
        self.subscribers_first = time;
        self
    }

    /// Connects, and returns when the broker has accepted. The first attempt decides; later ones,
    /// after the connection breaks, are the client's own affair.
    ///
    /// Cancel safe: if the future is dropped, there is no client and no connection.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for options that make no sense, [`Error::ConnectionRefused`] by the
    /// broker, [`Error::Unreachable`] else.
    pub async fn connect(self) -> Result<Client, Error> {
        Client::connect_with(self.options()?).await
    }

    /// Returns a client at once, which tries to connect for as long as it takes. Until then, calls
    /// wait.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for options that make no sense.
    pub fn start(self) -> Result<Client, Error> {
        Ok(Client::start_with(self.options()?))
    }

    pub(crate) fn options(mut self) -> Result<Options, Error> {
        let url = Url::parse(&self.url)?;
        self.take_from(&url)?;
        self.check_connect()?;
        let tls = match url.scheme {
            Scheme::Tls | Scheme::SecureWebSocket => {
                let tls = self.tls.map_or_else(Tls::system, Ok)?;
                Some(tls.config()?)
            }
            Scheme::Tcp | Scheme::WebSocket | Scheme::Unix => None,
        };
        let keep_alive = self.keep_alive.unwrap_or(Duration::from_secs(30));
        if !KEEP_ALIVE.contains(&keep_alive) {
            return Err(Error::invalid("keep alive", "expected 5 s to 65535 s"));
        }
        if self.receive_max == 0 || self.in_flight_max == 0 || self.queue_len_max == 0 {
            return Err(Error::invalid("limit", "with 0 nothing could move"));
        }
        if self.in_flight_max > IN_FLIGHT_MAX {
            return Err(Error::invalid("limit", "at most 4096 may be in flight"));
        }
        let client_id = self.client_id;
        let client_id = client_id.unwrap_or_else(|| random::name("catena-"));
        Ok(Options {
            url,
            tls,
            client_id,
            clean_start: self.clean_start.unwrap_or(false),
            session_expiry: self.session_expiry.unwrap_or(Duration::from_secs(3600)),
            credentials: self.credentials,
            keep_alive,
            will: self.will,
            connect_timeout: self.connect_timeout,
            backoff: self.backoff,
            receive_max: self.receive_max,
            in_flight_max: self.in_flight_max,
            queue_len_max: self.queue_len_max,
            packet_bytes_max: self.packet_bytes_max,
            claim_within: self.claim_within,
            close_within: self.close_within,
            user_properties: self.user_properties,
            authentication: self.authentication,
            authentication_is_optional: self.authentication_is_optional,
            keeps_trying: self.keeps_trying,
            claims_from_subscribe: self.claims_from_subscribe,
            claim_together: self.claim_together,
            subscribers_first: self.subscribers_first,
        })
    }

    /// Checks what CONNECT carries.
    fn check_connect(&self) -> Result<(), Error> {
        if let Some((will, _)) = &self.will {
            will.check()?;
        }
        if let Some(client_id) = &self.client_id {
            if client_id.is_empty() {
                return Err(Error::invalid("client ID", "it is empty"));
            }
            text::check("client ID", client_id)?;
        }
        if let Some(credentials) = &self.credentials {
            text::check("user name", &credentials.user)?;
        }
        if let Some(authentication) = &self.authentication {
            text::check("authentication method", &authentication.method)?;
        }
        publish::check_user_properties(&self.user_properties)
    }

    /// Options from the URL, where no method has said otherwise.
    fn take_from(&mut self, url: &Url) -> Result<(), Error> {
        if let (None, Some(user)) = (&self.credentials, &url.user) {
            self.credentials = Some(Credentials {
                user: user.clone(),
                password: Password::Text(url.password.clone().unwrap_or_default()),
            });
        }
        for (name, value) in &url.query {
            let wrong = |_| Error::invalid("URL", format!("{name} cannot be {value:?}"));
            let seconds = || value.parse().map(Duration::from_secs).map_err(wrong);
            match &**name {
                "client_id" if self.client_id.is_none() => self.client_id = Some(value.clone()),
                "session_expiry" if self.session_expiry.is_none() => {
                    self.session_expiry = Some(seconds()?);
                }
                "keep_alive" if self.keep_alive.is_none() => self.keep_alive = Some(seconds()?),
                "clean_start" if self.clean_start.is_none() => match &**value {
                    "true" => self.clean_start = Some(true),
                    "false" => self.clean_start = Some(false),
                    _ => return Err(Error::invalid("URL", "clean_start is true or false")),
                },
                "client_id" | "session_expiry" | "keep_alive" | "clean_start" => {}
                _ => {
                    return Err(Error::invalid(
                        "URL",
                        format!("there is no option {name:?}"),
                    ));
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_carries_options_and_methods_count_more() {
        let url = "mqtt://anna:x@h?client_id=a&keep_alive=7&session_expiry=8&clean_start=true";
        let options = Builder::new(url).client_id("b").options().unwrap();
        assert_eq!(options.client_id, "b");
        assert_eq!(options.keep_alive, Duration::from_secs(7));
        assert_eq!(options.session_expiry, Duration::from_secs(8));
        assert!(options.clean_start);
        let credentials = options.credentials.unwrap();
        assert_eq!(credentials.user, "anna");
        assert!(!format!("{credentials:?}").contains("anna"));
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let base = || Builder::new("mqtt://h");
        for builder in [
            Builder::new("mqtt://h?keep_alive=x"),
            Builder::new("mqtt://h?kep_alive=1"),
            base().keep_alive(Duration::from_secs(1)),
            base().receive_max(0),
            base().in_flight_max(5000),
            base().client_id(""),
            base().client_id("a\u{1}"),
            Builder::new("mqtt://h?client_id=a%0A"),
            base().credentials("anna\u{7f}", "x"),
            base().authentication_file("K8S\0", "token"),
            base().user_property("n\t", "v"),
            base().user_property("n", "v\u{fffe}"),
            base().will(("a/#", "x"), Duration::ZERO),
            base().will(("a\r", "x"), Duration::ZERO),
            base().will(
                Publish::new("a", "x").content_type("\u{85}"),
                Duration::ZERO,
            ),
        ] {
            let refused = matches!(builder.clone().options(), Err(Error::Invalid { .. }));
            assert!(refused, "{builder:?}");
        }
    }
}
