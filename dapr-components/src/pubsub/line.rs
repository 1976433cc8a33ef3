//! The connection that the messages of a subscription come over.
//!
//! Subscriptions share that of their instance. One in a share group has its own, which lasts as
//! long as streams want its messages: a broker gives the messages of a group to those members that
//! are connected, and gives on what one of them has not acknowledged when it disconnects.
//! Unsubscribing would not do: what was sent stays with the session then [MQTT-3.10.4-3], and the
//! last member would take the group with it.

use std::time::Duration;

use catena_sdk::Client;
use tokio::time::timeout;
use tonic::Status;

use crate::link;

use super::shared::Shared;

/// The connection of a subscription.
pub(super) enum Line {
    /// That of the instance.
    Common(Client),
    /// One of its own, while it is needed.
    Own {
        client_id: String,
        client: Option<Client>,
    },
}

/// How long a broker has to end a session.
const END_WITHIN: Duration = Duration::from_secs(2);

impl Line {
    /// The one that a subscription needs.
    pub(super) fn of(filter: &str, shared: &Shared) -> Self {
        if filter.starts_with("$share/") {
            Self::Own {
                client_id: client_id(shared.client.client_id(), filter),
                client: None,
            }
        } else {
            Self::Common(shared.client.clone())
        }
    }

    /// Whether it ends with the last stream.
    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    /// The client of a line of its own, if that is there.
    pub(super) fn own_client(&self) -> Option<&Client> {
        match self {
            Self::Common(_) => None,
            Self::Own { client, .. } => client.as_ref(),
        }
    }

    /// The client to subscribe with, which is connected by and by.
    ///
    /// # Errors
    ///
    /// What cannot be read any more: files that the metadata names.
    pub(super) fn client(&mut self, shared: &Shared) -> Result<Client, Status> {
        let (client_id, client) = match self {
            Self::Common(client) => return Ok(client.clone()),
            Self::Own { client_id, client } => (client_id, client),
        };
        if let Some(client) = client {
            return Ok(client.clone());
        }
        let settings = &shared.settings;
        let started = link::start(&settings.connection, |builder| {
            let builder = settings.tune(builder).client_id(&*client_id);
            // There is no other stream to wait for.
            builder.claim_together(Duration::ZERO)
        });
        let started = started?;
        shared.add_line(&started);
        Ok(client.insert(started).clone())
    }

    /// Disconnects. What nobody has acknowledged stays with the broker, for the others of the group
    /// or for later; with `ends_session`, for the others only.
    pub(super) async fn hang_up(&mut self, shared: &Shared, ends_session: bool) {
        let (client_id, client) = match self {
            Self::Common(client) => return client.close().await,
            Self::Own { client_id, client } => (client_id, client),
        };
        let Some(client) = client.take() else {
            return;
        };
        client.close().await;
        shared.remove_line(&client);
        if !ends_session || !shared.settings.keeps_session() {
            return;
        }
        let settings = &shared.settings;
        let started = link::start(&settings.connection, |builder| {
            let builder = settings.tune(builder).client_id(&*client_id);
            builder.clean_start(true).session_expiry(Duration::ZERO)
        });
        let ended = async {
            let client = started.ok()?;
            let connected = timeout(END_WITHIN, client.connected()).await;
            client.close().await;
            connected.ok()?.ok()
        };
        if ended.await.is_none() {
            let after = settings.session_expiry;
            tracing::warn!(component = %shared.name, client_id, ?after,
                "the broker could not be told that a subscription is over: it ends by itself");
        }
    }
}

/// The client ID of a connection for one subscription: the same after a restart, so that the
/// session is found again.
fn client_id(base: &str, filter: &str) -> String {
    format!("{base}-{:08x}", digest(filter))
}

/// FNV-1a, 32 bits.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |digest, byte| {
        (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another release that made another one of it would not find the session.
    #[test]
    fn client_ids_stay_as_they_are() {
        assert_eq!(digest(""), 0x811c_9dc5);
        assert_eq!(digest("foobar"), 0xbf9c_f968);
        let client_id = client_id("shop-1", "$share/shop/orders");
        assert_eq!(client_id, "shop-1-e9d4836d");
    }
}
