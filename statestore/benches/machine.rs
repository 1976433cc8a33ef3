//! What commands cost with a million keys, how much memory a key takes, and how long the longest
//! pause is while a million keys expire.
//!
//! `cargo bench -p catena-statestore`; times are those of `apply` and `read` with parsed commands.
//! Memory is resident memory under the allocator of the program, so only on Linux.

use std::hint::black_box;
use std::time::{Duration, Instant};

use catena_hlc::Millis;
use catena_statestore::{Client, Identity, Now, Outbox, Request, Settings, StateStore};
use catena_store::{
    Command, Delete, DeleteCondition, Increment, KeyNotify, Lifetime, Registration, Set,
    SetCondition, Write, encode_group, limits::GROUP_WRITES_MAX,
};
use catena_types::Moment;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const KEYS: u64 = 1_000_000;
const WALL: u64 = 1_696_374_425_000;
const VALUE: [u8; 64] = [b'v'; 64];

fn main() {
    println!("{KEYS} keys of 16 bytes with values of 64 bytes; CPU time");
    // Both are filled before anything is freed, so that neither lives in memory of the other.
    let mut plain = filled("plain", None);
    let mut expiring = filled("with PX", Lifetime::from_millis(1_000));
    commands(&mut plain);
    groups(&mut plain);
    expire(&mut expiring);
    parsing();
}

/// A store with all keys, and what memory they take.
fn filled(name: &str, lifetime: Option<Lifetime>) -> Bench {
    let before = resident_bytes();
    let mut bench = Bench::new();
    let title = format!("SET {name}, new key");
    bench.measure(&title, |bench, key| bench.set(key, lifetime));
    let each = (resident_bytes() - before) / KEYS as f64;
    println!("{:>28} {each:>8.0} bytes", "memory per key");
    println!(
        "{:>28} {:>8} bytes",
        "by its own accounting",
        bench.store.stats().bytes / KEYS
    );
    let title = format!("SET {name}, again");
    bench.measure(&title, |bench, key| bench.set(key, lifetime));
    bench
}

/// Commands on keys that live for ever.
fn commands(bench: &mut Bench) {
    bench.measure("SET, recognisable", Bench::set_recognisable);
    let answers = bench.store.stats();
    println!(
        "{:>28} {:>8} bytes",
        "accounted per answer",
        answers.answer_bytes / answers.answers
    );
    bench.measure("GET", |bench, key| bench.read(&Command::Get { key }));
    bench.watch();
    bench.measure("SET, others are watched", |bench, key| bench.set(key, None));
    bench.measure("DEL", |bench, key| {
        let condition = DeleteCondition::Always;
        bench.write(Write::Delete(Delete { key, condition }));
    });
    let increment = |bench: &mut Bench, key: &[u8]| {
        bench.write(Write::Increment(Increment { key, by: 1 }));
    };
    bench.measure("INCRBY, new key", increment);
    bench.measure("INCRBY, again", increment);
}

/// The largest groups: how long others wait for one, with its payload read as a broker does.
fn groups(bench: &mut Bench) {
    let mut pauses = Vec::new();
    for round in 0..100 {
        let keys: Vec<String> = (0..GROUP_WRITES_MAX)
            .map(|number| format!("group/{}/{number:08}", round % 10))
            .collect();
        let sets = keys.iter().map(|key| {
            Write::Set(Set {
                key: key.as_bytes(),
                value: &VALUE,
                condition: SetCondition::Always,
                lifetime: None,
            })
        });
        let mut payload = Vec::new();
        encode_group(&mut payload, &sets.collect::<Vec<_>>());
        bench.reply.clear();
        let began = now();
        if let Ok(command) = Command::parse(&payload) {
            let request = Request {
                timestamp: Some(b"001696374425000:00000:b69e387f-91f5-4a9c-afd9-7453718aab45"),
                ..Request::new(Client::new(1), command)
            };
            bench.apply(&request);
        }
        pauses.push(began.elapsed());
    }
    let title = format!("MULTI of {GROUP_WRITES_MAX} SETs");
    println!("{title:>28} {}", spread(pauses));
}

/// All keys expire at once.
fn expire(bench: &mut Bench) {
    let due = Now {
        time: Moment::from_nanos(1_000_000_000),
        ..bench.now
    };
    let (mut pauses, start) = (Vec::new(), cpu_nanos());
    while bench
        .store
        .next_deadline()
        .is_some_and(|deadline| deadline <= due.time)
    {
        let began = now();
        if let Err(fault) = bench.store.tick(due, &mut bench.out) {
            println!("{fault}");
        }
        pauses.push(began.elapsed());
    }
    let whole = (cpu_nanos() - start) / 1e6;
    println!(
        "{:>28} {:>8} in {whole:.0} ms, {}",
        "ticks to expire all",
        pauses.len(),
        spread(pauses)
    );
}

