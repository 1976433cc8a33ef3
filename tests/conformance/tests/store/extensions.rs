//! What goes beyond the published protocol: conditions on versions, several keys at once, numbers,
//! and registrations that survive a reconnect.

use catena_conformance::Options;
use catena_mqtt::{ReasonCode, Version};

use crate::caller::{Caller, array, key, payload};
use crate::shared;

#[test]
fn features_are_told() {
    let mut caller = Caller::new(shared());
    let expected = "*8|$3|cas|$4|mget|$5|multi|$6|absent|$4|pttl|$5|getpx|$6|incrby|$6|resume|";
    assert_eq!(caller.answer(&["FEATURES"]), expected);
}

#[test]
fn cas_and_cad_compare_versions() {
    let mut caller = Caller::new(shared());
    let key = key();
    let first = caller
        .say(&["SET", &key, "a"])
        .version()
        .unwrap()
        .to_owned();
    let done = caller.say(&["CAS", &key, &first, "b"]);
    let second = done.version().unwrap().to_owned();
    assert_eq!((done.text(), second > first), ("+OK|".to_owned(), true));
    let refused = caller.say(&["CAS", &key, &first, "c"]);
    assert_eq!(
        (refused.text(), refused.version()),
        (":-1|".to_owned(), Some(&*second))
    );
    assert_eq!(caller.answer(&["CAD", &key, &first]), ":-1|");
    assert_eq!(caller.answer(&["GET", &key]), "$1|b|");
    let removed = caller.say(&["CAD", &key, &second]);
    assert_eq!(
        (removed.text(), removed.version()),
        (":1|".to_owned(), Some(&*second))
    );
    assert_eq!(caller.answer(&["CAD", &key, &second]), ":0|");
    assert_eq!(caller.answer(&["CAS", &key, &second, "d"]), ":0|");
    for version in ["abc", "", "1:2", "1:0:somebody"] {
        let text = caller.answer(&["CAS", &key, version, "v"]);
        assert_eq!(text, "-ERR syntax error|", "{version}");
    }
    let call = caller
        .call(&payload(&["CAS", &key, &second, "d"]))
        .stamped(None);
    assert_eq!(caller.ask_as(&call).text(), "-ERR missing timestamp|");
}

#[test]
fn absent_tells_that_a_key_does_not_exist_and_leaves_it_so() {
    let mut caller = Caller::new(shared());
    let key = key();
    assert_eq!(caller.answer(&["ABSENT", &key]), ":0|");
    assert_eq!(caller.answer(&["GET", &key]), "$-1|");
    let version = caller.say(&["SET", &key, "v"]).version().map(str::to_owned);
    let exists = caller.say(&["ABSENT", &key]);
    assert_eq!(exists.text(), ":-1|");
    assert_eq!(exists.version(), version.as_deref());
    assert_eq!(caller.answer(&["GET", &key]), "$1|v|");
}

#[test]
fn pttl_tells_how_long_a_key_lives() {
    let mut caller = Caller::new(shared());
    let key = key();
    assert_eq!(caller.answer(&["PTTL", &key]), ":-2|");
    caller.answer(&["SET", &key, "v"]);
    assert_eq!(caller.answer(&["PTTL", &key]), ":-1|");
    caller.answer(&["SET", &key, "v", "PX", "100000"]);
    let text = caller.answer(&["PTTL", &key]);
    let left: i64 = text[1..text.len() - 1].parse().unwrap();
    assert!((1..=100_000).contains(&left), "{text}");
}

#[test]
fn getpx_tells_a_value_and_how_long_its_key_lives() {
    let mut caller = Caller::new(shared());
    let key = key();
    assert_eq!(caller.answer(&["GETPX", &key]), "$-1|");
    let version = caller
        .say(&["SET", &key, "v"])
        .version()
        .unwrap()
        .to_owned();
    let told = caller.say(&["GETPX", &key]);
    assert_eq!(told.version(), Some(&*version));
    assert_eq!(caller.answer(&["GETPX", &key]), "*2|$1|v|:-1|");
    caller.answer(&["SET", &key, "v", "PX", "100000"]);
    let text = caller.answer(&["GETPX", &key]);
    let left = text.strip_prefix("*2|$1|v|:").unwrap();
    let left: i64 = left[..left.len() - 1].parse().unwrap();
    assert!((1..=100_000).contains(&left), "{text}");
}

#[test]
fn incrby_adds() {
    let mut caller = Caller::new(shared());
    let key = key();
    assert_eq!(caller.answer(&["INCRBY", &key, "5"]), ":5|");
    assert_eq!(caller.answer(&["INCRBY", &key, "-7"]), ":-2|");
    assert_eq!(caller.answer(&["GET", &key]), "$2|-2|");
    let most = i64::MAX.to_string();
    caller.answer(&["SET", &key, &most]);
    let overflow = "-ERR the number would overflow|";
    assert_eq!(caller.answer(&["INCRBY", &key, "1"]), overflow);
    caller.answer(&["SET", &key, "one"]);
    let no_number = "-ERR the value is not a number|";
    assert_eq!(caller.answer(&["INCRBY", &key, "1"]), no_number);
    assert_eq!(caller.answer(&["INCRBY", &key, "x"]), "-ERR syntax error|");
    caller.answer(&["SET", &key, "1", "PX", "100000"]);
    caller.answer(&["INCRBY", &key, "1"]);
    assert_ne!(caller.answer(&["PTTL", &key]), ":-1|", "the expiry stays");
}

