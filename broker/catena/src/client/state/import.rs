//! `catena state import`: sets keys from lines of JSON, many at a time, and can go on where it
//! was interrupted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use catena_store::{Command, Refusal, Reply, Set, SetCondition, Write, reply};
use clap::Args;
use serde_json::json;

use super::super::failure::{Failure, USAGE};
use super::super::runtime;
use super::super::session::SessionArgs;
use super::super::subscribe::timeout;
use super::call::{Caller, PATIENCE, Response, malformed};
use super::encoded;
use super::entry::Entry;
use super::lines::{Line, Lines};
use super::progress::Progress;
use super::show::print;

/// Set keys from a file that export has written
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = EXAMPLES)]
pub(super) struct ImportArgs {
    /// The file; without it, or as -, standard input
    file: Option<PathBuf>,
    /// Leave keys alone that there are already [default: overwrite them]
    #[arg(long)]
    if_absent: bool,
    /// Change nothing: check the file, and tell what would become of its keys
    #[arg(long)]
    dry_run: bool,
    /// Begin with this line, counted from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
    /// Fencing token: a version, as `get --with-version` prints it
    #[arg(long, value_name = "VERSION", env = "CATENA_FENCING_TOKEN")]
    fencing_token: Option<String>,
    /// Print what was done as a JSON object
    #[arg(long)]
    json: bool,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

const EXAMPLES: &str = "\
Examples:
  catena state import state.jsonl --dry-run
  catena state import state.jsonl --if-absent
  catena state import state.jsonl --from-line 120001
  gunzip < recipes.jsonl.gz | catena state import

A key with ttlMs lives so long from now on. Importing the same file again comes to the same. If the
import ends early, it names the line from which to go on.";

/// Requests under way at most.
const WINDOW: usize = 64;

/// An import.
#[derive(Debug)]
struct Import<'a> {
    args: &'a ImportArgs,
    /// The file, for messages.
    name: String,
    /// Lines under way, by the number of their request.
    asked: BTreeMap<u64, Asked>,
    counts: Counts,
    /// Why it ends early, and at which line.
    failure: Option<(u64, Failure)>,
    /// The first line that is not done.
    unread: u64,
}

/// A line under way.
#[derive(Clone, Debug)]
struct Asked {
    line: u64,
    /// What it would set, in a dry run.
    value: Vec<u8>,
}

/// What became of the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    lines: u64,
    set: u64,
    /// Left alone because they were there.
    skipped: u64,
    /// In a dry run: those that are not there, have another value, or the same.
    created: u64,
    changed: u64,
    unchanged: u64,
}

pub(super) async fn import(args: &ImportArgs) -> Result<(), Failure> {
    let path = args.file.as_deref().filter(|path| path.as_os_str() != "-");
    let name = path.map_or_else(
        || "standard input".to_owned(),
        |it| it.display().to_string(),
    );
    let lines = Lines::open(path);
    let mut lines =
        lines.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    let mut caller = Caller::open(&args.session, false).await?;
    let progress = Progress::of_lines(lines.bytes, args.session.quiet);
    let mut import = Import {
        args,
        name,
        asked: BTreeMap::new(),
        counts: Counts::default(),
        failure: None,
        unread: 1,
    };
    let ended = tokio::select! {
        ended = import.run(&mut lines, &mut caller, &progress) => ended,
        () = runtime::interrupt() => Err(Failure::general("interrupted")),
    };
    drop(progress);
    import.finish(ended)?;
    caller.connection.close().await
}

