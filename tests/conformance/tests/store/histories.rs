//! What concurrent clients see together: whether there is one order of things that all of them
//! saw, also when connections are cut and requests sent again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use catena_conformance::{Broker, Options, unique};
use catena_hlc::Stamp;
use catena_linear::{Answer, Operation, Step, Version, check};
use catena_mqtt::{Packet, PacketId, Version as Mqtt};

use crate::caller::{Call, Caller, Said, array};
use crate::shared;

/// Keys that all clients fight for; the last two live in one partition, for groups.
const KEYS: [&str; 5] = ["a", "b", "c", "{d}1", "{d}2"];

/// A number that looks random; the same seed makes the same numbers (xorshift).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn index(&mut self, bound: usize) -> usize {
        self.below(bound as u64) as usize
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One of many clients.
struct Player<'b> {
    index: usize,
    broker: &'b Broker,
    options: Options,
    caller: Option<Caller>,
    numbers: Numbers,
    /// What the keys of this game begin with.
    prefix: &'b str,
    /// Grows with everything that happens anywhere.
    clock: &'b AtomicU64,
    /// The last version that was seen, to compare with.
    seen: Version,
    calls: u64,
    history: Vec<Operation>,
}

impl Player<'_> {
    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn play(mut self, count: usize) -> Vec<Operation> {
        for _ in 0..count {
            let mut operation = self.next_operation();
            operation.begin = self.now();
            let call = self.call(&operation);
            let said = self.ask(&call);
            if let Some(said) = said {
                operation.end = Some(self.now());
                operation.answer = Some(answer(&operation, &said));
                if let Some(version) = said.version() {
                    self.seen = parse(version);
                }
            }
            self.history.push(operation);
        }
        self.history
    }

    /// Asks, and now and then vanishes before the answer: then comes back and asks again, or
    /// never learns what came of it.
    fn ask(&mut self, call: &Call) -> Option<Said> {
        let chance = self.numbers.below(200);
        let options = self.options.clone();
        let caller = self.caller.as_mut()?;
        let id = caller.send(call);
        if chance > 10 {
            return Some(finish(caller, call, id));
        }
        if let Some(caller) = self.caller.take() {
            caller.client.cut();
        }
        let caller = self.caller.insert(Caller::resumed(self.broker, &options));
        assert!(caller.client.session_present());
        if chance == 0 {
            return None;
        }
        // With DUP and the same packet ID, as the standard asks for.
        let again = Call {
            dup: true,
            ..call.clone()
        };
        caller.send_numbered(&again, id);
        Some(finish(caller, call, id))
    }

    fn key(&mut self, from: u64) -> String {
        let key = KEYS[(from + self.numbers.below(KEYS.len() as u64 - from)) as usize];
        format!("{}{key}", self.prefix)
    }

    /// Unlike any other.
    fn value(&mut self) -> Vec<u8> {
        self.calls += 1;
        format!("{}-{}", self.index, self.calls).into_bytes()
    }

    fn next_operation(&mut self) -> Operation {
        if self.numbers.below(10) == 0 {
            let keys = ["{d}1", "{d}2"].map(|key| format!("{}{key}", self.prefix));
            let steps = keys.map(|key| (key, self.write()));
            return Operation::group(self.index, (0, None), steps.to_vec());
        }
        let step = if self.numbers.below(3) == 0 {
            Step::Get
        } else {
            self.write()
        };
        let key = self.key(0);
        Operation::single(self.index, (0, None), &key, step)
    }

    fn write(&mut self) -> Step {
        match self.numbers.below(8) {
            0 | 1 => Step::Set(self.value()),
            2 | 3 => Step::SetIfAbsent(self.value()),
            4 => Step::SetIfAbsentOrEqual(self.value()),
            5 => Step::SetIfVersion(self.seen, self.value()),
            6 => Step::DeleteIfVersion(self.seen),
            _ => Step::Delete,
        }
    }

    fn call(&mut self, operation: &Operation) -> Call {
        let payload = payload(operation);
        self.calls += 1;
        let correlation = format!("{:03}-{:012}", self.index, self.calls);
        let caller = self.caller.as_mut().unwrap();
        Call {
            correlation: Some(correlation.into_bytes()),
            expiry: Some(60),
            ..caller.call(&payload)
        }
    }
}

/// Waits for both: the response says what happened, the acknowledgement that it is over.
fn finish(caller: &mut Caller, call: &Call, id: PacketId) -> Said {
    let said = caller.response_to(call);
    let meant = |packet: &Packet<'_>| matches!(packet, Packet::PubAck(ack) if ack.packet_id == id);
    caller.client.receive_meant(meant);
    said
}

fn payload(operation: &Operation) -> Vec<u8> {
    let writes: Vec<Vec<u8>> = operation
        .steps
        .iter()
        .map(|(key, step)| words(key, step))
        .collect();
    if !operation.is_group {
        return writes.concat();
    }
    let head = format!("*{}\r\n$5\r\nMULTI\r\n", writes.len() + 1);
    [head.into_bytes(), writes.concat()].concat()
}

