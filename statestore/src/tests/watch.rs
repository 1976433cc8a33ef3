//! Registrations: who is told, how long, and what a client that comes back gets.

use super::*;

fn told(client: u64, news: &str) -> (u64, String) {
    (client, news.to_owned())
}

#[test]
fn everybody_who_is_registered_is_told_in_order_of_clients() {
    let mut harness = Harness::new();
    for client in [9, 3, 6] {
        assert_eq!(harness.say_as(client, &["KEYNOTIFY", "k"]), "+OK\r\n");
    }
    harness.say_as(3, &["SET", "k", "v"]);
    assert_eq!(harness.news(), [told(3, "v"), told(6, "v"), told(9, "v")]);
    harness.say(&["SET", "other", "v"]);
    harness.say(&["SET", "k", "w", "NX"]);
    harness.say(&["VDEL", "k", "w"]);
    harness.say(&["DEL", "absent"]);
    harness.say(&["GET", "k"]);
    assert_eq!(harness.news(), [], "what changes nothing is not told");
    harness.say(&["SET", "k", "v", "NEX"]);
    assert_eq!(
        harness.news().len(),
        3,
        "an unchanged value is told all the same"
    );
    assert_eq!(harness.say_as(6, &["KEYNOTIFY", "k", "STOP"]), "+OK\r\n");
    assert_eq!(harness.say_as(6, &["KEYNOTIFY", "k", "STOP"]), ":0\r\n");
    assert_eq!(
        harness.say_as(6, &["KEYNOTIFY", "absent", "STOP"]),
        ":0\r\n"
    );
    harness.say(&["DEL", "k"]);
    assert_eq!(harness.news(), [told(3, "DELETE"), told(9, "DELETE")]);
    harness.say(&["SET", "k", "again"]);
    assert_eq!(harness.news().len(), 2, "registrations survive the key");
    assert_eq!(harness.store.stats().notified, 3 + 3 + 2 + 2);
}

#[test]
fn a_plain_registration_ends_with_the_connection() {
    let mut harness = Harness::new();
    harness.say_as(1, &["KEYNOTIFY", "k"]);
    harness.say_as(2, &["KEYNOTIFY", "k"]);
    harness.store.disconnected(Client::new(1));
    harness.say(&["SET", "k", "v"]);
    assert_eq!(harness.news(), [told(2, "v")]);
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "k", "STOP"]), ":0\r\n");
    assert_eq!(harness.store.stats().registrations, 1);
    harness.store.disconnected(Client::new(99));
}

#[test]
fn who_resumes_gets_every_change_it_missed() {
    let mut harness = Harness::new();
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "k", "RESUME"]), "+OK\r\n");
    harness.say(&["SET", "k", "1"]);
    assert_eq!(harness.news(), [told(1, "1")]);
    harness.store.disconnected(Client::new(1));
    harness.say(&["SET", "k", "2"]);
    harness.say(&["SET", "k", "3", "PX", "10"]);
    harness.pass(10);
    harness.say(&["SET", "other", "x"]);
    assert_eq!(harness.news(), []);
    assert_eq!(harness.say_as(1, &["KEYNOTIFY", "k", "RESUME"]), "+OK\r\n");
    assert_eq!(
        harness.news(),
        [told(1, "2"), told(1, "3"), told(1, "DELETE")]
    );
    harness.say_as(1, &["KEYNOTIFY", "k", "RESUME"]);
    assert_eq!(
        harness.news(),
        [],
        "while it is connected nothing is missed"
    );
    harness.say(&["SET", "k", "4"]);
    assert_eq!(harness.news(), [told(1, "4")]);
}

