//! Where the messages of `catena pub` come from: an argument, a file, standard input.

use std::fs;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::failure::{Failure, GENERAL};

/// Lines of standard input that wait to be published.
const LINES_MAX: usize = 1_024;

/// What is published.
#[derive(Args, Clone, Debug, Default)]
#[group(required = true, multiple = false)]
pub struct PayloadArgs {
    /// Publish this text
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub message: Option<String>,
    /// Publish the content of this file
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Publish each line of standard input as a message
    #[arg(short = 'l', long)]
    pub stdin_line: bool,
    /// Publish the whole of standard input as one message
    #[arg(short = 's', long)]
    pub stdin_file: bool,
    /// Publish an empty message
    #[arg(short, long)]
    pub null_message: bool,
}

impl PayloadArgs {
    /// The payload if there is only one. `None`: lines of standard input.
    pub(crate) fn single(&self) -> Result<Option<Vec<u8>>, Failure> {
        let unreadable =
            |what: &str, error: io::Error| Failure::usage(format!("cannot read {what}: {error}"));
        if self.stdin_line {
            return Ok(None);
        }
        if let Some(path) = &self.file {
            let content = fs::read(path);
            return content
                .map(Some)
                .map_err(|error| unreadable(&path.display().to_string(), error));
        }
        if self.stdin_file {
            let mut content = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut content)
                .map_err(|error| unreadable("standard input", error))?;
            return Ok(Some(content));
        }
        Ok(Some(self.message.clone().unwrap_or_default().into_bytes()))
    }
}

/// Messages, one after the other.
#[derive(Debug)]
pub(crate) enum Source {
    /// The same one a number of times.
    Repeated {
        payload: Vec<u8>,
        left: u64,
        delay: Duration,
        /// When the next is due.
        due: Option<Instant>,
    },
    /// Lines of standard input.
    Lines(mpsc::Receiver<io::Result<Vec<u8>>>),
}

impl Source {
    /// Begins to read lines of standard input, on a thread of its own since a read of a terminal
    /// cannot be abandoned.
    pub(crate) fn lines() -> Self {
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        std::thread::spawn(move || {
            let mut input = io::stdin().lock();
            loop {
                let mut line = Vec::new();
                match input.read_until(b'\n', &mut line) {
                    Ok(0) => break,
                    Ok(_) => {
                        line.pop_if(|last| *last == b'\n');
                        if sender.blocking_send(Ok(line)).is_err() {
                            break;
                        }
                    }
                    Err(error) => {
                        let _ = sender.blocking_send(Err(error));
                        break;
                    }
                }
            }
        });
        Self::Lines(receiver)
    }

    /// Whether the next message is to wait for the acknowledgement of the last.
    pub(crate) fn is_paced(&self) -> bool {
        matches!(self, Self::Repeated { delay, .. } if !delay.is_zero())
    }

    /// The next message; `None` at the end. May be abandoned.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Lines(receiver) => receiver.recv().await.transpose().map_err(|error| {
                Failure::new(GENERAL, format!("cannot read standard input: {error}"))
            }),
            Self::Repeated { left: 0, .. } => Ok(None),
            Self::Repeated {
                payload,
                left,
                delay,
                due,
            } => {
                if let Some(due) = due {
                    tokio::time::sleep_until(*due).await;
                }
                *left -= 1;
                *due = (!delay.is_zero()).then(|| Instant::now() + *delay);
                Ok(Some(payload.clone()))
            }
        }
    }
}
