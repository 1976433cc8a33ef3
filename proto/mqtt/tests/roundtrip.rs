//! What we write, we read: every packet, every version, with arbitrary content.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::num::{NonZeroU16, NonZeroU32};

use catena_mqtt::{
    Ack, Auth, ConnAck, ConnAckProperties, Connect, ConnectProperties, ConnectReturnCode,
    Disconnect, Forwarded, Frame, Limits, Packet, PacketId, Property, Publish, PublishHead, Qos,
    ReasonCode, ReasonProperties, RetainHandling, SubAck, Subscribe, SubscriptionOptions, UnsubAck,
    Unsubscribe, Version, Will, encode, frame, topic,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

/// What packets borrow from.
#[derive(Clone, Debug)]
struct Parts {
    texts: [String; 4],
    binaries: [Vec<u8>; 2],
    topics: [String; 2],
    filters: Vec<String>,
    pairs: Vec<(String, String)>,
    numbers: [u32; 3],
    shorts: [NonZeroU16; 2],
    flags: [bool; 6],
    qos: Qos,
    retain_handling: RetainHandling,
    /// Which optional fields are there, one bit each.
    present: u32,
    payload: Vec<u8>,
}

impl Parts {
    /// `value`, if the bit says so.
    fn some<T>(&self, bit: u32, value: T) -> Option<T> {
        (self.present >> bit & 1 == 1).then_some(value)
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    fn packet_id(&self) -> PacketId {
        PacketId(self.shorts[0])
    }

    /// Forwarded properties as bytes.
    fn forwarded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut properties = vec![
            self.some(0, Property::PayloadFormatIndicator(self.flags[0])),
            self.some(1, Property::ContentType(&self.texts[0])),
        ];
        let pairs = self.pairs.iter();
        properties.extend(pairs.map(|(name, value)| Some(Property::UserProperty(name, value))));
        properties.push(self.some(2, Property::ResponseTopic(&self.topics[1])));
        properties.push(self.some(3, Property::CorrelationData(&self.binaries[0])));
        for property in properties.into_iter().flatten() {
            property.encode(&mut out).expect("short fields");
        }
        out
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    // Neither U+0000 nor a wildcard; empty levels, other planes and a byte order mark.
    let text = "[a-z\u{a0}\u{e9}\u{feff}\u{fffd}\u{1f600} ]{0,12}";
    let topic = "[a-z/$\u{e9}\u{1f600}]{1,24}";
    let filter = "(\\$share/g/)?(\\+/|[a-z]{0,3}/){0,3}(#|\\+|[a-z]{1,3})";
    let qos = select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]);
    let retain_handling = select(vec![
        RetainHandling::Send,
        RetainHandling::SendIfNew,
        RetainHandling::DoNotSend,
    ]);
    let number = prop_oneof![1_u32..300, 1_u32..=268_435_455, Just(268_435_455)];
    let binary = || vec(any::<u8>(), 0..12);
    (
        (
            [text, text, text, text],
            [binary(), binary()],
            [topic, topic],
        ),
        (vec(filter, 1..4), vec((text, text), 0..4)),
        (
            [number.clone(), number.clone(), number],
            any::<[NonZeroU16; 2]>(),
            any::<[bool; 6]>(),
        ),
        (qos, retain_handling, any::<u32>()),
        prop_oneof![vec(any::<u8>(), 0..300), vec(any::<u8>(), 16_300..16_500)],
    )
        .prop_map(
            |(
                (texts, binaries, topics),
                (filters, pairs),
                (numbers, shorts, flags),
                (qos, retain_handling, present),
                payload,
            )| Parts {
                texts,
                binaries,
                topics,
                filters,
                pairs,
                numbers,
                shorts,
                flags,
                qos,
                retain_handling,
                present,
                payload,
            },
        )
}

fn version() -> impl Strategy<Value = Version> {
    select(vec![Version::V31, Version::V311, Version::V5])
}

