//! Actors, whose state is kept by the state store.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use catena_tests_dapr::{Control, Process, Scene, Sidecar, clock, free_port};
use serde_json::json;

use crate::setting::{PATIENCE, Setting};

const THREADS: u32 = 4;
const CALLS: u32 = 60;

/// The host of the actors: an application and its sidecar.
struct Host {
    port: u16,
    sidecar: Sidecar,
    app: Process,
    daprd: Process,
}

impl Host {
    fn start(scene: &Scene, setting: &Setting<'_>, control: &Control) -> anyhow::Result<Self> {
        let port = free_port()?;
        let sidecar = setting.sidecar("bank")?.with_app(port);
        let sidecar = sidecar.with_control(control.placement, control.scheduler);
        let app = Self::application(scene, port, &sidecar)?;
        let daprd = sidecar.start()?;
        Ok(Self {
            port,
            sidecar,
            app,
            daprd,
        })
    }

    fn application(scene: &Scene, port: u16, sidecar: &Sidecar) -> anyhow::Result<Process> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dapr-test-app"));
        command.args([&port.to_string(), "count", &sidecar.port().to_string()]);
        let process = Process::start(command, &scene.log("counter"))?;
        process.wait_line(&["ready"], PATIENCE)?;
        Ok(process)
    }

    fn restart_application(&mut self, scene: &Scene) -> anyhow::Result<()> {
        self.app.kill()?;
        // What it had asked its sidecar for is done before another asks.
        for _ in 0..3 {
            let state = "/v1.0/state/state/none";
            self.sidecar.ask(("GET", state), &[], b"")?;
        }
        self.app = Self::application(scene, self.port, &self.sidecar)?;
        Ok(())
    }

    fn restart_sidecar(&mut self) -> anyhow::Result<()> {
        self.daprd.kill()?;
        self.daprd = self.sidecar.start()?;
        Ok(())
    }
}

/// Asks the counter to count a call, again and again until it says that it did, and gives its
/// count.
fn increment(sidecar: &Sidecar, call: &str) -> anyhow::Result<u64> {
    clock::until("a counted call", PATIENCE, || {
        let target = ("POST", "/v1.0/actors/Counter/one/method/increment");
        let Ok(response) = sidecar.ask_json(target, &json!({ "call": call })) else {
            return Ok(None);
        };
        if response.status != 200 {
            return Ok(None);
        }
        Ok(response.json()?["count"].as_u64())
    })
}

/// Several call at once while what is between them and the state dies: each call counts once.
#[test]
fn a_counter_counts_each_call_once() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        let control = Control::start(scene)?;
        let mut host = Host::start(scene, &setting, &control)?;
        let sidecar = host.sidecar.clone();
        assert_eq!(increment(&sidecar, "first")?, 1);
        let counted = AtomicU32::new(1);
        thread::scope(|scope| {
            let call = |thread: u32| {
                for number in 0..CALLS {
                    increment(&sidecar, &format!("{thread}-{number}"))?;
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                anyhow::Ok(())
            };
            let calling: Vec<_> = (0..THREADS)
                .map(|thread| scope.spawn(move || call(thread)))
                .collect();
            let reached = |wanted: u32| {
                let what = format!("{wanted} counted calls");
                clock::until(&what, PATIENCE * 2, || {
                    Ok((counted.load(Ordering::SeqCst) >= wanted).then_some(()))
                })
            };
            reached(40)?;
            host.restart_application(scene)?;
            reached(80)?;
            host.restart_sidecar()?;
            reached(120)?;
            // A sidecar initialises its components once only.
            setting.restart_components()?;
            host.restart_sidecar()?;
            for thread in calling {
                let outcome = thread.join();
                outcome.map_err(|_| anyhow::anyhow!("a caller panics"))??;
            }
            anyhow::Ok(())
        })?;
        let last = increment(&sidecar, "last")?;
        assert_eq!(last, u64::from(THREADS * CALLS) + 2);
        Ok(())
    })
}
