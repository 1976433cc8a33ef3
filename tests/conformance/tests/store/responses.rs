//! What responses say beside their payload, and who gets them.

use catena_conformance::{Client, Options, QOS1, subscription, unique};
use catena_mqtt::{ReasonCode, SubscriptionOptions, Version};

use crate::caller::{Caller, Said, key, payload, stamp};
use crate::shared;

/// Which responses have a version: the new one, that of the entry, or none.
#[test]
fn versions_of_responses() {
    let mut caller = Caller::new(shared());
    let key = key();
    let version = |said: &Said| said.version().map(str::to_owned);
    let set = caller.say(&["SET", &key, "v"]);
    let first = version(&set);
    assert!(first.is_some());
    assert_eq!(version(&caller.say(&["SET", &key, "w", "NX"])), first);
    assert_eq!(version(&caller.say(&["SET", &key, "w", "NEX"])), first);
    assert_eq!(version(&caller.say(&["GET", &key])), first);
    assert_eq!(version(&caller.say(&["VDEL", &key, "w"])), first);
    assert_eq!(version(&caller.say(&["KEYNOTIFY", &key])), None);
    assert_eq!(version(&caller.say(&["KEYNOTIFY", &key, "STOP"])), None);
    assert_eq!(version(&caller.say(&["SCAN", &key])), None);
    assert_eq!(version(&caller.say(&["NOPE", &key])), None);
    let renewed = version(&caller.say(&["SET", &key, "v", "NEX"]));
    assert!(renewed > first);
    assert_eq!(version(&caller.say(&["VDEL", &key, "v"])), renewed);
    assert_eq!(version(&caller.say(&["VDEL", &key, "v"])), None);
    assert_eq!(version(&caller.say(&["DEL", &key])), None);
    assert_eq!(version(&caller.say(&["GET", &key])), None);
    let again = version(&caller.say(&["SET", &key, "v"]));
    assert!(again > renewed);
    assert_eq!(version(&caller.say(&["DEL", &key])), again);
}

/// Higher than the request's own stamp, and at most a minute ahead of the clock.
#[test]
fn versions_are_higher_than_requests() {
    let mut caller = Caller::new(shared());
    let key = key();
    for ahead in [-5_000, 0, 30_000, 59_000, 1_000] {
        let timestamp = stamp(ahead);
        let call = caller.call(&payload(&["SET", &key, "v"]));
        let said = caller.ask_as(&call.stamped(Some(&timestamp)));
        let version = said.version().unwrap();
        assert!(version > &*timestamp, "{version} of {timestamp}");
        assert!(version < &*stamp(61_000), "{version}");
    }
}

/// Clients send properties that mean nothing here; the first of a name counts.
#[test]
fn other_properties_mean_nothing() {
    let mut caller = Caller::new(shared());
    let key = key();
    let mut call = caller.call(&payload(&["SET", &key, "v"]));
    call.user = vec![
        ("__ts", "malformed, but not the first"),
        ("__srcId", "somebody"),
        ("__invId", "somebody"),
        ("$partition", "somebody"),
        ("$high_priority", ""),
        ("color", "blue"),
        ("color", "red"),
        ("aio-persistence", "true"),
        ("__protVer", "1.0"),
    ];
    let said = caller.ask_as(&call);
    assert_eq!(said.text(), "+OK|");
    let names: Vec<&str> = said.user.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["__stat", "__ts"]);
    assert_eq!((said.qos, said.retain, said.others), (QOS1, false, 0));
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    let mut caller = Caller::new(shared());
    let key = key();
    let mut call = caller.call(&payload(&["SET", &key, "v"]));
    call.user = vec![("__protVer", "2.0")];
    let said = caller.ask_as(&call);
    let told = |name| said.user(name);
    assert_eq!(told("__stat"), Some("505"));
    assert_eq!(told("__supProtMajVer"), Some("1"));
    assert_eq!(told("__requestProtVer"), Some("2.0"));
    assert!(said.payload.is_empty());
    assert_eq!(caller.answer(&["GET", &key]), "$-1|");
}

