//! The lines that a child process writes, read in the background and waited for with a deadline.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines of one pipe.
#[derive(Debug)]
pub(crate) struct Lines {
    receiver: Receiver<String>,
}

/// What came of waiting for a line.
#[derive(Debug)]
pub(crate) enum Next {
    /// A line, without its end.
    Line(String),
    /// Nothing yet.
    Late,
    /// The pipe is closed.
    End,
}

impl Lines {
    /// Begins to read. Bytes that are no UTF-8 are replaced.
    pub(crate) fn new(pipes: impl IntoIterator<Item = Box<dyn Read + Send>>) -> Self {
        let (sender, receiver) = sync_channel(LINES_MAX);
        for pipe in pipes {
            let sender = sender.clone();
            thread::spawn(move || pump(pipe, &sender));
        }
        Self { receiver }
    }

    /// Waits for the next line.
    pub(crate) fn next(&self, patience: Duration) -> Next {
        match self.receiver.recv_timeout(patience) {
            Ok(line) => Next::Line(line),
            Err(RecvTimeoutError::Timeout) => Next::Late,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// All that is there, without waiting.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.receiver.try_iter().collect()
    }
}

fn pump(pipe: Box<dyn Read + Send>, sender: &SyncSender<String>) {
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    while let Ok(1..) = pipe.read_until(b'\n', &mut bytes) {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        // A reader that is full or has gone must not stop the process: its pipe is emptied.
        let _ = sender.try_send(line);
    }
}

/// More than any process of these tests writes.
const LINES_MAX: usize = 100_000;
