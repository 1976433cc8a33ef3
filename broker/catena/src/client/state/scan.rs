//! `catena state scan`: lists keys, a page at a time.

use std::io::IsTerminal;

use catena_store::{Answer, Command, Page, Reply, Scan};
use clap::Args;

use super::super::failure::Failure;
use super::super::runtime;
use super::super::session::SessionArgs;
use super::call::{Caller, PATIENCE, malformed, refused};
use super::key::{Given, PatternArgs, pattern};
use super::progress::Progress;
use super::show::{ShowArgs, object, print};
use super::{encoded, within};

/// List keys
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(after_help = EXAMPLES)]
pub(super) struct ScanArgs {
    /// Which keys: * stands for any bytes, ? for one, [0-9] for one of these [default: *]
    #[arg(value_parser = pattern())]
    pattern: Option<Given>,
    /// How the pattern is given.
    #[command(flatten)]
    patterns: PatternArgs,
    /// Print values as well, after a tab
    #[arg(long)]
    values: bool,
    /// How to print.
    #[command(flatten)]
    show: ShowArgs,
    /// How to connect.
    #[command(flatten)]
    pub(super) session: SessionArgs,
}

const EXAMPLES: &str = "\
Examples:
  catena state scan
  catena state scan 'recipe/*' --values --json
  catena state scan 'line-[0-9]/*' | wc -l
  catena state scan --hex-key fffe2a --hex";

pub(super) async fn scan(args: &ScanArgs) -> Result<(), Failure> {
    let pattern = args.patterns.bytes(args.pattern.as_ref())?;
    let mut caller = Caller::open(&args.session, false).await?;
    // On the terminal that shows the keys, it would stand between them.
    let progress = Progress::of_keys(args.session.quiet || std::io::stdout().is_terminal());
    let result = tokio::select! {
        result = pages(args, &pattern, &mut caller, &progress) => result,
        () = runtime::interrupt() => Ok(()),
    };
    drop(progress);
    result?;
    caller.connection.close().await
}

async fn pages(
    args: &ScanArgs,
    pattern: &[u8],
    caller: &mut Caller,
    progress: &Progress,
) -> Result<(), Failure> {
    let mut token: Option<Vec<u8>> = None;
    loop {
        let page = next_page(caller, pattern, token.as_deref()).await?;
        for key in &page.keys {
            if !entry(args, caller, key).await? {
                return Ok(());
            }
            progress.key();
        }
        token = page.token;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnedPage {
    pub(super) keys: Vec<Vec<u8>>,
    /// Where the next page begins; absent on the last.
    pub(super) token: Option<Vec<u8>>,
}

/// Asks for the page of keys that begins at the token.
pub(super) async fn next_page(
    caller: &mut Caller,
    pattern: &[u8],
    token: Option<&[u8]>,
) -> Result<OwnedPage, Failure> {
    let request = Command::Scan(Scan { pattern, token });
    let payload = encoded(&request);
    let response = within(PATIENCE, caller.ask(&payload, None)).await?;
    match Page::parse(&response.payload).map_err(|_| malformed())? {
        Answer::Done(page) => Ok(OwnedPage {
            keys: page.keys.iter().map(<[u8]>::to_vec).collect(),
            token: page.token.map(<[u8]>::to_vec),
        }),
        Answer::Refused(text) => Err(refused(text)),
    }
}

/// Prints a key. `false`: nobody reads any more.
async fn entry(args: &ScanArgs, caller: &mut Caller, key: &[u8]) -> Result<bool, Failure> {
    let show = args.show;
    if !args.values {
        if show.json {
            return print(&object(key, None, None, None));
        }
        let mut line = show.text(key);
        line.push(b'\n');
        return print(&line);
    }
    let payload = encoded(&Command::Get { key });
    let response = within(PATIENCE, caller.ask(&payload, None)).await?;
    let Reply::Value(value) = response.reply()? else {
        // It has gone since it was listed.
        return Ok(true);
    };
    if show.json {
        let version = response.version.as_deref();
        return print(&object(key, Some(value), version, None));
    }
    let mut line = show.text(key);
    line.push(b'\t');
    line.extend(show.text(value));
    line.push(b'\n');
    print(&line)
}
