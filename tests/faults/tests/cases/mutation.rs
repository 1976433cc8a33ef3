//! P02: every packet with every byte changed, over sockets.

use std::net::Shutdown;

use catena_conformance::{Options, QOS1, post, raw, subscription};
use catena_faults::{Broker, Probe};
use catena_mqtt::{
    Ack, Disconnect, Frame, Packet, PacketId, Publish, Qos, ReasonCode, Subscribe,
    SubscribeFilters, Unsubscribe, UnsubscribeFilters, UserProperties, Version, frame,
};

use crate::support::{bytes_of, half_closable};

/// P02: every bit of every byte, and each byte as 0 and 255. What the codec refuses (which is
/// compared with another codec in its own tests) the broker must refuse; it never fails.
#[test]
fn p02_every_packet_with_every_byte_changed() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    for (what, sample) in samples() {
        for at in 0..sample.len() {
            let flips = (0..8).map(|bit| sample[at] ^ (1 << bit));
            for changed in flips.chain([0, 255]) {
                let mut bytes = sample.clone();
                bytes[at] = changed;
                check(&broker, &what, &bytes);
            }
        }
        probe.exchange();
    }
}

/// Sends it between CONNECT and PINGREQ.
#[track_caller]
fn check(broker: &Broker, what: &str, bytes: &[u8]) {
    let (mut client, socket) = half_closable(broker);
    let is_connect = what == "CONNECT";
    let before = if is_connect {
        Vec::new()
    } else {
        Options::clean(Version::V5).bytes()
    };
    client.send_bytes(&[&before, bytes, &[0xC0, 0]].concat());
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answered = false;
    while let Some(received) = client.receive_or_end() {
        // A changed CONNECT may be one of MQTT 3: the type alone tells.
        answered |= received.first_byte() == 0xD0;
    }
    let is_refused = match frame::next(bytes, u32::MAX) {
        Err(_) => true,
        Ok(Frame::Incomplete { .. }) => false,
        Ok(Frame::Complete {
            first_byte, body, ..
        }) => Packet::decode(Version::V5, first_byte, body).is_err(),
    };
    assert!(
        !(is_refused && answered),
        "{what} {bytes:02x?} was accepted"
    );
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let id = PacketId::new(7).unwrap();
    let publish = |qos: Qos| {
        let packet_id = (qos != Qos::AtMostOnce).then_some(id);
        Packet::Publish(Publish {
            message_expiry: Some(60),
            ..post("a/b", "payload", qos, packet_id)
        })
    };
    let filters = [("a/+", subscription(QOS1)), ("b", subscription(QOS1))];
    let subscribe = Packet::Subscribe(Subscribe {
        packet_id: id,
        subscription_id: Some(300),
        user_properties: UserProperties::EMPTY,
        filters: SubscribeFilters::from(&filters[..]),
    });
    let unsubscribe = Packet::Unsubscribe(Unsubscribe {
        packet_id: id,
        user_properties: UserProperties::EMPTY,
        filters: UnsubscribeFilters::from(&["a/+", "b"][..]),
    });
    let packets = [
        publish(Qos::AtMostOnce),
        publish(Qos::AtLeastOnce),
        publish(Qos::ExactlyOnce),
        Packet::PubAck(Ack::success(id)),
        Packet::PubRec(Ack::success(id)),
        Packet::PubRel(Ack::success(id)),
        Packet::PubComp(Ack::success(id)),
        subscribe,
        unsubscribe,
        Packet::PingReq,
        Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWill)),
    ];
    let named = packets.iter().map(|packet| {
        let name = format!("{packet:?}");
        (name, bytes_of(packet))
    });
    let expiry = [0x11, 0, 0, 0, 9];
    let connect = raw::connect_v5("mutant", &[&expiry, &[0x22, 0, 9]]);
    named.chain([("CONNECT".to_owned(), connect)]).collect()
}
