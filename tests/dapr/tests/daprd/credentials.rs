//! TLS and passwords, as brokers in production demand them.

use std::fs;

use catena_interop::Certificate;
use catena_tests_dapr::http::Response;
use catena_tests_dapr::{
    App, Broker, Component, Process, Release, Scene, Sidecar, Subscription, clock,
};
use serde_json::json;

use crate::mistakes::refuses;
use crate::setting::{PATIENCE, Setting};

/// A component at the port that takes TLS with a password and nothing else.
fn sealed(setting: &Setting<'_>, name: &str, kind: &str) -> Component {
    let url = format!("mqtts://localhost:{}", setting.broker.sealed_port);
    let authority = setting.broker.authority.display().to_string();
    let component = Component::new(name, kind).with("url", url);
    component
        .with("caFile", authority)
        .with("username", Broker::USER.0)
}

fn save(sidecar: &Sidecar) -> anyhow::Result<Response> {
    let items = json!([{ "key": "one", "value": 1 }]);
    sidecar.ask_json(("POST", "/v1.0/state/state"), &items)
}

/// Waits until saving has one status.
fn saves(sidecar: &Sidecar, status: u16) -> anyhow::Result<Response> {
    clock::until(&format!("an answer {status}"), PATIENCE, || {
        let response = save(sidecar)?;
        Ok((response.status == status).then_some(response))
    })
}

#[test]
fn messages_and_state_go_over_tls_with_a_password() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let (_, password) = Broker::USER;
        let pubsub = sealed(&setting, "pubsub", "pubsub.catena");
        let resources = pubsub.with("password", password).write(scene, "sealed")?;
        let state = sealed(&setting, "state", "state.catena");
        // The text itself, as from a secret store, in place of a file.
        let authority = fs::read_to_string(&setting.broker.authority)?;
        let state = state.with("caFile", "").with("caCert", authority);
        state.with("password", password).write(scene, "sealed")?;
        let app = App::start(&[Subscription::new("pubsub", "orders", "orders")])?;
        let sidecar = setting.sidecar_of(Release::V1_18, "shop", &resources)?;
        let sidecar = sidecar.with_app(app.port());
        let _process = sidecar.start()?;
        save(&sidecar)?.expect(204)?;
        let target = ("POST", "/v1.0/publish/pubsub/orders");
        sidecar.ask_json(target, &json!(7))?.expect(204)?;
        assert_eq!(app.wait("orders", 1, PATIENCE)?[0].data(), &json!(7));
        Ok(())
    })
}

#[test]
fn what_is_wrong_with_tls_or_credentials_is_told() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let port = setting.broker.sealed_port;
        let soon = |component: Component| component.with("connectTimeout", "1s");

        let stranger = scene.write("stranger.pem", &Certificate::new()?.authority)?;
        let untrusted = Component::new("untrusted", "pubsub.catena")
            .with("url", format!("mqtts://localhost:{port}"))
            .with("caFile", stranger.display().to_string());
        let parts = ["signed by nobody who is trusted", "`caFile`"];
        refuses(&setting, &soon(untrusted), ("untrusted", &parts))?;

        let plain = Component::new("plain", "pubsub.catena");
        let plain = plain.with("url", format!("mqtt://localhost:{port}"));
        refuses(&setting, &soon(plain), ("plain", &["`useTls: true`"]))?;

        let nobody = Component::new("nobody", "pubsub.catena")
            .with("url", format!("mqtts://localhost:{port}"))
            .with("caFile", setting.broker.authority.display().to_string());
        let parts = ["set `username` and `password`"];
        refuses(&setting, &nobody, ("nobody", &parts))?;

        let file = scene.path().join("none").display().to_string();
        let missing = sealed(&setting, "missing", "state.catena").with("passwordFile", &*file);
        let parts = ["`passwordFile`", &*file];
        refuses(&setting, &missing, ("missing", &parts))
    })
}

/// The password is wrong at first, and later it changes at both ends: nothing is started again but
/// the broker, which keeps connections that it has.
#[test]
fn a_password_that_is_mended_needs_no_restart() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        let file = scene.write("password", "wrong\n")?;
        let state = sealed(&setting, "state", "state.catena")
            .with("passwordFile", file.display().to_string())
            .with("connectPolicy", "background");
        let resources = state.write(scene, "mended")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "shop", &resources)?;
        let _process: Process = sidecar.start()?;
        let refused = saves(&sidecar, 403)?.text();
        assert!(refused.contains("`passwordFile`"), "{refused}");
        fs::write(&file, Broker::USER.1)?;
        saves(&sidecar, 204)?;

        setting.broker.set_password(scene, "another")?;
        if let Some(broker) = &setting.running_broker {
            broker.reload()?;
        }
        save(&sidecar)?.expect(204)?;
        setting.restart_broker()?;
        saves(&sidecar, 403)?;
        fs::write(&file, "another")?;
        saves(&sidecar, 204)?;
        Ok(())
    })
}
