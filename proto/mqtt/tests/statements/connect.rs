//! Sections 3.1 and 3.2: CONNECT and CONNACK.

use catena_mqtt::ReasonCode::{
    ClientIdentifierNotValid, MalformedPacket, ProtocolError, UnsupportedProtocolVersion,
};
use catena_mqtt::Version::{self, V5, V31, V311};
use catena_mqtt::{ConnAck, Connect, ConnectReturnCode, Packet, ReasonCode};

use super::{accept, decode, packet, refuse};

/// [MQTT-3.1.2-1] [MQTT3-3.1.2-1] [MQTT-3.1.2-2] [MQTT3-3.1.2-2]
#[test]
fn protocol_name_and_level_are_known() {
    for (start, version) in [
        (b"\0\x06MQIsdp\x03".as_slice(), Some(V31)),
        (b"\0\x04MQTT\x04", Some(V311)),
        (b"\0\x04MQTT\x05", Some(V5)),
        (b"\0\x04MQTT\x03", None),
        (b"\0\x04MQTT\x06", None),
        (b"\0\x04MQTT\x84", None),
        (b"\0\x06MQIsdp\x04", None),
        (b"\0\x04mqtt\x04", None),
        (b"\0\0\x05", None),
    ] {
        let found = Connect::version_of(start).map_err(|error| error.reason);
        assert_eq!(
            found,
            version.ok_or(UnsupportedProtocolVersion),
            "{start:x?}"
        );
        if version.is_none() {
            let body = [start, b"\x02\0\0\0\0\x01c"].concat();
            refuse(V5, 0x10, &body, UnsupportedProtocolVersion);
        }
    }
}

/// Version byte, flags, and what follows the keep alive.
fn connect(version: Version, flags: u8, rest: &[u8]) -> Vec<u8> {
    let name = version.protocol_name();
    let mut body = vec![0, name.len() as u8];
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(&[version.protocol_level(), flags, 0, 60]);
    if version.is_v5() {
        body.push(0);
    }
    body.extend_from_slice(rest);
    body
}

#[track_caller]
fn accept_connect(version: Version, flags: u8, rest: &[u8]) {
    accept(V311, 0x10, &connect(version, flags, rest));
}

#[track_caller]
fn refuse_connect(version: Version, flags: u8, rest: &[u8], reason: ReasonCode) {
    refuse(V311, 0x10, &connect(version, flags, rest), reason);
}

/// [MQTT-3.1.2-3] [MQTT3-3.1.2-3]
#[test]
fn reserved_connect_flag_is_0() {
    for version in [V31, V311, V5] {
        accept_connect(version, 0x02, b"\0\x01c");
    }
    for version in [V311, V5] {
        refuse_connect(version, 0x03, b"\0\x01c", MalformedPacket);
    }
    // MQTT 3.1 does not use it.
    accept_connect(V31, 0x03, b"\0\x01c");
}

/// [MQTT-2.1.3-1] [MQTT3-2.2.2-1]: MQTT 3.1 does not use the flags of the fixed header.
#[test]
fn connect_has_no_flags() {
    for first_byte in 0x11..=0x1F {
        refuse(
            V311,
            first_byte,
            &connect(V311, 2, b"\0\x01c"),
            MalformedPacket,
        );
        refuse(V5, first_byte, &connect(V5, 2, b"\0\x01c"), MalformedPacket);
        accept(V31, first_byte, &connect(V31, 2, b"\0\x01c"));
    }
}

/// [MQTT-3.1.2-9] [MQTT3-3.1.2-9] [MQTT-3.1.2-11] [MQTT3-3.1.2-11] [MQTT3-3.1.2-13]
/// [MQTT-3.1.2-12] [MQTT3-3.1.2-14] [MQTT-3.1.2-13] [MQTT3-3.1.2-15]
#[test]
fn will_flags_go_with_a_will() {
    for version in [V311, V5] {
        let properties: &[u8] = if version.is_v5() { b"\0" } else { b"" };
        let will = [b"\0\x01c", properties, b"\0\x01w\0\x01p"].concat();
        accept_connect(version, 0x36, &will);
        refuse_connect(version, 0x02, &will, MalformedPacket);
        refuse_connect(version, 0x3E, &will, MalformedPacket);
        refuse_connect(version, 0x06, b"\0\x01c", MalformedPacket);
        refuse_connect(version, 0x0A, b"\0\x01c", MalformedPacket);
        refuse_connect(version, 0x22, b"\0\x01c", MalformedPacket);
    }
}

