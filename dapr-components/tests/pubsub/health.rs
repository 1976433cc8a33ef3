//! What `grpc.health.v1` says, which probes of orchestrators ask.

use catena_dapr::discovery;
use catena_sdk_testing::Broker;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::sidecar::{Component, soon};

const PUBSUB: &str = "dapr.proto.components.v1.PubSub";
const STATE: &str = "dapr.proto.components.v1.StateStore";

/// The status of a service, or why there is none.
async fn status(component: &Component, service: &str) -> Result<ServingStatus, Code> {
    let channel = soon(discovery::dial(&component.socket())).await.unwrap();
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut client = HealthClient::new(channel);
    let answer = soon(client.check(request)).await;
    let answer = answer.map_err(|status| status.code())?;
    Ok(answer.into_inner().status())
}

async fn until(component: &Component, service: &str, wanted: ServingStatus) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    soon(async {
        while status(component, service).await != Ok(wanted) {
            ticks.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_kind_is_healthy_while_all_its_instances_are_connected() {
    let broker = Broker::start().unwrap();
    let (url, address) = (broker.url(), broker.address());
    let component = Component::start().await;
    for service in ["", PUBSUB, STATE] {
        assert_eq!(
            status(&component, service).await,
            Ok(ServingStatus::Serving)
        );
    }
    assert_eq!(status(&component, "none").await, Err(Code::NotFound));
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&[("url", &url)]).await.unwrap();
    drop(broker);
    until(&component, PUBSUB, ServingStatus::NotServing).await;
    // The process lives, and what needs no broker is well.
    for service in ["", STATE] {
        assert_eq!(
            status(&component, service).await,
            Ok(ServingStatus::Serving)
        );
    }
    let _broker = Broker::builder().at(address).start().unwrap();
    until(&component, PUBSUB, ServingStatus::Serving).await;
}
