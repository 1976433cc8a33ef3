//! MQTT client IDs, of which a broker lets one connection at a time have each.

use catena_tests_dapr::{Mark, Release, Scene, Sidecar, clock};

use crate::mistakes::refuses;
use crate::setting::{PATIENCE, Setting, pubsub, state};

/// Components of one application, of whatever type.
#[test]
fn components_that_share_a_client_id_are_told_which() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let port = setting.broker.port;
        let shared = |name: &str| state(name, port).with("clientId", "shared");
        let holder = shared("holder").write(scene, "holder")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "holder", &holder)?;
        let process = sidecar.start()?;
        process.wait_line(&["Component loaded: holder"], PATIENCE)?;

        let parts = ["`clientId`", "state component holder", "or none"];
        refuses(&setting, &shared("second"), ("second", &parts))?;
        let messages = pubsub("messages", port).with("consumerID", "shared");
        let parts = ["`consumerID`", "state component holder", "`clientId`"];
        refuses(&setting, &messages, ("messages", &parts))
    })
}

/// Replicas in two pods, each with a `catena-dapr` of its own, share the ID of their application.
#[test]
fn replicas_that_share_a_client_id_are_told_the_remedy() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let other = setting.components.clone().at(scene, "other")?;
        let _other = other.start()?;
        let first = setting.sidecar("shop")?;
        let _first = first.start()?;
        let folders = (&*setting.resources, other.sockets());
        let second = Sidecar::new(scene, Release::V1_18, "shop", folders)?;
        let _second = second.launch()?;
        let logs = [setting.components.log(), other.log()];
        let line = clock::until("an error that names the client ID", PATIENCE, || {
            let lines = logs.iter().flat_map(|log| log.since(Mark::default()));
            let is_it = |line: &String| line.contains("same client ID");
            Ok(lines.into_iter().find(is_it))
        })?;
        for part in ["ERROR", "client_id=\"shop\"", "{podName}", "shareGroup"] {
            assert!(line.contains(part), "{line}");
        }
        Ok(())
    })
}

/// A broker that goes and comes back, again and again, is no other replica.
#[test]
fn a_broker_that_is_restarted_is_not_taken_for_a_replica() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        for _ in 0..4 {
            let mark = setting.components.log().mark();
            // At a signal it says goodbye with a reason code and nothing else.
            if let Some(broker) = setting.running_broker.take() {
                broker.terminate()?;
            }
            let away = ["the broker is away", "pubsub"];
            setting.components.log().wait(mark, &away, PATIENCE)?;
            setting.running_broker = Some(setting.broker.start()?);
            let back = ["connected to the broker", "pubsub"];
            setting.components.log().wait(mark, &back, PATIENCE)?;
        }
        let lines = setting.components.log().since(Mark::default());
        let blames = |line: &&String| line.contains("same client ID");
        assert_eq!(lines.iter().find(blames), None);
        Ok(())
    })
}