#[test]
fn who_names_a_version_gets_what_came_after_it() {
    let mut harness = Harness::new();
    harness.say_as(1, &["KEYNOTIFY", "k", "RESUME"]);
    let first = harness.say(&["SET", "k", "1"]).version.unwrap();
    harness.say(&["SET", "k", "2"]);
    let third = harness.say(&["SET", "k", "3"]).version.unwrap();
    harness.store.disconnected(Client::new(1));
    harness.told();
    harness.say_as(1, &["KEYNOTIFY", "k", "RESUME", &text(first)]);
    assert_eq!(harness.news(), [told(1, "2"), told(1, "3")]);
    // Another client may use what is kept for the first.
    harness.say_as(2, &["KEYNOTIFY", "k", "RESUME", &text(first)]);
    assert_eq!(harness.news(), [told(2, "2"), told(2, "3")]);
    harness.say_as(2, &["KEYNOTIFY", "k", "RESUME", &text(third)]);
    assert_eq!(harness.news(), []);
}

#[test]
fn what_is_not_kept_is_a_gap_and_never_silence() {
    let mut harness = Harness::new();
    let first = harness.say(&["SET", "k", "1"]).version.unwrap();
    harness.say(&["SET", "k", "2"]);
    // Nobody resumed the key when it changed.
    harness.say_as(1, &["KEYNOTIFY", "k", "RESUME", &text(first)]);
    let all = harness.told();
    let news: Vec<String> = all.iter().map(|told| news(&told.payload)).collect();
    assert_eq!(news, ["GAP", "2"]);
    assert!(all.iter().all(|told| told.version > first));
    // The key has not changed since: nothing was missed.
    let now = harness.store.version(harness.now(), b"k").unwrap();
    harness.say_as(2, &["KEYNOTIFY", "k", "RESUME", &text(now)]);
    assert_eq!(harness.news(), []);
    // Whether a key that is gone was gone before is not known.
    harness.say_as(3, &["KEYNOTIFY", "absent", "RESUME", &text(first)]);
    assert_eq!(harness.news(), [told(3, "GAP"), told(3, "DELETE")]);
    // A version that this store never gave is one of a store that is lost.
    let lost = Version::from_packed(harness.store.last_version().packed() + 1);
    harness.say_as(4, &["KEYNOTIFY", "k", "RESUME", &text(lost)]);
    assert_eq!(harness.news(), [told(4, "GAP"), told(4, "2")]);
}

#[test]
fn what_is_dropped_leaves_a_gap_for_its_key_only() {
    for limit in [
        Settings {
            changes_max: 2,
            ..Settings::generous(42)
        },
        Settings {
            change_bytes_max: 2 * 97,
            ..Settings::generous(42)
        },
    ] {
        let mut harness = Harness::with(limit);
        for key in ["a", "b"] {
            harness.say_as(1, &["KEYNOTIFY", key, "RESUME"]);
        }
        harness.store.disconnected(Client::new(1));
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
            harness.say(&["SET", key, value]);
        }
        let stats = harness.store.stats();
        assert_eq!((stats.changes, stats.dropped_changes), (2, 1));
        harness.say_as(1, &["KEYNOTIFY", "a", "RESUME"]);
        assert_eq!(harness.news(), [told(1, "GAP"), told(1, "3")]);
        harness.say_as(1, &["KEYNOTIFY", "b", "RESUME"]);
        assert_eq!(harness.news(), [told(1, "2")]);
    }
}

#[test]
fn nothing_is_kept_for_nobody() {
    let mut harness = Harness::new();
    harness.say_as(1, &["KEYNOTIFY", "k", "RESUME"]);
    harness.say_as(2, &["KEYNOTIFY", "k", "RESUME"]);
    harness.say(&["SET", "k", "1"]);
    assert_eq!(harness.store.stats().changes, 1);
    harness.store.ended(Client::new(1));
    assert_eq!(harness.store.stats().changes, 1);
    harness.say_as(2, &["KEYNOTIFY", "k"]);
    assert_eq!(
        harness.store.stats().changes,
        0,
        "a plain registration keeps nothing"
    );
    harness.store.disconnected(Client::new(2));
    let stats = harness.store.stats();
    assert_eq!(
        (
            stats.registrations,
            stats.registration_bytes,
            stats.change_bytes
        ),
        (0, 0, 0)
    );
}