fn words(key: &str, step: &Step) -> Vec<u8> {
    let key = key.as_bytes();
    let text = |version: &Version| format!("{:015}:{:05}:StateStore", version.0, version.1);
    match step {
        Step::Get => array(&[b"GET", key]),
        Step::Set(value) => array(&[b"SET", key, value]),
        Step::SetIfAbsent(value) => array(&[b"SET", key, value, b"NX"]),
        Step::SetIfAbsentOrEqual(value) => array(&[b"SET", key, value, b"NEX"]),
        Step::Delete => array(&[b"DEL", key]),
        Step::DeleteIfEqual(value) => array(&[b"VDEL", key, value]),
        Step::SetIfVersion(version, value) => {
            array(&[b"CAS", key, text(version).as_bytes(), value])
        }
        Step::DeleteIfVersion(version) => array(&[b"CAD", key, text(version).as_bytes()]),
        Step::Add(number) => array(&[b"INCRBY", key, number.to_string().as_bytes()]),
    }
}

fn parse(version: &str) -> Version {
    let stamp = Stamp::parse(version).unwrap();
    (stamp.wall.number(), stamp.counter)
}

/// What a response means for an operation.
fn answer(operation: &Operation, said: &Said) -> Answer {
    let text = said.text();
    let version = said.version().map(parse);
    if operation.is_group {
        return group_answer(operation, &text);
    }
    if operation.steps[0].1 == Step::Get {
        return Answer::Value(version.map(|version| {
            let value = text.trim_end_matches('|').rsplit('|').next().unwrap();
            (value.as_bytes().to_vec(), version)
        }));
    }
    simple(&text, version)
}

fn simple(text: &str, version: Option<Version>) -> Answer {
    match text {
        "+OK|" => Answer::Set(version.unwrap()),
        ":1|" => Answer::Deleted,
        ":0|" => Answer::Absent,
        ":-1|" => Answer::Unmet,
        other => panic!("{other}"),
    }
}

/// `*2|*2|+OK|$32|VERSION|*2|:0|$-1|`, or `*2|:-1|:INDEX|`.
fn group_answer(operation: &Operation, text: &str) -> Answer {
    if let Some(index) = text.strip_prefix("*2|:-1|:") {
        return Answer::UnmetAt(index.trim_end_matches('|').parse().unwrap());
    }
    let mut lines = text.split('|').skip(1);
    let answers = operation.steps.iter().map(|_| {
        assert_eq!(lines.next(), Some("*2"), "{text}");
        let reply = format!("{}|", lines.next().unwrap());
        let version = match lines.next() {
            Some("$-1") => None,
            _ => lines.next().map(parse),
        };
        simple(&reply, version)
    });
    Answer::All(answers.collect())
}

/// Plays a game of so many clients, and returns all that they saw.
fn history(seed: u64, clients: usize, count: usize) -> Vec<Operation> {
    let broker = shared();
    let (clock, prefix) = (AtomicU64::new(1), unique("game"));
    let players: Vec<Player<'_>> = (0..clients)
        .map(|index| {
            let options = Options::lasting(Mqtt::V5);
            Player {
                index,
                broker,
                caller: Some(Caller::with(broker, &options)),
                options,
                numbers: Numbers(seed * 1_000 + index as u64 + 1),
                prefix: &prefix,
                clock: &clock,
                seen: (1, 0),
                calls: 0,
                history: Vec::new(),
            }
        })
        .collect();
    thread::scope(|scope| {
        let games: Vec<_> = players
            .into_iter()
            .map(|player| scope.spawn(move || player.play(count)))
            .collect();
        let all = games.into_iter().map(|game| game.join().unwrap());
        all.flatten().collect()
    })
}

/// V01: what many clients see of few keys can have happened in one order. Scaled down: 15 clients
/// and 60 requests each.
#[test]
fn v01_histories_are_linearizable() {
    for seed in [1, 2] {
        let history = history(seed, 15, 60);
        assert_eq!(history.len(), 900);
        let lost = history.iter().filter(|one| one.answer.is_none()).count();
        assert!(lost > 0, "cuts were planned");
        if let Err(violation) = check(&history) {
            panic!("seed {seed}: {violation}");
        }
    }
}

/// V01: the same history with one answer changed cannot have happened.
#[test]
fn v01_a_changed_answer_is_found() {
    let mut history = history(3, 5, 40);
    assert_eq!(check(&history), Ok(()));
    let last = history
        .iter_mut()
        .filter(|one| matches!(one.answer, Some(Answer::Set(_))));
    let last = last.max_by_key(|one| one.end).unwrap();
    let Some(Answer::Set(version)) = &mut last.answer else {
        panic!("{last:?}");
    };
    *version = (1, 0);
    assert!(check(&history).is_err());
}
