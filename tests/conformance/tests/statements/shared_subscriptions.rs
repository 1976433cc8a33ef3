//! Shared subscriptions (section 4.8.2), also for clients of 3.1.1.

use catena_conformance::{Client, EVERY_QOS, Options, QOS0, QOS1, QOS2, raw, subscription, unique};
use catena_mqtt::{
    Ack, Packet, ReasonCode, ReasonProperties, RetainHandling, SubscriptionOptions, Version,
};

use crate::{VERSIONS, shared};

fn client(version: Version) -> Client {
    Client::connect(shared(), &Options::clean(version))
}

/// Takes all that has come to `client`, which is told to have no more by a message of its own.
fn drain(client: &mut Client, bell: &str) -> Vec<String> {
    client.publish(bell, bell, QOS1);
    let mut payloads = Vec::new();
    loop {
        let message = client.take();
        if message.payload == bell {
            return payloads;
        }
        payloads.push(message.payload);
    }
}

/// [MQTT-4.8.2-1] [MQTT-4.8.2-3] [MQTT-4.5.0-1] [MQTT3-4.5.0-1]: each message goes to one member
/// of each group, at the QoS granted to it, and to every plain subscription.
#[test]
fn one_member_of_each_group_gets_a_message() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut members: Vec<_> = (0..4).map(|_| client(version)).collect();
        for (number, member) in members.iter_mut().enumerate() {
            let group = if number < 2 { "one" } else { "two" };
            member.subscribe(&format!("$share/{group}/{topic}"), QOS1);
        }
        let mut plain = client(version);
        plain.subscribe(&topic, QOS1);
        let mut publisher = client(Version::V5);
        let mut expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        for payload in &expected {
            assert_eq!(
                publisher.publish(&topic, payload, QOS2),
                ReasonCode::Success
            );
        }
        for payload in &expected {
            plain.expect_message(&topic, payload, QOS1);
        }
        expected.sort();
        for pair in members.chunks_mut(2) {
            let mut found = Vec::new();
            while found.len() < expected.len() {
                for member in &mut *pair {
                    let bell = unique("bell");
                    member.subscribe(&bell, QOS1);
                    found.extend(drain(member, &bell));
                    member.unsubscribe(&[&bell]);
                }
            }
            found.sort();
            assert_eq!(found, expected);
        }
    }
}

/// [MQTT-4.8.2-3]: granted QoS 0, 1 and 2.
#[test]
fn shared_delivery_is_at_the_granted_qos() {
    for granted in EVERY_QOS {
        let topic = unique("t");
        let mut member = client(Version::V5);
        member.subscribe(&format!("$share/g/{topic}"), granted);
        for published in EVERY_QOS {
            member.publish(&topic, "hello", published);
            member.expect_message(&topic, "hello", published.min(granted));
        }
    }
}

/// [MQTT-3.3.4-3] [MQTT-3.3.4-4]: a shared and a plain subscription of one client are two: each
/// brings a copy, with its identifier and at its QoS.
#[test]
fn shared_and_plain_subscriptions_overlap() {
    let topic = unique("t");
    let mut member = client(Version::V5);
    member.subscribe_as(&format!("$share/g/{topic}"), subscription(QOS2), Some(1));
    member.subscribe_as(&topic, subscription(QOS1), Some(2));
    member.publish(&topic, "hello", QOS2);
    let mut messages = [member.take(), member.take()];
    messages.sort_by_key(|message| message.qos);
    assert_eq!(
        (messages[0].qos, &*messages[0].subscription_ids),
        (QOS1, &[2][..])
    );
    assert_eq!(
        (messages[1].qos, &*messages[1].subscription_ids),
        (QOS2, &[1][..])
    );
    member.expect_silence();
}

/// [MQTT-3.3.1-9]: a shared subscription brings no retained messages.
#[test]
fn no_retained_messages_for_a_group() {
    for version in VERSIONS {
        let topic = unique("t");
        let mut member = client(version);
        member.publish_retained(&topic, "kept", QOS1);
        for retain_handling in [RetainHandling::Send, RetainHandling::SendIfNew] {
            let options = SubscriptionOptions {
                retain_handling,
                ..subscription(QOS1)
            };
            member.subscribe_as(&format!("$share/g/{topic}"), options, None);
            member.expect_silence();
        }
    }
}

