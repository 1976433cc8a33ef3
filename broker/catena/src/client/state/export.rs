//! `catena state export`: keys, values and what is left of their time, as lines of JSON.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use catena_store::{Answer, Command, Keys, Lifetime, Refusal, Reply, reply};
use clap::Args;

use super::super::failure::{Failure, GENERAL};
use super::super::runtime;
use super::super::session::SessionArgs;
use super::call::{Caller, PATIENCE, Response, malformed, refused};
use super::entry::Entry;
use super::key::{Given, PatternArgs, pattern};
use super::progress::Progress;
use super::scan::next_page;
use super::{encoded, within};

/// Write keys with their values into a file
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExportArgs {
    /// Which keys: * stands for any bytes, ? for one, [0-9] for one of these [default: *]
    #[arg(value_parser = pattern())]
    pattern: Option<Given>,
    /// How the pattern is given.
    #[command(flatten)]
    patterns: PatternArgs,
    /// Write into this file, which is there only once it is complete [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

const EXAMPLES: &str = "\
Examples:
  catena state export --output state.jsonl
  catena state export 'recipe/*' | gzip > recipes.jsonl.gz
  catena state export -h old | catena state import -h new

Each line is an object with key and value, or keyBase64 and valueBase64 for bytes that are no UTF-8,
ttlMs if the key expires, and version. Keys that change meanwhile are written as they were or as
they are.";

/// Requests under way at most.
const WINDOW: usize = 64;

pub(super) async fn export(args: &ExportArgs) -> Result<(), Failure> {
    let pattern = args.patterns.bytes(args.pattern.as_ref())?;
    let mut caller = Caller::open(&args.session, false).await?;
    let mut out = Out::open(args.output.as_deref())?;
    // On the terminal that shows the lines, it would stand between them.
    let is_quiet = args.session.quiet || (args.output.is_none() && io::stdout().is_terminal());
    let progress = Progress::of_keys(is_quiet);
    let work = async {
        let has_lifetimes = tells_lifetimes(&mut caller).await?;
        let mut token = None;
        loop {
            let page = next_page(&mut caller, &pattern, token.as_deref()).await?;
            let mut batch = Batch::new(&page.keys, has_lifetimes);
            if !batch.write(&mut caller, &mut out, &progress).await? || page.token.is_none() {
                return Ok(());
            }
            token = page.token;
        }
    };
    let done: Result<(), Failure> = tokio::select! {
        done = work => done,
        () = runtime::interrupt() => Err(Failure::general("interrupted; not all is written")),
    };
    drop(progress);
    done?;
    out.complete()?;
    caller.connection.close().await
}

/// Whether the broker can be asked how long keys live on.
async fn tells_lifetimes(caller: &mut Caller) -> Result<bool, Failure> {
    let payload = encoded(&Command::Features);
    let response = within(PATIENCE, caller.ask(&payload, None)).await?;
    match Keys::parse_features(&response.payload).map_err(|_| malformed())? {
        Answer::Done(names) => Ok(names.iter().any(|name| name == b"pttl")),
        Answer::Refused(text) if Refusal::from_text(text) == Some(Refusal::UnknownCommand) => {
            eprintln!("warning: this broker does not tell how long keys live on");
            Ok(false)
        }
        Answer::Refused(text) => Err(refused(text)),
    }
}

/// The keys of a page, on their way from the broker into the file.
#[derive(Debug)]
struct Batch<'k> {
    /// What is still to be asked, in turn.
    questions: VecDeque<(usize, Question)>,
    /// Asked, by the number of the request.
    asked: BTreeMap<u64, (usize, Question)>,
    slots: Vec<Slot<'k>>,
    /// The first that is not written.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    Value,
    Lifetime,
}

/// What is known of a key.
#[derive(Clone, Debug)]
struct Slot<'k> {
    key: &'k [u8],
    answers_left: usize,
    value: Option<Vec<u8>>,
    version: Option<String>,
    lifetime: Option<Lifetime>,
}

