//! What clients do, and what becomes of their connections.

use catena_frontend::worker::Stats;
use catena_frontend::{Address, ListenerStatus, Protocol};
use catena_telemetry::metrics::{
    Direction, DisconnectReason, DropReason, MqttVersion, PacketType, Samples, table,
};

use super::super::reasons;
use super::{CATEGORY, Frontend, Rates};

pub(super) fn collect(frontend: &Frontend, rates: Rates, samples: &mut Samples) {
    for stats in &frontend.workers {
        traffic(stats, samples);
        sessions(stats, samples);
        endings(stats, samples);
        drops(stats, samples);
    }
    for status in &frontend.listeners {
        listener(status, samples);
    }
    for (refusal, count) in &frontend.refused {
        let reason = reasons::refusal(*refusal).as_str();
        samples.add(&table::CONNECTIONS_REFUSED, [reason], *count);
    }
    samples.add(&table::PUBLISHES_RECEIVED_PER_SECOND, [], rates.received);
    samples.add(&table::PUBLISHES_SENT_PER_SECOND, [], rates.sent);
    let processed = frontend.publishes_received();
    samples.add(&table::PUBLISHES_PROCESSED, [], processed);
}

fn traffic(stats: &Stats, samples: &mut Samples) {
    let connection = &stats.connection;
    let received: u64 = connection.publishes_received.iter().sum();
    let sent: u64 = connection.publishes_sent.iter().sum();
    for (metric, count) in [
        (&table::PUBLISHES_RECEIVED, received),
        (&table::PUBLISHES_SENT, sent),
        (
            &table::PAYLOAD_BYTES_RECEIVED,
            connection.payload_bytes_received,
        ),
        (&table::PAYLOAD_BYTES_SENT, connection.payload_bytes_sent),
    ] {
        samples.add(metric, [CATEGORY], count);
    }
    samples.add(&table::BYTES_RECEIVED, [], stats.bytes_received);
    samples.add(&table::BYTES_SENT, [], stats.bytes_sent);
    // Packet types begin at 1.
    let received = connection.packets_received.iter().skip(1);
    let sent = connection.packets_sent.iter().skip(1);
    for ((packet_type, received), sent) in PacketType::ALL.iter().zip(received).zip(sent) {
        samples.add(&table::PACKETS_RECEIVED, [packet_type.as_str()], *received);
        samples.add(&table::PACKETS_SENT, [packet_type.as_str()], *sent);
    }
}

fn sessions(stats: &Stats, samples: &mut Samples) {
    for (metric, count) in [
        (
            &table::AUTHENTICATION_SUCCESSES,
            stats.authentications_accepted,
        ),
        (
            &table::AUTHENTICATION_FAILURES,
            stats.authentications_undecided,
        ),
        (&table::AUTHENTICATION_DENY, stats.authentications_refused),
    ] {
        samples.add(metric, [CATEGORY], count);
    }
    let ended = stats.sessions_opened.saturating_sub(stats.sessions);
    samples.add(&table::CLIENT_CONNECTED, [], stats.sessions_opened);
    samples.add(&table::CLIENT_DISCONNECTED, [], ended);
    let v5 = stats.sessions.saturating_sub(stats.sessions_v3);
    for (version, count) in [(MqttVersion::V3, stats.sessions_v3), (MqttVersion::V5, v5)] {
        let labels = [CATEGORY, version.as_str()];
        samples.add(&table::CONNECTED_SESSIONS, labels, count);
    }
}

fn endings(stats: &Stats, samples: &mut Samples) {
    let connection = &stats.connection;
    for (code, count) in (0..=u8::MAX).zip(connection.refused) {
        if count > 0 {
            let reason = reasons::refused(code).as_str();
            samples.add(&table::CONNECTIONS_REFUSED, [reason], count);
        }
    }
    for (code, count) in (0..=u8::MAX).zip(connection.closed) {
        if count > 0 {
            let reason = reasons::disconnect(code).as_str();
            samples.add(&table::DISCONNECTS, [reason], count);
        }
    }
    let lost = DisconnectReason::SocketClosed.as_str();
    samples.add(&table::DISCONNECTS, [lost], stats.sockets_lost);
}

fn drops(stats: &Stats, samples: &mut Samples) {
    let connection = &stats.connection;
    for (reason, count) in [
        (DropReason::ReceiverBufferFull, stats.deliveries_dropped),
        (DropReason::Expired, connection.deliveries_expired),
        (DropReason::PacketTooLarge, connection.deliveries_too_large),
    ] {
        samples.add(&table::MESSAGES_DROPPED, [reason.as_str()], count);
    }
    let labels = [CATEGORY, Direction::Outgoing.as_str()];
    let dropped = stats.deliveries_dropped;
    samples.add(&table::QOS0_MESSAGES_DROPPED, labels, dropped);
}

fn listener(status: &ListenerStatus, samples: &mut Samples) {
    let (name, _) = status.name.split_once('@').unwrap_or((&status.name, ""));
    let transport = match (&status.address, status.protocol, status.is_encrypted) {
        (Address::Unix(_), Protocol::Mqtt, false) => "unix",
        (_, Protocol::Mqtt, false) => "tcp",
        (_, Protocol::Mqtt, true) => "tls",
        (_, Protocol::WebSocket, false) => "ws",
        (_, Protocol::WebSocket, true) => "wss",
    };
    let labels = [name, transport];
    let connections = u64::from(status.connections);
    samples.add(&table::CONNECTIONS, labels, connections);
    samples.add(&table::CONNECTIONS_ACCEPTED, labels, status.accepted);
}
