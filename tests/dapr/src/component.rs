//! `catena-dapr`, which can be ended and started again with the same sockets.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clock;
use crate::http;
use crate::log::Log;
use crate::ports;
use crate::process::Process;
use crate::scene::Scene;
use crate::tools;

/// How the components of a test are started.
#[derive(Clone, Debug)]
pub struct Components {
    program: PathBuf,
    sockets: PathBuf,
    arguments: Vec<String>,
    metrics: u16,
    log: Log,
}

impl Components {
    /// Prepares them, with a folder of sockets of their own.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn new(scene: &Scene) -> anyhow::Result<Self> {
        Self::of(scene, tools::components()?)
    }

    /// Prepares those of a program.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn of(scene: &Scene, program: PathBuf) -> anyhow::Result<Self> {
        Ok(Self {
            program,
            sockets: scene.folder("sockets")?,
            arguments: Vec::new(),
            metrics: ports::free()?,
            log: scene.log("catena-dapr"),
        })
    }

    /// The folder in which sidecars look for sockets.
    #[must_use]
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// With a folder of sockets of its own, for several at once.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn at(mut self, scene: &Scene, folder: &str) -> anyhow::Result<Self> {
        self.sockets = scene.folder(folder)?;
        self.metrics = ports::free()?;
        self.log = scene.log(&format!("catena-dapr of {folder}"));
        Ok(self)
    }

    /// With further arguments of the program.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
        self
    }

    /// What it writes, in all its runs.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The value of a counter that it exports while it runs.
    ///
    /// # Errors
    ///
    /// That it does not answer, or has no such counter.
    pub fn counter(&self, name: &str) -> anyhow::Result<u64> {
        let page = http::request(self.metrics, ("GET", "/metrics"), &[], b"", PATIENCE)?;
        let page = page.expect(200)?.text();
        let values = page.lines().filter_map(|line| line.strip_prefix(name));
        let value = values.map(str::trim).find_map(|value| value.parse().ok());
        value.with_context(|| format!("no {name} in {page}"))
    }

    /// How the program is run.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg("--sockets-folder")
            .arg(&self.sockets);
        let metrics = format!("127.0.0.1:{}", self.metrics);
        command.arg("--metrics").arg(metrics).args(&self.arguments);
        command
    }

    /// Starts them and waits until the sockets are there.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn start(&self) -> anyhow::Result<Process> {
        self.start_as(Ok)
    }

    /// As [`start`](Self::start), with another command in place of the own one.
    ///
    /// # Errors
    ///
    /// As of [`start`](Self::start), and those of `change`.
    pub fn start_as(
        &self,
        change: impl FnOnce(Command) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Process> {
        let mut process = Process::start(change(self.command())?, &self.log)?;
        let wanted = self.sockets.join(SOCKET);
        clock::until("the sockets of catena-dapr", PATIENCE, || {
            if let Some(status) = process.ended()? {
                bail!("catena-dapr ends at once: {status}");
            }
            // A socket that a crash left behind is there, too; one that answers counts.
            Ok(std::os::unix::net::UnixStream::connect(&wanted).ok())
        })?;
        Ok(process)
    }
}

/// The socket of our own types.
const SOCKET: &str = "catena.sock";

const PATIENCE: Duration = Duration::from_secs(30);
