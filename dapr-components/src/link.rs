//! From settings to a client of the broker, with the real cause when there is none.

use std::fs;
use std::time::Duration;

use catena_sdk::{Builder, Client, Error, Tls};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status};

use crate::metadata::{Connection, Material, Policy};
use crate::status;

/// The authentication method of Kubernetes service account tokens.
const TOKEN_METHOD: &str = "K8S-SAT";

/// Between attempts within one Init: a broker that is just starting is there soon.
const PAUSE: Duration = Duration::from_millis(200);

/// Connects within the time that Init has. With [`Policy::Background`], gives a client that goes on
/// trying when that time is over. `tune` sets what else there is to set.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for what cannot be read or makes no sense, `UNAVAILABLE` for a broker that
/// cannot be reached, and what [`status::of_reason`] has for its refusals.
pub async fn connect(
    connection: &Connection,
    tune: impl FnOnce(Builder) -> Builder,
) -> Result<Client, Status> {
    let deadline = Instant::now() + connection.connect_within.saturating_sub(PAUSE);
    if connection.policy == Policy::Background {
        let client = start(connection, tune)?;
        if timeout_at(deadline, client.connected()).await.is_err() {
            let cause = client.trouble().map(|error| explain(connection, &error));
            let error = cause
                .as_ref()
                .map_or("no answer yet", |status| status.message());
            tracing::warn!(error, "the broker is not there; trying in the background");
        }
        return Ok(client);
    }
    let builder = tune(builder(connection)?);
    let mut last = None;
    loop {
        let error = match timeout_at(deadline, builder.clone().connect()).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => error,
            Err(_) => {
                let after = connection.connect_within;
                return Err(explain(
                    connection,
                    &last.unwrap_or(Error::TimedOut { after }),
                ));
            }
        };
        let is_final = matches!(
            error,
            Error::ConnectionRefused { .. } | Error::Invalid { .. }
        );
        if (is_final && !error.is_retryable()) || Instant::now() + PAUSE >= deadline {
            return Err(explain(connection, &error));
        }
        last = Some(error);
        sleep(PAUSE).await;
    }
}

/// Gives a client that connects by and by.
///
/// # Errors
///
/// `INVALID_ARGUMENT` for what cannot be read or makes no sense.
pub fn start(
    connection: &Connection,
    tune: impl FnOnce(Builder) -> Builder,
) -> Result<Client, Status> {
    let started = tune(builder(connection)?).start();
    started.map_err(|error| explain(connection, &error))
}

fn builder(connection: &Connection) -> Result<Builder, Status> {
    let mut builder = Client::builder(&connection.endpoint.url())
        .keep_alive(connection.keep_alive)
        .connect_timeout(connection.connect_within)
        .close_within(Duration::from_secs(1))
        .backoff(Duration::from_millis(100), Duration::from_secs(2))
        .keep_trying();
    if let Some(credentials) = &connection.credentials {
        // A file that cannot be read is told now; what it says is read for each connection anew.
        let password = text(&credentials.password, "passwordFile")?;
        builder = match &credentials.password {
            Material::Text(_) => builder.credentials(&credentials.username, password),
            Material::File(file) => builder.credentials_file(&credentials.username, file),
        };
    }
    if let Some(file) = &connection.token_file {
        builder = builder.authentication_file(TOKEN_METHOD, file);
        if connection.token_is_optional {
            builder = builder.authentication_optional();
        }
    }
    if connection.endpoint.is_secure() {
        builder = builder.tls(tls(connection)?);
    }
    Ok(builder)
}

fn tls(connection: &Connection) -> Result<Tls, Status> {
    let security = &connection.security;
    let invalid = |field: &str, error: &Error| {
        Status::invalid_argument(format!("metadata `{field}`: {error}"))
    };
    let tls = match &security.authorities {
        None => Tls::system(),
        Some(authorities) => Tls::authority(text(authorities, "caCert` or `caFile")?.as_bytes()),
    };
    let tls = tls.map_err(|error| invalid("caCert` or `caFile", &error))?;
    let Some((chain, key)) = &security.identity else {
        return Ok(tls);
    };
    let (chain, key) = (text(chain, "clientCert")?, text(key, "clientKey")?);
    let tls = tls.identity(chain.as_bytes(), key.as_bytes());
    tls.map_err(|error| invalid("clientCert` or `clientKey", &error))
}

