//! Dapr's placement and scheduler, which sidecars with actors need.

use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::broker::is_open;
use crate::clock;
use crate::ports;
use crate::process::Process;
use crate::scene::Scene;
use crate::tools;

/// Both services, running.
#[derive(Debug)]
pub struct Control {
    /// Where placement serves.
    pub placement: u16,
    /// Where the scheduler serves.
    pub scheduler: u16,
    _processes: [Process; 2],
}

impl Control {
    /// Starts both and waits until they serve.
    ///
    /// # Errors
    ///
    /// What hinders them.
    pub fn start(scene: &Scene) -> anyhow::Result<Self> {
        let (placement, scheduler) = (ports::free()?, ports::free()?);
        let mut processes = [
            start_placement(scene, placement)?,
            start_scheduler(scene, scheduler)?,
        ];
        clock::until("placement and scheduler that serve", PATIENCE, || {
            for process in &mut processes {
                if let Some(status) = process.ended()? {
                    bail!("{} ends at once: {status}", process.log().name());
                }
            }
            Ok((is_open(placement) && is_open(scheduler)).then_some(()))
        })?;
        Ok(Self {
            placement,
            scheduler,
            _processes: processes,
        })
    }
}

fn start_placement(scene: &Scene, port: u16) -> anyhow::Result<Process> {
    let raft = ports::free()?;
    let mut command = Command::new(tools::dapr("placement")?);
    command
        .arg("--initial-cluster")
        .arg(format!("dapr-placement-0=127.0.0.1:{raft}"));
    // Sidecars that were killed are noticed sooner.
    command.args(["--keepalive-time", "1s", "--keepalive-timeout", "1s"]);
    serve(&mut command, port)?;
    Process::start(command, &scene.log("placement"))
}

fn start_scheduler(scene: &Scene, port: u16) -> anyhow::Result<Process> {
    let (peers, clients) = (ports::free()?, ports::free()?);
    let mut command = Command::new(tools::dapr("scheduler")?);
    command
        .arg("--etcd-data-dir")
        .arg(scene.folder("scheduler")?);
    command
        .arg("--etcd-initial-cluster")
        .arg(format!("dapr-scheduler-server-0=http://127.0.0.1:{peers}"));
    command.arg("--etcd-client-listen-address").arg("127.0.0.1");
    command.arg("--etcd-initial-election-tick-advance");
    command.arg("--etcd-client-port").arg(clients.to_string());
    command
        .arg("--override-broadcast-host-port")
        .arg(format!("127.0.0.1:{port}"));
    command
        .arg("--identity-directory-write")
        .arg(scene.folder("scheduler-identity")?);
    serve(&mut command, port)?;
    Process::start(command, &scene.log("scheduler"))
}

fn serve(command: &mut Command, port: u16) -> anyhow::Result<()> {
    let (health, metrics) = (ports::free()?, ports::free()?);
    for (name, port) in [
        ("port", port),
        ("healthz-port", health),
        ("metrics-port", metrics),
    ] {
        command.arg(format!("--{name}")).arg(port.to_string());
    }
    for name in [
        "listen-address",
        "healthz-listen-address",
        "metrics-listen-address",
    ] {
        command.arg(format!("--{name}")).arg("127.0.0.1");
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(60);
