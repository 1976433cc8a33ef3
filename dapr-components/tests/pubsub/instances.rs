//! Instances: by name, by connection, and anew.

use catena_sdk::Client;
use catena_sdk_testing::Broker;
use tokio::time::Instant;
use tonic::Code;

use crate::sidecar::{Component, Sidecar, soon};

#[tokio::test]
async fn absent_and_empty_names_are_the_same_instance() {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let empty = component.sidecar("").await;
    empty.init(&[("url", &broker.url())]).await.unwrap();
    empty.ping().await.unwrap();
    let absent = Sidecar::connect(&component.socket(), None).await;
    absent.ping().await.unwrap();
    let other = component.sidecar("other").await;
    assert_eq!(
        other.ping().await.unwrap_err().code(),
        Code::FailedPrecondition
    );
}

#[tokio::test]
async fn an_init_replaces_the_instance_and_ends_its_streams() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let settings = [("url", &*url), ("consumerID", "app")];
    sidecar.init(&settings).await.unwrap();
    let mut pull = sidecar.pull("a").await;
    // A sidecar that was restarted.
    let again = component.sidecar("pubsub").await;
    again.init(&settings).await.unwrap();
    assert_eq!(pull.end().await.code(), Code::Unavailable);
    again.ping().await.unwrap();
}

#[tokio::test]
async fn applications_with_a_resource_of_one_name_have_an_instance_each() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let component = Component::start().await;
    let (one, other) = (
        component.sidecar("pubsub").await,
        component.sidecar("pubsub").await,
    );
    one.init(&[("url", &url), ("consumerID", "one")])
        .await
        .unwrap();
    let mut pull = one.pull_with("a", &[]).await;
    other
        .init(&[("url", &url), ("consumerID", "other")])
        .await
        .unwrap();
    one.ping().await.unwrap();
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    soon(async {
        loop {
            tokio::select! {
                message = pull.next() => return message,
                _ = ticks.tick() => other.publish("a", "x").await.unwrap(),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn resources_that_share_a_client_id_are_told_the_remedy() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let component = Component::start().await;
    let (one, other) = (
        component.sidecar("one").await,
        component.sidecar("other").await,
    );
    let settings = [("url", &*url), ("consumerID", "app")];
    one.init(&settings).await.unwrap();
    let status = other.init(&settings).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    for part in ["consumerID", "one", "clientId"] {
        assert!(status.message().contains(part), "{status}");
    }
    other
        .init(&[("url", &url), ("consumerID", "app"), ("clientId", "b")])
        .await
        .unwrap();
}

#[tokio::test]
async fn init_tells_the_cause_in_time() {
    let broker = Broker::builder().user("anna", "s3cret").start().unwrap();
    let url = broker.url();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("mqtt://{}", listener.local_addr().unwrap())
    };
    let secure = url.replace("mqtt://", "mqtts://");
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let wrong = [("url", &*url), ("username", "anna"), ("password", "secret")];
    let wrong: &[(&str, &str)] = &wrong;
    for (settings, code, parts) in [
        (
            &[("url", &*nobody)][..],
            Code::Unavailable,
            &["refused", "host and port"][..],
        ),
        (wrong, Code::Unauthenticated, &["`password`"]),
        (
            &[("url", "mqtt://nobody.invalid")],
            Code::Unavailable,
            &["nobody.invalid"],
        ),
        (&[("qos", "1")], Code::InvalidArgument, &["`url`"]),
        (
            &[("url", &*secure), ("caFile", "/none")],
            Code::InvalidArgument,
            &["caFile", "/none"],
        ),
        (
            &[("url", "ftp://h")],
            Code::InvalidArgument,
            &["`url`", "mqtts"],
        ),
    ] {
        let settings = [settings, &[("connectTimeout", "2s")]].concat();
        let began = Instant::now();
        let status = sidecar.init(&settings).await.unwrap_err();
        assert!(began.elapsed().as_millis() < 5_000, "{settings:?}");
        assert_eq!(status.code(), code, "{status}");
        for part in parts {
            assert!(status.message().contains(part), "{status}");
        }
    }
}

#[tokio::test]
async fn in_the_background_an_instance_waits_for_its_broker() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let url = format!("mqtt://{address}");
    let settings = [
        ("url", &*url),
        ("connectPolicy", "background"),
        ("connectTimeout", "1s"),
    ];
    sidecar.init(&settings).await.unwrap();
    assert!(
        sidecar
            .ping()
            .await
            .unwrap_err()
            .message()
            .contains("refused")
    );
    let _broker = Broker::builder().at(address).start().unwrap();
    sidecar.publish("a", "x").await.unwrap();
    sidecar.ping().await.unwrap();
}

#[tokio::test]
async fn a_component_that_remembers_needs_no_second_init() {
    let kept = tempfile::tempdir().unwrap();
    let remember = kept.path().to_str().unwrap();
    let broker = Broker::start().unwrap();
    let reader = Client::connect(&broker.url()).await.unwrap();
    let mut messages = reader.subscribe("a").await.unwrap();
    let mut component = Component::start_with(&["--remember", remember]).await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar
        .init(&[("url", &broker.url()), ("consumerID", "app")])
        .await
        .unwrap();
    component.stop().await;
    component.restart().await;
    let sidecar = component.sidecar("pubsub").await;
    sidecar.publish("a", "x").await.unwrap();
    assert_eq!(&**soon(messages.next()).await.unwrap().payload(), b"x");
}
