//! Format strings, one line each.

use std::time::Duration;

use catena_mqtt::Qos;

use super::*;
use crate::client::incoming::MessageProperties;

fn message() -> Message {
    Message {
        topic: "a/bé".to_owned(),
        payload: b"{\"b\":1.0,\"a\":\xC3\xA9}".to_vec(),
        qos: Qos::AtLeastOnce,
        retain: true,
        packet_id: 7,
        properties: MessageProperties {
            payload_format: Some(true),
            expiry: Some(20),
            content_type: Some("te\"xt".to_owned()),
            response_topic: Some("r/t".to_owned()),
            correlation_data: Some(b"\xFFc".to_vec()),
            topic_alias: Some(9),
            subscription_ids: vec![1, 2],
            user: vec![("k".to_owned(), "v".to_owned()); 2],
        },
    }
}

fn render(format: &str, message: &Message) -> Result<Vec<u8>, Failure> {
    let moment = Moment::new(Duration::new(1_470_818_943, 786_368_637));
    let mut out = Vec::new();
    Format::parse(format)?.render(message, &moment, &mut out)?;
    Ok(out)
}

#[track_caller]
fn check(format: &str, expected: impl AsRef<[u8]>) {
    let out = render(format, &message()).unwrap();
    let expected = expected.as_ref();
    assert_eq!(
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(expected),
        "{format}"
    );
    assert_eq!(out, expected);
}

#[track_caller]
fn check_refused(format: &str, what: &str) {
    let failure = Format::parse(format).unwrap_err();
    assert!(failure.text.contains(what), "{failure}");
}

#[test]
fn letters_stand_for_parts_of_the_message() {
    check("%t", "a/bé");
    check("%p", message().payload);
    check("%l %m %q %r", "16 7 1 1");
    check("%A %C %E %F %R %S", "9 te\"xt 20 1 r/t 1 2");
    check("%D", b"\xFFc");
    check("%P", "k:v k:v");
    check("%x", "7b2262223a312e302c2261223ac3a97d");
    check("%X", "7B2262223A312E302C2261223AC3A97D");
    check("100%%", "100%");
    check("", "");
}

#[test]
fn widths_count_characters() {
    check("[%6t]", "[  a/bé]");
    check("[%-6t]", "[a/bé  ]");
    check("[%06t]", "[  a/bé]");
    check("[%.2t]", "[a/]");
    check("[%5.2t]", "[   a/]");
    check("[%.9t]", "[a/bé]");
    check("[%05l]", "[00016]");
    check("[%-05l]", "[16   ]");
    check("[%1l]", "[16]");
}

#[test]
fn times_are_those_of_arrival_in_utc() {
    check("%I", "2016-08-10T08:49:03+0000");
    check("%U", "1470818943.786368637");
    check("@Y-@m-@d @@ @N", "2016-08-10 @ 786368637");
}

#[test]
fn escapes_stand_for_bytes() {
    check(r"\\\0\a\e\n\r\t\v", b"\\\0\x07\x1B\n\r\t\x0B");
}

#[test]
fn json_has_everything() {
    let properties = "\"properties\":{\"payload-format-indicator\":1,\
        \"message-expiry-interval\":20,\"content-type\":\"te\\\"xt\",\"response-topic\":\"r/t\",\
        \"correlation-data\":\"\u{FFFD}c\",\"topic-alias\":9,\"subscription-identifier\":[1,2],\
        \"user-properties\":{\"k\":\"v\",\"k\":\"v\"}}";
    let head = format!(
        "{{\"tst\":\"2016-08-10T08:49:03.786368+0000\",\"topic\":\"a/bé\",\"qos\":1,\"retain\":1,\
         \"payloadlen\":16,\"mid\":7,{properties}"
    );
    check(
        "%j",
        format!("{head},\"payload\":\"{{\\\"b\\\":1.0,\\\"a\\\":é}}\"}}"),
    );
}

#[test]
fn json_payloads_stay_as_they_were_written() {
    let message = Message {
        topic: "t".to_owned(),
        payload: b"{ \"b\":1.0, \"a\":2 }".to_vec(),
        ..Message::default()
    };
    let out = render("%J", &message).unwrap();
    let expected = "{\"tst\":\"2016-08-10T08:49:03.786368+0000\",\"topic\":\"t\",\"qos\":0,\
        \"retain\":0,\"payloadlen\":18,\"payload\":{ \"b\":1.0, \"a\":2 }}";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let broken = Message {
        payload: b"{".to_vec(),
        ..message
    };
    let failure = render("%J", &broken).unwrap_err();
    assert_eq!(failure.text, "message payload is not valid JSON on topic t");
}

#[test]
fn json_can_be_laid_out_for_people() {
    let moment = Moment::new(Duration::ZERO);
    let message = Message {
        payload: b"[1]".to_vec(),
        ..Message::default()
    };
    let mut out = Vec::new();
    let format = Format::parse("%J").unwrap().pretty(true);
    format.render(&message, &moment, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("\n  \"payload\": [\n    1\n  ]\n}"), "{text}");
}

#[test]
fn unknown_sequences_are_told() {
    check_refused("%z", "no %z");
    check_refused("a%", "last %");
    check_refused("%-5", "last %");
    check_refused("@", "last @");
    check_refused("@Q", "no @Q");
    check_refused("\\q", "no \\q");
    check_refused("\\", "last \\");
    check_refused("%99999999999999999999t", "up to 65535");
}
