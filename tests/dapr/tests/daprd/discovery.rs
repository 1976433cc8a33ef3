//! What a sidecar finds and says when it starts.

use catena_tests_dapr::{Release, Scene};

use crate::setting::{PATIENCE, Setting, pubsub, state};

const SERVICES: [&str; 2] = ["PubSub", "StateStore"];

fn check(release: Release) -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar_of(release, "shop", &setting.resources)?;
        let process = sidecar.start()?;
        for service in SERVICES {
            let service = format!("registered for 'dapr.proto.components.v1.{service}'");
            process.wait_line(&["pluggable component 'catena'", &service], PATIENCE)?;
        }
        for loaded in ["pubsub (pubsub.catena/v1)", "state (state.catena/v1)"] {
            process.wait_line(&["Component loaded: ", loaded], PATIENCE)?;
        }
        let mut found = sidecar.capabilities("pubsub")?;
        found.sort();
        let mut wanted = vec!["BULK_PUBSUB", "MESSAGE_TTL", "SUBSCRIBE_WILDCARDS"];
        wanted.insert(1, "BULK_SUBSCRIBE_IMMEDIATE");
        assert_eq!(found, wanted);
        let mut found = sidecar.capabilities("state")?;
        found.sort();
        let wanted = ["ACTOR", "ETAG", "PARTITION_KEY", "TRANSACTIONAL", "TTL"];
        assert_eq!(found, wanted);
        Ok(())
    })
}

#[test]
fn both_components_are_found_and_loaded_by_1_18() -> anyhow::Result<()> {
    check(Release::V1_18)
}

#[test]
fn both_components_are_found_and_loaded_by_1_16() -> anyhow::Result<()> {
    check(Release::V1_16)
}

/// Two documents of one type are two instances, each with its own settings.
#[test]
fn two_components_of_one_type_are_independent() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let resources = pubsub("first", setting.broker.port)
            .with("consumerID", "first")
            .write(scene, "two")?;
        pubsub("second", setting.broker.port)
            .with("consumerID", "second")
            .write(scene, "two")?;
        state("third", setting.broker.port)
            .with("keyPrefix", "none")
            .write(scene, "two")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "shop", &resources)?;
        let process = sidecar.start()?;
        for name in ["first (pubsub", "second (pubsub", "third (state"] {
            process.wait_line(&["Component loaded: ", name], PATIENCE)?;
        }
        for name in ["first", "second"] {
            let target = format!("/v1.0/publish/{name}/somewhere");
            sidecar.ask(("POST", &target), &[], b"1")?.expect(204)?;
        }
        Ok(())
    })
}

/// A crash leaves sockets behind; what is started next replaces them.
#[test]
fn sockets_of_a_crash_are_replaced() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        if let Some(mut components) = setting.running_components.take() {
            components.kill()?;
        }
        setting.running_components = Some(setting.components.start()?);
        let sidecar = setting.sidecar("shop")?;
        let process = sidecar.start()?;
        process.wait_line(&["Component loaded: state"], PATIENCE)?;
        Ok(())
    })
}

/// A component that ends by itself leaves no socket on which a sidecar would wait.
#[test]
fn sockets_go_with_the_components() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let Some(mut components) = setting.running_components.take() else {
            return Ok(());
        };
        components.terminate(PATIENCE)?;
        let left: Vec<_> = std::fs::read_dir(setting.components.sockets())?.collect();
        assert!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
