//! One program that a test starts, ends and starts again.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock;
use crate::log::{Log, Mark};

/// A running process, which ends with this value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: Log,
    began: Mark,
}

impl Process {
    /// Starts a program, with its output in `log`.
    ///
    /// # Errors
    ///
    /// That it cannot be run.
    pub fn start(mut command: Command, log: &Log) -> anyhow::Result<Self> {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = log.mark();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        log.add(format!("--- process {} begins", child.id()));
        log.follow(child.stdout.take());
        log.follow(child.stderr.take());
        Ok(Self {
            child,
            log: log.clone(),
            began,
        })
    }

    /// Waits for a line of this run that contains all of `parts`.
    ///
    /// # Errors
    ///
    /// That it does not come in time.
    pub fn wait_line(&self, parts: &[&str], patience: Duration) -> anyhow::Result<String> {
        self.log.wait(self.began, parts, patience)
    }

    /// The lines of this run.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.log.since(self.began)
    }

    /// What it writes, in all its runs.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for a process")
    }

    /// Ends it as a crash does, with SIGKILL.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill a process")?;
        let status = self.child.wait().context("cannot end a process")?;
        self.log.add(format!("--- killed: {status}"));
        Ok(())
    }

    /// Asks it to end, with SIGTERM, and waits until it has.
    ///
    /// # Errors
    ///
    /// That it does not end in time.
    pub fn terminate(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait_end(patience)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let number = i32::try_from(self.child.id()).ok();
        let Some(process) = number.and_then(Pid::from_raw) else {
            bail!("a process without a number")
        };
        kill_process(process, signal).context("cannot signal a process")
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    ///
    /// That it does not.
    pub fn wait_end(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} ends", self.log.name());
        let status = clock::until(&what, patience, || self.ended())?;
        self.log.add(format!("--- ended: {status}"));
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
