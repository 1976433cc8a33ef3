//! Complete packets: requests as clients of the published protocol encode them, byte for byte, and
//! all there is in what comes back.

use catena_conformance::{Broker, QOS1, raw};
use catena_mqtt::ReasonCode;

use crate::caller::{Caller, payload, stamp};

/// `GET k1` of client `c1`, as the client library for Rust encodes it: 343 bytes.
fn sample() -> Vec<u8> {
    let invoke = "statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/command/invoke";
    let user =
        |name: &str, value: &str| [vec![0x26], raw::string(name), raw::string(value)].concat();
    let correlation: Vec<u8> = (0..16).collect();
    let properties = raw::section(&[
        &[2, 0, 0, 0, 5, 8],
        &raw::string(format!("clients/c1/services/{invoke}/response")),
        &[9],
        &raw::string(&correlation),
        &user("__srcId", "c1"),
        &user("__ts", "001795239747188:00000:n1"),
        &user("__protVer", "1.0"),
        &user("$partition", "c1"),
        &user("$high_priority", ""),
        &[3],
        &raw::string("application/octet-stream"),
    ]);
    let parts: [&[u8]; 4] = [
        &raw::string(invoke),
        &[0, 3],
        &properties,
        b"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n",
    ];
    raw::packet(0x32, &parts)
}

#[test]
fn a_request_of_a_client_library_is_answered_in_full() {
    let broker = Broker::start(&[]);
    let mut caller = Caller::named(&broker, "c1");
    let version = caller
        .say(&["SET", "k1", "abc"])
        .version()
        .unwrap()
        .to_owned();
    let packet = sample();
    assert_eq!(
        (packet.len(), packet[..3].to_vec()),
        (343, vec![0x32, 0xD4, 0x02])
    );
    caller.client.send_bytes(&packet);
    let three = catena_conformance::id(3);
    assert_eq!(caller.client.expect_puback(three), ReasonCode::Success);
    let said = caller.next();
    assert_eq!(
        said.topic,
        "clients/c1/services/statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/command/invoke/\
         response"
    );
    assert_eq!(said.payload, b"$3\r\nabc\r\n");
    assert_eq!((said.qos, said.retain, said.dup), (QOS1, false, false));
    assert_eq!(said.correlation, Some((0..16).collect()));
    assert!(
        said.expiry
            .is_some_and(|seconds| (1..=5).contains(&seconds))
    );
    let expected = [("__stat", "200"), ("__ts", &*version)];
    assert_eq!(
        said.user,
        expected.map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(said.others, 0, "{said:?}");
    // 15 and 5 digits and the node: `001795239747100:00000:StateStore`.
    assert_eq!(
        (version.len(), &version[15..16], &version[21..]),
        (32, ":", ":StateStore")
    );
}

#[test]
fn a_notification_has_a_version_and_nothing_else() {
    let broker = Broker::start(&[]);
    let mut caller = Caller::named(&broker, "c1");
    caller.say(&["KEYNOTIFY", "k1"]);
    let version = caller
        .say(&["SET", "k1", "abc"])
        .version()
        .unwrap()
        .to_owned();
    let told = caller.next();
    assert_eq!(
        told.topic,
        "clients/statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/6331/command/notify/6B31"
    );
    assert_eq!(
        told.payload,
        b"*4\r\n$6\r\nNOTIFY\r\n$3\r\nSET\r\n$5\r\nVALUE\r\n$3\r\nabc\r\n"
    );
    assert_eq!((told.qos, told.retain, told.dup), (QOS1, false, false));
    assert_eq!(told.user, [("__ts".to_owned(), version)]);
    assert_eq!(
        (told.correlation, told.expiry, told.others),
        (None, None, 0)
    );
}

/// Each client library has a response topic of its own, and so may anybody.
#[test]
fn responses_go_where_the_request_says() {
    let broker = Broker::start(&[]);
    let mut caller = Caller::named(&broker, "c1");
    let invoke = catena_rpc::topics::INVOKE;
    for topic in [
        format!("clients/c1/services/{invoke}/response"),
        format!("clients/c1/{invoke}"),
        format!("clients/6331/{invoke}/response"),
        "clients/c1/services/statestore/_any_/command/invoke/response".to_owned(),
        "anything/else".to_owned(),
    ] {
        caller.client.subscribe(&topic, QOS1);
        let mut call = caller.call(&payload(&["GET", "k1"]));
        call.response_topic = Some(topic.clone());
        let said = caller.ask_as(&call);
        assert_eq!((said.topic, said.payload), (topic, b"$-1\r\n".to_vec()));
    }
}

/// Stamps with any padding are read, those written are padded.
#[test]
fn stamps_have_any_padding() {
    let broker = Broker::start(&[]);
    let mut caller = Caller::new(&broker);
    let now = stamp(0);
    let unpadded = now.trim_start_matches('0').replace(":00000:", ":0:");
    let set = payload(&["SET", "k", "v"]);
    let call = caller.call(&set).stamped(Some(&unpadded));
    let said = caller.ask_as(&call);
    assert_eq!(said.text(), "+OK|");
    assert!(said.version() > Some(&now), "{said:?} of {now}");
    for malformed in ["1:2", "1:2:3:4", "x:0:n", "1:y:n", "1:0:", ""] {
        let call = caller.call(&set).stamped(Some(malformed));
        assert_eq!(caller.ask_as(&call).text(), "-ERR malformed timestamp|");
    }
    // What sets nothing needs none, and is not held up by a malformed one.
    for words in [&["GET", "k"][..], &["KEYNOTIFY", "k"], &["DEL", "k"]] {
        let call = caller.call(&payload(words)).stamped(Some("abc"));
        assert!(!caller.ask_as(&call).text().starts_with('-'), "{words:?}");
    }
}
