//! The program in a process of its own, on a port that nobody else has.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use anyhow::{Context, bail};

/// A running broker, which ends with this value.
#[derive(Debug)]
pub struct Broker {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Broker {
    /// Starts the program that `CATENA_BIN` names, with nothing configured but `settings`, each
    /// as `PATH=VALUE`, and waits until it listens.
    ///
    /// # Errors
    ///
    /// What hinders it.
    pub fn start(settings: &[&str]) -> anyhow::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("catena-official-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).context("a folder")?;
        let program = env::var_os("CATENA_BIN").context("CATENA_BIN names the program")?;
        let ports = folder.join("ports");
        let mut process = Command::new(program)
            .args(["run", "--admin", "off", "--listen", "127.0.0.1:0"])
            .arg("--port-file")
            .arg(&ports)
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the program runs")?;
        // Its log goes on until it ends, and nobody may block it.
        let lines = process.stdout.take().map(BufReader::new);
        let mut broker = Self {
            process,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut log = lines.context("its log")?.lines();
        for line in log.by_ref() {
            let line = line.context("its log")?;
            if line.contains("component ready") {
                let text = fs::read_to_string(&ports).context("the file that names ports")?;
                let address = text.lines().find_map(|line| line.strip_prefix("listener "));
                let address = address.and_then(|line| line.rsplit(' ').next());
                broker.address = address.context("a listener")?.parse()?;
                std::thread::spawn(move || log.for_each(drop));
                return Ok(broker);
            }
        }
        bail!("the broker ends at once")
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
