//! `catena bench` with mosquitto, and with a broker that makes mistakes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::SyncSender;

use catena_mqtt::{
    ConnAck, ConnAckProperties, Frame, Packet, ReasonCode, ReasonCodes, ReasonProperties, SubAck,
    Version, encode, frame,
};

use super::mosquitto::Mosquitto;

fn bench(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.arg("bench").args(words).env_clear();
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs a scenario for a short time and gives its results.
fn measure(broker: &Mosquitto, words: &str) -> (Option<i32>, serde_json::Value) {
    let (port, pid) = (broker.port.to_string(), broker.pid().to_string());
    let mut all: Vec<_> = words.split_whitespace().collect();
    all.extend(["-h", "127.0.0.1", "-p", &port, "--pid", &pid, "--json"]);
    all.extend(["--duration", "0.3", "--warmup", "0.1", "--stall", "60"]);
    let output = bench(&all);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let result = serde_json::from_str(&text);
    (
        output.status.code(),
        result.unwrap_or_else(|_| panic!("{text}{errors}")),
    )
}

#[track_caller]
fn check(broker: &Mosquitto, words: &str) -> serde_json::Value {
    let (code, result) = measure(broker, words);
    assert_eq!(code, Some(0), "{words}: {result}");
    assert_eq!(result["lost"].as_u64().unwrap_or_default(), 0);
    assert_eq!(result["duplicates"].as_u64().unwrap_or_default(), 0);
    result
}

#[test]
fn every_scenario_runs_clean() {
    let broker = Mosquitto::start();
    for words in [
        "p2p --publishers 5 -q 0",
        "p2p --publishers 5 -q 2 -V 4",
        "fan-in --publishers 5 -V 3",
        "fan-out --subscribers 20 --payload 5000",
        "shared --publishers 5 --subscribers 3",
        "wildcards --publishers 5 --filters 300",
        "latency --publishers 2 --rate 500",
        "p2p --publishers 2 --messages 50 -q 1",
    ] {
        let result = check(&broker, words);
        assert!(
            result["delivered"].as_u64().unwrap() > 0,
            "{words}: {result}"
        );
        assert!(result["latency_p99_us"].as_f64().unwrap() > 0.0);
        assert!(result["broker_rss_bytes"].as_u64().unwrap() > 0);
    }
    for words in [
        "offline --connections 3 --messages 1000",
        "offline --connections 2 --messages 500 -q 2",
        "retained --messages 1000",
        "retained --messages 300 -q 0 -V 4",
    ] {
        let result = check(&broker, words);
        let expected = if words.contains("1000") { 1_000 } else { 0 };
        assert!(
            result["delivered"].as_u64().unwrap() >= expected,
            "{result}"
        );
    }
    let result = check(&broker, "retained --messages 500 --receive-maximum 3");
    assert_eq!(result["delivered"], 500);
    assert_eq!(result["not_forgotten"], 0);
    for bytes in ["", "_read", "_forgotten"] {
        let name = format!("broker_bytes_per_topic{bytes}");
        assert!(result[&name].is_number(), "{name}: {result}");
    }
    assert!(result["forget_cpu_s_per_million"].is_number(), "{result}");
    let result = check(&broker, "connect --connections 50");
    assert_eq!(result["connected"], 50);
}

#[test]
fn tls_and_websockets_are_measured_as_well() {
    let broker = Mosquitto::start();
    let authority = broker.path("authority.pem");
    let url = format!("mqtts://localhost:{}", broker.tls_port);
    let websocket = format!("ws://localhost:{}/mqtt", broker.websocket_port);
    let socket = broker.path("socket");
    for way in [
        vec!["-L", &url, "--cafile", &authority],
        vec!["-L", &websocket],
        vec!["--unix", &socket],
    ] {
        let words = [
            "p2p",
            "--publishers",
            "3",
            "--duration",
            "0.2",
            "--warmup",
            "0",
        ];
        let output = bench(&[&words[..], &way].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(
            text.ends_with("clean: nothing lost, doubled or out of order\n"),
            "{text}"
        );
    }
}

#[test]
fn a_broker_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let output = bench(&["p2p", "-h", "127.0.0.1", "-p", &port]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("connection refused; is a broker running?"),
        "{told}"
    );
}

#[test]
fn only_mqtt_5_has_a_receive_maximum() {
    let output = bench(&["p2p", "-V", "4", "--receive-maximum", "3"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("--receive-maximum needs MQTT 5"), "{told}");
}

/// What a broker does with the tenth message.
#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    Lose,
    Double,
    Swap,
}

/// A broker for one publisher and one subscriber, which makes a mistake.
fn mistaken(mistake: Mistake) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        // Publishers connect first.
        let (publisher, _) = listener.accept().unwrap();
        let (subscriber, _) = listener.accept().unwrap();
        let mut to_subscriber = subscriber.try_clone().unwrap();
        let (sender, receiver) = std::sync::mpsc::sync_channel(1_000);
        std::thread::spawn(move || serve(publisher, &sender));
        std::thread::spawn(move || {
            for (number, message) in receiver.iter().enumerate() {
                let copies = match mistake {
                    Mistake::Lose if number == 10 => vec![],
                    Mistake::Double if number == 10 => vec![message.clone(), message],
                    Mistake::Swap if number == 10 => {
                        vec![receiver.recv().unwrap(), message]
                    }
                    _ => vec![message],
                };
                to_subscriber.write_all(&copies.concat()).unwrap();
            }
        });
        let (nowhere, _receiver) = std::sync::mpsc::sync_channel(1);
        serve(subscriber, &nowhere);
    });
    port
}

/// Answers a client and passes on what it publishes.
fn serve(mut stream: TcpStream, publishes: &SyncSender<Vec<u8>>) {
    let mut input = Vec::new();
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        input.extend_from_slice(&buffer[..count]);
        let mut used = 0;
        while let Frame::Complete {
            first_byte,
            body,
            size,
        } = frame::next(&input[used..], 1 << 20).unwrap()
        {
            let mut out = Vec::new();
            match Packet::decode(Version::V5, first_byte, body).unwrap() {
                Packet::Connect(_) => {
                    let connack = ConnAck {
                        session_present: false,
                        reason: ReasonCode::Success,
                        properties: ConnAckProperties::default(),
                    };
                    encode::connack(&mut out, Version::V5, &connack).unwrap();
                }
                Packet::Subscribe(subscribe) => {
                    let suback = SubAck {
                        packet_id: subscribe.packet_id,
                        properties: ReasonProperties::EMPTY,
                        codes: ReasonCodes::from([ReasonCode::Success].as_slice()),
                    };
                    encode::suback(&mut out, Version::V5, &suback).unwrap();
                }
                Packet::Publish(_) => publishes.send(input[used..used + size].to_vec()).unwrap(),
                _ => return,
            }
            stream.write_all(&out).unwrap();
            used += size;
        }
        input.drain(..used);
    }
}

#[test]
fn planted_mistakes_are_found() {
    for (mistake, fault) in [
        (Mistake::Lose, "1 lost"),
        (Mistake::Double, "1 duplicates"),
        (Mistake::Swap, "1 reordered"),
    ] {
        let port = mistaken(mistake);
        let words = "p2p --publishers 1 -q 0 --rate 100 --warmup 0 --duration 0.5 --stall 1";
        let mut words: Vec<_> = words.split_whitespace().collect();
        words.extend(["--json", "-h", "127.0.0.1", "-p", &port]);
        let output = bench(&words);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["faults"], serde_json::json!([fault]));
    }
}
