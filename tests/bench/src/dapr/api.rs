//! As much of a sidecar's API as the load uses, over gRPC.

use anyhow::Context;
use bytes::Bytes;
use catena_tests_dapr::grpc::wire;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use wire::dapr_client::DaprClient;

/// A connection to a sidecar. Clones share it, as the tasks of an application do.
#[derive(Clone, Debug)]
pub(super) struct Api(DaprClient<Channel>);

/// The components that a sidecar of a sitting has.
pub(super) const PUBSUB: &str = "pubsub";
pub(super) const STATE: &str = "state";

impl Api {
    /// Connects to a sidecar at a port of the loopback address.
    pub(super) async fn connect(port: u16) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
        let channel = endpoint.connect().await;
        let channel = channel.context("the sidecar cannot be reached")?;
        Ok(Self(DaprClient::new(channel)))
    }

    /// Publishes JSON.
    pub(super) async fn publish(&self, topic: &str, data: Bytes) -> Result<(), Status> {
        let request = wire::PublishEventRequest {
            pubsub_name: PUBSUB.to_owned(),
            topic: topic.to_owned(),
            data: data.into(),
            data_content_type: "application/json".to_owned(),
            ..Default::default()
        };
        self.0.clone().publish_event(request).await.map(drop)
    }

    /// Saves a value.
    pub(super) async fn save(&self, key: String, value: Bytes) -> Result<(), Status> {
        let request = wire::SaveStateRequest {
            store_name: STATE.to_owned(),
            states: vec![item(key, value)],
        };
        self.0.clone().save_state(request).await.map(drop)
    }

    /// Reads a value; none is empty.
    pub(super) async fn get(&self, key: String) -> Result<Bytes, Status> {
        let request = wire::GetStateRequest {
            store_name: STATE.to_owned(),
            key,
            ..Default::default()
        };
        let found = self.0.clone().get_state(request).await?;
        Ok(found.into_inner().data.into())
    }

    /// Saves several values, all or none.
    pub(super) async fn transact(&self, values: Vec<(String, Bytes)>) -> Result<(), Status> {
        let operation = |(key, value)| wire::TransactionalStateOperation {
            operation_type: "upsert".to_owned(),
            request: Some(item(key, value)),
        };
        let request = wire::ExecuteStateTransactionRequest {
            store_name: STATE.to_owned(),
            operations: values.into_iter().map(operation).collect(),
            ..Default::default()
        };
        let mut client = self.0.clone();
        client.execute_state_transaction(request).await.map(drop)
    }
}

fn item(key: String, value: Bytes) -> wire::StateItem {
    wire::StateItem {
        key,
        value: value.into(),
        ..Default::default()
    }
}
