//! State when the broker or the components are away.
//!
//! A broker keeps everything in memory, and it is a cluster of one: state goes with its process.
//! What must hold is that no call hangs, and that calls succeed again when it is back, without a
//! restart of anything else.

use std::time::Duration;

use catena_tests_dapr::clock::Stopwatch;
use catena_tests_dapr::{Process, Scene, Sidecar, clock};
use serde_json::json;

use crate::setting::{PATIENCE, Setting};

/// More than the components wait for the broker before they say that it is away.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Saves a value, in time whatever comes of it, and says whether it is saved.
fn save(sidecar: &Sidecar, value: u32) -> anyhow::Result<bool> {
    let asked = Stopwatch::start();
    let items = json!([{ "key": "one", "value": value }]);
    let response = sidecar.ask_json(("POST", "/v1.0/state/state"), &items)?;
    assert!(asked.elapsed() < ANSWER_MAX, "{response:?}");
    if response.status != 204 {
        // A broker that is away is said to be that, not to be a mistake of the caller.
        assert!(response.status >= 500, "{response:?}");
    }
    Ok(response.status == 204)
}

fn saves_in_the_end(sidecar: &Sidecar, value: u32) -> anyhow::Result<()> {
    clock::until("saved state", PATIENCE, || {
        Ok(save(sidecar, value)?.then_some(()))
    })?;
    let read = sidecar.ask(("GET", "/v1.0/state/state/one"), &[], b"")?;
    assert_eq!(read.expect(200)?.json()?, json!(value));
    Ok(())
}

#[test]
fn state_fails_in_time_and_goes_on_when_the_broker_is_back() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        assert!(save(&sidecar, 1)?);
        if let Some(broker) = setting.running_broker.take() {
            broker.kill()?;
        }
        assert!(!save(&sidecar, 2)?, "nobody can save this");
        let asked = Stopwatch::start();
        let read = sidecar.ask(("GET", "/v1.0/state/state/one"), &[], b"")?;
        assert!(read.status >= 500 && asked.elapsed() < ANSWER_MAX);
        setting.restart_broker()?;
        saves_in_the_end(&sidecar, 3)
    })
}

/// The sidecar has initialised its components once and does not do it again.
#[test]
fn state_fails_in_time_when_the_components_are_away() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let mut process: Process = sidecar.start()?;
        assert!(save(&sidecar, 1)?);
        if let Some(mut components) = setting.running_components.take() {
            components.kill()?;
        }
        assert!(!save(&sidecar, 2)?, "nobody can save this");
        setting.restart_components()?;
        process.kill()?;
        let _process = sidecar.start()?;
        let read = sidecar.ask(("GET", "/v1.0/state/state/one"), &[], b"")?;
        assert_eq!(read.expect(200)?.json()?, json!(1));
        saves_in_the_end(&sidecar, 3)
    })
}
