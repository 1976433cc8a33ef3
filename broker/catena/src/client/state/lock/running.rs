//! The command that runs while the lock is held: its start, its signals, its end.

use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{self, SignalKind, signal};

use super::super::super::failure::{Failure, GENERAL};
use super::LockArgs;
use super::holder::Holder;

/// Exit codes as shells have them.
const CANNOT_START: u8 = 126;
const NOT_FOUND: u8 = 127;
const BY_SIGNAL: u8 = 128;

/// The signals that concern the command, from when they were first asked for.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    /// A child has ended.
    child: unix::Signal,
}

/// A command that was started.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// What to exit with.
    pub(super) code: u8,
}

impl Signals {
    pub(super) fn watch() -> Result<Self, Failure> {
        let watch = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(GENERAL, format!("cannot watch signals: {error}")))
        };
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            child: watch(SignalKind::child())?,
        })
    }

    /// The next Ctrl-C or SIGTERM. May be abandoned.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
        }
    }
}

impl Running {
    /// Starts the command with the lock in its environment.
    pub(super) fn start(args: &LockArgs, holder: &Holder<'_>) -> Result<Self, Failure> {
        let (program, rest) = args
            .command
            .split_first()
            .ok_or_else(|| Failure::usage("no command"))?;
        let started = Command::new(program)
            .args(rest)
            .env("CATENA_LOCK", &args.name)
            .env("CATENA_LOCK_HOLDER", holder.name())
            .env("CATENA_FENCING_TOKEN", holder.fencing_token())
            .spawn();
        let child = started.map_err(|error| {
            let code = match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => CANNOT_START,
            };
            let program = program.to_string_lossy();
            Failure::new(code, format!("cannot run {program}: {error}"))
        })?;
        Ok(Self { child })
    }

    /// Waits for its end, and passes signals on. May be abandoned and asked for again.
    pub(super) async fn ended(&mut self, signals: &mut Signals) -> Result<Ended, Failure> {
        loop {
            // Looked at before each wait: it may have ended before the signal was watched.
            if let Some(status) = self.status()? {
                let code = code(status);
                return Ok(Ended { code });
            }
            tokio::select! {
                _ = signals.child.recv() => {}
                _ = signals.terminate.recv() => self.signal(Signal::TERM),
                // A terminal sends Ctrl-C to the command as well.
                _ = signals.interrupt.recv() => if !io::stdin().is_terminal() {
                    self.signal(Signal::INT);
                },
            }
        }
    }

    /// Tells it that the lock is lost.
    pub(super) fn terminate(&mut self) {
        self.signal(Signal::TERM);
    }

    fn signal(&mut self, signal: Signal) {
        // Until its end has been seen, the number is nobody else's.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, Failure> {
        let status = self.child.try_wait();
        status.map_err(|error| Failure::new(GENERAL, format!("cannot await the command: {error}")))
    }
}

/// What a process exits with that a signal ended.
pub(super) fn code_of(signal: Signal) -> u8 {
    u8::try_from(signal.as_raw()).map_or(GENERAL, |number| BY_SIGNAL.saturating_add(number))
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let by_signal = status.signal().and_then(|number| u8::try_from(number).ok());
    match (code, by_signal) {
        (Some(code), _) => code,
        (None, Some(number)) => BY_SIGNAL.saturating_add(number),
        (None, None) => GENERAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_shells() {
        assert_eq!(code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code(ExitStatus::from_raw(9)), 137);
        assert_eq!(code_of(Signal::INT), 130);
    }
}
