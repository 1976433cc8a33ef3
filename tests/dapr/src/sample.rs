//! The sample of Dapr, run as a person would, with the programs that the tests have.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context, ensure};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::ports;
use crate::process::Process;
use crate::scene::Scene;
use crate::tools;

/// The script `samples/dapr/run.sh`, running.
#[derive(Debug)]
pub struct Sample {
    /// The script itself.
    pub script: Process,
    group: Pid,
}

impl Sample {
    /// How the script is run.
    ///
    /// # Errors
    ///
    /// What it needs and is not there.
    pub fn command() -> anyhow::Result<Command> {
        let daprd = tools::dapr("daprd")?;
        let programs = daprd.parent().context("a program in no folder")?;
        // Who starts the tests in the background has them ignore what Ctrl-C sends, and the script
        // would do the same.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=INT")
            .arg(tools::project().join("samples/dapr/run.sh"))
            .env("DAPR_BIN", programs)
            .env("CATENA_BIN", tools::broker()?)
            .env("CATENA_DAPR_BIN", tools::components()?)
            .env("CATENA_SAMPLE_LIBRARIES", programs.with_file_name("sample"))
            .env("CATENA_SAMPLE_PORTS", ports::hundred()?.to_string());
        Ok(command)
    }

    /// Starts the script in a group of processes of its own.
    ///
    /// # Errors
    ///
    /// That it cannot be run.
    pub fn start(mut command: Command, scene: &Scene) -> anyhow::Result<Self> {
        command.process_group(0);
        let script = Process::start(command, &scene.log("run.sh"))?;
        let number = i32::try_from(script.id())?;
        let group = Pid::from_raw(number).context("a process without a number")?;
        Ok(Self { script, group })
    }

    /// Does what a terminal does at Ctrl-C: all processes are told.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn interrupt(&self) -> anyhow::Result<()> {
        kill_process_group(self.group, Signal::INT).context("cannot interrupt the script")
    }

    /// Fails if the script, which has ended, has left a process behind.
    ///
    /// # Errors
    ///
    /// That it has.
    pub fn left_nothing(&self) -> anyhow::Result<()> {
        let left = test_kill_process_group(self.group);
        ensure!(left == Err(Errno::SRCH), "something runs on: {left:?}");
        Ok(())
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind either.
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}
