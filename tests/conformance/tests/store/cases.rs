//! Cases of locks, watchers, expiry and scans that go wrong elsewhere, each by its ID. What needs
//! more than one node comes with it.

use catena_conformance::Options;
use catena_mqtt::Version;

use crate::caller::{Call, Caller, array, key};
use crate::scans::scan_with;
use crate::shared;

/// V02: of 100 clients that want a key, one gets it. All of them ask at once.
#[test]
fn v02_a_race_has_one_winner() {
    let broker = shared();
    let key = key();
    let mut callers: Vec<Caller> = (0..100).map(|_| Caller::new(broker)).collect();
    let mut calls = Vec::new();
    for caller in &mut callers {
        let call = caller.call(&array(&[
            b"SET",
            key.as_bytes(),
            caller.id.clone().as_bytes(),
            b"NX",
        ]));
        caller.send(&call);
        calls.push(call);
    }
    let mut winners = Vec::new();
    for (caller, call) in callers.iter_mut().zip(&calls) {
        match &*caller.response_to(call).text() {
            "+OK|" => winners.push(caller.id.clone()),
            ":-1|" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let expected = format!("${}|{}|", winners[0].len(), winners[0]);
    assert_eq!(Caller::new(broker).answer(&["GET", &key]), expected);
}

/// V03: who held a lock too long finds the door closed: its fencing token is too low by then.
#[test]
fn v03_a_late_holder_is_refused() {
    let (mut one, mut other) = (Caller::new(shared()), Caller::new(shared()));
    let (lock, data) = (key(), key());
    other.answer(&["KEYNOTIFY", &lock]);
    let held = one.say(&["SET", &lock, "one", "NX", "PX", "200"]);
    let old = held.version().unwrap().to_owned();
    // Taken, and let go of because the holder sleeps.
    assert!(other.next().text().contains("|SET|"));
    assert!(other.next().text().contains("|DELETE|"));
    let taken = other.say(&["SET", &lock, "other", "NX", "PX", "60000"]);
    let new = taken.version().unwrap().to_owned();
    assert!(new > old);
    let write = |caller: &mut Caller, value: &str, token: &str| {
        let mut call = caller.call(&array(&[b"SET", data.as_bytes(), value.as_bytes()]));
        call.fencing_token = Some(token.to_owned());
        caller.ask_as(&call).text()
    };
    assert_eq!(write(&mut other, "new", &new), "+OK|");
    assert_eq!(
        write(&mut one, "old", &old),
        "-ERR the request fencing token is a lower version than the fencing token protecting the \
         resource|"
    );
    assert_eq!(one.answer(&["GET", &data]), "$3|new|");
    assert_eq!(
        one.answer(&["SET", &lock, "one", "NEX", "PX", "200"]),
        ":-1|"
    );
    assert_eq!(one.answer(&["VDEL", &lock, "one"]), ":-1|");
}

/// V04: who is away during 10,000 changes gets all of them, or first an explicit gap.
#[test]
fn v04_a_watcher_that_was_away_misses_nothing_unknowingly() {
    let options = Options::lasting(Version::V5);
    let mut watcher = Caller::with(shared(), &options);
    let mut writer = Caller::new(shared());
    let key = key();
    watcher.answer(&["KEYNOTIFY", &key, "RESUME"]);
    watcher.client.cut_and_wait();
    for some in 0..100 {
        let calls: Vec<Call> = (0..100)
            .map(|more| {
                let value = (some * 100 + more).to_string();
                writer.call(&array(&[b"SET", key.as_bytes(), value.as_bytes()]))
            })
            .collect();
        for call in &calls {
            writer.send(call);
        }
        for call in &calls {
            writer.response_to(call);
        }
    }
    let mut again = Caller::resumed(shared(), &options);
    let call = again.call(&array(&[b"KEYNOTIFY", key.as_bytes(), b"RESUME"]));
    again.send(&call);
    let mut next = 0;
    loop {
        let said = again.next();
        let text = said.text();
        if said.correlation == call.correlation {
            assert_eq!(text, "+OK|");
            break;
        }
        if text.contains("|GAP|") {
            next = 9_999;
            continue;
        }
        assert!(
            text.ends_with(&format!("|{next}|")),
            "{text} instead of {next}"
        );
        next += 1;
    }
    assert_eq!(next, 10_000);
}

/// V05: what has expired stays so: told once, never seen again, and free for the next.
#[test]
fn v05_an_expiry_happens_once() {
    let (mut observer, mut writer) = (Caller::new(shared()), Caller::new(shared()));
    let keys: Vec<String> = (0..50).map(|_| key()).collect();
    for key in &keys {
        observer.answer(&["KEYNOTIFY", key]);
    }
    for (place, key) in keys.iter().enumerate() {
        let life = (50 + place * 5).to_string();
        writer.answer(&["SET", key, "v", "PX", &life]);
    }
    let mut ended = Vec::new();
    while ended.len() < keys.len() {
        let told = observer.next();
        if told.text().contains("|DELETE|") {
            assert!(!ended.contains(&told.topic), "twice: {told:?}");
            ended.push(told.topic);
        }
    }
    for key in &keys {
        assert_eq!(writer.answer(&["GET", key]), "$-1|");
        assert_eq!(writer.answer(&["SET", key, "w", "NX"]), "+OK|");
        assert!(observer.next().text().ends_with("|w|"));
    }
    observer.client.expect_silence();
}

/// V06: a scan of keys that come and go lists each that stays, once.
#[test]
fn v06_a_scan_lists_what_stays() {
    let (mut scanner, mut writer) = (Caller::new(shared()), Caller::new(shared()));
    let prefix = key();
    for number in 0..300 {
        writer.answer(&["SET", &format!("{prefix}stays{number:03}"), "v"]);
        writer.answer(&["SET", &format!("{prefix}goes{number:03}"), "v"]);
    }
    let mut round = 0;
    let (keys, _) = scan_with(&mut scanner, &format!("{prefix}*"), || {
        for number in 0..20 {
            let number = round * 20 + number;
            writer.answer(&["DEL", &format!("{prefix}goes{number:03}")]);
            writer.answer(&["SET", &format!("{prefix}comes{number:03}"), "v"]);
        }
        round += 1;
    });
    let stays = |key: &&Vec<u8>| String::from_utf8_lossy(key).contains("stays");
    let mut found: Vec<_> = keys.iter().filter(stays).collect();
    assert_eq!(found.len(), 300);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 300, "some twice");
}