/// Median, and what one in a hundred takes longer than; the longest tells more about the load of
/// the host.
fn spread(mut pauses: Vec<Duration>) -> String {
    pauses.sort_unstable();
    let at = |percent: usize| {
        pauses
            .get(pauses.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    format!("each {:.1?}, 99 % below {:.1?}", at(50), at(99))
}

/// A payload to a command.
fn parsing() {
    let payload = b"*3\r\n$3\r\nSET\r\n$16\r\n0123456789abcdef\r\n$5\r\nvalue\r\n";
    let start = cpu_nanos();
    for _ in 0..KEYS {
        let _ = black_box(Command::parse(black_box(payload)));
    }
    let each = (cpu_nanos() - start) / KEYS as f64;
    println!("{:>28} {each:>8.0} ns", "parsing a SET");
}

struct Bench {
    store: StateStore,
    now: Now,
    reply: Vec<u8>,
    out: Outbox,
}

impl Bench {
    fn new() -> Self {
        Self {
            store: StateStore::new(Settings::generous(0x5EED)),
            now: Now {
                time: Moment::ZERO,
                wall: Millis::new(WALL),
            },
            reply: Vec::new(),
            out: Outbox::default(),
        }
    }

    /// Each key once, in an order that no cache foresees.
    fn measure(&mut self, name: &str, mut each: impl FnMut(&mut Self, &[u8])) {
        let (mut pauses, start) = (Vec::new(), cpu_nanos());
        let mut began = now();
        for number in 0..KEYS {
            let scattered = number * 618_033 % KEYS;
            let mut key = *b"plant/line/00000";
            write_digits(&mut key[8..], scattered);
            self.now.wall = Millis::new(WALL + number / 500);
            self.reply.clear();
            self.out.clear();
            each(self, &key);
            if number % 64 == 63 {
                let ended = now();
                pauses.push(ended - began);
                began = ended;
            }
        }
        let each = (cpu_nanos() - start) / KEYS as f64;
        println!("{name:>28} {each:>8.0} ns; 64 in a row: {}", spread(pauses));
    }

    fn set(&mut self, key: &[u8], lifetime: Option<Lifetime>) {
        let (value, condition) = (VALUE.as_slice(), SetCondition::Always);
        self.write(Write::Set(Set {
            key,
            value,
            condition,
            lifetime,
        }));
    }

    fn write(&mut self, write: Write<'_>) {
        let request = Request {
            timestamp: Some(b"001696374425000:00000:b69e387f-91f5-4a9c-afd9-7453718aab45"),
            ..Request::new(Client::new(1), Command::Write(write))
        };
        self.apply(&request);
    }

    fn set_recognisable(&mut self, key: &[u8]) {
        let (value, condition, lifetime) = (VALUE.as_slice(), SetCondition::Always, None);
        let identity = Identity {
            correlation: key,
            until: Moment::from_nanos(10_000_000_000),
            again: false,
        };
        let set = Write::Set(Set {
            key,
            value,
            condition,
            lifetime,
        });
        let request = Request {
            timestamp: Some(b"001696374425000:00000:b69e387f-91f5-4a9c-afd9-7453718aab45"),
            identity: Some(identity),
            ..Request::new(Client::new(1), Command::Write(set))
        };
        self.apply(&request);
    }

    fn apply(&mut self, request: &Request<'_>) {
        let applied = self
            .store
            .apply(self.now, request, &mut self.reply, &mut self.out);
        if let Err(fault) = applied {
            println!("{fault}");
        }
        black_box(&self.reply);
    }

    fn read(&mut self, command: &Command<'_>) {
        self.store
            .read(self.now, command, |_| true, &mut self.reply);
        black_box(&self.reply);
    }

    fn watch(&mut self) {
        for number in 0..1_000u32 {
            let key = format!("watched/{number}");
            let registration = Registration::Start;
            let notify = KeyNotify {
                key: key.as_bytes(),
                registration,
            };
            self.apply(&Request::new(Client::new(1), Command::KeyNotify(notify)));
        }
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}

/// CPU time of this process so far, so that the load of others counts less; 0 where the system
/// does not tell.
fn cpu_nanos() -> f64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = schedstat
        .split(' ')
        .next()
        .and_then(|nanos| nanos.parse().ok());
    nanos.unwrap_or(0.0)
}

/// Resident memory, in pages of 4 KiB; 0 where the system does not tell.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0
}
