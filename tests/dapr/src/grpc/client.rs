//! The client of a sidecar's gRPC API, for tests that wait for each answer.

use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use super::wire::dapr_client::DaprClient;

/// A connection to one sidecar.
#[derive(Debug)]
pub struct Grpc {
    runtime: Runtime,
    channel: Channel,
}

impl Grpc {
    /// Connects to the gRPC port of a sidecar.
    ///
    /// # Errors
    ///
    /// That nobody serves there.
    pub fn connect(port: u16) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
        let connected = runtime.block_on(endpoint.timeout(PATIENCE).connect());
        let channel = connected.with_context(|| format!("cannot connect to port {port}"))?;
        Ok(Self { runtime, channel })
    }

    /// Calls a method and waits for its answer.
    ///
    /// # Errors
    ///
    /// What the sidecar answers instead.
    pub fn call<T, F>(&self, method: impl FnOnce(DaprClient<Channel>) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let called = method(DaprClient::new(self.channel.clone()));
        self.runtime.block_on(called).map(Response::into_inner)
    }
}

/// For a sidecar on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(60);
