//! Sections 3.8 to 3.11: SUBSCRIBE, UNSUBSCRIBE and their answers.

use catena_mqtt::ReasonCode::{MalformedPacket, ProtocolError, QuotaExceeded};
use catena_mqtt::Version::{V5, V31, V311};
use catena_mqtt::{
    Limits, Packet, PacketId, Qos, ReasonCode, ReasonProperties, RetainHandling, SubAck,
};

use super::{accept, decode, packet, refuse};

/// [MQTT-3.8.3-1] [MQTT3-3.8.3-1] [MQTT-3.10.3-1] [MQTT3-3.10.3-1]
#[test]
fn filters_are_strings() {
    refuse(V5, 0x82, b"\0\x01\0\0\x01\xff\0", MalformedPacket);
    refuse(V311, 0x82, b"\0\x01\0\x01\xff\0", MalformedPacket);
    refuse(V5, 0xA2, b"\0\x01\0\0\x01\xff", MalformedPacket);
    refuse(V311, 0xA2, b"\0\x01\0\x01\xff", MalformedPacket);
}

/// [MQTT-3.8.3-2] [MQTT3-3.8.3-3] [MQTT-3.10.3-2] [MQTT3-3.10.3-2]
#[test]
fn there_is_at_least_one_filter() {
    refuse(V5, 0x82, b"\0\x01\0", ProtocolError);
    refuse(V311, 0x82, b"\0\x01", ProtocolError);
    refuse(V5, 0xA2, b"\0\x01\0", ProtocolError);
    refuse(V311, 0xA2, b"\0\x01", ProtocolError);
    // A filter without its options.
    refuse(V311, 0x82, b"\0\x01\0\x01a", MalformedPacket);
}

/// [MQTT-3.8.3-5] [MQTT3-3.8.3-4]
#[test]
fn reserved_subscription_options_are_0() {
    for options in 0..=u8::MAX {
        let v5 = [b"\0\x01\0\0\x01a".as_slice(), &[options]].concat();
        let v3 = [b"\0\x01\0\x01a".as_slice(), &[options]].concat();
        if options & 0b1100_0000 != 0 {
            refuse(V5, 0x82, &v5, MalformedPacket);
        } else if options & 0b11 == 0b11 || options & 0b11_0000 == 0b11_0000 {
            refuse(V5, 0x82, &v5, ProtocolError);
        } else {
            accept(V5, 0x82, &v5);
        }
        for version in [V31, V311] {
            match options {
                0..=2 => accept(version, 0x82, &v3),
                3 => refuse(version, 0x82, &v3, ProtocolError),
                _ => refuse(version, 0x82, &v3, MalformedPacket),
            }
        }
    }
}

/// [MQTT-3.8.3-4], P14
#[test]
fn no_local_does_not_go_with_sharing() {
    accept(V5, 0x82, b"\0\x01\0\0\x0a$share/g/t\x01");
    refuse(V5, 0x82, b"\0\x01\0\0\x0a$share/g/t\x05", ProtocolError);
    refuse(V5, 0x82, b"\0\x01\0\0\x09$share/ab\x00", MalformedPacket);
}

#[test]
fn options_are_told() {
    let bytes = packet(0x82, b"\0\x01\x02\x0b\x05\0\x01a\x2d\0\x01b\x12");
    let Ok(Packet::Subscribe(subscribe)) = decode(V5, &bytes) else {
        panic!("refused")
    };
    assert_eq!(subscribe.subscription_id, Some(5));
    let filters: Vec<_> = subscribe.filters.iter().collect();
    let [(first, a), (second, b)] = filters.as_slice() else {
        panic!("{filters:?}")
    };
    assert_eq!((*first, *second), ("a", "b"));
    assert_eq!(
        (a.qos, a.no_local, a.retain_as_published),
        (Qos::AtLeastOnce, true, true)
    );
    assert_eq!(a.retain_handling, RetainHandling::DoNotSend);
    assert_eq!(
        (b.qos, b.no_local, b.retain_as_published),
        (Qos::ExactlyOnce, false, false)
    );
    assert_eq!(b.retain_handling, RetainHandling::SendIfNew);
}

/// P08
#[test]
fn filters_are_limited() {
    let limits = Limits {
        filters_max: 2,
        ..Limits::DEFAULT
    };
    for (first_byte, filter) in [(0x82, b"\0\x01a\0".as_slice()), (0xA2, b"\0\x01a")] {
        let verdict = |count| {
            let body = [b"\0\x01".as_slice(), &filter.repeat(count)].concat();
            Packet::decode_limited(V311, first_byte, &body, &limits)
                .err()
                .map(|error| error.reason)
        };
        assert_eq!(verdict(2), None);
        assert_eq!(verdict(3), Some(QuotaExceeded));
    }
}

/// [MQTT-3.9.3-1] [MQTT3-3.9.3-1] [MQTT3-3.9.3-2] [MQTT-3.11.3-1]
#[test]
fn codes_keep_their_order() {
    let codes = [
        ReasonCode::GrantedQos2,
        ReasonCode::QuotaExceeded,
        ReasonCode::Success,
    ];
    let suback = SubAck {
        packet_id: PacketId::new(7).expect("not zero"),
        properties: ReasonProperties::EMPTY,
        codes: codes.as_slice().into(),
    };
    let mut v5 = Vec::new();
    suback.encode(V5, &mut v5).expect("short");
    assert_eq!(v5, b"\x90\x06\0\x07\0\x02\x97\0");
    let mut v3 = Vec::new();
    suback.encode(V311, &mut v3).expect("short");
    assert_eq!(v3, b"\x90\x05\0\x07\x02\x80\0");
    let Ok(Packet::SubAck(decoded)) = decode(V5, &v5) else {
        panic!("refused")
    };
    assert_eq!(decoded.codes.iter().collect::<Vec<_>>(), codes);
    refuse(V311, 0x90, b"\0\x07\x97", ProtocolError);
    refuse(V5, 0x90, b"\0\x07\0", ProtocolError);
}