proptest! {
    #[test]
    fn publish(parts in parts(), version in version()) {
        let v5 = version.is_v5();
        let forwarded = if v5 { parts.forwarded() } else { Vec::new() };
        let numbers = if v5 { &parts.numbers[..parts.present as usize % 4] } else { &[] };
        let topic_alias = parts.some(4, parts.shorts[1]).filter(|_| v5);
        let head = PublishHead {
            dup: parts.flags[1] && parts.qos != Qos::AtMostOnce,
            qos: parts.qos,
            retain: parts.flags[2],
            packet_id: (parts.qos != Qos::AtMostOnce).then_some(parts.packet_id()),
            topic: if topic_alias.is_some() && parts.flags[3] { "" } else { &parts.topics[0] },
            topic_alias,
            message_expiry: parts.some(5, parts.numbers[0]).filter(|_| v5),
            subscription_ids: numbers,
        };
        let mut out = Vec::new();
        encode::publish(&mut out, version, &head, &forwarded, &parts.payload).expect("valid");
        let size = encode::publish_size(version, &head, &forwarded, &parts.payload);
        prop_assert_eq!(size, out.len());
        check(version, &Packet::Publish(Publish {
            dup: head.dup,
            qos: head.qos,
            retain: head.retain,
            topic: head.topic,
            packet_id: head.packet_id,
            topic_alias: head.topic_alias,
            message_expiry: head.message_expiry,
            subscription_ids: numbers.into(),
            forwarded: Forwarded::parse(&forwarded, &Limits::DEFAULT).expect("valid"),
            payload: &parts.payload,
        }));
    }

    #[test]
    fn connect(parts in parts(), version in version()) {
        let pairs = parts.pairs();
        let v5 = version.is_v5();
        let forwarded = if v5 { parts.forwarded() } else { Vec::new() };
        let authentication_method = parts.some(4, parts.texts[1].as_str());
        let properties = ConnectProperties {
            session_expiry: parts.some(5, parts.numbers[0]),
            receive_maximum: parts.some(6, parts.shorts[0]),
            maximum_packet_size: parts.some(7, NonZeroU32::MIN.saturating_add(parts.numbers[1])),
            topic_alias_maximum: if parts.flags[1] { parts.shorts[1].get() } else { 0 },
            request_response_information: parts.flags[2],
            request_problem_information: parts.flags[3],
            user_properties: pairs.as_slice().into(),
            authentication_method,
            authentication_data: authentication_method
                .and_then(|_| parts.some(8, parts.binaries[1].as_slice())),
        };
        let will = Will {
            qos: parts.qos,
            retain: parts.flags[4],
            topic: &parts.topics[0],
            delay_seconds: if v5 { parts.numbers[2] } else { 0 },
            message_expiry: parts.some(9, parts.numbers[1]).filter(|_| v5),
            forwarded: Forwarded::parse(&forwarded, &Limits::DEFAULT).expect("valid"),
            payload: &parts.payload,
        };
        let username = parts.some(10, parts.texts[2].as_str());
        let password = parts.some(11, parts.binaries[1].as_slice());
        check(version, &Packet::Connect(Box::new(Connect {
            version,
            clean_start: parts.flags[5],
            keep_alive: parts.shorts[1].get(),
            client_id: &parts.topics[1],
            properties: if v5 { properties } else { ConnectProperties::default() },
            will: parts.some(12, will),
            username,
            password: password.filter(|_| v5 || username.is_some()),
        })));
    }

    #[test]
    fn connack(parts in parts(), version in version(), reason in reason(CONNACK)) {
        let pairs = parts.pairs();
        let text = |bit, index: usize| parts.some(bit, parts.texts[index].as_str());
        let properties = ConnAckProperties {
            session_expiry: parts.some(0, parts.numbers[0]),
            receive_maximum: parts.some(1, parts.shorts[0]),
            maximum_qos: parts.qos,
            retain_available: parts.flags[0],
            maximum_packet_size: parts.some(2, NonZeroU32::MIN.saturating_add(parts.numbers[1])),
            assigned_client_id: text(3, 0),
            topic_alias_maximum: if parts.flags[1] { parts.shorts[1].get() } else { 0 },
            reason_string: text(4, 1),
            user_properties: pairs.as_slice().into(),
            wildcard_subscription_available: parts.flags[2],
            subscription_identifiers_available: parts.flags[3],
            shared_subscription_available: parts.flags[4],
            server_keep_alive: parts.some(5, parts.shorts[0].get()),
            response_information: text(6, 2),
            server_reference: text(7, 3),
            authentication_method: text(8, 0),
            authentication_data: parts.some(9, parts.binaries[0].as_slice()),
        };
        let v5 = version.is_v5();
        let reason = if v5 { reason } else { ConnectReturnCode::from(reason).into() };
        check(version, &Packet::ConnAck(Box::new(ConnAck {
            session_present: parts.flags[5] && !reason.is_error() && version != Version::V31,
            reason,
            properties: if v5 { properties } else { ConnAckProperties::default() },
        })));
    }

    #[test]
    fn acknowledgements(
        parts in parts(),
        version in version(),
        puback in reason(PUBACK),
        pubrel in reason(&[ReasonCode::Success, ReasonCode::PacketIdentifierNotFound]),
    ) {
        let pairs = parts.pairs();
        let ack = |reason| if version.is_v5() {
            let reason_string = parts.some(0, parts.texts[0].as_str());
            let user_properties = pairs.as_slice().into();
            let properties = ReasonProperties { reason_string, user_properties };
            Ack { packet_id: parts.packet_id(), reason, properties }
        } else {
            Ack::success(parts.packet_id())
        };
        check(version, &Packet::PubAck(ack(puback)));
        check(version, &Packet::PubRec(ack(puback)));
        check(version, &Packet::PubRel(ack(pubrel)));
        check(version, &Packet::PubComp(ack(pubrel)));
    }

    #[test]
    fn subscriptions(parts in parts(), version in version()) {
        let pairs = if version.is_v5() { parts.pairs() } else { Vec::new() };
        let filters: Vec<_> = parts.filters.iter().map(String::as_str).collect();
        let options = |filter: &str| if version.is_v5() {
            SubscriptionOptions {
                qos: parts.qos,
                no_local: parts.flags[0] && !filter.starts_with("$share/"),
                retain_as_published: parts.flags[1],
                retain_handling: parts.retain_handling,
            }
        } else {
            SubscriptionOptions { qos: parts.qos, ..SubscriptionOptions::default() }
        };
        let list: Vec<_> = filters.iter().map(|filter| (*filter, options(filter))).collect();
        check(version, &Packet::Subscribe(Subscribe {
            packet_id: parts.packet_id(),
            subscription_id: parts.some(0, parts.numbers[0]).filter(|_| version.is_v5()),
            user_properties: pairs.as_slice().into(),
            filters: list.as_slice().into(),
        }));
        check(version, &Packet::Unsubscribe(Unsubscribe {
            packet_id: parts.packet_id(),
            user_properties: pairs.as_slice().into(),
            filters: filters.as_slice().into(),
        }));
    }

    #[test]
    fn subscription_answers(
        parts in parts(),
        version in version(),
        granted in vec(reason(SUBACK), 1..9),
        ended in vec(reason(UNSUBACK), 1..9),
    ) {
        let v5 = version.is_v5();
        let pairs = if v5 { parts.pairs() } else { Vec::new() };
        let reason_string = parts.some(0, parts.texts[0].as_str()).filter(|_| v5);
        let user_properties = pairs.as_slice().into();
        let properties = ReasonProperties { reason_string, user_properties };
        let packet_id = parts.packet_id();
        let v3 = |code: &ReasonCode| match code {
            code if code.is_error() => ReasonCode::UnspecifiedError,
            code => *code,
        };
        let granted: Vec<_> = if v5 { granted } else { granted.iter().map(v3).collect() };
        let ended = if v5 { ended } else { Vec::new() };
        let codes = granted.as_slice().into();
        check(version, &Packet::SubAck(SubAck { packet_id, properties, codes }));
        let codes = ended.as_slice().into();
        check(version, &Packet::UnsubAck(UnsubAck { packet_id, properties, codes }));
    }

    #[test]
    fn the_rest(parts in parts(), version in version(), reason in reason(DISCONNECT)) {
        check(version, &Packet::PingReq);
        check(version, &Packet::PingResp);
        check(version, &Packet::Disconnect(Disconnect::default()));
        if version.is_v5() {
            let pairs = parts.pairs();
            let text = |bit, index: usize| parts.some(bit, parts.texts[index].as_str());
            check(version, &Packet::Disconnect(Disconnect {
                reason,
                session_expiry: parts.some(0, parts.numbers[0]),
                reason_string: text(1, 0),
                user_properties: pairs.as_slice().into(),
                server_reference: text(2, 1),
            }));
            check(version, &Packet::Auth(Auth::default()));
            check(version, &Packet::Auth(Auth {
                reason: ReasonCode::ContinueAuthentication,
                authentication_method: Some(&parts.texts[2]),
                authentication_data: parts.some(3, parts.binaries[0].as_slice()),
                reason_string: text(4, 3),
                user_properties: pairs.as_slice().into(),
            }));
        }
    }

    /// Whatever comes in: no panic, and no frame beyond the input.
    #[test]
    fn random_bytes(bytes in vec(any::<u8>(), 0..200), version in version()) {
        let mut rest = bytes.as_slice();
        while let Ok(Frame::Complete { first_byte, body, size }) = frame::next(rest, 1 << 20) {
            let _ = Packet::decode(version, first_byte, body);
            rest = &rest[size..];
        }
    }

    /// The checks that look at many bytes at a time agree with looking at each.
    #[test]
    fn topic_check_finds_every_forbidden_byte(
        text in "[a-z/+#\u{0}\u{1}\u{1f}~\u{7f}\u{e9}*,\u{9f}\u{a0}\u{fdd0}\u{1ffff}]{1,40}",
    ) {
        let forbidden = text.contains([
            '+', '#', '\0', '\u{1}', '\u{1f}', '\u{7f}', '\u{9f}', '\u{fdd0}', '\u{1ffff}',
        ]);
        prop_assert_eq!(topic::check(&text, &Limits::DEFAULT).is_err(), forbidden);
    }
}

