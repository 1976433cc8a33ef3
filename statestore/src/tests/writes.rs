//! Writes of one key: conditions, versions, expiry, and the order in which things are checked.

use super::*;

#[test]
fn versions_are_those_of_the_store_and_higher_than_the_request() {
    let mut harness = Harness::new();
    let ahead = harness.stamp(60_000);
    let set = payload(&["SET", "k", "v"]);
    let replied = harness.ask_with(1, &set, Some(&ahead), None);
    let version = replied.version.unwrap();
    let stamp = catena_hlc::Stamp::parse(&ahead).unwrap();
    assert!(version.stamp(NODE) > stamp);
    let behind = harness.stamp(-1_000_000);
    let next = harness
        .ask_with(1, &set, Some(&behind), None)
        .version
        .unwrap();
    assert!(next > version);
    let too_far = harness.stamp(60_001);
    let refused = harness.ask_with(1, &set, Some(&too_far), None);
    assert!(
        refused
            .payload
            .starts_with("-ERR the request timestamp is too far")
    );
}

#[test]
fn only_what_sets_a_value_looks_at_the_timestamp() {
    let mut harness = Harness::new();
    harness.say(&["SET", "k", "v"]);
    for (elements, reply) in [
        (&["GET", "k"][..], "$1\r\nv\r\n"),
        (&["KEYNOTIFY", "k"], "+OK\r\n"),
        (&["VDEL", "k", "x"], ":-1\r\n"),
        (&["DEL", "k"], ":1\r\n"),
        (&["SET", "k", "v"], "-ERR malformed timestamp\r\n"),
        (&["INCRBY", "k", "1"], "-ERR malformed timestamp\r\n"),
    ] {
        let replied = harness.ask_with(1, &payload(elements), Some("abc"), None);
        assert_eq!(replied.payload, reply, "{elements:?}");
    }
}

#[test]
fn tokens_are_checked_on_writes_only_and_before_the_condition() {
    let mut harness = Harness::new();
    let stamp = harness.stamp(0);
    let ask = |harness: &mut Harness, elements: &[&str], token| {
        harness
            .ask_with(1, &payload(elements), Some(&stamp), token)
            .payload
    };
    let required = "-ERR a fencing token is required for this request\r\n";
    assert_eq!(
        ask(&mut harness, &["SET", "k", "v"], Some("5:0:n")),
        "+OK\r\n"
    );
    assert_eq!(ask(&mut harness, &["SET", "k", "w", "NX"], None), required);
    assert_eq!(ask(&mut harness, &["VDEL", "k", "w"], None), required);
    assert_eq!(ask(&mut harness, &["INCRBY", "k", "1"], None), required);
    assert_eq!(ask(&mut harness, &["GET", "k"], Some("abc")), "$1\r\nv\r\n");
    assert_eq!(
        ask(&mut harness, &["KEYNOTIFY", "k"], Some("abc")),
        "+OK\r\n"
    );
    let malformed = "-ERR malformed timestamp\r\n";
    assert_eq!(ask(&mut harness, &["DEL", "k"], Some("abc")), malformed);
    // A condition that is not met does not store the token.
    assert_eq!(
        ask(&mut harness, &["SET", "k", "w", "NX"], Some("9:0:n")),
        ":-1\r\n"
    );
    assert_eq!(
        ask(&mut harness, &["SET", "k", "w"], Some("5:0:n")),
        "+OK\r\n"
    );
    // A higher token replaces it, by wall, counter and node.
    assert_eq!(
        ask(&mut harness, &["SET", "k", "w"], Some("5:0:o")),
        "+OK\r\n"
    );
    assert!(ask(&mut harness, &["SET", "k", "w"], Some("5:0:n")).starts_with("-ERR the request"));
    // Deleting takes the fence away; a token for an absent key is ignored.
    assert_eq!(ask(&mut harness, &["DEL", "k"], Some("6:0:n")), ":1\r\n");
    assert_eq!(ask(&mut harness, &["DEL", "k"], Some("1:0:n")), ":0\r\n");
    assert_eq!(ask(&mut harness, &["SET", "k", "v"], None), "+OK\r\n");
}

#[test]
fn a_fence_goes_with_an_entry_that_expires() {
    let mut harness = Harness::new();
    let stamp = harness.stamp(0);
    let fenced = payload(&["SET", "k", "v", "PX", "10"]);
    harness.ask_with(1, &fenced, Some(&stamp), Some("5:0:n"));
    harness.millis += 10;
    assert_eq!(harness.say(&["SET", "k", "v"]).payload, "+OK\r\n");
}

