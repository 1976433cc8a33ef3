//! Key notifications: to whom, how often, in which order, how soon, and until when.

use std::time::{Duration, Instant};

use catena_conformance::{Client, Options, QOS1, Received};
use catena_mqtt::{ReasonCode, SubscriptionOptions, Version};
use catena_rpc::topics;

use crate::caller::{Caller, Said, key, payload};
use crate::shared;

const OBSERVED: &str = "+OK|";

/// A client that observes a new key, and the key.
fn observer() -> (Caller, String) {
    let mut observer = Caller::new(shared());
    let key = key();
    assert_eq!(observer.answer(&["KEYNOTIFY", &key]), OBSERVED);
    (observer, key)
}

#[test]
fn each_change_is_told_once_without_a_subscription() {
    let (mut observer, key) = observer();
    let mut writer = Caller::new(shared());
    for value in ["a", "b", "b"] {
        let said = writer.say(&["SET", &key, value]);
        let told = observer.next();
        assert_eq!(
            told.text(),
            format!("*4|$6|NOTIFY|$3|SET|$5|VALUE|$1|{value}|")
        );
        assert_eq!(told.version(), said.version());
        assert_eq!(topics::notified_key(&told.topic).unwrap(), key.as_bytes());
    }
    writer.answer(&["VDEL", &key, "b"]);
    assert_eq!(observer.next().text(), "*2|$6|NOTIFY|$6|DELETE|");
    observer.client.expect_silence();
}

/// A matching subscription makes no second copy, whatever its options say.
#[test]
fn a_matching_subscription_makes_no_second_copy() {
    let (mut observer, key) = observer();
    let own = topics::notification_filter(&observer.id);
    let identified = SubscriptionOptions {
        qos: QOS1,
        no_local: true,
        ..SubscriptionOptions::default()
    };
    observer.client.subscribe_as(&own, identified, Some(7));
    observer.client.subscribe("clients/#", QOS1);
    let mut stranger = Client::connect(shared(), &Options::clean(Version::V5));
    stranger.subscribe(&own, QOS1);
    let mut writer = Caller::new(shared());
    writer.answer(&["SET", &key, "a"]);
    writer.answer(&["SET", &key, "b"]);
    for value in ["a", "b"] {
        let notifications = |observer: &mut Caller| loop {
            let said = observer.next();
            if said.topic.starts_with(topics::NOTIFICATIONS) {
                break said;
            }
        };
        assert!(
            notifications(&mut observer)
                .text()
                .ends_with(&format!("|{value}|"))
        );
    }
    // Nothing else comes that concerns this key.
    observer.answer(&["GET", &key]);
    stranger.expect_silence();
}

/// What changes nothing is not told: reads, refusals, deletions of nothing, other keys.
#[test]
fn what_changes_nothing_is_not_told() {
    let (mut observer, key) = observer();
    let mut writer = Caller::new(shared());
    for words in [
        &["GET", &*key][..],
        &["DEL", &key],
        &["VDEL", &key, "x"],
        &["SET", &key, "x", "XX"],
        &["SET", &format!("{key}more"), "x"],
        &["SCAN", "*"],
    ] {
        writer.say(words);
    }
    observer.client.expect_silence();
    writer.answer(&["SET", &key, "x", "NX"]);
    observer.next();
    writer.answer(&["SET", &key, "y", "NX"]);
    writer.answer(&["SET", &key, "y", "NEX"]);
    writer.answer(&["VDEL", &key, "y"]);
    observer.client.expect_silence();
}

/// The next packets that are publishes, as they came.
fn publishes(caller: &mut Caller, count: usize) -> Vec<Said> {
    let mut found = Vec::new();
    while found.len() < count {
        let received: Received = caller.client.receive();
        found.extend(Said::of(&received));
    }
    found
}

/// The client that makes a change is told too, and before it has the response.
#[test]
fn notifications_come_before_the_response() {
    let (mut observer, key) = observer();
    for words in [
        &["SET", &*key, "a"][..],
        &["INCRBY", &format!("{key}0"), "1"],
        &["DEL", &key],
    ] {
        let call = observer.call(&payload(words));
        observer.send(&call);
        let expected = if words[0] == "INCRBY" { 1 } else { 2 };
        let said = publishes(&mut observer, expected);
        let is_told: Vec<bool> = said.iter().map(Said::is_notification).collect();
        assert_eq!(is_told, [true, false][2 - expected..], "{words:?}");
    }
    // Set by another, stopped by the observer: what was set before is told before.
    let mut writer = Caller::new(shared());
    for _ in 0..20 {
        observer.answer(&["KEYNOTIFY", &key]);
        writer.answer(&["SET", &key, "b"]);
        let call = observer.call(&payload(&["KEYNOTIFY", &key, "STOP"]));
        observer.send(&call);
        let said = publishes(&mut observer, 2);
        let is_told: Vec<bool> = said.iter().map(Said::is_notification).collect();
        assert_eq!(is_told, [true, false]);
        for one in said {
            let ack = catena_mqtt::Ack::success(one.packet_id.unwrap());
            observer.client.send(&catena_mqtt::Packet::PubAck(ack));
        }
    }
}

