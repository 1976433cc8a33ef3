//! What many cases do.

use std::net::TcpStream;

use catena_conformance::{Client, Options, Received, raw};
use catena_faults::Broker;
use catena_mqtt::{Packet, ReasonCode, Version};

/// An accepted client of MQTT 5.0 with a clean start.
#[track_caller]
pub(crate) fn connected(broker: &Broker) -> Client {
    broker.connect(&Options::clean(Version::V5))
}

/// A client of MQTT 5.0 that has sent nothing yet, and its socket, to close one direction.
#[track_caller]
pub(crate) fn half_closable(broker: &Broker) -> (Client, TcpStream) {
    let socket = broker.dial();
    let other = socket.try_clone().unwrap();
    (Client::over(Box::new(other), Version::V5), socket)
}

/// Expects the broker to end the connection, and returns the reason if it tells one.
#[track_caller]
pub(crate) fn ending(client: &mut Client) -> Option<ReasonCode> {
    let mut reason = None;
    while let Some(received) = client.receive_or_end() {
        reason = match received.packet() {
            Packet::ConnAck(connack) if connack.reason.is_error() => Some(connack.reason),
            Packet::Disconnect(disconnect) => Some(disconnect.reason),
            _ => panic!("{received:?} instead of the end"),
        };
    }
    reason
}

/// Expects the broker to end the connection with one of these reasons.
#[track_caller]
pub(crate) fn expect_ending(client: &mut Client, reasons: &[ReasonCode], what: &str) {
    match ending(client) {
        Some(reason) if reasons.contains(&reason) => {}
        other => panic!("{what}: ended with {other:?}"),
    }
}

/// Whether the broker refuses what it was asked, or ends the connection with a reason.
pub(crate) fn is_refusal(answer: Option<&Received>) -> bool {
    match answer.map(Received::packet) {
        Some(Packet::SubAck(suback)) => suback.codes.iter().all(|code| code.is_error()),
        Some(Packet::PubAck(ack)) => ack.reason.is_error(),
        Some(Packet::Disconnect(end)) => end.reason.is_error(),
        _ => false,
    }
}

/// The bytes of a packet.
pub(crate) fn bytes_of(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(Version::V5, &mut bytes).unwrap();
    bytes
}

/// A PUBLISH at QoS 0 of MQTT 5.0 with these properties.
pub(crate) fn publish_with(properties: &[&[u8]], topic: &str, payload: &[u8]) -> Vec<u8> {
    raw::packet(
        0x30,
        &[&raw::string(topic), &raw::section(properties), payload],
    )
}

/// A user property.
pub(crate) fn user_property(name: &[u8], value: &[u8]) -> Vec<u8> {
    [vec![0x26], raw::string(name), raw::string(value)].concat()
}

/// A number that looks random; the same seed makes the same numbers (xorshift).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
