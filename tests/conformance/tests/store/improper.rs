//! Publishes to the invoke topic that are no proper requests: what MQTT itself tells the client.

use catena_conformance::{Client, Options, QOS0, QOS1, QOS2, post, raw, subscription, unique};
use catena_mqtt::{Publish, ReasonCode, Version};
use catena_rpc::topics;

use crate::caller::{Call, Caller, key, payload};
use crate::shared;

/// A `SET` of a new key, and the key.
fn set(caller: &mut Caller) -> (Call, String) {
    let key = key();
    (caller.call(&payload(&["SET", &key, "v"])), key)
}

#[test]
fn qos_0_is_dropped() {
    let mut caller = Caller::new(shared());
    let (mut call, key) = set(&mut caller);
    call.qos = QOS0;
    caller.send(&call);
    caller.client.expect_silence();
    assert_eq!(caller.answer(&["GET", &key]), "$-1|");
}

#[test]
fn qos_2_is_refused() {
    let mut caller = Caller::new(shared());
    let (mut call, key) = set(&mut caller);
    call.qos = QOS2;
    let id = caller.send(&call);
    let reason = caller.client.expect_pubrec(id);
    assert_eq!(reason, ReasonCode::ImplementationSpecificError);
    caller.client.expect_silence();
    assert_eq!(caller.answer(&["GET", &key]), "$-1|");
}

#[test]
fn what_a_request_needs_may_not_be_missing() {
    let mut caller = Caller::new(shared());
    let cases: [fn(&mut Call); 3] = [
        |call| call.response_topic = None,
        |call| call.correlation = None,
        |call| call.correlation = Some(Vec::new()),
    ];
    for change in cases {
        let (mut call, key) = set(&mut caller);
        change(&mut call);
        let id = caller.send(&call);
        let reason = caller.client.expect_puback(id);
        assert_eq!(reason, ReasonCode::ImplementationSpecificError, "{call:?}");
        caller.client.expect_silence();
        assert_eq!(caller.answer(&["GET", &key]), "$-1|");
    }
}

/// The acknowledgement goes first: a client that gets none sends the request again for ever.
#[test]
fn forbidden_response_topics_end_the_connection() {
    for topic in [
        topics::INVOKE.to_owned(),
        topics::NOTIFICATIONS.to_owned(),
        format!("{}/6331/command/notify/6B31", topics::NOTIFICATIONS),
    ] {
        let mut caller = Caller::new(shared());
        let (mut call, key) = set(&mut caller);
        call.response_topic = Some(topic);
        let id = caller.send(&call);
        let reason = caller.client.expect_puback(id);
        assert_eq!(reason, ReasonCode::TopicNameInvalid);
        caller
            .client
            .expect_disconnect(ReasonCode::TopicNameInvalid);
        assert_eq!(Caller::new(shared()).answer(&["GET", &key]), "$-1|");
    }
}

/// Nobody speaks in the broker's name by having it answer there.
#[test]
fn responses_do_not_go_to_topics_of_the_broker() {
    let mut caller = Caller::new(shared());
    for topic in ["$SYS/broker/uptime", "$share/g/t"] {
        let (mut call, key) = set(&mut caller);
        call.response_topic = Some(topic.to_owned());
        let id = caller.send(&call);
        assert_eq!(caller.client.expect_puback(id), ReasonCode::NotAuthorized);
        caller.client.expect_silence();
        assert_eq!(caller.answer(&["GET", &key]), "$-1|");
    }
}

#[test]
fn a_request_that_has_expired_is_dropped() {
    let mut caller = Caller::new(shared());
    let (mut call, key) = set(&mut caller);
    call.expiry = Some(0);
    let id = caller.send(&call);
    assert_eq!(caller.client.expect_puback(id), ReasonCode::Success);
    caller.client.expect_silence();
    assert_eq!(caller.answer(&["GET", &key]), "$-1|");
}

