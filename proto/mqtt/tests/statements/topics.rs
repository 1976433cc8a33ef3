//! Sections 4.7 and 4.8: topic names, filters, matching, shared subscriptions.

use catena_mqtt::ReasonCode::{MalformedPacket, TopicFilterInvalid, TopicNameInvalid};
use catena_mqtt::{Filter, Limits, topic};

/// [MQTT-4.7.1-1] [MQTT3-4.7.1-2] [MQTT-4.7.1-2] [MQTT3-4.7.1-3] [MQTT-4.7.3-1] [MQTT3-4.7.3-1]
#[test]
fn wildcards_fill_their_level() {
    for filter in [
        "#", "a/#", "/#", "+", "+/a", "a/+", "a/+/b/#", "+/+", "/+", "a", "/", "$SYS/#",
    ] {
        assert!(Filter::parse(filter).is_ok(), "{filter}");
    }
    for filter in [
        "", "a#", "#a", "#/", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "##", "++", "a/#b",
    ] {
        let reason = Filter::parse(filter).map_err(|error| error.reason);
        assert_eq!(reason, Err(MalformedPacket), "{filter}");
    }
}

/// [MQTT-4.8.2-1] [MQTT-4.8.2-2], P14
#[test]
fn shared_filters_have_a_name_and_a_filter() {
    for (text, share, path) in [
        ("$share/g/t", Some("g"), "t"),
        ("$share/g/#", Some("g"), "#"),
        ("$share/g//t", Some("g"), "/t"),
        ("$share/$share/a/b", Some("$share"), "a/b"),
        ("$shared/g/t", None, "$shared/g/t"),
        ("$share", None, "$share"),
        ("a/$share/g/t", None, "a/$share/g/t"),
    ] {
        assert_eq!(Filter::parse(text), Ok(Filter { share, path }), "{text}");
    }
    for text in [
        "$share/",
        "$share/ab",
        "$share//t",
        "$share/g+/t",
        "$share/#/t",
        "$share/g/",
    ] {
        let reason = Filter::parse(text).map_err(|error| error.reason);
        assert_eq!(reason, Err(MalformedPacket), "{text}");
    }
}

/// [MQTT-4.7.2-1] [MQTT3-4.7.2-1] [MQTT-4.7.3-4] [MQTT3-4.7.3-4]
#[test]
fn filters_match_topics() {
    for (filter, topic, expected) in [
        ("a/b", "a/b", true),
        ("a/b", "a/B", false),
        ("a/b", "/a/b", false),
        ("a/b", "a/b/", false),
        ("a//b", "a/b", false),
        ("a/+", "a/b", true),
        ("a/+", "a/", true),
        ("a/+", "a", false),
        ("a/+", "a/b/c", false),
        ("+/+", "/a", true),
        ("+", "/a", false),
        ("/+", "/a", true),
        ("a/#", "a", true),
        ("a/#", "a/b/c", true),
        ("a/#", "ab", false),
        ("#", "a/b", true),
        ("#", "/", true),
        ("+/b/#", "a/b", true),
        ("#", "$SYS/a", false),
        ("+/a", "$SYS/a", false),
        ("+", "$SYS", false),
        ("$SYS/#", "$SYS/a", true),
        ("$SYS/+", "$SYS/a", true),
        ("a/#", "a/$b", true),
        ("a/+", "a/$b", true),
        ("\u{e9}", "e\u{301}", false),
    ] {
        assert_eq!(
            topic::matches(filter, topic),
            expected,
            "{filter} with {topic}"
        );
    }
}

/// [MQTT-4.7.3-3] [MQTT3-4.7.3-3], P09
#[test]
fn length_and_levels_are_limited() {
    let longest = "x".repeat(65_535);
    assert_eq!(topic::check(&longest, &Limits::DEFAULT), Ok(()));
    let too_long = "x".repeat(65_536);
    let name = topic::check(&too_long, &Limits::DEFAULT).map_err(|error| error.reason);
    assert_eq!(name, Err(TopicNameInvalid));
    assert!(Filter::parse(&too_long).is_err());

    let deepest = "/".repeat(127);
    assert_eq!(topic::levels(&deepest).count(), 128);
    assert_eq!(topic::check(&deepest, &Limits::DEFAULT), Ok(()));
    assert!(Filter::parse(&deepest).is_ok());
    let too_deep = "/".repeat(128);
    let name = topic::check(&too_deep, &Limits::DEFAULT).map_err(|error| error.reason);
    assert_eq!(name, Err(TopicNameInvalid));
    let filter = Filter::parse(&too_deep).map_err(|error| error.reason);
    assert_eq!(filter, Err(TopicFilterInvalid));
    let mixed = "ab/".repeat(64);
    assert_eq!(topic::check(&mixed, &Limits::DEFAULT), Ok(()));
}
