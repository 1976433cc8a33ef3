//! Disks that are full, and folders that cannot be had. What `catena-dapr` writes are its sockets,
//! its log, and, if it is told to, what sidecars said at initialisation.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::process::Command;

use catena_tests_dapr::{Process, Scene, clock};
use serde_json::json;

use crate::pubsub::publish;
use crate::setting::{PATIENCE, Setting};

/// Writing to it fails as on a disk without space, for whoever writes.
const FULL: &str = "/dev/full";

#[test]
fn without_room_for_what_it_remembers_it_goes_on_and_says_so() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        setting.running_components = None;
        let kept = scene.folder("kept")?;
        // A sidecar says whose it is to components of one kind only.
        let names = ["pubsub-pubsub@shop", "state-state@"];
        for name in names {
            symlink(FULL, kept.join(format!("{name}.new")))?;
        }
        let folder = kept.display().to_string();
        setting.components = setting.components.with(&["--remember", &folder]);
        let components = setting.components.start()?;
        let sidecar = setting.sidecar("shop")?;
        let mut process = sidecar.start()?;
        for name in names {
            let parts = ["not remembered", "No space left", "--remember", name];
            components.wait_line(&parts, PATIENCE)?;
        }
        publish(&sidecar, "orders", &json!(1))?;
        let items = json!([{ "key": "one", "value": 1 }]);
        let saved = sidecar.ask_json(("POST", "/v1.0/state/state"), &items)?;
        saved.expect(204)?;
        // Nothing by halves is left behind, and with room it is kept next time.
        assert_eq!(std::fs::read_dir(&kept)?.count(), 0);
        process.kill()?;
        let _process = sidecar.start()?;
        assert_eq!(std::fs::read_dir(&kept)?.count(), 2);
        Ok(())
    })
}

/// A log that nobody can read is no reason to end, nor to leave a call without an answer.
#[test]
fn without_room_for_its_log_it_goes_on() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        setting.running_components = None;
        let program = setting.components.command();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("exec \"$0\" \"$@\" --log debug 2> {FULL}")]);
        command.arg(program.get_program()).args(program.get_args());
        let mut components = Process::start(command, setting.components.log())?;
        let socket = setting.components.sockets().join("catena.sock");
        clock::until("a socket", PATIENCE, || {
            Ok(UnixStream::connect(&socket).ok())
        })?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        for number in 0..20 {
            publish(&sidecar, "orders", &json!(number))?;
        }
        setting.restart_broker()?;
        clock::until("a publish", PATIENCE, || {
            let target = ("POST", "/v1.0/publish/pubsub/orders");
            let response = sidecar.ask_json(target, &json!(1))?;
            Ok((response.status == 204).then_some(()))
        })?;
        assert!(components.ended()?.is_none());
        assert!(components.terminate(PATIENCE)?.success());
        Ok(())
    })
}

#[test]
fn a_folder_of_sockets_that_cannot_be_had_is_told() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let file = scene.write("file", "no folder")?;
        let folder = file.join("sockets");
        let program = setting.components.command();
        let mut command = Command::new(program.get_program());
        command.arg("run").arg("--sockets-folder").arg(&folder);
        let mut process = Process::start(command, &scene.log("without a folder"))?;
        assert!(!process.wait_end(PATIENCE)?.success());
        let folder = folder.display().to_string();
        process.wait_line(&[&folder, "--sockets-folder"], PATIENCE)?;
        Ok(())
    })
}