/// [MQTT-3.3.2-14]
#[test]
fn response_topics_with_wildcards_end_the_connection() {
    for topic in ["a/+", "a/#"] {
        let mut caller = Caller::new(shared());
        let key = key();
        let properties = [&[8][..], &raw::string(topic), &[9], &raw::string("x")];
        let parts: [&[u8]; 4] = [
            &raw::string(topics::INVOKE),
            &[0, 9],
            &raw::section(&properties),
            &payload(&["INCRBY", &key, "1"]),
        ];
        caller.client.send_bytes(&raw::packet(0x32, &parts));
        caller.client.expect_end();
        assert_eq!(Caller::new(shared()).answer(&["GET", &key]), "$-1|");
    }
}

/// There are no properties, and so nobody to answer.
#[test]
fn requests_of_mqtt_3_are_dropped() {
    let mut caller = Caller::new(shared());
    let key = key();
    let text = String::from_utf8(payload(&["SET", &key, "v"])).unwrap();
    // At QoS 2 too it is acknowledged: who gets no answer sends it again with every connection.
    for qos in [QOS0, QOS1, QOS2] {
        let mut old = Client::connect(shared(), &Options::clean(Version::V311));
        old.publish(topics::INVOKE, &text, qos);
        old.expect_silence();
        assert_eq!(caller.answer(&["GET", &key]), "$-1|");
    }
}

/// Requests are for the broker alone: nobody else gets them, and none is retained.
#[test]
fn requests_are_not_forwarded() {
    let mut caller = Caller::new(shared());
    let mut spy = Client::connect(shared(), &Options::clean(Version::V5));
    for filter in [topics::INVOKE, "statestore/#"] {
        spy.subscribe(filter, QOS1);
    }
    let group = format!("$share/{}/statestore/#", unique("g"));
    spy.subscribe(&group, QOS1);
    let (key, correlation) = (key(), unique("x"));
    let bytes = payload(&["SET", &key, "v"]);
    let properties = catena_conformance::properties(&[
        catena_mqtt::Property::ResponseTopic(&caller.responses),
        catena_mqtt::Property::CorrelationData(correlation.as_bytes()),
        catena_mqtt::Property::UserProperty("__ts", &crate::caller::stamp(0)),
    ]);
    let limits = catena_mqtt::Limits::DEFAULT;
    let publish = Publish {
        retain: true,
        payload: &bytes,
        forwarded: catena_mqtt::Forwarded::parse(&properties, &limits).unwrap(),
        ..post(topics::INVOKE, "", QOS1, None)
    };
    assert_eq!(caller.client.publish_as(&publish), ReasonCode::Success);
    assert_eq!(caller.next().text(), "+OK|");
    spy.expect_silence();
    let options = subscription(QOS1);
    spy.subscribe_as(topics::INVOKE, options, None);
    spy.expect_silence();
}

/// A topic alias stands for the invoke topic as for any other.
#[test]
fn an_alias_may_stand_for_the_invoke_topic() {
    let mut caller = Caller::new(shared());
    let limits = catena_mqtt::Limits::DEFAULT;
    for (topic, number) in [(topics::INVOKE, "1"), ("", "2")] {
        let properties = catena_conformance::properties(&[
            catena_mqtt::Property::ResponseTopic(&caller.responses),
            catena_mqtt::Property::CorrelationData(number.as_bytes()),
        ]);
        let bytes = payload(&["GET", &key()]);
        let publish = Publish {
            topic_alias: std::num::NonZeroU16::new(1),
            payload: &bytes,
            forwarded: catena_mqtt::Forwarded::parse(&properties, &limits).unwrap(),
            ..post(topic, "", QOS1, None)
        };
        assert_eq!(caller.client.publish_as(&publish), ReasonCode::Success);
        let said = caller.next();
        assert_eq!(said.text(), "$-1|");
        assert_eq!(said.correlation.as_deref(), Some(number.as_bytes()));
    }
}