#[test]
fn mget_gets_several() {
    let mut caller = Caller::new(shared());
    let tag = key();
    let name = |number: u8| format!("{{{tag}}}{number}");
    let version = caller
        .say(&["SET", &name(1), "a"])
        .version()
        .unwrap()
        .to_owned();
    let text = caller.answer(&["MGET", &name(1), &name(2)]);
    let expected = format!("*2|*2|$1|a|${}|{version}|*2|$-1|$-1|", version.len());
    assert_eq!(text, expected);
    let spread = "-ERR the keys of a group must share the text in their braces|";
    assert_eq!(caller.answer(&["MGET", "a", "b"]), spread);
    assert_eq!(caller.answer(&["MGET"]), "-ERR wrong number of arguments|");
    assert_eq!(
        caller.answer(&["MGET", &name(1), ""]),
        "-ERR the key length is zero|"
    );
    let big = "v".repeat(600_000);
    caller.answer(&["SET", &name(1), &big]);
    caller.answer(&["SET", &name(2), &big]);
    let long = "-ERR the reply is too long; ask for fewer keys|";
    assert_eq!(caller.answer(&["MGET", &name(1), &name(2)]), long);
}

/// A group of writes as it travels.
fn group(writes: &[&[&str]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n$5\r\nMULTI\r\n", writes.len() + 1).into_bytes();
    for write in writes {
        let words: Vec<&[u8]> = write.iter().map(|word| word.as_bytes()).collect();
        bytes.extend(array(&words));
    }
    bytes
}

#[test]
fn a_group_is_done_as_a_whole_or_not_at_all() {
    let (mut caller, mut observer) = (Caller::new(shared()), Caller::new(shared()));
    let tag = key();
    let (lock, wish) = (format!("{{{tag}}}lock"), format!("{{{tag}}}wish"));
    observer.answer(&["KEYNOTIFY", &lock]);
    observer.answer(&["KEYNOTIFY", &wish]);
    caller.answer(&["SET", &wish, "w"]);
    observer.next();
    let take: [&[&str]; 2] = [&["SET", &lock, "a", "NX"], &["DEL", &wish]];
    let done = caller.ask(&group(&take));
    let version = done.version().unwrap().to_owned();
    assert!(done.text().starts_with("*2|*2|+OK|$32|"), "{}", done.text());
    let told = [observer.next(), observer.next()];
    assert!(told[0].text().contains("SET") && told[1].text().contains("DELETE"));
    assert_eq!(told[0].version(), Some(&*version));
    assert!(told[1].version() > Some(&*version));
    // The second time the first condition is not met: nothing is done.
    caller.answer(&["SET", &wish, "x"]);
    observer.next();
    assert_eq!(caller.ask(&group(&take)).text(), "*2|:-1|:0|");
    let second: [&[&str]; 2] = [&["SET", &wish, "y"], &["VDEL", &lock, "b"]];
    assert_eq!(caller.ask(&group(&second)).text(), "*2|:-1|:1|");
    assert_eq!(caller.answer(&["GET", &wish]), "$1|x|");
    observer.client.expect_silence();
    let twice: [&[&str]; 2] = [&["SET", &wish, "y"], &["DEL", &wish]];
    let text = caller.ask(&group(&twice)).text();
    assert_eq!(text, "-ERR a group must not write a key twice|");
    let spread: [&[&str]; 2] = [&["SET", "a", "y"], &["DEL", "b"]];
    let text = caller.ask(&group(&spread)).text();
    assert_eq!(
        text,
        "-ERR the keys of a group must share the text in their braces|"
    );
    let read = caller.ask(&group(&[&["GET", &wish]])).text();
    assert_eq!(read, "-ERR unknown command|", "a group is of writes");
}

/// A registration that lasts as long as the session: what was missed is told on the return.
#[test]
fn resumed_registrations_miss_nothing() {
    let options = Options::lasting(Version::V5);
    let mut observer = Caller::with(shared(), &options);
    let mut writer = Caller::new(shared());
    let key = key();
    assert_eq!(observer.answer(&["KEYNOTIFY", &key, "RESUME"]), "+OK|");
    writer.answer(&["SET", &key, "before"]);
    observer.next();
    observer.client.cut_and_wait();
    for value in ["1", "2"] {
        writer.answer(&["SET", &key, value]);
    }
    writer.answer(&["DEL", &key]);
    // The first may have been on its way when the connection ended, and waits in the session.
    let mut again = Caller::resumed(shared(), &options);
    let call = again.call(&payload(&["KEYNOTIFY", &key, "RESUME"]));
    let id = again.send(&call);
    assert_eq!(again.client.expect_puback(id), ReasonCode::Success);
    for expected in ["|$1|1|", "|$1|2|", "|DELETE|"] {
        let told = again.next();
        assert!(told.text().ends_with(expected), "{}", told.text());
    }
    assert_eq!(again.response_to(&call).text(), "+OK|");
    writer.answer(&["SET", &key, "after"]);
    assert!(again.next().text().ends_with("|after|"));
    again.client.expect_silence();
}

/// What is not kept any more is told as a gap, and then how things stand.
#[test]
fn a_gap_is_told() {
    let mut observer = Caller::new(shared());
    let mut writer = Caller::new(shared());
    let key = key();
    let known = writer
        .say(&["SET", &key, "1"])
        .version()
        .unwrap()
        .to_owned();
    writer.answer(&["SET", &key, "2"]);
    // Nobody was registered, so that the changes were not kept.
    observer.answer(&["KEYNOTIFY", &key, "RESUME", &known]);
    assert_eq!(observer.next().text(), "*2|$6|NOTIFY|$3|GAP|");
    assert!(observer.next().text().ends_with("|$1|2|"));
    observer.client.expect_silence();
}