/// Encodes, decodes, compares, and cuts the bytes short.
#[track_caller]
fn check(version: Version, packet: &Packet<'_>) {
    let mut out = vec![0xAA];
    packet.encode(version, &mut out).expect("valid packet");
    let bytes = &out[1..];
    match frame::next(bytes, u32::MAX) {
        Ok(Frame::Complete {
            first_byte,
            body,
            size,
        }) => {
            assert_eq!(size, bytes.len());
            assert_eq!(
                Packet::decode(version, first_byte, body).as_ref(),
                Ok(packet)
            );
        }
        other => panic!("{other:?}"),
    }
    for end in (0..bytes.len()).step_by(1 + bytes.len() / 64) {
        let cut = frame::next(&bytes[..end], u32::MAX);
        assert!(
            matches!(cut, Ok(Frame::Incomplete { .. })),
            "cut at {end}: {cut:?}"
        );
    }
}

fn reason(codes: &'static [ReasonCode]) -> impl Strategy<Value = ReasonCode> {
    select(codes)
}

const CONNACK: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::ProtocolError,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerBusy,
];
const PUBACK: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::QuotaExceeded,
];
const SUBACK: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::GrantedQos1,
    ReasonCode::GrantedQos2,
    ReasonCode::UnspecifiedError,
    ReasonCode::QuotaExceeded,
];
const UNSUBACK: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::NotAuthorized,
];
const DISCONNECT: &[ReasonCode] = &[
    ReasonCode::Success,
    ReasonCode::DisconnectWithWill,
    ReasonCode::KeepAliveTimeout,
];
