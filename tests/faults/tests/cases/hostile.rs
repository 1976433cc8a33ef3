//! P17, P22, R18: what is no MQTT at all, and headers that lie about who sends.

use std::io::{Read, Write};

use catena_conformance::{Client, Folder, Options, free_port, raw};
use catena_faults::{Broker, Probe, Setup};
use catena_mqtt::Version;

use crate::support::Numbers;

/// A broker behind proxies that it trusts if they are in this network.
#[track_caller]
fn behind_proxies(trusted: &str) -> Broker {
    let documents = format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: {{ name: proxied }}
spec:
  ports:
    - port: {}
      catena:
        bindAddress: 127.0.0.1
        proxyProtocol: Required
        trustedSources: [{trusted}]
",
        free_port()
    );
    Broker::run(Setup::documents(Folder::new(), &documents))
}

/// A header of version 1 for a client elsewhere.
const HEADER: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 40000 1883\r\n";

/// A header of version 2 with this address block and TLVs.
fn header_v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    [&signature[..], &[0x20 | command, family], &length, rest].concat()
}

/// Sends this before CONNECT and tells whether the client was accepted.
#[track_caller]
fn is_accepted(broker: &Broker, header: &[u8]) -> bool {
    let mut client = broker.open(Version::V5);
    client.send_bytes(header);
    client.send_bytes(&Options::clean(Version::V5).bytes());
    client.receive_or_end().is_some()
}

/// P17: nobody is believed who is not on the list.
#[test]
fn p17_proxy_header_from_an_untrusted_peer() {
    let broker = behind_proxies("192.0.2.0/24");
    assert!(!is_accepted(&broker, HEADER));
    assert!(!is_accepted(&broker, b""));
    assert!(!is_accepted(&broker, &header_v2(0, 0, b"")));
    let plain = Broker::start(&[]);
    assert!(!is_accepted(&plain, HEADER), "no header is expected there");
    Probe::start(&plain).exchange();
}

/// P17: from whoever is believed, headers have to be in order.
#[test]
fn p17_proxy_headers_that_are_none() {
    let broker = behind_proxies("127.0.0.0/8");
    let addresses = [192, 0, 2, 7, 192, 0, 2, 1, 156, 64, 7, 91];
    let with_tlv = |bytes: usize| {
        let length = u16::try_from(bytes).unwrap().to_be_bytes();
        [&addresses[..], &[0x04], &length, &vec![0; bytes]].concat()
    };
    assert!(is_accepted(&broker, HEADER));
    assert!(is_accepted(&broker, &header_v2(1, 0x11, &addresses)));
    assert!(is_accepted(&broker, &header_v2(1, 0x11, &with_tlv(200))));
    // As long as it ends or is served, both are in order.
    is_accepted(&broker, &header_v2(1, 0x11, &with_tlv(4_096)));
    for (what, header) in [
        ("missing", b"".to_vec()),
        ("endless", b"PROXY TCP4 ".repeat(100)),
        ("no address", b"PROXY TCP4 x y 1 2\r\n".to_vec()),
        (
            "wrong port",
            b"PROXY TCP4 1.1.1.1 1.1.1.1 70000 1\r\n".to_vec(),
        ),
        ("short", header_v2(1, 0x11, &addresses[..4])),
        (
            "wrong version",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0".to_vec(),
        ),
        ("wrong command", header_v2(9, 0x11, &addresses)),
        (
            "TLV beyond the end",
            header_v2(1, 0x11, &[&addresses[..], &[4, 9, 9]].concat()),
        ),
    ] {
        let accepted = is_accepted(&broker, &header);
        // TLVs are skipped, not looked at.
        assert!(
            !accepted || what == "TLV beyond the end",
            "{what} was accepted"
        );
    }
    assert!(is_accepted(&broker, HEADER), "still in order");
}

/// P22, R18: closed, and told at most about once a second; 1,500 connections.
#[test]
fn p22_bytes_of_other_protocols() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut numbers = Numbers(22);
    let noise: Vec<u8> = (0..500).map(|_| numbers.below(256) as u8).collect();
    let foreign: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /mqtt HTTP/1.1\r\nContent-Length: 4000000000\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        &noise,
    ];
    let lines_before = broker.log().lines().count();
    for _ in 0..250 {
        for bytes in foreign {
            let mut stream = broker.dial();
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            // Reset or closed, either is an end.
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.len() < 100, "{answer:02x?}");
        }
    }
    probe.expect_quality();
    let lines = broker.log().lines().count() - lines_before;
    assert!(lines <= 100, "{lines} lines for 1,500 connections");
}

/// P22: bytes that look like MQTT for a while.
#[test]
fn p22_random_bytes_behind_connect() {
    let broker = Broker::start(&[]);
    let mut probe = Probe::start(&broker);
    let mut numbers = Numbers(2_222);
    for _ in 0..500 {
        let mut client: Client = broker.open(Version::V5);
        let noise: Vec<u8> = (0..1 + numbers.below(200))
            .map(|_| numbers.below(256) as u8)
            .collect();
        client.send_bytes(&[raw::connect_v5("noise", &[]), noise].concat());
        client.cut_and_wait();
    }
    probe.expect_quality();
}