/// In the order of the changes, to each observer.
#[test]
fn notifications_have_the_order_of_changes() {
    let key = key();
    let mut observers: Vec<Caller> = (0..3).map(|_| Caller::new(shared())).collect();
    for observer in &mut observers {
        observer.answer(&["KEYNOTIFY", &key]);
    }
    let mut writers = [Caller::new(shared()), Caller::new(shared())];
    for round in 0..50 {
        for writer in &mut writers {
            let call = writer.call(&payload(&["SET", &key, &round.to_string()]));
            writer.send(&call);
        }
    }
    let told: Vec<Vec<Said>> = observers
        .iter_mut()
        .map(|observer| (0..100).map(|_| observer.next()).collect())
        .collect();
    for one in &told {
        let versions: Vec<_> = one.iter().map(|said| said.version().unwrap()).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
        let same = |(a, b): (&Said, &Said)| a.payload == b.payload && a.user == b.user;
        assert!(one.iter().zip(&told[0]).all(same));
    }
}

/// Disconnect, cut and takeover: each ends all registrations, and nothing waits for who is away.
#[test]
fn registrations_end_with_the_connection() {
    for ending in ["disconnect", "cut", "takeover"] {
        let options = Options::lasting(Version::V5);
        let mut observer = Caller::with(shared(), &options);
        let key = key();
        assert_eq!(observer.answer(&["KEYNOTIFY", &key]), OBSERVED);
        let mut writer = Caller::new(shared());
        let mut again = match ending {
            "disconnect" => {
                observer.client.disconnect();
                None
            }
            "cut" => {
                observer.client.cut_and_wait();
                None
            }
            _ => Some(Caller::resumed(shared(), &options)),
        };
        // The first may still be told: partitions hear of an end a moment later.
        for value in 0..50 {
            writer.answer(&["SET", &key, &format!("missed {value}")]);
        }
        let mut again = again
            .take()
            .unwrap_or_else(|| Caller::resumed(shared(), &options));
        assert!(again.client.session_present());
        let call = again.call(&payload(&["KEYNOTIFY", &key, "STOP"]));
        let id = again.send(&call);
        assert_eq!(again.client.expect_puback(id), ReasonCode::Success);
        let mut told = Vec::new();
        let stopped = loop {
            let said = again.next();
            if said.correlation.is_some() {
                break said;
            }
            told.push(said.text());
        };
        assert_eq!(stopped.text(), ":0|", "{ending}");
        assert!(
            !told.iter().any(|text| text.contains("missed 49")),
            "{told:?}"
        );
        assert_eq!(again.answer(&["KEYNOTIFY", &key]), OBSERVED);
        writer.answer(&["DEL", &key]);
        assert_eq!(again.next().text(), "*2|$6|NOTIFY|$6|DELETE|");
    }
}

#[test]
fn registrations_survive_the_key_and_end_with_stop() {
    let (mut observer, key) = observer();
    let mut writer = Caller::new(shared());
    for _ in 0..2 {
        writer.answer(&["SET", &key, "v"]);
        writer.answer(&["DEL", &key]);
        assert!(observer.next().text().contains("SET"));
        assert!(observer.next().text().contains("DELETE"));
    }
    assert_eq!(observer.answer(&["KEYNOTIFY", &key, "STOP"]), "+OK|");
    writer.answer(&["SET", &key, "v"]);
    observer.client.expect_silence();
    assert_eq!(observer.answer(&["KEYNOTIFY", &key, "STOP"]), ":0|");
}

/// An expiry is told soon after it: within 100 ms, and what a busy machine takes.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no clock of their own"
)]
fn expiry_is_told_promptly_and_once() {
    let (mut observer, key) = observer();
    let mut writer = Caller::new(shared());
    let mut latest = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        writer.answer(&["SET", &key, "v", "PX", "300"]);
        assert!(observer.next().text().contains("|SET|"));
        let set = Instant::now();
        assert_eq!(observer.next().text(), "*2|$6|NOTIFY|$6|DELETE|");
        assert!(begin.elapsed() >= Duration::from_millis(300), "too soon");
        latest = latest.min(set.elapsed().saturating_sub(Duration::from_millis(300)));
        assert_eq!(writer.answer(&["GET", &key]), "$-1|");
    }
    assert!(
        latest < Duration::from_millis(100),
        "{latest:?} late at best"
    );
    // Replaced without an expiry, it stays.
    writer.answer(&["SET", &key, "v", "PX", "200"]);
    writer.answer(&["SET", &key, "w"]);
    writer.answer(&["SET", &format!("{key}2"), "v", "PX", "400"]);
    observer.answer(&["KEYNOTIFY", &format!("{key}2")]);
    let last: Vec<String> = (0..3).map(|_| observer.next().text()).collect();
    assert!(last[2].contains("DELETE"), "{last:?}");
    assert_eq!(writer.answer(&["GET", &key]), "$1|w|");
}

/// A client that does not acknowledge is not told more than it takes, and loses nothing.
#[test]
fn the_receive_maximum_holds_for_notifications() {
    let options = Options {
        receive_maximum: Some(2),
        ..Options::clean(Version::V5)
    };
    let mut observer = Caller::with(shared(), &options);
    let key = key();
    assert_eq!(observer.answer(&["KEYNOTIFY", &key]), OBSERVED);
    let mut writer = Caller::new(shared());
    for value in 0..10 {
        writer.answer(&["SET", &key, &value.to_string()]);
    }
    let first = observer.client.expect_publish();
    let second = observer.client.expect_publish();
    observer.client.expect_silence();
    observer.client.acknowledge(&first);
    observer.client.acknowledge(&second);
    for value in 2..10 {
        assert!(observer.next().text().ends_with(&format!("|{value}|")));
    }
    let id = observer.client.next_id();
    let call = observer.call(&payload(&["GET", &key]));
    observer.send_numbered(&call, id);
    assert_eq!(observer.client.expect_puback(id), ReasonCode::Success);
}