impl<'k> Batch<'k> {
    fn new(keys: &'k [Vec<u8>], has_lifetimes: bool) -> Self {
        let questions = keys.iter().enumerate().flat_map(|(index, _)| {
            let lifetime = has_lifetimes.then_some((index, Question::Lifetime));
            [(index, Question::Value)].into_iter().chain(lifetime)
        });
        let slot = |key: &'k Vec<u8>| Slot {
            key,
            answers_left: 1 + usize::from(has_lifetimes),
            value: None,
            version: None,
            lifetime: None,
        };
        Self {
            questions: questions.collect(),
            asked: BTreeMap::new(),
            slots: keys.iter().map(slot).collect(),
            next: 0,
        }
    }

    /// Asks for everything and writes it in order. `false`: nobody reads any more.
    async fn write(
        &mut self,
        caller: &mut Caller,
        out: &mut Out,
        progress: &Progress,
    ) -> Result<bool, Failure> {
        while self.next < self.slots.len() {
            while self.asked.len() < WINDOW && caller.has_room() {
                let Some((index, question)) = self.questions.pop_front() else {
                    break;
                };
                let Some(slot) = self.slots.get(index) else {
                    break;
                };
                let key = slot.key;
                let number = caller.send(
                    &encoded(&match question {
                        Question::Value => Command::Get { key },
                        Question::Lifetime => Command::TimeToLive { key },
                    }),
                    None,
                )?;
                self.asked.insert(number, (index, question));
            }
            if let Some((number, response)) = within(PATIENCE, caller.step()).await?
                && let Some((index, question)) = self.asked.remove(&number)
                && let Some(slot) = self.slots.get_mut(index)
            {
                slot.take(question, &response)?;
            }
            while let Some(slot) = self.slots.get_mut(self.next)
                && slot.answers_left == 0
            {
                self.next += 1;
                if let Some(entry) = slot.entry() {
                    progress.key();
                    if !out.write(&entry)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}

impl Slot<'_> {
    fn take(&mut self, question: Question, response: &Response) -> Result<(), Failure> {
        self.answers_left -= 1;
        match (question, response.reply()?) {
            (Question::Value, Reply::Value(value)) => {
                self.value = Some(value.to_vec());
                self.version.clone_from(&response.version);
            }
            // It has gone since it was listed.
            (Question::Value, Reply::Null) => {}
            (Question::Lifetime, Reply::Number(reply::LIVES_FOREVER)) => {}
            (Question::Lifetime, Reply::Number(reply::LIVES_NOT)) => self.value = None,
            (Question::Lifetime, Reply::Number(millis)) => {
                // What has just run out lives on for the shortest time there is.
                let millis = u64::try_from(millis).unwrap_or_default().max(1);
                self.lifetime = Lifetime::from_millis(millis);
            }
            _ => return Err(malformed()),
        }
        Ok(())
    }

    /// The entry, and forgets its value.
    fn entry(&mut self) -> Option<Entry> {
        Some(Entry {
            key: self.key.to_vec(),
            value: self.value.take()?,
            lifetime: self.lifetime,
            version: self.version.take(),
        })
    }
}

/// Where lines go.
#[derive(Debug)]
enum Out {
    Standard(BufWriter<io::Stdout>),
    /// Under another name until all is there.
    File {
        file: Option<BufWriter<File>>,
        path: PathBuf,
        part: PathBuf,
    },
}

impl Out {
    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Standard(BufWriter::new(io::stdout())));
        };
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).map_err(|error| unwritable(&part, &error))?;
        Ok(Self::File {
            file: Some(BufWriter::new(file)),
            path: path.to_owned(),
            part,
        })
    }

    /// Writes a line. `false`: nobody reads any more.
    fn write(&mut self, entry: &Entry) -> Result<bool, Failure> {
        let line = entry.line();
        let line = line.map_err(|error| Failure::general(format!("cannot write JSON: {error}")))?;
        match self {
            Self::Standard(out) => is_read(out.write_all(&line)),
            Self::File { file: None, .. } => Ok(false),
            Self::File {
                file: Some(file),
                part,
                ..
            } => {
                let written = file.write_all(&line);
                written.map_err(|error| unwritable(part, &error))?;
                Ok(true)
            }
        }
    }

    /// All is written: the file gets its name.
    fn complete(mut self) -> Result<(), Failure> {
        match &mut self {
            Self::Standard(out) => is_read(out.flush()).map(drop),
            Self::File { file, path, part } => {
                let file = file.take().map_or(Ok(()), |mut file| {
                    file.flush()?;
                    file.get_ref().sync_all()
                });
                file.map_err(|error| unwritable(part, &error))?;
                fs::rename(&*part, &*path).map_err(|error| unwritable(path, &error))
            }
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Self::File {
            file: Some(_),
            part,
            ..
        } = self
        {
            // What is not complete is of no use.
            let _ = fs::remove_file(part);
        }
    }
}

fn is_read(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(GENERAL, format!("cannot print: {error}"))),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::general(format!("cannot write {}: {error}", path.display()))
}
