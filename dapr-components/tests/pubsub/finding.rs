//! What a sidecar finds, and what `check` says about it.

use std::os::unix::net::UnixListener;

use catena_dapr::discovery::{self, Finding};
use catena_dapr::options::Options;
use catena_dapr::program;
use clap::Parser as _;

use crate::sidecar::{Component, soon};

const PUBSUB: &str = "dapr.proto.components.v1.PubSub";

#[tokio::test]
async fn a_sidecar_finds_what_is_served_and_nothing_else() {
    let component = Component::start().await;
    let channel = discovery::dial(&component.socket()).await.unwrap();
    let names = soon(discovery::services(channel)).await.unwrap();
    assert!(names.iter().any(|name| name == PUBSUB), "{names:?}");
    let others = ["InputBinding", "OutputBinding", "SecretStore"];
    assert!(
        !names
            .iter()
            .any(|name| others.iter().any(|other| name.ends_with(other)))
    );
    let only = component.folder().join("aio-mq-pubsub-pluggable.sock");
    let channel = discovery::dial(&only).await.unwrap();
    let names = soon(discovery::services(channel)).await.unwrap();
    assert!(
        !names.iter().any(|name| name.ends_with("StateStore")),
        "{names:?}"
    );
}

#[tokio::test]
async fn check_tells_types_and_traps() {
    let mut component = Component::start().await;
    let report = discovery::discover(component.folder()).await.unwrap();
    assert!(report.is_good(), "{report}");
    let text = report.to_string();
    for name in [
        "pubsub.catena",
        "pubsub.azure.iotoperations",
        "pubsub.aio-mq-pubsub-pluggable",
    ] {
        assert!(text.contains(name), "{text}");
    }
    drop(UnixListener::bind(component.folder().join("stale.sock")).unwrap());
    std::fs::write(component.folder().join("file"), "").unwrap();
    let report = discovery::discover(component.folder()).await.unwrap();
    let of = |name: &str| report.entries().iter().find(|(entry, _)| entry == name);
    assert_eq!(of("stale.sock").unwrap().1, Finding::Stale);
    assert_eq!(of("file").unwrap().1, Finding::Skipped);
    assert!(!report.is_good() && report.to_string().contains("STALE"));
    component.stop().await;
    assert!(!component.socket().exists());
    let report = discovery::discover(&component.folder().join("none"))
        .await
        .unwrap();
    assert!(!report.is_good());
}

#[tokio::test]
async fn a_socket_that_is_named_twice_is_told() {
    let arguments = [
        "catena-dapr",
        "--socket",
        "x.sock=pubsub",
        "--socket",
        "x.sock=state",
    ];
    let options = Options::try_parse_from(arguments).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_, asked) = tokio::sync::watch::channel(1);
    let served = program::serve(&options.run, folder.path(), asked).await;
    let error = served.unwrap_err().to_string();
    assert!(error.contains("x.sock is there twice"), "{error}");
}
