//! Expiry: from when on an entry is gone, and how much one tick does.

use super::*;
use crate::{EXPIRIES_PER_TICK_MAX, NOTIFICATIONS_PER_TICK_MAX};

#[test]
fn an_entry_is_gone_from_its_deadline_on_and_who_is_registered_is_told_once() {
    let mut harness = Harness::new();
    harness.say_as(7, &["KEYNOTIFY", "k"]);
    let set = harness.say(&["SET", "k", "v", "PX", "50"]).version.unwrap();
    harness.pass(49);
    assert_eq!(harness.say(&["PTTL", "k"]).payload, ":1\r\n");
    assert_eq!(
        harness.store.next_deadline(),
        Some(Moment::from_nanos(50_000_000))
    );
    harness.told();
    harness.millis += 1;
    assert_eq!(harness.say(&["GET", "k"]).payload, "$-1\r\n");
    assert_eq!(harness.say(&["PTTL", "k"]).payload, ":-2\r\n");
    assert_eq!(harness.scan("*", None), (vec![], None));
    assert_eq!(harness.told(), [], "a read changes nothing");
    harness.pass(0);
    let told = harness.told();
    assert_eq!((told.len(), news(&told[0].payload).as_str()), (1, "DELETE"));
    assert!(told[0].version > set);
    harness.pass(1_000);
    assert_eq!(harness.told(), []);
    assert_eq!(harness.store.stats().expired, 1);
}

#[test]
fn a_write_tells_of_the_expiry_before_it() {
    let mut harness = Harness::new();
    harness.say_as(7, &["KEYNOTIFY", "k"]);
    harness.say(&["SET", "k", "v", "PX", "50"]);
    harness.told();
    harness.millis += 60;
    assert_eq!(harness.say(&["SET", "k", "w", "NX"]).payload, "+OK\r\n");
    assert_eq!(
        harness.news(),
        [(7, "DELETE".to_owned()), (7, "w".to_owned())]
    );
    harness.pass(1_000);
    assert_eq!(harness.news(), []);
}

#[test]
fn a_renewal_and_a_plain_set_move_the_deadline() {
    let mut harness = Harness::new();
    harness.say(&["SET", "k", "v", "PX", "50"]);
    harness.pass(30);
    harness.say(&["SET", "k", "v", "NEX", "PX", "50"]);
    harness.pass(30);
    assert_eq!(harness.say(&["PTTL", "k"]).payload, ":20\r\n");
    harness.say(&["SET", "k", "v"]);
    assert_eq!(harness.store.next_deadline(), None);
    // A refused write moves nothing.
    harness.say(&["SET", "k", "v", "PX", "50"]);
    harness.say(&["SET", "k", "x", "NX", "PX", "5000"]);
    assert_eq!(harness.say(&["PTTL", "k"]).payload, ":50\r\n");
    harness.say(&["SET", "k", "v", "PX", "18446744073709551615"]);
    assert_eq!(harness.store.next_deadline(), Some(Moment::NEVER));
}

#[test]
fn a_tick_removes_a_bounded_number() {
    let mut harness = Harness::new();
    let count = 2 * EXPIRIES_PER_TICK_MAX + 1;
    let stamp = harness.stamp(0);
    for number in 0..count {
        let key = number.to_string();
        let set = payload(&["SET", &key, "v", "PX", "10"]);
        let command = Command::parse(&set).unwrap();
        let timestamp = Some(stamp.as_bytes());
        let request = Request {
            timestamp,
            ..Request::new(Client::new(1), command)
        };
        let now = harness.now();
        harness
            .store
            .apply(now, &request, &mut Vec::new(), &mut harness.out)
            .unwrap();
    }
    harness.millis += 10;
    let now = harness.now();
    let mut left = vec![count];
    while harness
        .store
        .next_deadline()
        .is_some_and(|deadline| deadline <= now.time)
    {
        harness.store.tick(now, &mut harness.out).unwrap();
        left.push(harness.store.stats().keys as usize);
    }
    assert_eq!(left, [count, count - EXPIRIES_PER_TICK_MAX, 1, 0]);
    harness.store.validate().unwrap();
}

#[test]
fn a_tick_ends_after_a_bounded_number_of_notifications() {
    let mut harness = Harness::new();
    for key in ["a", "b"] {
        harness.say(&["SET", key, "v", "PX", "10"]);
        for client in 0..NOTIFICATIONS_PER_TICK_MAX as u64 {
            let notify = payload(&["KEYNOTIFY", key]);
            let request = Request::new(Client::new(client), Command::parse(&notify).unwrap());
            let now = harness.now();
            harness
                .store
                .apply(now, &request, &mut Vec::new(), &mut harness.out)
                .unwrap();
        }
    }
    harness.millis += 10;
    let now = harness.now();
    for ticks in 1..=2 {
        harness.store.tick(now, &mut harness.out).unwrap();
        assert_eq!(harness.out.len(), ticks * NOTIFICATIONS_PER_TICK_MAX);
    }
    assert_eq!(harness.store.next_deadline(), None);
}
