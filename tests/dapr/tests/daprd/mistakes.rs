//! What a user reads who has made a mistake, and that all goes on once it is mended.

use std::process::Command;

use catena_tests_dapr::{
    Broker, Component, Components, Mark, Process, Release, Scene, Sidecar, clock,
};
use serde_json::json;

use crate::setting::{PATIENCE, Setting, at, state};

/// A sidecar that is given one document says what is wrong with it, and ends.
pub(crate) fn refuses(
    setting: &Setting<'_>,
    component: &Component,
    (folder, parts): (&str, &[&str]),
) -> anyhow::Result<()> {
    let resources = component.write(setting.scene, folder)?;
    let sidecar = setting.sidecar_of(Release::V1_18, folder, &resources)?;
    let mut process = sidecar.launch()?;
    let status = process.wait_end(PATIENCE)?;
    assert!(!status.success());
    let wanted = [&["Failed to init component"], parts].concat();
    process.wait_line(&wanted, PATIENCE)?;
    Ok(())
}

#[test]
fn a_bad_value_is_named_with_what_would_be_good() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let port = state("bad", setting.broker.port).with("port", "many");
        let parts = ["`tcpPort` and `port`", "different"];
        refuses(&setting, &port, ("conflict", &parts))?;

        let port = Component::new("bad", "state.catena");
        let port = port.with("hostname", "127.0.0.1").with("tcpPort", "many");
        let parts = ["`tcpPort`", "`many`", "expected a number from 1 to 65535"];
        refuses(&setting, &port, ("port", &parts))?;

        let partition = state("bad", setting.broker.port).with("partitionBy", "app");
        let parts = ["`partitionBy`", "`app`", "expected"];
        refuses(&setting, &partition, ("partition", &parts))?;

        let nowhere = Component::new("bad", "state.catena");
        refuses(&setting, &nowhere, ("nowhere", &["`url`", "missing"]))?;

        let authority = Component::new("bad", "state.catena")
            .with("url", "mqtts://127.0.0.1:1")
            .with("caFile", "/nowhere/ca.crt");
        let parts = ["`caFile`", "/nowhere/ca.crt"];
        refuses(&setting, &authority, ("authority", &parts))
    })
}

#[test]
fn a_wrong_password_is_told() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let (user, password) = Broker::USER;
        let with = |password: &str| {
            let component = at(
                Component::new("locked", "state.catena"),
                setting.broker.locked_port,
            );
            component.with("username", user).with("password", password)
        };
        let parts = ["`username`", "`password`"];
        refuses(&setting, &with("wrong"), ("wrong", &parts))?;
        let right = with(password).write(scene, "right")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "right", &right)?;
        let process = sidecar.start()?;
        process.wait_line(&["Component loaded: locked"], PATIENCE)?;
        Ok(())
    })
}

/// One log serves all components of a process: a level of one of them is not taken for that.
#[test]
fn a_level_of_the_log_that_has_no_effect_is_told() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let loud = state("loud", setting.broker.port).with("logLevel", "Debug");
        let resources = loud.write(scene, "loud")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "loud", &resources)?;
        let _process = sidecar.start()?;
        let parts = ["WARN", "loud", "logLevel has no effect", "--log"];
        setting
            .components
            .log()
            .wait(Mark::default(), &parts, PATIENCE)?;
        let bad = state("bad", setting.broker.port).with("logLevel", "verbose");
        let parts = ["`logLevel`", "`verbose`", "Trace, Debug, Info, Warn, Error"];
        refuses(&setting, &bad, ("verbose", &parts))
    })
}

fn saves(sidecar: &Sidecar) -> anyhow::Result<()> {
    clock::until("saved state", PATIENCE, || {
        let items = json!([{ "key": "one", "value": 1 }]);
        let response = sidecar.ask_json(("POST", "/v1.0/state/state"), &items)?;
        Ok((response.status == 204).then_some(()))
    })
}

#[test]
fn a_broker_that_is_away_at_the_start_is_told() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        if let Some(broker) = setting.running_broker.take() {
            broker.kill()?;
        }
        let component = state("state", setting.broker.port);
        let address = format!("127.0.0.1:{}", setting.broker.port);
        refuses(&setting, &component, ("away", &[&address, "refused"]))?;
        // An orchestrator starts it again, and so does this test.
        setting.restart_broker()?;
        let sidecar = setting.sidecar("away")?;
        let _process = sidecar.start()?;
        saves(&sidecar)
    })
}

/// Where it is wanted, nothing needs to be started again.
#[test]
fn a_broker_may_come_later() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        if let Some(broker) = setting.running_broker.take() {
            broker.kill()?;
        }
        let component = state("state", setting.broker.port).with("connectPolicy", "background");
        let resources = component.write(scene, "later")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "shop", &resources)?;
        let _process = sidecar.start()?;
        let items = json!([{ "key": "one", "value": 1 }]);
        let refused = sidecar.ask_json(("POST", "/v1.0/state/state"), &items)?;
        assert!(refused.status >= 500, "{refused:?}");
        setting.restart_broker()?;
        saves(&sidecar)
    })
}

/// The systems take at most 107 bytes.
#[test]
fn a_path_of_a_socket_that_is_too_long_is_told() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let components = Components::new(scene)?;
        let folder = scene.folder(&"long".repeat(25))?;
        let mut command = Command::new(components.command().get_program());
        command.arg("run").arg("--sockets-folder").arg(&folder);
        let mut process = Process::start(command, &scene.log("catena-dapr"))?;
        assert!(!process.wait_end(PATIENCE)?.success());
        process.wait_line(&["longlong", "107", "--sockets-folder"], PATIENCE)?;
        Ok(())
    })
}
