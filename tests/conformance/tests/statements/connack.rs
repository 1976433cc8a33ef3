//! CONNACK: what is announced, and that it comes once and first (section 3.2).

use catena_conformance::{Client, Options, QOS1, WillMessage, raw, unique};
use catena_mqtt::{Packet, Qos, ReasonCode, Version};

use crate::{VERSIONS, shared};

/// [MQTT-3.2.2-1] [MQTT-3.2.2-2] [MQTT3-3.2.2-1] [MQTT-3.1.4-5] [MQTT3-3.1.4-4]
/// [MQTT3-3.2.0-1]: the bytes of an acceptance: no reserved flag, no session.
#[test]
fn acceptance_byte_by_byte() {
    let mut client = Client::open(shared(), Version::V311);
    client.send_bytes(&raw::connect_v3(&unique("c")));
    let received = client.receive();
    assert_eq!(
        (received.first_byte(), received.body()),
        (0x20, &[0, 0][..])
    );
    let mut client = Client::open(shared(), Version::V5);
    client.send_bytes(&raw::connect_v5(&unique("c"), &[]));
    let received = client.receive();
    assert_eq!(received.first_byte(), 0x20);
    assert_eq!(received.body()[..2], [0, 0]);
}

/// [MQTT-3.2.2-3] [MQTT-3.1.2-5] [MQTT3-3.2.2-2] [MQTT3-3.2.2-3] [MQTT3-3.1.2-4]: session
/// present tells whether there was one, byte by byte.
#[test]
fn session_present_tells_of_a_session() {
    for version in VERSIONS {
        let options = Options::lasting(version);
        for expected in [0, 1, 1] {
            let mut client = Client::open(shared(), version);
            client.send_bytes(&options.bytes());
            let received = client.receive();
            assert_eq!(received.body()[..2], [expected, 0]);
            client.disconnect();
        }
        let clean = Options {
            clean_start: true,
            ..options
        };
        let client = Client::connect(shared(), &clean);
        assert!(!client.session_present());
    }
}

/// [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT3-3.2.0-1]: CONNACK comes before the messages that waited,
/// and once.
#[test]
fn one_connack_before_everything_else() {
    for version in VERSIONS {
        let topic = unique("t");
        let options = Options::lasting(version);
        let mut client = Client::connect(shared(), &options);
        client.subscribe(&topic, QOS1);
        client.disconnect();
        let mut publisher = Client::connect(shared(), &Options::clean(version));
        for payload in ["1", "2", "3"] {
            publisher.publish(&topic, payload, QOS1);
        }
        let mut client = Client::connect(shared(), &options);
        assert!(client.session_present());
        for payload in ["1", "2", "3"] {
            client.expect_message(&topic, payload, QOS1);
        }
        client.expect_silence();
    }
}

/// [MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT3-3.2.2-4] [MQTT3-3.2.2-5] [MQTT-4.13.2-1]:
/// a refusal has no session, even if there is one, and is the last word.
#[test]
fn refusal_ends_the_connection() {
    let options = Options::lasting(Version::V5);
    Client::connect(shared(), &options).disconnect();
    let mut client = Client::open(shared(), Version::V5);
    client.send_bytes(
        &Options {
            authentication_method: Some("unknown"),
            ..options.clone()
        }
        .bytes(),
    );
    client.expect_refused(ReasonCode::BadAuthenticationMethod);
    assert!(Client::connect(shared(), &options).session_present());
    let mut client = Client::open(shared(), Version::V311);
    client.send_bytes(&raw::connect("MQTT", 4, 0, &[&raw::string("")]));
    client.expect_refused(ReasonCode::ClientIdentifierNotValid);
}

/// [MQTT-3.2.2-9] [MQTT-3.1.2-28] [MQTT-4.12.0-6]: a broker that can do everything announces no
/// lack of anything, and gives nothing that was not asked for.
#[test]
fn nothing_is_missing_and_nothing_is_unasked() {
    let client = Client::connect(shared(), &Options::clean(Version::V5));
    let properties = client.connack().properties;
    assert_eq!(properties.maximum_qos, Qos::ExactlyOnce);
    assert!(properties.retain_available);
    assert!(properties.wildcard_subscription_available);
    assert!(properties.subscription_identifiers_available);
    assert!(properties.shared_subscription_available);
    assert_eq!(properties.assigned_client_id, None);
    assert_eq!(properties.response_information, None);
    assert_eq!(properties.authentication_method, None);
    assert_eq!(properties.authentication_data, None);
    assert_eq!(properties.server_keep_alive, None);
    assert_eq!(properties.session_expiry, None);
    assert_eq!(properties.server_reference, None);
}

/// [MQTT-3.14.0-1] [MQTT-3.2.2-7]: no DISCONNECT before CONNACK, whatever is wrong.
#[test]
fn before_connack_errors_are_told_in_connack() {
    let bad_will = WillMessage::new("w/#", "bye", QOS1);
    let options = Options::clean(Version::V5).with_will(bad_will);
    let mut client = Client::open(shared(), Version::V5);
    client.send_bytes(&options.bytes());
    let received = client.receive();
    let is_refusal =
        matches!(received.packet(), Packet::ConnAck(connack) if connack.reason.is_error());
    assert!(is_refusal, "{received:?}");
    client.expect_closed();
}