/// [MQTT-3.1.3-11] [MQTT3-3.1.3-10], and the rules of topic names.
#[test]
fn will_topic_is_a_topic_name() {
    refuse_connect(V311, 0x06, b"\0\x01c\0\x01\xff\0\0", MalformedPacket);
    refuse_connect(V311, 0x06, b"\0\x01c\0\x01#\0\0", MalformedPacket);
    refuse_connect(V311, 0x06, b"\0\x01c\0\0\0\0", ProtocolError);
    refuse_connect(V5, 0x06, b"\0\x01c\0\0\x01+\0\0", MalformedPacket);
}

/// [MQTT-3.1.2-16] [MQTT3-3.1.2-18] [MQTT-3.1.2-17] [MQTT3-3.1.2-19] [MQTT-3.1.2-18]
/// [MQTT3-3.1.2-20] [MQTT-3.1.2-19] [MQTT3-3.1.2-21] [MQTT3-3.1.2-22] [MQTT-3.1.3-12]
/// [MQTT3-3.1.3-11]
#[test]
fn credentials_follow_their_flags() {
    for version in [V311, V5] {
        accept_connect(version, 0xC2, b"\0\x01c\0\x01u\0\x01p");
        refuse_connect(version, 0x82, b"\0\x01c\0\x01u\0\x01p", MalformedPacket);
        refuse_connect(version, 0x02, b"\0\x01c\0\x01u", MalformedPacket);
        refuse_connect(version, 0x82, b"\0\x01c", MalformedPacket);
        refuse_connect(version, 0xC2, b"\0\x01c\0\x01u", MalformedPacket);
        refuse_connect(version, 0x82, b"\0\x01c\0\x01\xff", MalformedPacket);
    }
    // A password may be any bytes.
    accept_connect(V311, 0xC2, b"\0\x01c\0\x01u\0\x01\xff");
    accept_connect(V5, 0x42, b"\0\x01c\0\x01p");
    refuse_connect(V311, 0x42, b"\0\x01c\0\x01p", MalformedPacket);
    // MQTT 3.1: the length of the packet counts, not the flags.
    accept_connect(V31, 0xC2, b"\0\x01c");
}

/// [MQTT-3.1.3-1] [MQTT3-3.1.3-1] [MQTT-3.1.3-3] [MQTT3-3.1.3-3] [MQTT-3.1.3-4] [MQTT3-3.1.3-4]
#[test]
fn payload_fields_come_in_order() {
    let body = connect(
        V5,
        0xEE,
        b"\0\x01c\x05\x18\0\0\0\x09\0\x01w\0\x01p\0\x01u\0\x02pw",
    );
    let bytes = packet(0x10, &body);
    let Ok(Packet::Connect(connect)) = decode(V5, &bytes) else {
        panic!("refused")
    };
    let will = connect.will.expect("a will");
    assert_eq!(connect.client_id, "c");
    assert_eq!(
        (will.topic, will.payload, will.delay_seconds),
        ("w", b"p".as_slice(), 9)
    );
    assert_eq!(
        (connect.username, connect.password),
        (Some("u"), Some(b"pw".as_slice()))
    );
    refuse_connect(V5, 0x02, b"", MalformedPacket);
    refuse_connect(V311, 0x02, b"\0\x01\xff", MalformedPacket);
    // A string, but no name: 0x85 where there is such a code.
    for client_id in [
        b"\0\x02a\x01".as_slice(),
        b"\0\x03a\xc2\x9f",
        b"\0\x03\xef\xbf\xbf",
    ] {
        refuse_connect(V5, 0x02, client_id, ClientIdentifierNotValid);
        refuse_connect(V311, 0x02, client_id, MalformedPacket);
    }
    refuse_connect(V5, 0x02, b"\0\x02a\0", MalformedPacket);
}

