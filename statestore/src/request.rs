//! What the machine is asked, by whom and when.

use catena_hlc::{DRIFT_MAX, Malformed, Millis, Stamp, Version};
use catena_store::{Command, Refusal, Write};
use catena_types::Moment;

/// Who asks and is told: a number that the owner of the store gives, one per session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client(u64);

impl Client {
    /// The client with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// When a command is applied, as its head stamped it, or when a read is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The owner's time, which never falls: entries expire by it.
    pub time: Moment,
    /// The head's wall time: versions follow it, and stamps of clients are compared with it.
    pub wall: Millis,
}

/// A command and what travels beside its payload.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks. `KEYNOTIFY` registers this client.
    pub client: Client,
    /// What is asked.
    pub command: Command<'a>,
    /// `__ts` as it came.
    pub timestamp: Option<&'a [u8]>,
    /// `__ft` as it came.
    pub fencing_token: Option<&'a [u8]>,
    /// Whether what is set is to be kept on disk.
    pub persist: bool,
    /// What the request can be recognised by if it comes again; absent: it is applied again.
    pub identity: Option<Identity<'a>>,
}

/// What makes two requests of one client the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The correlation data.
    pub correlation: &'a [u8],
    /// Until when it may come again: the message expiry.
    pub until: Moment,
    /// It says that it may have been sent before; only then is its answer looked for.
    pub again: bool,
}

/// What goes beside the payload of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer {
    /// The version for `__ts`; absent: the response has none.
    pub version: Option<Version>,
    /// Whether the request had been answered before and changed nothing this time.
    pub repeated: bool,
}

/// The headers of a request that is not refused because of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamps<'a> {
    /// The client's time without its node, if the command takes note of it.
    pub(crate) timestamp: Option<Stamp<'static>>,
    /// The fencing token.
    pub(crate) token: Option<Stamp<'a>>,
}

impl<'a> Request<'a> {
    /// A request without headers.
    pub const fn new(client: Client, command: Command<'a>) -> Self {
        Self {
            client,
            command,
            timestamp: None,
            fencing_token: None,
            persist: false,
            identity: None,
        }
    }

    /// Whether the headers are such that the command can be looked at. Needs no state, so that a
    /// head can refuse before anything enters its log; applying checks again.
    ///
    /// # Errors
    /// `TimestampMissing`, `TimestampMalformed`, `TimestampAhead` or `FenceAhead`.
    pub fn check(&self, wall: Millis) -> Result<(), Refusal> {
        self.stamps(wall).map(|_| ())
    }

    pub(crate) fn stamps(&self, wall: Millis) -> Result<Stamps<'a>, Refusal> {
        let (gives_version, is_write) = match &self.command {
            Command::Write(write) => (gives_version(write), true),
            Command::Group(group) => (group.iter().any(|write| gives_version(&write)), true),
            Command::Get { .. }
            | Command::GetWithTimeToLive { .. }
            | Command::GetMany(_)
            | Command::TimeToLive { .. }
            | Command::Scan(_)
            | Command::KeyNotify(_)
            | Command::Features => (false, false),
        };
        let mut stamps = Stamps::default();
        if gives_version {
            let text = self.timestamp.ok_or(Refusal::TimestampMissing)?;
            let stamp = checked(Stamp::parse_nameless(text), wall, Refusal::TimestampAhead)?;
            stamps.timestamp = Some(stamp);
        }
        if let Some(text) = self.fencing_token.filter(|_| is_write) {
            let stamp = checked(Stamp::parse_bytes(text), wall, Refusal::FenceAhead)?;
            stamps.token = Some(stamp);
        }
        Ok(stamps)
    }
}

/// What sets a value needs the client's time: the version that it gives has to be higher.
fn gives_version(write: &Write<'_>) -> bool {
    match write {
        Write::Set(_) | Write::Increment(_) => true,
        Write::Delete(_) => false,
    }
}

fn checked<'a>(
    stamp: Result<Stamp<'a>, Malformed>,
    wall: Millis,
    ahead: Refusal,
) -> Result<Stamp<'a>, Refusal> {
    let stamp = stamp.map_err(|_| Refusal::TimestampMalformed)?;
    if stamp.is_ahead(wall, DRIFT_MAX) {
        return Err(ahead);
    }
    Ok(stamp)
}
