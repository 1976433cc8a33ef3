//! The services of one socket: components, reflection in both versions, and health.
//!
//! Reflection names only what the socket really serves: a sidecar registers a component for each
//! service that it finds.

use std::convert::Infallible;
use std::sync::Arc;

use tokio_stream::Stream;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport::Server;

use crate::health;
use crate::instances::{Flavour, Instances};
use crate::peer::Connection;
use crate::{pubsub, state};

/// The largest request in bytes that is taken: a sidecar sends what its `--max-body-size` allows,
/// 4 MiB unless configured, and its envelope.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// All instances of the process, of both kinds.
#[derive(Clone, Debug)]
pub struct Components {
    /// Publish and subscribe.
    pub pubsub: Arc<Instances<pubsub::Instance>>,
    /// State stores.
    pub state: Arc<Instances<state::Instance>>,
}

/// Which kinds of components a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Publish and subscribe.
    pub pubsub: bool,
    /// State stores.
    pub state: bool,
}

/// What a socket serves, while it is put together.
#[derive(Default)]
pub struct Served {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
}

impl Kinds {
    /// Both.
    pub const ALL: Self = Self {
        pubsub: true,
        state: true,
    };
}

impl Served {
    /// One more service.
    pub fn add<S>(&mut self, service: S)
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
    }

    /// The full names of the services so far.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// With reflection and health.
    ///
    /// # Errors
    ///
    /// The description of the protocol does not hold a service.
    fn finish(
        mut self,
        components: &Components,
    ) -> Result<Routes, tonic_reflection::server::Error> {
        let describe = || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(catena_dapr_proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            let names = self.names.iter().copied().chain([health::NAME]);
            names.fold(builder, |builder, name| builder.with_service_name(name))
        };
        let (alpha, one) = (describe().build_v1alpha()?, describe().build_v1()?);
        let health = health::server(components.clone(), self.names.clone());
        self.routes.add_service(alpha);
        self.routes.add_service(one);
        self.routes.add_service(health);
        Ok(self.routes.routes())
    }
}

/// The services of a socket for these kinds.
#[must_use]
pub fn services(components: &Components, kinds: Kinds, flavour: Flavour) -> Served {
    let mut served = Served::default();
    if kinds.pubsub {
        pubsub::serve(&components.pubsub, flavour, &mut served);
    }
    if kinds.state {
        state::serve(&components.state, flavour, &mut served);
    }
    served
}

/// Serves until `stop` ends, and then until the calls that are under way have ended.
///
/// # Errors
///
/// The description of the protocol does not hold a service, or the transport fails.
pub async fn run(
    served: Served,
    components: &Components,
    incoming: impl Stream<Item = std::io::Result<Connection>>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let routes = served.finish(components)?;
    Server::builder()
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, stop)
        .await?;
    Ok(())
}
