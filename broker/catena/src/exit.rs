//! Exit codes: the same for every command, so that scripts can tell what went wrong.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// It did what it was asked to.
    pub const OK: Self = Self(0);
    /// It could not.
    pub const FAILURE: Self = Self(1);
    /// A flag or a document is wrong; nothing was changed.
    pub const USAGE: Self = Self(2);
    /// A client could not reach the broker.
    pub const CONNECT_REFUSED: Self = Self(3);
    /// A client was not let in, or may not do what it asked for.
    pub const UNAUTHORIZED: Self = Self(4);
    /// What was waited for did not come in time.
    pub const TIMED_OUT: Self = Self(5);

    /// Another code, such as a reason code of the protocol.
    pub const fn other(code: u8) -> Self {
        Self(code)
    }

    /// The code that the operating system is told.
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// What was asked for makes no sense; ends with [`Exit::USAGE`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// What an error ends a command with.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    if error.is::<UsageError>() {
        Exit::USAGE
    } else {
        Exit::FAILURE
    }
}
