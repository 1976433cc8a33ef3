//! From settings to a client.

use std::time::Duration;

use catena_sdk::{Client, Tls};
use tonic::Status;

use crate::metadata::{Connection, Material, Policy};
use crate::status;

/// A session is of use while requests are under way, and for nothing else.
const SESSION_EXPIRY: Duration = Duration::from_secs(60);

/// A client that is connected, or, if the policy says so, goes on trying.
pub(super) async fn open(connection: &Connection) -> Result<Client, Status> {
    let mut builder = Client::builder(&connection.endpoint.url())
        .keep_alive(connection.keep_alive)
        .session_expiry(SESSION_EXPIRY)
        .connect_timeout(connection.connect_within)
        .close_within(Duration::from_millis(500))
        .backoff(Duration::from_millis(50), Duration::from_secs(2));
    if let Some(client_id) = &connection.client_id {
        builder = builder.client_id(client_id.as_str());
    }
    if let Some(credentials) = &connection.credentials {
        let password = text(&credentials.password)?;
        builder = builder.credentials(credentials.username.as_str(), password);
    }
    if connection.endpoint.is_secure() {
        let doing = |error| status::of(&error, "set TLS up");
        let mut tls = match &connection.security.authorities {
            Some(authorities) => Tls::authority(text(authorities)?.as_bytes()).map_err(doing)?,
            None => Tls::system().map_err(doing)?,
        };
        if let Some((chain, key)) = &connection.security.identity {
            let (chain, key) = (text(chain)?, text(key)?);
            tls = tls
                .identity(chain.as_bytes(), key.as_bytes())
                .map_err(doing)?;
        }
        builder = builder.tls(tls);
    }
    let doing = format!("connect to {}", connection.endpoint);
    match connection.policy {
        Policy::Background => builder.start().map_err(|error| status::of(&error, &doing)),
        Policy::Fail => {
            let connecting = tokio::time::timeout(connection.connect_within, builder.connect());
            let late = |_| {
                let within = connection.connect_within;
                Status::unavailable(format!("cannot {doing}: no answer within {within:?}"))
            };
            let connected = connecting.await.map_err(late)?;
            connected.map_err(|error| status::of(&error, &doing))
        }
    }
}

fn text(material: &Material) -> Result<String, Status> {
    match material {
        Material::Text(text) => Ok(text.clone()),
        Material::File(path) => std::fs::read_to_string(path).map_err(|error| {
            Status::invalid_argument(format!("cannot read {}: {error}", path.display()))
        }),
    }
}