fn text(material: &Material, field: &str) -> Result<String, Status> {
    match material {
        Material::Text(text) => Ok(text.clone()),
        Material::File(path) => fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            Status::invalid_argument(format!("metadata `{field}`: cannot read {path}: {error}"))
        }),
    }
}

/// The cause, where it was met, and what to look at.
#[must_use]
pub fn explain(connection: &Connection, error: &Error) -> Status {
    let endpoint = &connection.endpoint;
    let hint = match error {
        Error::ConnectionRefused { reason } => match reason.code() {
            0x85 => "check `clientId` or `consumerID`",
            0x84 => "the broker does not speak MQTT 5",
            0x86 | 0x87 if connection.token_file.is_some() => {
                "check the token in `satAuthFile` or `satTokenPath`, and its audience"
            }
            0x86 | 0x87 => match connection.credentials.as_ref().map(|it| &it.password) {
                Some(Material::Text(_)) => "check `username` and `password`",
                Some(Material::File(_)) => "check `username`, and what is in `passwordFile`",
                None => "set `username` and `password`, or check those in `url`",
            },
            0x8C if connection.token_file.is_some() => {
                "the broker does not take Kubernetes tokens (K8S-SAT): leave `satAuthFile` or \
                 `satTokenPath` out"
            }
            0x8C => "the broker does not take this way to authenticate: it may want `username`",
            _ => "the broker says so",
        },
        Error::Unreachable { why } => unreachable_hint(why, endpoint.is_secure()),
        Error::TimedOut { .. } => "the broker did not answer in time: check host and port",
        Error::Invalid {
            what: "TLS settings",
            ..
        } => "check `clientCert` and `clientKey`: they do not belong together",
        _ => "check the metadata of the component",
    };
    let code = match status::code(error) {
        Code::DeadlineExceeded | Code::Internal => Code::Unavailable,
        code => code,
    };
    Status::new(
        code,
        format!("cannot connect to {endpoint}: {error} ({hint})"),
    )
}

/// What to look at, by what the network said.
fn unreachable_hint(why: &str, is_secure: bool) -> &'static str {
    let why = why.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if has(&[
        "lookup address",
        "name or service",
        "no such host",
        "resolve",
    ]) {
        "the name of the host is not found: check `url` or `hostname`"
    } else if has(&["cannot read"]) {
        "check `passwordFile`, `satAuthFile` or `satTokenPath`"
    } else if has(&["refused"]) {
        "nobody listens there: check host and port, and whether the broker runs"
    } else if has(&["corrupt message", "invalidcontenttype"]) {
        "the broker does not speak TLS at this port: try `useTls: false`, or another port"
    } else if has(&["certificaterequired"]) {
        "the broker wants a certificate of its clients: set `clientCert` and `clientKey`"
    } else if has(&["unknownissuer", "unknown issuer", "badsignature"]) {
        "the certificate of the broker is signed by nobody who is trusted: check `caCert` or \
         `caFile`"
    } else if has(&["deserialization"]) && !is_secure {
        "what answers there does not speak plain MQTT: it may want TLS, `useTls: true`"
    } else if has(&["not valid for name"]) {
        "the certificate of the broker is for another name: use one that it is for in `url` or \
         `hostname`"
    } else if has(&["causedasendentity"]) {
        "the broker shows a certificate authority in place of a certificate of its own: it needs \
         one made with CA:FALSE"
    } else if has(&["certificate", "tls", "handshake"]) {
        "TLS fails: check `caCert` or `caFile`, the name of the host, and whether the broker \
         speaks it at this port (else `useTls: false`, or mqtt:// in `url`)"
    } else if has(&["time"]) {
        "the broker did not answer in time: check host and port"
    } else if !is_secure && has(&["closed", "reset", "eof"]) {
        "the broker hung up: it may want TLS, `useTls: true`, or another client has this client ID"
    } else {
        "check host and port"
    }
}
