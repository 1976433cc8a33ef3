//! A connection does not notice how its bytes were cut into reads.

use catena_connection::{Action, Phase, Session};
use catena_mqtt::{AckKind, Disconnect, Packet, Publish, Qos, ReasonCode, Version};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::driver::{
    Driver, VERSIONS, ack, bytes_of, connect, connect_bytes, disconnect_bytes, message, publish,
};

/// What a connection asked, sent and ended with, whatever the reads.
#[derive(Debug, Default, PartialEq)]
struct Story {
    actions: Vec<String>,
    sent: Vec<u8>,
    closed: Option<ReasonCode>,
}

/// Feeds `input` in reads that end at `cuts`; the broker accepts every CONNECT at once, and
/// delivers a few messages then.
fn tell(input: &[u8], cuts: &[usize]) -> Story {
    let mut driver = Driver::new(catena_connection::Settings {
        receive_maximum: 4,
        topic_alias_maximum: 2,
        ..Default::default()
    });
    let mut story = Story::default();
    let mut used = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        while used < end {
            let step = driver.send(&input[used..end]);
            story.sent.extend(&step.sent);
            step.actions
                .iter()
                .for_each(|action| note(action, &mut story.actions));
            let taken = match step.outcome {
                Ok(taken) => taken,
                Err(close) => {
                    story.closed = Some(close.reason);
                    return story;
                }
            };
            used += taken;
            if driver.connection.is_waiting() {
                let session = Session {
                    ranges: &[crate::driver::partition(0)],
                    ..Session::default()
                };
                story.sent.extend(driver.accept(&session));
                for at in 0..6 {
                    let qos = if at % 2 == 0 {
                        Qos::AtLeastOnce
                    } else {
                        Qos::ExactlyOnce
                    };
                    story.sent.extend(driver.offer(&message(qos, at)).1);
                }
            } else if taken == 0 {
                break;
            }
        }
    }
    story
}

/// Runs of acknowledgements end with their read, so they are told one by one.
fn note(action: &Action<'_>, told: &mut Vec<String>) {
    match action {
        Action::Ack {
            partition,
            attachment,
            from,
            count,
            phase,
        } => {
            let is_received = *phase == Phase::Received;
            for at in 0..u64::from(*count) {
                let position = from.plus(at);
                told.push(format!("{partition} {attachment} {position} {is_received}"));
            }
        }
        Action::Disconnect { .. }
        | Action::Connect(_)
        | Action::Authenticate { .. }
        | Action::Publish { .. }
        | Action::Receive { .. }
        | Action::Release { .. }
        | Action::Subscribe { .. }
        | Action::Unsubscribe { .. } => told.push(format!("{action:?}")),
    }
}

const KINDS: [AckKind; 4] = [
    AckKind::PubAck,
    AckKind::PubRec,
    AckKind::PubRel,
    AckKind::PubComp,
];

/// One packet, mostly a good one.
fn packet(version: Version) -> impl Strategy<Value = Vec<u8>> {
    let publish = (0..3_u8, 1..5_u16, any::<bool>(), 0..4_u16, 0..20_usize).prop_map(
        move |(qos, id, retain, alias, size)| {
            let payload = [b'x'; 20];
            let qos = Qos::try_from(qos).unwrap_or_default();
            let topic_alias =
                std::num::NonZeroU16::new(alias).filter(|alias| version.is_v5() && alias.get() < 3);
            let payload = &payload[..size];
            let publish = Publish {
                retain,
                topic_alias,
                payload,
                ..publish(qos, id)
            };
            bytes_of(version, &Packet::Publish(publish))
        },
    );
    prop_oneof![
        8 => publish,
        4 => (1..8_u16).prop_map(|id| ack(AckKind::PubAck, id)),
        4 => (proptest::sample::select(KINDS.as_slice()), 1..8_u16)
            .prop_map(|(kind, id)| ack(kind, id)),
        2 => Just(b"\xc0\x00".to_vec()),
        1 => Just(disconnect_bytes(version, Disconnect::default())),
        1 => vec(any::<u8>(), 1..6),
    ]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    proptest::sample::select(VERSIONS.as_slice()).prop_flat_map(|version| {
        vec(packet(version), 0..20).prop_map(move |packets| {
            let mut bytes = connect_bytes(&connect(version));
            packets.iter().for_each(|packet| bytes.extend(packet));
            bytes
        })
    })
}

proptest! {
    /// [MQTT-4.2-1] [MQTT3-4.2.0-1]
    #[test]
    fn reads_may_end_anywhere(
        bytes in stream(),
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(tell(&bytes, &cuts), tell(&bytes, &[]));
    }
}

#[test]
fn a_byte_at_a_time_is_as_good_as_all_at_once() {
    // [MQTT-4.2-1] [MQTT3-4.2.0-1]
    for version in VERSIONS {
        let mut bytes = connect_bytes(&connect(version));
        for id in 1..=3 {
            bytes.extend(ack(AckKind::PubAck, id));
            bytes.extend(crate::driver::publish_bytes(version, Qos::AtLeastOnce, id));
        }
        let cuts: Vec<_> = (0..bytes.len()).collect();
        assert_eq!(tell(&bytes, &cuts), tell(&bytes, &[]));
    }
}
