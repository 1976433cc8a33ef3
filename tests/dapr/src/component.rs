//! `catena-dapr`, which can be ended and started again with the same sockets.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::clock;
use crate::log::Log;
use crate::process::Process;
use crate::scene::Scene;
use crate::tools;

/// How the components of a test are started.
#[derive(Clone, Debug)]
pub struct Components {
    program: PathBuf,
    sockets: PathBuf,
    log: Log,
}

impl Components {
    /// Prepares them, with a folder of sockets of their own.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn new(scene: &Scene) -> anyhow::Result<Self> {
        Ok(Self {
            program: tools::components()?,
            sockets: scene.folder("sockets")?,
            log: scene.log("catena-dapr"),
        })
    }

    /// The folder in which sidecars look for sockets.
    #[must_use]
    pub fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// How the program is run, with `arguments` behind the folder of sockets.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("run")
            .arg("--sockets-folder")
            .arg(&self.sockets);
        command
    }

    /// Starts them and waits until the sockets are there.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn start(&self) -> anyhow::Result<Process> {
        let mut process = Process::start(self.command(), &self.log)?;
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
