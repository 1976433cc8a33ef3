//! What becomes of topics, payloads, metadata and properties.

use super::*;
use crate::instances::Flavour;

fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn settings() -> Settings {
    let pairs = map(&[("url", "mqtt://h"), ("userProperties", "site, Line")]);
    Settings::read(&Properties::new(pairs), Flavour::Catena).unwrap()
}

fn published(
    data: &'static str,
    content_type: &str,
    pairs: &[(&str, &str)],
) -> Result<String, Invalid> {
    let data = Bytes::from_static(data.as_bytes());
    let publish = publish(&settings(), "a/b", data, content_type, map(pairs))?;
    Ok(format!("{publish:?} {:?}", publish.properties()))
}

#[track_caller]
fn check(data: &'static str, content_type: &str, pairs: &[(&str, &str)], expected: &[&str]) {
    let text = published(data, content_type, pairs).unwrap();
    for part in expected {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn metadata_becomes_what_mqtt_has_for_it() {
    check(
        "x",
        "",
        &[],
        &[
            "AtLeastOnce",
            "retain: false",
            "content_type: None",
            "expiry: None",
        ],
    );
    check(
        "x",
        "",
        &[("QOS", "2"), ("retain", "yes")],
        &["ExactlyOnce", "retain: true"],
    );
    check("x", "", &[("ttlInSeconds", "10")], &["expiry: Some(10s)"]);
    check(
        "x",
        "",
        &[("ttlInSeconds", "10"), ("ttl", "1m")],
        &["expiry: Some(60s)"],
    );
    check("x", "", &[("ttl", "-1s")], &["expiry: Some(0ns)"]);
    let answers = [("responseTopic", "r"), ("correlationData", "AAE=")];
    check("x", "", &answers, &["Some(\"r\")", "x01"]);
    let user = [
        ("mqtt.user.unit", "C"),
        ("Site", "1"),
        ("TraceParent", "00-1"),
        ("MQTT.user.Abc", "2"),
    ];
    check(
        "x",
        "",
        &user,
        &[
            "(\"unit\", \"C\")",
            "(\"Site\", \"1\")",
            "(\"Abc\", \"2\")",
            "(\"traceparent\", \"00-1\")",
        ],
    );
    let other = published("x", "", &[("priority", "1"), ("unit", "C")]).unwrap();
    assert!(
        !other.contains("priority") && !other.contains("unit"),
        "{other}"
    );
}

#[test]
fn what_is_published_keeps_its_content_type() {
    const EVENT: &str = " {\"specversion\":\"1.0\"}";
    let json = "Some(\"application/cloudevents+json\")";
    check(EVENT, "", &[], &[json, "is_text: true"]);
    check(
        EVENT,
        "",
        &[("rawPayload", "true")],
        &["content_type: None"],
    );
    check(
        EVENT,
        "text/plain",
        &[],
        &["Some(\"text/plain\")", "is_text: true"],
    );
    check(
        "x",
        "",
        &[("contentType", "image/png")],
        &["Some(\"image/png\")", "is_text: false"],
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    for pairs in [
        [("qos", "3")],
        [("retain", "perhaps")],
        [("ttlInSeconds", "0")],
        [("ttlInSeconds", "-1")],
        [("ttl", "soon")],
        [("correlationData", "%")],
    ] {
        let error = published("x", "", &pairs).unwrap_err().to_string();
        assert!(error.contains(pairs[0].0), "{error}");
    }
    for topic in ["", "a/+", "#", "$share/g/a"] {
        let refused = publish(&settings(), topic, Bytes::new(), "", HashMap::new());
        assert!(refused.unwrap_err().to_string().contains("`topic`"));
    }
}

fn delivered(
    content_type: Option<&str>,
    user: &[(&str, &str)],
    is_raw: bool,
) -> PullMessagesResponse {
    let mut properties = MqttProperties::default();
    properties.content_type = content_type.map(str::to_owned);
    let user = user.iter();
    properties.user = user
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let flags = Flags {
        qos: Qos::AtLeastOnce,
        is_retained: true,
        is_duplicate: false,
        expires_in: Some(Duration::from_millis(6_900)),
    };
    of_parts("a/ü", Bytes::from_static(b"x"), flags, &properties, is_raw)
}

#[test]
fn what_mqtt_has_is_handed_over() {
    let got = delivered(Some("text/plain"), &[("Unit", "°C")], false);
    assert_eq!(
        (&*got.topic_name, &*got.content_type),
        ("a/ü", "text/plain")
    );
    for (name, value) in [
        ("qos", "1"),
        ("retained", "true"),
        ("dup", "false"),
        ("mqttTopic", "a/%C3%BC"),
        ("expiryInterval", "7"),
        ("unit", "%C2%B0C"),
    ] {
        assert_eq!(
            got.metadata.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
}

#[test]
fn names_that_mean_something_else_are_handed_over_with_a_prefix_or_not_at_all() {
    let user = [
        ("retain", "true"),
        ("Host", "x"),
        ("a b", "x"),
        ("x-bin", "x"),
        ("", "x"),
    ];
    let got = delivered(None, &user, false).metadata;
    assert_eq!(
        got.get("mqtt.user.retain").map(String::as_str),
        Some("true")
    );
    assert!(got.contains_key("mqtt.user.host"));
    for name in ["retain", "host", "a b", "x-bin", ""] {
        assert!(!got.contains_key(name), "{name}");
    }
}

#[test]
fn events_in_binary_mode_become_what_a_sidecar_takes_for_one() {
    let user = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "s"),
        ("type", "t"),
    ];
    let got = delivered(Some("application/json"), &user, false);
    assert_eq!(got.content_type, "application/octet-stream");
    assert_eq!(got.metadata.get("ce_id").map(String::as_str), Some("1"));
    let inner = got.metadata.get("ce_datacontenttype").map(String::as_str);
    assert_eq!(inner, Some("application/json"));
    let raw = delivered(Some("application/json"), &user, true);
    assert_eq!(raw.content_type, "application/json");
}

#[test]
fn bytes_with_attributes_are_an_event_however_these_are_spelt() {
    let user = [
        ("ce_specversion", "1.0"),
        ("ce_id", "1"),
        ("ce_source", "s"),
        ("CE_Type", "t"),
    ];
    let got = delivered(Some("application/octet-stream"), &user, false);
    assert_eq!(got.content_type, "application/octet-stream");
    for name in ["ce_id", "ce_source", "ce_type", "ce_specversion"] {
        assert!(got.metadata.contains_key(name), "{name}");
    }
    assert!(!got.metadata.contains_key("ce_ce_id"));
}

#[test]
fn bytes_without_attributes_are_no_event() {
    let bytes = Some("application/octet-stream");
    assert_eq!(delivered(bytes, &[], false).content_type, "");
    assert_eq!(
        delivered(bytes, &[], true).content_type,
        "application/octet-stream"
    );
}