#[test]
fn a_version_is_a_condition() {
    let mut harness = Harness::new();
    let first = harness.say(&["SET", "k", "v"]).version.unwrap();
    let second = harness.say(&["CAS", "k", &text(first), "w"]);
    assert_eq!(second.payload, "+OK\r\n");
    let second = second.version.unwrap();
    let stale = harness.say(&["CAS", "k", &text(first), "x"]);
    assert_eq!(
        (stale.payload.as_str(), stale.version),
        (":-1\r\n", Some(second))
    );
    let stale = harness.say(&["CAD", "k", &text(first)]);
    assert_eq!(
        (stale.payload.as_str(), stale.version),
        (":-1\r\n", Some(second))
    );
    let gone = harness.say(&["CAD", "k", &text(second)]);
    assert_eq!(
        (gone.payload.as_str(), gone.version),
        (":1\r\n", Some(second))
    );
    for elements in [
        &["CAS", "k", &text(second), "x"][..],
        &["CAD", "k", &text(second)],
    ] {
        let absent = harness.say(elements);
        assert_eq!((absent.payload.as_str(), absent.version), (":0\r\n", None));
    }
}

#[test]
fn numbers_are_added_and_never_wrap() {
    let mut harness = Harness::new();
    assert_eq!(harness.say(&["INCRBY", "n", "5"]).payload, ":5\r\n");
    assert_eq!(harness.say(&["INCRBY", "n", "-7"]).payload, ":-2\r\n");
    assert_eq!(harness.say(&["GET", "n"]).payload, "$2\r\n-2\r\n");
    harness.say(&["SET", "n", "9223372036854775807"]);
    let full = harness.say(&["INCRBY", "n", "1"]);
    assert_eq!(full.payload, "-ERR the number would overflow\r\n");
    assert_eq!(
        harness.say(&["GET", "n"]).payload,
        "$19\r\n9223372036854775807\r\n"
    );
    for text in ["", "x", "1.5", "+1", " 1", "9223372036854775808"] {
        harness.say(&["SET", "n", text]);
        let replied = harness.say(&["INCRBY", "n", "1"]);
        assert_eq!(
            replied.payload, "-ERR the value is not a number\r\n",
            "{text}"
        );
    }
}

#[test]
fn an_increment_keeps_the_expiry_and_a_set_does_not() {
    let mut harness = Harness::new();
    harness.say(&["SET", "n", "1", "PX", "1000"]);
    harness.millis += 400;
    harness.say(&["INCRBY", "n", "1"]);
    assert_eq!(harness.say(&["PTTL", "n"]).payload, ":600\r\n");
    harness.say(&["SET", "n", "1"]);
    assert_eq!(harness.say(&["PTTL", "n"]).payload, ":-1\r\n");
    harness.pass(10_000);
    assert_eq!(harness.say(&["GET", "n"]).payload, "$1\r\n1\r\n");
    assert_eq!(
        harness.say(&["PTTL", "absent"]),
        Replied {
            payload: ":-2\r\n".to_owned(),
            version: None,
        }
    );
}

#[test]
fn many_keys_are_read_at_once_with_their_versions() {
    let mut harness = Harness::new();
    let version = harness.say(&["SET", "a", "1"]).version.unwrap();
    let replied = harness.say(&["MGET", "a", "b", "a"]);
    let found = format!("*2\r\n$1\r\n1\r\n$32\r\n{}\r\n", text(version));
    assert_eq!(
        replied.payload,
        format!("*3\r\n{found}*2\r\n$-1\r\n$-1\r\n{found}")
    );
    assert_eq!(replied.version, None);
    let features = harness.say(&["FEATURES"]).payload;
    assert!(features.starts_with("*8\r\n$3\r\ncas\r\n"), "{features}");
}

#[test]
fn the_wish_to_be_kept_on_disk_follows_the_latest_write() {
    let mut harness = Harness::new();
    let stamp = harness.stamp(0);
    for persist in [true, false, true] {
        let set = payload(&["SET", "k", "v"]);
        let request = Request {
            timestamp: Some(stamp.as_bytes()),
            persist,
            ..Request::new(Client::new(1), Command::parse(&set).unwrap())
        };
        harness.request(&request);
        assert_eq!(harness.store.is_persistent(harness.now(), b"k"), persist);
    }
}

#[test]
fn a_write_that_is_read_as_a_read_is_refused() {
    let harness = Harness::new();
    let mut reply = Vec::new();
    let delete = payload(&["DEL", "k"]);
    let delete = Command::parse(&delete).unwrap();
    harness
        .store
        .read(harness.now(), &delete, |_| true, &mut reply);
    assert_eq!(reply, b"-ERR unknown command\r\n");
}
