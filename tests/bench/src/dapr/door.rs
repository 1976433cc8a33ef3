//! Where a load goes in: the same five requests to whoever is measured.

use anyhow::{Context, bail};
use bytes::Bytes;
use catena_dapr_proto::v1 as wire;
use catena_dapr_proto::v1::pub_sub_client::PubSubClient;
use catena_dapr_proto::v1::state_store_client::StateStoreClient;
use catena_sdk::{Client, Group, Set, StateStore};
use std::collections::HashMap;
use std::path::Path;
use tonic::Request;
use tonic::transport::Channel;

use super::api::{self, Api};

/// One way to publish messages and to keep values. Clones share a connection.
#[derive(Clone, Debug)]
pub(super) enum Door {
    /// A sidecar.
    Sidecar(Api),
    /// The socket of `catena-dapr`.
    Socket(Box<Socket>),
    /// The broker itself.
    Straight(Straight),
}

/// A connection as sidecars have it.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pubsub: PubSubClient<Channel>,
    state: StateStoreClient<Channel>,
}

/// Clients of the broker.
#[derive(Clone, Debug)]
pub(super) struct Straight {
    client: Client,
    store: StateStore,
}

impl Door {
    pub(super) async fn publish(&self, topic: &str, data: Bytes) -> anyhow::Result<()> {
        match self {
            Self::Sidecar(api) => api.publish(topic, data).await?,
            Self::Socket(socket) => {
                let request = wire::PublishRequest {
                    data,
                    pubsub_name: api::PUBSUB.to_owned(),
                    topic: topic.to_owned(),
                    content_type: "application/json".to_owned(),
                    ..Default::default()
                };
                let mut pubsub = socket.pubsub.clone();
                pubsub.publish(named(api::PUBSUB, request)?).await?;
            }
            Self::Straight(straight) => {
                straight.client.publish((topic, data)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn save(&self, key: String, value: Bytes) -> anyhow::Result<()> {
        match self {
            Self::Sidecar(api) => api.save(key, value).await?,
            Self::Socket(socket) => {
                let request = wire::SetRequest {
                    key,
                    value,
                    ..Default::default()
                };
                let mut state = socket.state.clone();
                state.set(named(api::STATE, request)?).await?;
            }
            Self::Straight(straight) => {
                straight.store.set(key, value).await?;
            }
        }
        Ok(())
    }

    /// The value of a key; empty if there is none.
    pub(super) async fn get(&self, key: String) -> anyhow::Result<Bytes> {
        Ok(match self {
            Self::Sidecar(api) => api.get(key).await?,
            Self::Socket(socket) => {
                let request = wire::GetRequest {
                    key,
                    ..Default::default()
                };
                let mut state = socket.state.clone();
                let found = state.get(named(api::STATE, request)?).await?;
                found.into_inner().data
            }
            Self::Straight(straight) => {
                let found = straight.store.get(key).await?;
                found.map(|entry| entry.value).unwrap_or_default()
            }
        })
    }

    pub(super) async fn transact(&self, values: Vec<(String, Bytes)>) -> anyhow::Result<()> {
        match self {
            Self::Sidecar(api) => api.transact(values).await?,
            Self::Socket(_) => bail!("transactions are measured through a sidecar"),
            Self::Straight(straight) => {
                let set = |group: Group, (key, value)| group.set(Set::new(key, value));
                let group = values
                    .into_iter()
                    .map(|(key, value)| (Bytes::from(key), value));
                straight.store.apply(&group.fold(Group::new(), set)).await?;
            }
        }
        Ok(())
    }
}

impl Socket {
    /// Makes instances of the components at a broker, as a sidecar does for its resources.
    pub(super) async fn open(path: &Path, broker: u16) -> anyhow::Result<Self> {
        let channel = catena_dapr::discovery::dial(path).await;
        let channel = channel.context("the socket cannot be reached")?;
        let mut pubsub = PubSubClient::new(channel.clone());
        let mut state = StateStoreClient::new(channel);
        let port = broker.to_string();
        let metadata = || wire::MetadataRequest {
            properties: HashMap::from([
                ("hostname".to_owned(), "127.0.0.1".to_owned()),
                ("tcpPort".to_owned(), port.clone()),
                ("useTls".to_owned(), "false".to_owned()),
            ]),
        };
        let init = wire::PubSubInitRequest {
            metadata: Some(metadata()),
        };
        pubsub.init(named(api::PUBSUB, init)?).await?;
        let init = wire::InitRequest {
            metadata: Some(metadata()),
        };
        state.init(named(api::STATE, init)?).await?;
        Ok(Self { pubsub, state })
    }
}

impl Straight {
    /// Connects to a broker.
    pub(super) async fn open(broker: u16) -> anyhow::Result<Self> {
        let client = Client::connect(&format!("mqtt://127.0.0.1:{broker}")).await?;
        let store = StateStore::new(&client).await?;
        Ok(Self { client, store })
    }
}

/// A request to an instance of the socket's own: names of instances are those of resources, and
/// sidecars have other ones.
fn named<T>(instance: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    let name = format!("bench-{instance}").parse()?;
    request.metadata_mut().insert("x-component-instance", name);
    Ok(request)
}
