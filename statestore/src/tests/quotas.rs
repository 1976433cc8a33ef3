//! Limits: what is refused when the store is full, and what still works.

use super::*;

const QUOTA: &str = "-ERR the quota has been exceeded\r\n";

#[test]
fn at_the_limit_of_keys_replacing_and_deleting_still_work() {
    let mut harness = Harness::with(Settings {
        keys_max: 2,
        ..Settings::generous(42)
    });
    harness.say(&["SET", "a", "1"]);
    harness.say(&["SET", "b", "1"]);
    assert_eq!(harness.say(&["SET", "c", "1"]).payload, QUOTA);
    assert_eq!(harness.say(&["INCRBY", "c", "1"]).payload, QUOTA);
    assert_eq!(
        harness.say(&["SET", "a", "longer than before"]).payload,
        "+OK\r\n"
    );
    assert_eq!(harness.say(&["SET", "c", "1", "NEX"]).payload, QUOTA);
    assert_eq!(harness.say(&["SET", "a", "1", "NX"]).payload, ":-1\r\n");
    assert_eq!(harness.say(&["DEL", "a"]).payload, ":1\r\n");
    assert_eq!(harness.say(&["SET", "c", "1"]).payload, "+OK\r\n");
    let stats = harness.store.stats();
    assert_eq!((stats.refused_quota, stats.refused_keys), (3, 3));
    let done = (stats.insertions, stats.modifications, stats.deletions);
    assert_eq!(done, (3, 1, 1));
    // A group that frees as much as it takes fits.
    let swap = group(&[&["SET", "d", "1"], &["DEL", "c"]]);
    assert!(harness.ask(1, &swap).payload.starts_with("*2\r\n*2\r\n+OK"));
    let more = group(&[&["SET", "d", "1"], &["SET", "e", "1"]]);
    assert_eq!(harness.ask(1, &more).payload, QUOTA);
    assert_eq!(harness.say(&["GET", "e"]).payload, "$-1\r\n");
}

#[test]
fn at_the_limit_of_bytes_what_does_not_grow_still_works() {
    let mut harness = Harness::with(Settings {
        bytes_max: 400,
        ..Settings::generous(42)
    });
    let value = "v".repeat(200);
    assert_eq!(harness.say(&["SET", "a", &value]).payload, "+OK\r\n");
    assert_eq!(harness.say(&["SET", "b", &value]).payload, QUOTA);
    assert_eq!(harness.say(&["SET", "a", &value.repeat(2)]).payload, QUOTA);
    assert_eq!(
        harness.say(&["SET", "a", &value.to_uppercase()]).payload,
        "+OK\r\n"
    );
    assert_eq!(harness.say(&["DEL", "a"]).payload, ":1\r\n");
    assert_eq!(harness.store.stats().bytes, 0);
    assert_eq!(harness.say(&["SET", "b", &value]).payload, "+OK\r\n");
    assert_eq!(harness.store.stats().bytes, 11 + 1 + 200 + 48);
}

#[test]
fn keys_and_values_have_lengths() {
    let mut harness = Harness::with(Settings {
        key_bytes_max: 3,
        value_bytes_max: 3,
        reply_bytes_max: 100,
        ..Settings::generous(42)
    });
    assert_eq!(harness.say(&["SET", "abc", "123"]).payload, "+OK\r\n");
    let key = "-ERR the key is too long\r\n";
    for elements in [
        &["SET", "abcd", "1"][..],
        &["DEL", "abcd"],
        &["KEYNOTIFY", "abcd"],
        &["INCRBY", "abcd", "1"],
    ] {
        assert_eq!(harness.say(elements).payload, key, "{elements:?}");
    }
    assert_eq!(
        harness.ask(1, &group(&[&["SET", "abcd", "1"]])).payload,
        key
    );
    assert_eq!(harness.say(&["GET", "abcd"]).payload, "$-1\r\n");
    let value = "-ERR the value is too long\r\n";
    assert_eq!(harness.say(&["SET", "abc", "1234"]).payload, value);
    harness.say(&["SET", "n", "999"]);
    assert_eq!(harness.say(&["INCRBY", "n", "1"]).payload, value);
    let long = harness.say(&["MGET", "abc", "abc", "abc"]);
    assert_eq!(
        long.payload,
        "-ERR the reply is too long; ask for fewer keys\r\n"
    );
    let stats = harness.store.stats();
    assert_eq!((stats.refused_key_bytes, stats.refused_value_bytes), (5, 2));
}

#[test]
fn registrations_have_limits() {
    let mut harness = Harness::with(Settings {
        registrations_max: 3,
        registrations_per_client_max: 2,
        registration_bytes_max: 3 * 64 + 2 * 161,
        ..Settings::generous(42)
    });
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "a"]), "+OK\r\n");
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "b"]), "+OK\r\n");
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "c"]), QUOTA);
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "b", "RESUME"]), "+OK\r\n");
    assert_eq!(harness.say_as(2, &["KEYNOTIFY", "c"]), QUOTA);
    assert_eq!(harness.say_as(2, &["KEYNOTIFY", "b"]), "+OK\r\n");
    assert_eq!(harness.say_as(3, &["KEYNOTIFY", "b"]), QUOTA);
    harness.store.ended(Client::new(1));
    assert_eq!(harness.say_as(3, &["KEYNOTIFY", "b"]), "+OK\r\n");
    harness.store.ended(Client::new(2));
    harness.store.ended(Client::new(3));
    let stats = harness.store.stats();
    assert_eq!((stats.registrations, stats.registration_bytes), (0, 0));
    assert_eq!(stats.refused_registrations, 1);
    assert_eq!(stats.refused_registrations_per_client, 1);
    assert_eq!(stats.refused_registration_bytes, 1);
}

/// Whoever gives a store its memory has to know before it is asked.
#[test]
fn no_command_grows_the_store_by_more_than_foreseen() {
    let long = "x".repeat(1_000);
    let commands: [&[&str]; 7] = [
        &["SET", "a", ""],
        &["SET", "a", &long, "PX", "1000"],
        &["SET", &long, &long, "NEX"],
        &["INCRBY", "counter", "-9223372036854775808"],
        &["DEL", "a"],
        &["GET", "a"],
        &["SCAN", "*"],
    ];
    let mut harness = Harness::with(Settings::generous(42));
    for words in commands {
        check_growth(&mut harness, &payload(words));
    }
    check_growth(
        &mut harness,
        &group(&[&["SET", "d", &long], &["INCRBY", "e", "1"]]),
    );
}

fn check_growth(harness: &mut Harness, payload: &[u8]) {
    let command = Command::parse(payload).unwrap();
    let foreseen = StateStore::growth_max(&command, None);
    let (before, _) = harness.store.memory();
    harness.ask(1, payload);
    let (after, _) = harness.store.memory();
    assert!(after.saturating_sub(before) <= foreseen, "{command:?}");
    assert!(
        foreseen < 4_000 && (foreseen > 0 || after <= before),
        "{command:?}"
    );
}
