//! What only the broker may say: nobody forges a notification, nor a response where clients of the
//! state store listen.

use catena_conformance::{Client, EVERY_QOS, Options, QOS0, QOS1, WillMessage, post};
use catena_mqtt::{Disconnect, Publish, ReasonCode, Version};
use catena_rpc::topics;

use crate::caller::Caller;
use crate::shared;

/// Topics that a forger would like.
fn topics_of(victim: &Caller) -> Vec<String> {
    let mut notification = String::new();
    topics::notification(&victim.id, b"k", &mut notification).unwrap();
    vec![notification, victim.responses.clone()]
}

#[test]
fn forged_publishes_are_refused() {
    let mut victim = Caller::new(shared());
    let filter = topics::notification_filter(&victim.id);
    victim.client.subscribe(&filter, QOS1);
    for version in [Version::V5, Version::V311] {
        let mut forger = Client::connect(shared(), &Options::clean(version));
        for topic in topics_of(&victim) {
            for qos in EVERY_QOS {
                for retain in [false, true] {
                    let publish = Publish {
                        retain,
                        ..post(&topic, "*2\r\n$6\r\nNOTIFY\r\n$6\r\nDELETE\r\n", qos, None)
                    };
                    let reason = forger.publish_as(&publish);
                    // QoS 0 and MQTT 3 are not told.
                    if version.is_v5() && qos != QOS0 {
                        assert_eq!(reason, ReasonCode::NotAuthorized, "{topic} at {qos:?}");
                    }
                }
            }
        }
        forger.expect_silence();
    }
    victim.client.expect_silence();
    victim.client.unsubscribe(&[&filter]);
    victim.client.subscribe(&filter, QOS1);
    victim.client.expect_silence();
}

/// A will is a publish as well.
#[test]
fn forged_wills_are_refused() {
    let mut victim = Caller::new(shared());
    victim
        .client
        .subscribe(&topics::notification_filter(&victim.id), QOS1);
    victim.client.subscribe(topics::INVOKE, QOS1);
    let mut forged = topics_of(&victim);
    forged.push(topics::INVOKE.to_owned());
    for topic in forged {
        for version in [Version::V5, Version::V311] {
            let will = WillMessage::new(&topic, "+OK\r\n", QOS1);
            let options = Options::clean(version).with_will(will);
            let mut forger = Client::open(shared(), version);
            forger.send_bytes(&options.bytes());
            let received = forger.receive();
            let accepted = match received.packet() {
                catena_mqtt::Packet::ConnAck(connack) => !connack.reason.is_error(),
                _ => panic!("{received:?}"),
            };
            if accepted {
                forger.cut_and_wait();
            }
            victim.client.expect_silence();
        }
    }
    // The well-behaved are not meant.
    let mut client = Client::connect(shared(), &Options::clean(Version::V5));
    client.publish("clients/someone/statestore/v1/other", "x", QOS1);
    client.disconnect_as(&Disconnect::new(ReasonCode::Success));
}

/// A subscription to the space of notifications is granted, also in the ways in which clients get
/// it wrong.
#[test]
fn subscriptions_to_notifications_are_granted() {
    let mut caller = Caller::new(shared());
    let id = caller.id.clone();
    for filter in [
        topics::notification_filter(&id),
        format!("{}/{id}/command/notify", topics::NOTIFICATIONS),
    ] {
        caller.client.subscribe(&filter, QOS1);
    }
}