impl Import<'_> {
    async fn run(
        &mut self,
        lines: &mut Lines,
        caller: &mut Caller,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let mut has_more = true;
        while has_more || !self.asked.is_empty() {
            let may_send = has_more && self.asked.len() < WINDOW && caller.has_room();
            // A slow file may take its time, the broker may not.
            let patience = (!self.asked.is_empty()).then_some(PATIENCE);
            tokio::select! {
                biased;
                line = lines.next(), if may_send => {
                    let line = line.map_err(|error| {
                        Failure::usage(format!("cannot read {}: {error}", self.name))
                    })?;
                    match line {
                        None => has_more = false,
                        Some(line) => {
                            has_more = self.take(&line, caller)?;
                            progress.line(line.text.len(), self.counts.lines);
                        }
                    }
                }
                answered = caller.step() => {
                    if let Some((number, response)) = answered?
                        && let Some(asked) = self.asked.remove(&number)
                        && let Err(failure) = self.settle(&asked, &response)
                    {
                        self.fail(asked.line, failure);
                        has_more = false;
                    }
                }
                () = timeout(patience) => return Err(Failure::unanswered()),
            }
        }
        Ok(())
    }

    /// Sends what a line says. `false`: it is wrong, nothing more is to be sent.
    fn take(&mut self, line: &Line, caller: &mut Caller) -> Result<bool, Failure> {
        let is_meant = line.number >= self.args.from_line && !line.text.trim_ascii().is_empty();
        if is_meant {
            let entry = match Entry::parse(&line.text) {
                Ok(entry) => entry,
                Err(error) => {
                    self.fail(line.number, Failure::new(USAGE, error));
                    return Ok(false);
                }
            };
            let sent = self.send(entry, caller);
            match sent {
                Ok((number, value)) => {
                    let line = line.number;
                    self.asked.insert(number, Asked { line, value });
                    self.counts.lines += 1;
                }
                Err(failure) => {
                    self.fail(line.number, failure);
                    return Ok(false);
                }
            }
        }
        self.unread = line.number + 1;
        Ok(true)
    }

    fn send(&self, entry: Entry, caller: &mut Caller) -> Result<(u64, Vec<u8>), Failure> {
        if self.args.dry_run {
            let number = caller.send(&encoded(&Command::Get { key: &entry.key }), None)?;
            return Ok((number, entry.value));
        }
        let condition = match self.args.if_absent {
            true => SetCondition::Absent,
            false => SetCondition::Always,
        };
        let request = encoded(&Command::Write(Write::Set(Set {
            key: &entry.key,
            value: &entry.value,
            condition,
            lifetime: entry.lifetime,
        })));
        let number = caller.send(&request, self.args.fencing_token.as_deref())?;
        Ok((number, Vec::new()))
    }

    /// Books what became of a line.
    fn settle(&mut self, asked: &Asked, response: &Response) -> Result<(), Failure> {
        let counts = &mut self.counts;
        if self.args.if_absent && is_fenced(response)? {
            counts.skipped += 1;
            return Ok(());
        }
        let count = match (self.args.dry_run, response.reply()?) {
            (false, Reply::Ok) => &mut counts.set,
            (false, Reply::Number(reply::NOT_APPLIED)) if self.args.if_absent => {
                &mut counts.skipped
            }
            (true, Reply::Null) => &mut counts.created,
            (true, Reply::Value(_)) if self.args.if_absent => &mut counts.skipped,
            (true, Reply::Value(value)) if value == asked.value => &mut counts.unchanged,
            (true, Reply::Value(_)) => &mut counts.changed,
            _ => return Err(malformed()),
        };
        *count += 1;
        Ok(())
    }

    /// Remembers the first line that went wrong. Answers need not come in order.
    fn fail(&mut self, line: u64, failure: Failure) {
        if self.failure.as_ref().is_none_or(|(first, _)| line < *first) {
            // What came after it is as if it had not been read.
            self.unread = self.unread.min(line);
            self.failure = Some((line, failure));
        }
    }

    /// Tells what was done, and from where to go on if not all was.
    fn finish(self, ended: Result<(), Failure>) -> Result<(), Failure> {
        let ended = match (ended, self.failure) {
            (Ok(()), None) => Ok(()),
            (_, Some((line, failure))) => Err(Failure {
                text: format!("{}:{line}: {}", self.name, failure.text),
                ..failure
            }),
            (Err(failure), None) => Err(Failure {
                text: format!("{}: {}", self.name, failure.text),
                ..failure
            }),
        };
        let first_open = self.asked.values().map(|asked| asked.line).min();
        let from = first_open.map_or(self.unread, |line| line.min(self.unread));
        let counts = self.counts;
        if self.args.json {
            print(format!("{}\n", counts.json(self.args.dry_run)).as_bytes())?;
        } else if !self.args.session.quiet {
            eprintln!("{}", counts.text(self.args.dry_run));
        }
        ended.map_err(|failure| Failure {
            text: format!("{}; go on with --from-line {from}", failure.text),
            ..failure
        })
    }
}

/// Whether the store has refused because of the fencing token that the key has. So there is one:
/// the store looks at tokens before it looks at conditions.
fn is_fenced(response: &Response) -> Result<bool, Failure> {
    let reply = Reply::parse(&response.payload).map_err(|_| malformed())?;
    Ok(match reply {
        Reply::Refused(text) => matches!(
            Refusal::from_text(text),
            Some(Refusal::FenceRequired | Refusal::FenceLower)
        ),
        _ => false,
    })
}

impl Counts {
    fn json(self, is_dry: bool) -> serde_json::Value {
        match is_dry {
            true => json!({
                "lines": self.lines,
                "created": self.created,
                "changed": self.changed,
                "unchanged": self.unchanged,
                "skipped": self.skipped,
            }),
            false => json!({ "lines": self.lines, "set": self.set, "skipped": self.skipped }),
        }
    }

    fn text(self, is_dry: bool) -> String {
        match is_dry {
            true => format!(
                "of {} keys {} would be created, {} changed, {} set to the same, {} left alone",
                self.lines, self.created, self.changed, self.unchanged, self.skipped
            ),
            false => format!("set {} keys, left {} alone", self.set, self.skipped),
        }
    }
}
