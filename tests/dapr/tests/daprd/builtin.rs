//! Dapr's built-in components under the same tests' roof: what fails here is not ours.

use std::time::Duration;

use catena_tests_dapr::{App, Component, Release, Scene, Sidecar, Subscription};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);

fn check(release: Release) -> anyhow::Result<()> {
    Scene::play(|scene| {
        let resources = Component::new("state", "state.in-memory").write(scene, "resources")?;
        Component::new("pubsub", "pubsub.in-memory").write(scene, "resources")?;
        let app = App::start(&[Subscription::new("pubsub", "orders", "orders")])?;
        let sockets = scene.folder("sockets")?;
        let sidecar = Sidecar::new(scene, release, "shop", (&resources, &sockets))?;
        let sidecar = sidecar.with_app(app.port());
        let mut process = sidecar.start()?;
        process.wait_line(&["Component loaded: state (state.in-memory/v1)"], PATIENCE)?;

        let order = json!({ "number": 7 });
        sidecar
            .ask_json(("POST", "/v1.0/publish/pubsub/orders"), &order)?
            .expect(204)?;
        let got = app.wait("orders", 1, PATIENCE)?;
        assert_eq!(got[0].data(), &order);

        let items = json!([{ "key": "seven", "value": order }]);
        sidecar
            .ask_json(("POST", "/v1.0/state/state"), &items)?
            .expect(204)?;
        let read = sidecar.ask(("GET", "/v1.0/state/state/seven"), &[], b"")?;
        assert_eq!(read.expect(200)?.json()?, order);
        process.terminate(PATIENCE)?;
        Ok(())
    })
}

#[test]
fn state_and_messages_with_1_18() -> anyhow::Result<()> {
    check(Release::V1_18)
}

#[test]
fn state_and_messages_with_1_16() -> anyhow::Result<()> {
    check(Release::V1_16)
}
