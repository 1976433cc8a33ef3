//! The conformance suites of components-contrib, with the client that sidecars have.

use std::process::Command;
use std::time::Duration;

use catena_tests_dapr::{Process, Scene, dapr};
use serde_json::json;

use crate::setting::{PATIENCE, Setting};

/// Starts one of the suites against the components.
fn suite(setting: &Setting<'_>, name: &str, wait: &str) -> anyhow::Result<Process> {
    let metadata = json!({
        "hostname": "127.0.0.1",
        "tcpPort": setting.broker.port.to_string(),
        "useTls": "false",
        "consumerID": "conformance",
        "actorStateStore": "true",
    });
    let mut command = Command::new(dapr("conformance")?);
    command.current_dir(setting.scene.path());
    command.args(["-test.v", "-test.timeout", "4m", "-test.run"]);
    command.arg(format!("^{name}$"));
    command.env(
        "CATENA_SOCKET",
        setting.components.sockets().join("catena.sock"),
    );
    command.env("CATENA_METADATA", metadata.to_string());
    command.env("CATENA_WAIT", wait);
    Process::start(command, &setting.scene.log(name))
}

fn passes(mut suite: Process) -> anyhow::Result<()> {
    let status = suite.wait_end(SUITE_MAX)?;
    let skipped: Vec<_> = suite.lines();
    let skipped = skipped.iter().filter(|line| line.contains("--- SKIP"));
    println!("skipped: {:?}", skipped.collect::<Vec<_>>());
    anyhow::ensure!(status.success(), "the suite fails");
    suite.wait_line(&["PASS"], PATIENCE)?;
    Ok(())
}

/// `etag`, `first-write`, `ttl`, `transaction` and `actorStateStore`.
#[test]
fn the_suite_of_state_stores_passes_three_times() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        for _ in 0..3 {
            passes(suite(&setting, "TestState", "")?)?;
        }
        Ok(())
    })
}

/// `bulkpublish`.
#[test]
fn the_suite_of_pubsub_passes_three_times() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        for _ in 0..3 {
            passes(suite(&setting, "TestPubSub", "5s")?)?;
        }
        Ok(())
    })
}

/// The broker begins again, with nothing, once the suite has subscribed.
#[test]
fn the_suite_of_pubsub_passes_over_a_broker_that_is_started_again() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let suite = suite(&setting, "TestPubSub", "12s")?;
        suite.wait_line(&["=== RUN", "TestPubSub/publish"], PATIENCE)?;
        setting.restart_broker()?;
        passes(suite)
    })
}

const SUITE_MAX: Duration = Duration::from_secs(240);
