//! Tests of the machine, through its public face: payloads in, payloads out.

mod answers;
mod expiry;
mod groups;
mod model;
mod quotas;
mod scan;
mod snapshot;
mod steps;
mod vectors;
mod watch;
mod writes;

use catena_hlc::{Millis, Version};
use catena_store::{Answer as CommandAnswer, Command, NODE, Page, Scan};
use catena_types::Moment;

use crate::{APPROACHED_MAX, Answer, Client, Now, Outbox, Request, Settings, StateStore};

/// Wall time at which tests begin.
const WALL: u64 = 1_696_374_425_000;

/// A store, and time.
struct Harness {
    store: StateStore,
    /// Milliseconds since the test began.
    millis: u64,
    out: Outbox,
}

/// A notification that owns what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    client: u64,
    key: String,
    version: Version,
    payload: String,
}

/// A reply and the version beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replied {
    payload: String,
    version: Option<Version>,
}

impl Harness {
    fn new() -> Self {
        Self::with(Settings::generous(42))
    }

    fn with(settings: Settings) -> Self {
        Self {
            store: StateStore::new(settings),
            millis: 0,
            out: Outbox::default(),
        }
    }

    fn now(&self) -> Now {
        Now {
            time: Moment::from_nanos(self.millis * 1_000_000),
            wall: Millis::new(WALL + self.millis),
        }
    }

    /// A stamp so many milliseconds from now, by a client's clock.
    fn stamp(&self, millis: i64) -> String {
        let wall = (WALL + self.millis).saturating_add_signed(millis);
        format!("{wall}:0:client")
    }

    /// Asks with a valid `__ts` and no token.
    #[track_caller]
    fn ask(&mut self, client: u64, payload: &[u8]) -> Replied {
        let stamp = self.stamp(0);
        self.ask_with(client, payload, Some(&stamp), None)
    }

    #[track_caller]
    fn ask_with(
        &mut self,
        client: u64,
        payload: &[u8],
        timestamp: Option<&str>,
        fencing_token: Option<&str>,
    ) -> Replied {
        let command = Command::parse(payload);
        let command = match command {
            Ok(command) => command,
            Err(refusal) => {
                let payload = format!("-ERR {refusal}\r\n");
                let version = None;
                return Replied { payload, version };
            }
        };
        let request = Request {
            timestamp: timestamp.map(str::as_bytes),
            fencing_token: fencing_token.map(str::as_bytes),
            ..Request::new(Client::new(client), command)
        };
        self.request(&request)
    }

    #[track_caller]
    fn request(&mut self, request: &Request<'_>) -> Replied {
        let (reply, answer) = self.apply(request);
        Replied {
            payload: String::from_utf8_lossy(&reply).into_owned(),
            version: answer.version,
        }
    }

    #[track_caller]
    fn apply(&mut self, request: &Request<'_>) -> (Vec<u8>, Answer) {
        let mut reply = Vec::new();
        let now = self.now();
        // It changes nothing, whatever is asked for and how much of it.
        let more = [&request.command; APPROACHED_MAX + 1];
        self.store.approach(more.into_iter());
        let applied = self.store.apply(now, request, &mut reply, &mut self.out);
        let answer = applied.expect("no fault");
        self.store.validate().expect("the state is valid");
        (reply, answer)
    }

    /// Asks with these elements.
    #[track_caller]
    fn say(&mut self, elements: &[&str]) -> Replied {
        self.ask(1, &payload(elements))
    }

    #[track_caller]
    fn say_as(&mut self, client: u64, elements: &[&str]) -> String {
        self.ask(client, &payload(elements)).payload
    }

    /// One page: its keys, and where the next begins.
    fn scan(&mut self, pattern: &str, token: Option<&[u8]>) -> (Vec<String>, Option<Vec<u8>>) {
        let pattern = pattern.as_bytes();
        let scan = Command::Scan(Scan { pattern, token });
        let (reply, _) = self.apply(&Request::new(Client::new(1), scan));
        let Ok(CommandAnswer::Done(page)) = Page::parse(&reply) else {
            panic!("{}", String::from_utf8_lossy(&reply));
        };
        let keys = page
            .keys
            .iter()
            .map(|key| String::from_utf8_lossy(key).into_owned());
        (keys.collect(), page.token.map(<[u8]>::to_vec))
    }

    /// What was told since the last time, in order.
    fn told(&mut self) -> Vec<Told> {
        let all = self.out.iter().map(|notified| Told {
            client: notified.client.number(),
            key: String::from_utf8_lossy(notified.key).into_owned(),
            version: notified.version,
            payload: String::from_utf8_lossy(notified.payload).into_owned(),
        });
        let all = all.collect();
        self.out.clear();
        all
    }

    /// What was told since the last time: client and what happened.
    fn news(&mut self) -> Vec<(u64, String)> {
        let told = self.told().into_iter();
        told.map(|told| (told.client, news(&told.payload)))
            .collect()
    }

    /// Lets time pass, with ticks as they are due.
    #[track_caller]
    fn pass(&mut self, millis: u64) {
        self.millis += millis;
        while self
            .store
            .next_deadline()
            .is_some_and(|deadline| deadline <= self.now().time)
        {
            let now = self.now();
            self.store.tick(now, &mut self.out).expect("no fault");
        }
        self.store.validate().expect("the state is valid");
    }
}

/// What a notification says: `DELETE`, `GAP` or the value.
fn news(payload: &str) -> String {
    let mut lines = payload.split("\r\n");
    match lines.nth(4) {
        Some("SET") => lines.nth(3).unwrap_or_default().to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }
}

fn payload(elements: &[&str]) -> Vec<u8> {
    let mut payload = format!("*{}\r\n", elements.len());
    for element in elements {
        payload += &format!("${}\r\n{element}\r\n", element.len());
    }
    payload.into_bytes()
}

/// A group of these writes.
fn group(writes: &[&[&str]]) -> Vec<u8> {
    let mut all = format!("*{}\r\n$5\r\nMULTI\r\n", writes.len() + 1).into_bytes();
    writes.iter().for_each(|write| all.extend(payload(write)));
    all
}

fn text(version: Version) -> String {
    version.stamp(NODE).to_string()
}
