//! Asks for a password, or reads one from standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use anyhow::{Context, anyhow, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::UsageError;

/// The first line of standard input, without its end.
pub(super) fn first_line() -> anyhow::Result<String> {
    line(&mut io::stdin().lock().take(LINE_BYTES_MAX)).context("cannot read standard input")
}

/// Asks twice at the terminal, whatever standard input is.
pub(super) fn twice() -> anyhow::Result<String> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let Ok(mut terminal) = terminal else {
        let message = "there is no terminal to ask for the password: use --stdin or -b";
        return Err(anyhow!(UsageError(message.to_owned())));
    };
    let first = ask(&mut terminal, "Password: ")?;
    let second = ask(&mut terminal, "Again: ")?;
    if first != second {
        bail!("the passwords differ");
    }
    Ok(first)
}

fn ask(terminal: &mut File, question: &str) -> anyhow::Result<String> {
    terminal.write_all(question.as_bytes())?;
    let silence = Silence::of(terminal.try_clone()?)?;
    let answer = line(&mut BufReader::new(&*terminal).take(LINE_BYTES_MAX));
    drop(silence);
    terminal.write_all(b"\n")?;
    answer.context("cannot read from the terminal")
}

fn line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(line)
}

/// A terminal that shows nothing of what is typed, as long as this lives.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn of(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing better can be done if the terminal has gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Longer than any password, with its line end.
const LINE_BYTES_MAX: u64 = 70_000;