/// [MQTT-4.8.2-1]: who unsubscribes or goes gets no more; the others do.
#[test]
fn members_come_and_go() {
    for version in VERSIONS {
        let topic = unique("t");
        let filter = format!("$share/g/{topic}");
        let mut members: Vec<_> = (0..3).map(|_| client(version)).collect();
        for member in &mut members {
            member.subscribe(&filter, QOS1);
        }
        let mut publisher = client(version);
        members[0].unsubscribe(&[&filter]);
        let gone = members.remove(1);
        gone.disconnect();
        for number in 0..10 {
            publisher.publish(&topic, &number.to_string(), QOS1);
        }
        for number in 0..10 {
            members[1].expect_message(&topic, &number.to_string(), QOS1);
        }
        members[0].expect_silence();
        // The filter without the group is another one.
        let codes = members[1].unsubscribe(&[&topic]);
        assert!(
            codes
                .iter()
                .all(|code| *code == ReasonCode::NoSubscriptionExisted)
        );
    }
}

/// [MQTT-4.8.2-4]: a QoS 2 delivery that has begun is finished with its member.
#[test]
fn begun_delivery_stays_with_its_member() {
    let topic = unique("t");
    let filter = format!("$share/g/{topic}");
    let options = Options::lasting(Version::V5);
    let mut first = Client::connect(shared(), &options);
    first.subscribe(&filter, QOS2);
    let mut publisher = client(Version::V5);
    publisher.publish(&topic, "begun", QOS2);
    let message = first.expect_publish();
    let mut second = client(Version::V5);
    second.subscribe(&filter, QOS2);
    first.cut_and_wait();
    second.expect_silence();
    let mut first = Client::connect(shared(), &options);
    let again = first.expect_publish();
    assert_eq!((again.id(), again.dup), (message.id(), true));
    first.acknowledge(&again);
    first.expect_silence();
    second.expect_silence();
}

/// [MQTT-4.8.2-5]: and goes to nobody else if that member's session ends.
#[test]
fn begun_delivery_ends_with_its_member() {
    let topic = unique("t");
    let filter = format!("$share/g/{topic}");
    let mut first = client(Version::V5);
    first.subscribe(&filter, QOS2);
    let mut publisher = client(Version::V5);
    publisher.publish(&topic, "begun", QOS2);
    first.expect_publish();
    let mut second = client(Version::V5);
    second.subscribe(&filter, QOS2);
    first.cut_and_wait();
    publisher.publish(&topic, "after", QOS2);
    second.expect_message(&topic, "after", QOS2);
    second.expect_silence();
}

/// [MQTT-4.8.2-6]: a member that refuses a message ends it: nobody else gets it.
#[test]
fn refused_message_goes_to_nobody_else() {
    for qos in [QOS1, QOS2] {
        let topic = unique("t");
        let filter = format!("$share/g/{topic}");
        let mut first = client(Version::V5);
        first.subscribe(&filter, qos);
        let mut publisher = client(Version::V5);
        publisher.publish(&topic, "unwanted", qos);
        let message = first.expect_publish();
        let mut second = client(Version::V5);
        second.subscribe(&filter, qos);
        let ack = Ack {
            packet_id: message.id(),
            reason: ReasonCode::QuotaExceeded,
            properties: ReasonProperties::EMPTY,
        };
        first.send(&match qos {
            QOS2 => Packet::PubRec(ack),
            _ => Packet::PubAck(ack),
        });
        first.expect_silence();
        first.cut_and_wait();
        publisher.publish(&topic, "after", qos);
        second.expect_message(&topic, "after", qos);
        second.expect_silence();
    }
}

/// [MQTT-3.8.3-4]: No Local on a shared subscription is a protocol error.
#[test]
fn no_local_does_not_go_with_a_group() {
    let mut client = client(Version::V5);
    let filter = raw::string("$share/g/a/b");
    client.send_bytes(&raw::packet(0x82, &[b"\0\x01", b"\0", &filter, b"\x05"]));
    client.expect_disconnect(ReasonCode::ProtocolError);
}

/// [MQTT-4.5.0-1] [MQTT-4.8.2-1]: what a member has not acknowledged when its session ends goes
/// to another one at QoS 1, so that nothing is lost.
#[test]
fn unacknowledged_goes_to_another_member() {
    let topic = unique("t");
    let filter = format!("$share/g/{topic}");
    let mut first = client(Version::V5);
    first.subscribe(&filter, QOS1);
    let mut publisher = client(Version::V5);
    publisher.publish(&topic, "left behind", QOS1);
    first.expect_publish();
    let mut second = client(Version::V5);
    second.subscribe(&filter, QOS1);
    first.cut_and_wait();
    second.expect_message(&topic, "left behind", QOS1);
    second.publish(&topic, "at most once", QOS0);
    second.expect_message(&topic, "at most once", QOS0);
}
