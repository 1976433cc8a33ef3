//! `grpc.health.v1`: whether the process is there, and whether the broker is.

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::server::Components;

/// The full name of the service.
pub(crate) const NAME: &str = "grpc.health.v1.Health";

/// How often somebody who watches is looked after.
const INTERVAL: Duration = Duration::from_millis(500);

/// The service.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    components: Components,
    served: Vec<&'static str>,
}

/// Tells that the process serves when asked for the name `""`, and when asked for a service,
/// whether all instances of its kind are connected.
pub(crate) fn server(components: Components, served: Vec<&'static str>) -> HealthServer<Checks> {
    HealthServer::new(Checks { components, served })
}

impl Checks {
    fn status(&self, service: &str) -> Option<ServingStatus> {
        if service.is_empty() {
            return Some(ServingStatus::Serving);
        }
        if !self.served.contains(&service) {
            return None;
        }
        let connected = if service.ends_with(".PubSub") {
            self.components.pubsub.are_connected()
        } else {
            self.components.state.are_connected()
        };
        Some(match connected {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        })
    }
}

#[tonic::async_trait]
impl Health for Checks {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        let status = self.status(&service);
        let status = status.ok_or_else(|| Status::not_found("the socket has no such service"))?;
        Ok(Response::new(answer(status)))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let (sender, receiver) = mpsc::channel(1);
        let checks = self.clone();
        self.components.pubsub.context().start(async move {
            let mut last = None;
            let mut ticks = tokio::time::interval(INTERVAL);
            while !sender.is_closed() {
                let status = checks
                    .status(&service)
                    .unwrap_or(ServingStatus::ServiceUnknown);
                if last.replace(status) != Some(status)
                    && sender.send(Ok(answer(status))).await.is_err()
                {
                    return;
                }
                ticks.tick().await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
