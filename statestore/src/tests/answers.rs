//! Recent answers: a request that comes again is answered as before and not applied twice.

use super::*;
use crate::Identity;
use catena_types::Reader;

fn identity(client: u64, correlation: &[u8], until: u64) -> (Client, Identity<'_>) {
    let until = Moment::from_nanos(until * 1_000_000);
    let identity = Identity {
        correlation,
        until,
        again: true,
    };
    (Client::new(client), identity)
}

impl Harness {
    /// Asks for a request that can be recognised: its reply, and whether it was.
    #[track_caller]
    fn again(
        &mut self,
        (client, identity): (Client, Identity<'_>),
        elements: &[&str],
    ) -> (Replied, bool) {
        let payload = payload(elements);
        let stamp = self.stamp(0);
        let request = Request {
            timestamp: Some(stamp.as_bytes()),
            identity: Some(identity),
            ..Request::new(client, Command::parse(&payload).unwrap())
        };
        let (reply, answer) = self.apply(&request);
        let payload = String::from_utf8_lossy(&reply).into_owned();
        (
            Replied {
                payload,
                version: answer.version,
            },
            answer.repeated,
        )
    }
}

#[test]
fn a_request_that_comes_again_is_answered_as_before() {
    let mut harness = Harness::new();
    let once = identity(1, b"7", 100);
    let (first, repeated) = harness.again(once, &["SET", "k", "v", "NX"]);
    assert_eq!((first.payload.as_str(), repeated), ("+OK\r\n", false));
    let digest = harness.store.digest();
    assert_eq!(
        harness.again(once, &["SET", "k", "v", "NX"]),
        (first.clone(), true)
    );
    assert_eq!(harness.store.digest(), digest);
    for other in [
        identity(2, b"7", 100),
        identity(1, b"8", 100),
        identity(3, b"17", 100),
    ] {
        let (reply, repeated) = harness.again(other, &["SET", "k", "v", "NX"]);
        assert_eq!((reply.payload.as_str(), repeated), (":-1\r\n", false));
        assert_eq!(reply.version, first.version);
    }
    harness.pass(100);
    let (late, repeated) = harness.again(identity(1, b"7", 200), &["SET", "k", "v", "NX"]);
    assert_eq!((late.payload.as_str(), repeated), (":-1\r\n", false));
    assert_eq!(harness.store.stats().answers, 1);
}

#[test]
fn an_answer_that_has_run_out_is_not_given_whether_or_not_a_tick_came() {
    let mut harness = Harness::new();
    harness.again(identity(1, b"7", 100), &["INCRBY", "n", "1"]);
    harness.millis += 100;
    let (reply, repeated) = harness.again(identity(1, b"7", 150), &["INCRBY", "n", "1"]);
    assert_eq!((reply.payload.as_str(), repeated), (":2\r\n", false));
    let (reply, repeated) = harness.again(identity(1, b"7", 150), &["INCRBY", "n", "1"]);
    assert_eq!((reply.payload.as_str(), repeated), (":2\r\n", true));
}

#[test]
fn refusals_are_kept_and_registrations_and_reads_are_not() {
    let mut harness = Harness::new();
    harness.say(&["SET", "n", "x"]);
    let once = identity(1, b"1", 100);
    let (refused, _) = harness.again(once, &["INCRBY", "n", "1"]);
    harness.say(&["SET", "n", "1"]);
    assert_eq!(harness.again(once, &["INCRBY", "n", "1"]), (refused, true));
    for elements in [&["KEYNOTIFY", "k"][..], &["GET", "n"]] {
        for _ in 0..2 {
            assert!(
                !harness.again(identity(1, b"2", 100), elements).1,
                "{elements:?}"
            );
        }
    }
}

/// The client would take `:0` for a mistake of its own.
#[test]
fn the_end_of_a_registration_is_answered_as_before() {
    let mut harness = Harness::new();
    let (client, _) = identity(1, b"1", 100);
    harness.again((client, identity(1, b"1", 100).1), &["KEYNOTIFY", "k"]);
    let stop = ["KEYNOTIFY", "k", "STOP"];
    let (reply, repeated) = harness.again(identity(1, b"2", 100), &stop);
    assert_eq!((reply.payload.as_str(), repeated), ("+OK\r\n", false));
    assert_eq!(harness.again(identity(1, b"2", 100), &stop), (reply, true));
    let (reply, repeated) = harness.again(identity(1, b"3", 100), &stop);
    assert_eq!((reply.payload.as_str(), repeated), (":0\r\n", false));
}

#[test]
fn replies_of_any_length_come_back_whole_while_others_give_way() {
    let mut harness = Harness::with(Settings {
        answers_max: 20,
        ..Settings::generous(42)
    });
    // Sums from one digit to twelve: short replies and long ones in turns.
    let by = |index: u64| {
        7_u64
            .pow(u32::try_from(index * 5 % 14).unwrap())
            .to_string()
    };
    let mut replies = Vec::new();
    for index in 0..100_u64 {
        let key = format!("n{}", index % 14);
        let correlation = index.to_string();
        let call = identity(1, correlation.as_bytes(), 1_000);
        replies.push(harness.again(call, &["INCRBY", &key, &by(index)]).0);
    }
    let mut bytes = Vec::new();
    harness.store.snapshot(&mut bytes);
    harness.store = StateStore::restore(&mut Reader::new(&bytes)).unwrap();
    for (index, reply) in (0..100_u64).zip(replies).skip(80) {
        let correlation = index.to_string();
        let call = identity(1, correlation.as_bytes(), 1_000);
        assert_eq!(harness.again(call, &["INCRBY", "n", "1"]), (reply, true));
    }
    harness.store.validate().unwrap();
}

#[test]
fn the_oldest_answer_gives_way() {
    let mut harness = Harness::with(Settings {
        answers_max: 2,
        ..Settings::generous(42)
    });
    for (correlation, until) in [(b"1", 300), (b"2", 100), (b"3", 200)] {
        harness.again(identity(1, correlation, until), &["INCRBY", "n", "1"]);
    }
    let repeated = |harness: &mut Harness, correlation: &[u8]| {
        harness
            .again(identity(1, correlation, 300), &["INCRBY", "n", "1"])
            .1
    };
    assert!(repeated(&mut harness, b"2") && repeated(&mut harness, b"3"));
    assert!(!repeated(&mut harness, b"1"));
    assert_eq!(harness.store.stats().dropped_answers, 2);
}

#[test]
fn only_who_says_that_it_comes_again_is_answered_as_before() {
    let mut harness = Harness::new();
    let (client, again) = identity(1, b"7", 100);
    let once = Identity {
        again: false,
        ..again
    };
    for sum in [":1\r\n", ":2\r\n"] {
        let (reply, repeated) = harness.again((client, once), &["INCRBY", "n", "1"]);
        assert_eq!((reply.payload.as_str(), repeated), (sum, false));
    }
}

#[test]
fn a_long_reply_is_kept_whole() {
    let mut harness = Harness::new();
    harness.say(&["SET", "n", "x"]);
    let once = identity(1, b"1", 100);
    let (refused, _) = harness.again(once, &["INCRBY", "n", "1"]);
    assert!(refused.payload.len() > 15);
    assert_eq!(harness.again(once, &["INCRBY", "n", "1"]), (refused, true));
    harness.pass(100);
    assert_eq!(harness.store.stats().answer_bytes, 0);
}
