//! The lines of a file or of standard input, read ahead a little.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use tokio::sync::mpsc;

/// Lines that wait to be taken. The reader then waits as well.
const LINES_MAX: usize = 64;
/// A longer line is an error: no broker takes a message of that size.
const LINE_BYTES_MAX: u64 = 1 << 29;

/// What some editors put before the first line of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
}

/// Where lines come from.
#[derive(Debug)]
pub(super) struct Lines {
    receiver: mpsc::Receiver<io::Result<Line>>,
    /// The length of the file, if it is one.
    pub(super) bytes: Option<u64>,
}

impl Lines {
    /// Begins to read a file, or standard input, on a thread of its own since a read of a terminal
    /// or pipe cannot be abandoned.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(LINES_MAX);
        let file = path.map(File::open).transpose()?;
        let metadata = file.as_ref().map(File::metadata).transpose()?;
        let bytes = metadata.filter(|it| it.is_file()).map(|it| it.len());
        std::thread::spawn(move || match file {
            Some(file) => pass_on(BufReader::new(file), &sender),
            None => pass_on(io::stdin().lock(), &sender),
        });
        Ok(Self { receiver, bytes })
    }

    /// The next line; `None` at the end. May be abandoned.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        self.receiver.recv().await.transpose()
    }
}

fn pass_on(mut input: impl BufRead, sender: &mpsc::Sender<io::Result<Line>>) {
    for number in 1.. {
        let line = read(&mut input, number, LINE_BYTES_MAX).transpose();
        let Some(line) = line else {
            return;
        };
        let is_over = line.is_err();
        if sender.blocking_send(line).is_err() || is_over {
            return;
        }
    }
}

fn read(input: &mut impl BufRead, number: u64, bytes_max: u64) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let count = input.take(bytes_max).read_until(b'\n', &mut text)?;
    if count == 0 {
        return Ok(None);
    }
    if text.pop_if(|last| *last == b'\n').is_none() && count as u64 == bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {number} is longer than {bytes_max} bytes"),
        ));
    }
    if number == 1 && text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(Some(Line { number, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_numbers_and_a_limit() {
        let mut input: &[u8] = b"one\n\nthree";
        let mut line = |number| read(&mut input, number, 6).unwrap().map(|line| line.text);
        assert_eq!(line(1).as_deref(), Some(&b"one"[..]));
        assert_eq!(line(2).as_deref(), Some(&b""[..]));
        assert_eq!(line(3).as_deref(), Some(&b"three"[..]));
        assert_eq!(line(4), None);
        let mut marked: &[u8] = b"\xEF\xBB\xBFa\n\xEF\xBB\xBFb\n";
        let mut line = |number| read(&mut marked, number, 6).unwrap().map(|line| line.text);
        assert_eq!(line(1).as_deref(), Some(&b"a"[..]));
        assert_eq!(line(2).as_deref(), Some(&b"\xEF\xBB\xBFb"[..]));
        let mut long: &[u8] = b"seven77\n";
        assert!(read(&mut long, 1, 6).is_err());
    }
}
