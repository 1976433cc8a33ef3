//! The sample does what its README says, and cleans up behind itself.

use std::process::Command;
use std::time::Duration;

use catena_tests_dapr::{Sample, Scene, project};
use serde_json::{Value, json};

/// On a machine that has to build a service first, and does other things as well.
const PATIENCE: Duration = Duration::from_secs(900);

fn starting_with<'a>(lines: &'a [String], start: &str) -> Vec<&'a str> {
    let lines = lines.iter().map(String::as_str);
    lines.filter(|line| line.starts_with(start)).collect()
}

/// Each order reaches each service once, state is kept, and the actor counts each call.
#[test]
fn the_sample_shows_what_it_promises() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut sample = Sample::start(Sample::command()?, scene)?;
        assert!(sample.script.wait_end(PATIENCE)?.success());
        sample.left_nothing()?;
        let lines = sample.script.lines();
        let ordered = starting_with(&lines, "checkout: ordered ");
        let cooked = starting_with(&lines, "kitchen: cooked ");
        assert_eq!(ordered.len(), 10);
        let expected = ordered.iter().map(|line| {
            let order = line.trim_start_matches("checkout: ordered ");
            format!("kitchen: cooked {order}")
        });
        assert_eq!(cooked, expected.collect::<Vec<_>>());
        assert_eq!(
            starting_with(&lines, "ledger: "),
            ["ledger: 10 orders, 60 in all"]
        );
        assert_eq!(
            starting_with(&lines, "counter: "),
            ["counter: 20 calls at once, counted up to 20"]
        );
        let kept = starting_with(&lines, "order 7, as the kitchen keeps it: ");
        let (_, kept) = kept[0].split_once(": ").unwrap_or_default();
        let kept: Value = serde_json::from_str(kept)?;
        let wanted = json!({ "number": 7, "meal": "salad", "price": 6, "cooked": true });
        assert_eq!(kept, wanted);
        Ok(())
    })
}

#[test]
fn the_sample_stays_until_it_is_interrupted() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut command = Sample::command()?;
        command.arg("--stay");
        let mut sample = Sample::start(command, scene)?;
        sample.script.wait_line(&["until Ctrl-C"], PATIENCE)?;
        sample.interrupt()?;
        assert!(sample.script.wait_end(PATIENCE)?.success());
        sample.left_nothing()
    })
}

#[test]
fn the_sample_says_how_to_get_what_is_missing() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let nothing = scene.folder("nothing")?;
        let mut command = Command::new(project().join("samples/dapr/run.sh"));
        command.env("HOME", &nothing).env("CATENA_TOOLS", &nothing);
        command.env_remove("DAPR_BIN");
        let mut sample = Sample::start(command, scene)?;
        assert_eq!(sample.script.wait_end(PATIENCE)?.code(), Some(1));
        let hints = [["daprd", "dapr init --slim"], ["build", ".ci/tools dapr"]];
        for hint in hints {
            sample.script.wait_line(&hint, PATIENCE)?;
        }
        sample.left_nothing()
    })
}
