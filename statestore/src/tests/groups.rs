//! Groups: all writes or none.

use catena_store::limits::GROUP_WRITES_MAX;

use super::*;

fn applied(replies: &[(&str, Option<Version>)]) -> String {
    let mut all = format!("*{}\r\n", replies.len());
    for (reply, version) in replies {
        all += &format!("*2\r\n{reply}\r\n");
        match version {
            Some(version) => all += &format!("$32\r\n{}\r\n", text(*version)),
            None => all += "$-1\r\n",
        }
    }
    all
}

#[test]
fn all_writes_are_done_in_order_each_with_its_version() {
    let mut harness = Harness::new();
    let before = harness.say(&["SET", "b", "1"]).version.unwrap();
    for key in ["a", "b", "c"] {
        harness.say_as(7, &["KEYNOTIFY", key]);
    }
    let replied = harness.ask(
        1,
        &group(&[
            &["SET", "a", "x", "NX"],
            &["DEL", "b"],
            &["INCRBY", "c", "3"],
            &["DEL", "absent"],
        ]),
    );
    let told = harness.told();
    let news: Vec<String> = told.iter().map(|told| news(&told.payload)).collect();
    assert_eq!(news, ["x", "DELETE", "3"]);
    let (a, c) = (told[0].version, told[2].version);
    assert!(a < told[1].version && told[1].version < c);
    let expected = [
        ("+OK", Some(a)),
        (":1", Some(before)),
        (":3", Some(c)),
        (":0", None),
    ];
    assert_eq!(replied.payload, applied(&expected));
    assert_eq!(replied.version, Some(c));
}

#[test]
fn a_condition_that_is_not_met_stops_the_whole_group() {
    let mut harness = Harness::new();
    let version = harness.say(&["SET", "b", "1"]).version;
    harness.say_as(7, &["KEYNOTIFY", "a"]);
    let digest = harness.store.digest();
    for (unmet, found) in [
        (&["SET", "b", "2", "NX"][..], version),
        (&["VDEL", "b", "2"], version),
        (&["VDEL", "c", "2"], None),
        (&["CAD", "b", "1:0:StateStore"], version),
        (&["CAS", "c", "1:0:StateStore", "v"], None),
        (&["ABSENT", "b"], version),
    ] {
        let replied = harness.ask(1, &group(&[&["SET", "a", "x"], unmet, &["DEL", "d"]]));
        let payload = "*2\r\n:-1\r\n:1\r\n".to_owned();
        assert_eq!(
            replied,
            Replied {
                payload,
                version: found
            },
            "{unmet:?}"
        );
        assert_eq!(harness.news(), []);
        assert_eq!(harness.store.digest(), digest);
    }
}

#[test]
fn that_a_key_does_not_exist_can_be_a_condition_and_nothing_else() {
    let mut harness = Harness::new();
    for key in ["a", "gone"] {
        harness.say_as(7, &["KEYNOTIFY", key]);
    }
    let replied = harness.ask(1, &group(&[&["ABSENT", "gone"], &["SET", "a", "x"]]));
    assert_eq!(harness.news(), [(7, "x".to_owned())]);
    let expected = [(":0", None), ("+OK", replied.version)];
    assert_eq!(replied.payload, applied(&expected));
    // Alone it tells which of the two it is. It needs no timestamp, since it sets nothing.
    let absent = harness.say(&["ABSENT", "gone"]);
    assert_eq!((&*absent.payload, absent.version), (":0\r\n", None));
    let exists = harness.say(&["ABSENT", "a"]);
    assert_eq!(
        (&*exists.payload, exists.version),
        (":-1\r\n", replied.version)
    );
    let only = harness.ask_with(1, &group(&[&["ABSENT", "gone"]]), None, None);
    assert_eq!(only.payload, applied(&[(":0", None)]));
    assert_eq!(harness.news(), []);
}

#[test]
fn the_largest_group_is_done_as_a_whole_or_not_at_all() {
    let mut harness = Harness::new();
    let keys: Vec<String> = (0..GROUP_WRITES_MAX).map(|n| format!("k{n}")).collect();
    let last = keys.last().unwrap();
    let sets: Vec<[&str; 4]> = keys.iter().map(|key| ["SET", key, "x", "NX"]).collect();
    let writes: Vec<&[&str]> = sets.iter().map(|set| &set[..]).collect();
    harness.say(&["SET", last, "taken"]);
    let replied = harness.ask(1, &group(&writes));
    let unmet = format!("*2\r\n:-1\r\n:{}\r\n", GROUP_WRITES_MAX - 1);
    assert_eq!(replied.payload, unmet);
    assert_eq!(harness.store.stats().keys, 1);

    let before = harness.say(&["DEL", last]).version;
    let replied = harness.ask(1, &group(&writes));
    assert_eq!(harness.store.stats().keys, GROUP_WRITES_MAX as u64);
    let given = replied
        .payload
        .split("\r\n")
        .filter(|it| it.ends_with(":StateStore"));
    let given: Vec<&str> = given.collect();
    assert!(given.is_sorted_by(|one, next| one < next));
    assert_eq!(given.len(), GROUP_WRITES_MAX);
    assert!(replied.version > before);
    // That it may come again costs no more than the reply takes.
    assert!(replied.payload.len() < 64 * GROUP_WRITES_MAX);
}

#[test]
fn a_refusal_stops_the_whole_group() {
    let mut harness = Harness::new();
    harness.say(&["SET", "n", "x"]);
    let digest = harness.store.digest();
    let refused = harness.ask(1, &group(&[&["SET", "a", "1"], &["INCRBY", "n", "1"]]));
    assert_eq!(refused.payload, "-ERR the value is not a number\r\n");
    let twice = harness.ask(1, &group(&[&["SET", "a", "1"], &["DEL", "a"]]));
    assert_eq!(twice.payload, "-ERR a group must not write a key twice\r\n");
    let unstamped = harness.ask_with(1, &group(&[&["SET", "a", "1"]]), None, None);
    assert_eq!(unstamped.payload, "-ERR missing timestamp\r\n");
    assert_eq!(harness.store.digest(), digest);
    let deletes = harness.ask_with(1, &group(&[&["DEL", "n"]]), None, None);
    assert!(deletes.payload.starts_with("*1\r\n*2\r\n:1"), "{deletes:?}");
}

#[test]
fn an_expired_key_is_absent_for_a_group() {
    let mut harness = Harness::new();
    harness.say(&["SET", "a", "1", "PX", "5"]);
    harness.say_as(7, &["KEYNOTIFY", "a"]);
    harness.millis += 5;
    let replied = harness.ask(1, &group(&[&["SET", "a", "2", "NX"], &["DEL", "b"]]));
    assert!(replied.payload.starts_with("*2\r\n*2\r\n+OK"));
    assert_eq!(
        harness.news(),
        [(7, "DELETE".to_owned()), (7, "2".to_owned())]
    );
}