/// [MQTT-3.1.3-6] [MQTT3-3.1.3-6]: the codec takes an empty client identifier; MQTT 3.1 has none.
#[test]
fn empty_client_id() {
    accept_connect(V5, 0x02, b"\0\0");
    accept_connect(V311, 0x02, b"\0\0");
    refuse_connect(V31, 0x02, b"\0\0", ClientIdentifierNotValid);
}

/// Section 3.1.2.11.
#[test]
fn connect_properties_have_sane_values() {
    let refuse = |section: &[u8], reason| {
        let mut body = b"\0\x04MQTT\x05\x02\0\0".to_vec();
        body.push(section.len() as u8);
        body.extend_from_slice(section);
        body.extend_from_slice(b"\0\x01c");
        refuse(V5, 0x10, &body, reason);
    };
    refuse(b"\x21\0\0", ProtocolError);
    refuse(b"\x27\0\0\0\0", ProtocolError);
    refuse(b"\x17\x02", ProtocolError);
    refuse(b"\x16\0\x01d", ProtocolError);
    refuse(b"\x22\0\x01\x22\0\x01", ProtocolError);
    refuse(b"\x1f\0\x01r", MalformedPacket);
    refuse(b"\x18\0\0\0\0", MalformedPacket);
}

/// [MQTT-3.1.3-10]: order kept, also around a property that is not forwarded.
#[test]
fn will_keeps_the_order_of_user_properties() {
    let properties =
        b"\x18\x26\0\x01a\0\x011\x02\0\0\0\x09\x26\0\x01a\0\x012\x01\x01\0\x01w\0\x01p";
    let mut rest = b"\0\x01c\x15".to_vec();
    rest.extend_from_slice(&properties[1..]);
    let bytes = packet(0x10, &connect(V5, 0x06, &rest));
    let Ok(Packet::Connect(connect)) = decode(V5, &bytes) else {
        panic!("refused")
    };
    let will = connect.will.expect("a will");
    assert_eq!(will.message_expiry, Some(9));
    let mut out = Vec::new();
    will.forwarded.copy_to(&mut out);
    assert_eq!(out, b"\x26\0\x01a\0\x011\x26\0\x01a\0\x012\x01\x01");
    let pairs: Vec<_> = will.forwarded.user_properties().iter().collect();
    assert_eq!(pairs, [("a", "1"), ("a", "2")]);
}

/// [MQTT-3.2.2-1] [MQTT-3.2.2-6] [MQTT3-3.2.2-4]
#[test]
fn connack_flags() {
    accept(V5, 0x20, b"\x01\0\0");
    refuse(V5, 0x20, b"\x02\0\0", MalformedPacket);
    refuse(V311, 0x20, b"\x80\0", MalformedPacket);
    refuse(V311, 0x20, b"\x01\x05", ProtocolError);
    refuse(V311, 0x20, b"\0\x06", MalformedPacket);
    let refusal = ConnAck {
        session_present: true,
        ..ConnAck::refusal(ReasonCode::ServerBusy)
    };
    let mut out = Vec::new();
    refusal.encode(V5, &mut out).expect("short");
    refusal.encode(V311, &mut out).expect("short");
    assert_eq!(out, b"\x20\x03\0\x89\0\x20\x02\0\x03");
}

/// Every reason code has a return code, and each return code comes back as itself.
#[test]
fn return_codes_stand_for_reason_codes() {
    for reason in ReasonCode::ALL {
        let code = ConnectReturnCode::from(*reason);
        assert_eq!(
            code == ConnectReturnCode::Accepted,
            !reason.is_error(),
            "{reason}"
        );
        assert_eq!(ConnectReturnCode::from(ReasonCode::from(code)), code);
        assert_eq!(ReasonCode::try_from(*reason as u8), Ok(*reason));
    }
}
