//! The documents of Azure's own components, of both generations, as they are in `samples/dapr`.
//!
//! Only values are put in place: where the broker is, its authority, and the token. The broker does
//! not know the tokens of Kubernetes yet, so that documents are also tried without.

use std::path::PathBuf;

use catena_tests_dapr::{App, Release, Scene, Subscription, project};
use serde_json::json;

use crate::setting::{PATIENCE, Setting, pubsub};

const DOCUMENTS: [&str; 2] = ["iot-operations", "iot-mq"];

/// Writes one of the documents for the broker of the test, with its token or without.
fn documents(setting: &Setting<'_>, name: &str, token: bool) -> anyhow::Result<PathBuf> {
    let path = project().join(format!("samples/dapr/azure/{name}.yaml"));
    let mut text = std::fs::read_to_string(&path)?;
    let authority = setting.broker.authority.display().to_string();
    let token_file = setting.scene.write("token", "a token")?;
    let port = setting.broker.tls_port;
    for (from, to) in [
        ("aio-mq-dmqtt-frontend:8883", format!("localhost:{port}")),
        ("aio-broker", "localhost".to_owned()),
        ("value: 18883", format!("value: {port}")),
        (
            "/var/run/certs/aio-internal-ca-cert/ca.crt",
            authority.clone(),
        ),
        ("/var/run/certs/aio-mq-ca-cert/ca.crt", authority),
        (
            "/var/run/secrets/tokens/mqtt-client-token",
            token_file.display().to_string(),
        ),
    ] {
        text = text.replace(from, &to);
    }
    if !token {
        // The line with the name, and the one with the value behind it.
        let lines: Vec<_> = text.lines().collect();
        let about =
            |line: &&str| line.contains("name: satAuthFile") || line.contains("name: satTokenPath");
        let kept = lines.iter().enumerate().filter(|(number, line)| {
            let before = number.checked_sub(1).and_then(|number| lines.get(number));
            !about(line) && !before.is_some_and(about)
        });
        text = kept.map(|(_, line)| format!("{line}\n")).collect();
    }
    let folder = format!("{name}-{token}");
    setting
        .scene
        .write(&format!("{folder}/{name}.yaml"), &text)?;
    Ok(setting.scene.path().join(folder))
}

#[test]
fn documents_of_both_generations_are_served_over_tls() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        for (name, prefix) in DOCUMENTS.iter().zip(["iotoperations", "aio-mq"]) {
            let resources = documents(&setting, name, false)?;
            let (pubsub, store) = (format!("{prefix}-pubsub"), format!("{prefix}-statestore"));
            let app = App::start(&[Subscription::new(&pubsub, "sensor/data", "sensor")])?;
            let sidecar = setting.sidecar_of(Release::V1_18, prefix, &resources)?;
            let sidecar = sidecar.with_app(app.port());
            let _process = sidecar.start()?;

            let target = format!("/v1.0/publish/{pubsub}/sensor/data");
            sidecar
                .ask_json(("POST", &target), &json!(21.5))?
                .expect(204)?;
            assert_eq!(app.wait("sensor", 1, PATIENCE)?[0].data(), &json!(21.5));

            let target = format!("/v1.0/state/{store}");
            let items = json!([{ "key": "one", "value": 1 }, { "key": "two", "value": 2 }]);
            sidecar.ask_json(("POST", &target), &items)?.expect(204)?;
            let read = sidecar.ask(("GET", &format!("{target}/two")), &[], b"")?;
            assert_eq!(read.expect(200)?.json()?, json!(2));
        }
        Ok(())
    })
}

/// With the fields for tokens the documents serve as well: where the broker does not know tokens,
/// and asks for nothing else. A document of our own means what it says.
#[test]
fn a_token_is_shown_to_the_broker() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        for (name, prefix) in DOCUMENTS.iter().zip(["iotoperations", "aio-mq"]) {
            let resources = documents(&setting, name, true)?;
            let sidecar = setting.sidecar_of(Release::V1_18, name, &resources)?;
            let _process = sidecar.start()?;
            let target = format!("/v1.0/state/{prefix}-statestore");
            let items = json!([{ "key": "one", "value": 1 }]);
            sidecar.ask_json(("POST", &target), &items)?.expect(204)?;
        }
        let components = setting.running_components.as_ref();
        let components = components.ok_or_else(|| anyhow::anyhow!("they do not run"))?;
        let text = "the broker does not know the method of authentication";
        components.wait_line(&[text], PATIENCE)?;

        let resources = { pubsub("own", setting.broker.port) }
            .with(
                "satTokenPath",
                scene.write("token", "a token")?.display().to_string(),
            )
            .write(scene, "own")?;
        let sidecar = setting.sidecar_of(Release::V1_18, "own", &resources)?;
        let mut process = sidecar.launch()?;
        assert!(!process.wait_end(PATIENCE)?.success());
        process.wait_line(&["Failed to init component", "K8S-SAT"], PATIENCE)?;
        Ok(())
    })
}
