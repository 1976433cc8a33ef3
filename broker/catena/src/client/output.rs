//! Prints messages to standard output, whatever bytes they hold.

use std::io::{self, BufWriter, StdoutLock, Write};

use clap::Args;

use super::calendar::Moment;
use super::failure::{Failure, GENERAL};
use super::format::Format;
use super::incoming::Message;
use crate::clock;

/// How messages are printed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print messages in this format, such as '%t %p' or '@H:@M:@S %j'
    #[arg(short = 'F', value_name = "FORMAT", allow_hyphen_values = true)]
    pub format: Option<String>,
    /// Print topic and payload
    #[arg(short, long)]
    pub verbose: bool,
    /// Print a JSON object a message, as -F %j does
    #[arg(long, conflicts_with_all = ["format", "verbose"])]
    pub json: bool,
    /// Lay out JSON for people
    #[arg(long)]
    pub pretty: bool,
    /// Print no end of line after a message
    #[arg(short = 'N')]
    pub no_newline: bool,
}

impl OutputArgs {
    /// Checks the format.
    pub(crate) fn resolve(&self) -> Result<Format, Failure> {
        let format = match &self.format {
            Some(text) => Format::parse(text)?,
            None if self.json => Format::json(),
            None if self.verbose => Format::topic_and_payload(),
            None => Format::payload(),
        };
        Ok(format.pretty(self.pretty))
    }
}

/// Standard output with a format.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    ends_lines: bool,
    quiet: bool,
    out: BufWriter<StdoutLock<'static>>,
    line: Vec<u8>,
    /// Whether whoever read it has gone.
    is_closed: bool,
}

impl Printer {
    pub(crate) fn new(args: &OutputArgs, quiet: bool) -> Result<Self, Failure> {
        Ok(Self {
            format: args.resolve()?,
            ends_lines: !args.no_newline,
            quiet,
            out: BufWriter::new(io::stdout().lock()),
            line: Vec::new(),
            is_closed: false,
        })
    }

    /// Prints a message. One that the format cannot express is told on standard error.
    pub(crate) fn print(&mut self, message: &Message) -> Result<(), Failure> {
        self.line.clear();
        let moment = Moment::new(clock::wall());
        if let Err(failure) = self.format.render(message, &moment, &mut self.line) {
            if !self.quiet {
                eprintln!("error: {failure}");
            }
            return Ok(());
        }
        if self.ends_lines {
            self.line.push(b'\n');
        }
        let result = self.out.write_all(&self.line);
        self.check(result)
    }

    /// Lets out what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let result = self.out.flush();
        self.check(result)
    }

    /// Whether nobody reads the output any more, as in `catena sub -t x | head -1`.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn check(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::new(GENERAL, format!("cannot print: {error}"))),
            Ok(()) => Ok(()),
        }
    }
}