/// Of any length, and any bytes.
#[test]
fn correlation_data_is_echoed() {
    let mut caller = Caller::new(shared());
    for correlation in [
        b"7".to_vec(),
        vec![0xFF; 16],
        vec![0; 2_000],
        b"\r\n\0".to_vec(),
    ] {
        let mut call = caller.call(&payload(&["GET", "nothing"]));
        call.correlation = Some(correlation.clone());
        assert_eq!(caller.ask_as(&call).correlation, Some(correlation));
    }
}

/// A response is a publish like any other: whoever is subscribed gets it, however.
#[test]
fn third_parties_get_responses() {
    let mut caller = Caller::new(shared());
    let topic = unique("responses/to");
    let group = unique("g");
    let filters = [
        topic.clone(),
        format!("{}/+", unique("never")),
        "responses/+".to_owned(),
        "responses/#".to_owned(),
        format!("$share/{group}/responses/#"),
    ];
    let mut others: Vec<Client> = Vec::new();
    for filter in &filters {
        let mut other = Client::connect(shared(), &Options::clean(Version::V5));
        other.subscribe(filter, QOS1);
        others.push(other);
    }
    let mut old = Client::connect(shared(), &Options::clean(Version::V311));
    old.subscribe(&topic, QOS1);
    for round in 0..3 {
        // Keys of several partitions, all of them other ones than the topic's.
        for number in 0..8 {
            let key = format!("{}-{number}", key());
            let mut call = caller.call(&payload(&["SET", &key, "v"]));
            call.response_topic = Some(topic.clone());
            let id = caller.send(&call);
            assert_eq!(caller.client.expect_puback(id), ReasonCode::Success);
        }
        for (other, filter) in others.iter_mut().zip(&filters) {
            if filter.starts_with("never") {
                other.expect_silence();
                continue;
            }
            for _ in 0..8 {
                let message = other.take();
                assert_eq!((&*message.topic, &*message.payload), (&*topic, "+OK\r\n"));
            }
            other.expect_silence();
        }
        for _ in 0..8 {
            old.expect_message(&topic, "+OK\r\n", QOS1);
        }
        if round == 1 {
            // Who leaves and comes again is found again.
            others[0].unsubscribe(&[&topic]);
            others[0].subscribe(&topic, QOS1);
        }
    }
}

/// The broker's responses are not the client's own publishes.
#[test]
fn no_local_does_not_keep_responses_back() {
    let options = Options::clean(Version::V5);
    let mut caller = Caller::resumed(shared(), &options);
    let no_local = SubscriptionOptions {
        no_local: true,
        ..subscription(QOS1)
    };
    let filter = caller.responses.clone();
    let granted = caller.client.subscribe_as(&filter, no_local, None);
    assert_eq!(granted, ReasonCode::GrantedQos1);
    assert_eq!(caller.answer(&["GET", "nothing"]), "$-1|");
}

/// Who is not subscribed gets nothing but the acknowledgement, and may ask again.
#[test]
fn a_response_without_a_subscriber_is_lost() {
    let options = Options::clean(Version::V5);
    let mut caller = Caller::resumed(shared(), &options);
    let call = caller.call(&payload(&["SET", &key(), "v"]));
    let id = caller.send(&call);
    // Not 0x10, which counts as a failure.
    assert_eq!(caller.client.expect_puback(id), ReasonCode::Success);
    caller.client.expect_silence();
    let filter = caller.responses.clone();
    caller.client.subscribe(&filter, QOS1);
    assert_eq!(caller.ask_as(&call).text(), "+OK|");
}

/// Requests of one client are answered one after the other, those for one key in order.
#[test]
fn many_requests_at_once_are_answered_each() {
    let mut caller = Caller::new(shared());
    let key = key();
    let calls: Vec<_> = (0..200)
        .map(|_| caller.call(&payload(&["INCRBY", &key, "1"])))
        .collect();
    let ids: Vec<_> = calls.iter().map(|call| caller.send(call)).collect();
    for (number, call) in calls.iter().enumerate() {
        let said = caller.next();
        assert_eq!(said.text(), format!(":{}|", number + 1));
        assert_eq!(said.correlation, call.correlation);
    }
    for id in ids {
        assert_eq!(caller.client.expect_puback(id), ReasonCode::Success);
    }
}
