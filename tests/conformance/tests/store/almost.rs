//! P24: requests to the state store that are almost right, and some that are.

use std::collections::BTreeMap;

use catena_conformance::{Broker, Client, Options, QOS1, id, properties, unique};
use catena_mqtt::{
    Ack, Forwarded, Limits, Packet, Property, Publish, ReasonCode, SubscriptionIds, Version,
};
use catena_rpc::topics;

use crate::histories::Numbers;

/// Requests of every kind.
const SAMPLES: &[&[u8]] = &[
    b"*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n",
    b"*6\r\n$3\r\nSET\r\n$2\r\nk1\r\n$3\r\nabc\r\n$3\r\nNEX\r\n$2\r\nPX\r\n$4\r\n1000\r\n",
    b"*2\r\n$3\r\nDEL\r\n$2\r\nk1\r\n",
    b"*3\r\n$4\r\nVDEL\r\n$2\r\nk1\r\n$3\r\nabc\r\n",
    b"*3\r\n$9\r\nKEYNOTIFY\r\n$2\r\nk1\r\n$4\r\nSTOP\r\n",
    b"*2\r\n$4\r\nSCAN\r\n$4\r\nk[1*\r\n",
    b"*3\r\n$4\r\nSCAN\r\n$1\r\n*\r\n$2\r\n\0\x01\r\n",
    b"*3\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$3\r\n{a}\r\n$1\r\n1\r\n\
      *2\r\n$3\r\nDEL\r\n$4\r\n{a}b\r\n",
    b"*3\r\n$4\r\nMGET\r\n$3\r\n{a}\r\n$4\r\n{a}b\r\n",
    b"*3\r\n$6\r\nINCRBY\r\n$2\r\nk2\r\n$2\r\n-7\r\n",
    b"*3\r\n$3\r\nCAD\r\n$2\r\nk1\r\n$32\r\n001795239747100:00000:StateStore\r\n",
];

/// What is put in the place of something else.
const SPLICES: &[&[u8]] = &[
    b"-1",
    b"0",
    b"99999999999999999999",
    b"18446744073709551615",
    b"*",
    b"*1\r\n",
    b"$",
    b"\r\n",
    b"\0",
    b"\xFF",
    b"",
    b"NX",
    b"get",
    b"*1\r\n*1\r\n*1\r\n",
    b"4294967296",
];

/// A sample with up to three places changed.
fn mutant(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = SAMPLES[numbers.index(SAMPLES.len())].to_vec();
    for _ in 0..numbers.below(4) {
        let at = numbers.index(bytes.len() + 1);
        match numbers.below(4) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            _ => {
                let end = (at + numbers.index(3)).min(bytes.len());
                let splice = SPLICES[numbers.index(SPLICES.len())];
                bytes.splice(at..end, splice.iter().copied());
            }
        }
    }
    bytes
}

/// What a request may lack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    Nothing,
    ResponseTopic,
    Correlation,
    Timestamp,
}

/// The low half of `serial` is the packet ID, all of it the correlation data.
fn send(client: &mut Client, serial: u32, responses: &str, lack: Lack, payload: &[u8]) {
    let correlation = serial.to_be_bytes();
    let all = [
        (Lack::ResponseTopic, Property::ResponseTopic(responses)),
        (Lack::Correlation, Property::CorrelationData(&correlation)),
        (
            Lack::Timestamp,
            Property::UserProperty("__ts", "1795239747100:0:c"),
        ),
    ];
    let kept: Vec<Property<'_>> = all
        .into_iter()
        .filter(|(what, _)| *what != lack)
        .map(|(_, property)| property)
        .collect();
    let forwarded = properties(&kept);
    client.send(&Packet::Publish(Publish {
        dup: false,
        qos: QOS1,
        retain: false,
        topic: topics::INVOKE,
        packet_id: Some(id(serial as u16)),
        topic_alias: None,
        message_expiry: None,
        subscription_ids: SubscriptionIds::EMPTY,
        forwarded: Forwarded::parse(&forwarded, &Limits::DEFAULT).unwrap(),
        payload,
    }));
}

/// What came back of one request.
#[derive(Default)]
struct Back {
    reason: Option<ReasonCode>,
    answers: usize,
}

/// Reads until each of so many requests is acknowledged, and those without a lack are answered.
fn read_all(client: &mut Client, lacks: &BTreeMap<u16, Lack>) {
    let mut back: BTreeMap<u16, Back> = BTreeMap::new();
    let is_callable = |lack: Lack| lack == Lack::Nothing || lack == Lack::Timestamp;
    let complete = |back: &BTreeMap<u16, Back>| {
        lacks.iter().all(|(number, lack)| {
            let one = back.get(number);
            one.is_some_and(|one| {
                one.reason.is_some() && one.answers == usize::from(is_callable(*lack))
            })
        })
    };
    while !complete(&back) {
        let received = client.receive();
        match received.packet() {
            Packet::PubAck(ack) => {
                let one = back.entry(ack.packet_id.number()).or_default();
                assert_eq!(one.reason.replace(ack.reason), None, "acknowledged twice");
            }
            Packet::Publish(publish) => {
                client.send(&Packet::PubAck(Ack::success(publish.packet_id.unwrap())));
                if publish.topic.starts_with(topics::NOTIFICATIONS) {
                    continue;
                }
                let correlation = publish
                    .forwarded
                    .iter()
                    .find_map(|property| match property {
                        Property::CorrelationData(bytes) => <[u8; 4]>::try_from(bytes).ok(),
                        _ => None,
                    });
                let number = u32::from_be_bytes(correlation.unwrap()) as u16;
                back.entry(number).or_default().answers += 1;
                let first = publish.payload.first().copied();
                assert!(
                    b"+-:$*".iter().any(|kind| first == Some(*kind)),
                    "{publish:?}"
                );
                assert!(publish.payload.ends_with(b"\r\n"), "{publish:?}");
            }
            _ => panic!("{received:?}"),
        }
    }
    for (number, one) in back {
        let expected = if is_callable(lacks[&number]) {
            ReasonCode::Success
        } else {
            ReasonCode::ImplementationSpecificError
        };
        assert_eq!(one.reason, Some(expected));
    }
}

/// P24: 5,000 requests, most of them changed, some without what a request needs: each is answered
/// once or refused, nobody else hears of it, and others are served.
#[test]
fn p24_requests_that_are_almost_right() {
    let broker = Broker::start(&[]);
    let mut stranger = Client::connect(&broker, &Options::clean(Version::V5));
    stranger.subscribe(topics::INVOKE, QOS1);
    let options = Options {
        client_id: unique("p24"),
        ..Options::clean(Version::V5)
    };
    let mut client = Client::connect(&broker, &options);
    let responses = topics::response(&options.client_id);
    client.subscribe(&responses, QOS1);
    let mut numbers = Numbers(24);
    for round in 0..50 {
        let mut lacks = BTreeMap::new();
        for number in 1..=100 {
            let lack = match numbers.below(24) {
                0 => Lack::ResponseTopic,
                1 => Lack::Correlation,
                2 => Lack::Timestamp,
                _ => Lack::Nothing,
            };
            let payload = mutant(&mut numbers);
            send(
                &mut client,
                round << 16 | u32::from(number),
                &responses,
                lack,
                &payload,
            );
            lacks.insert(number, lack);
        }
        read_all(&mut client, &lacks);
    }
    stranger.expect_silence();
    Client::connect(&broker, &options).expect_silence();
}
