//! Topic names and payloads. Must never hold more than the last payload of each topic.

use std::collections::BTreeMap;
use std::time::Duration;

use catena_types::Moment;

use super::load::{Activity, LoadAverages};
use crate::metrics::Totals;

/// What the topics are made from, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Release of the program, such as `0.1.0`.
    pub version: String,
    /// Time since the process started.
    pub uptime: Duration,
    /// Sums over the workers.
    pub totals: Totals,
    /// Sockets accepted since the start.
    pub sockets_opened: u64,
    /// Sessions with a connection.
    pub clients_connected: u64,
    /// Sessions, connected or not.
    pub clients_total: u64,
    /// Sessions that expired since the start.
    pub clients_expired: u64,
    /// Stored messages, retained ones included.
    pub stored_messages: u64,
    /// Bytes of the stored messages.
    pub stored_bytes: u64,
    /// Retained messages.
    pub retained_messages: u64,
    /// Subscriptions, those to share groups included.
    pub subscriptions: u64,
    /// Subscriptions to share groups.
    pub shared_subscriptions: u64,
    /// Memory in use, in bytes, where known.
    pub heap_bytes: Option<u64>,
}

impl Snapshot {
    fn activity(&self) -> Activity {
        let totals = &self.totals;
        Activity {
            messages_received: totals.packets_received,
            messages_sent: totals.packets_sent,
            publish_received: totals.publishes_received,
            publish_sent: totals.publishes_sent,
            publish_dropped: totals.messages_dropped,
            bytes_received: totals.bytes_received,
            bytes_sent: totals.bytes_sent,
            sockets: self.sockets_opened,
            connections: totals.connects_received,
        }
    }
}

/// A retained message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysMessage {
    /// Topic name, beginning with `$SYS/broker/`.
    pub topic: String,
    /// Payload, text.
    pub payload: String,
}

/// Makes `$SYS` messages out of snapshots: remembers maxima, loads and what was told last.
#[derive(Debug, Clone)]
pub struct SysTopics {
    loads: LoadAverages,
    clients_maximum: u64,
    heap_maximum: u64,
    told: BTreeMap<String, String>,
}

impl SysTopics {
    /// Nothing told yet; `now` is the start of the process, when all counts were zero.
    pub fn new(now: Moment) -> Self {
        Self {
            loads: LoadAverages::new(now),
            clients_maximum: 0,
            heap_maximum: 0,
            told: BTreeMap::new(),
        }
    }

    /// The messages whose payload differs from what was told last: the others are retained
    /// already.
    pub fn handle_snapshot(&mut self, now: Moment, snapshot: &Snapshot) -> Vec<SysMessage> {
        self.loads.handle_activity(now, &snapshot.activity());
        self.clients_maximum = self.clients_maximum.max(snapshot.clients_connected);
        self.heap_maximum = self.heap_maximum.max(snapshot.heap_bytes.unwrap_or(0));
        let mut messages = self.messages(snapshot);
        messages.retain(|message| {
            let before = self
                .told
                .insert(message.topic.clone(), message.payload.clone());
            before.as_ref() != Some(&message.payload)
        });
        messages
    }

    fn messages(&self, snapshot: &Snapshot) -> Vec<SysMessage> {
        let version = format!("catena version {}", snapshot.version);
        let uptime = format!("{} seconds", snapshot.uptime.as_secs());
        let mut messages = vec![message("version", version), message("uptime", uptime)];
        let counts = self.counts(snapshot);
        messages.extend(
            counts
                .iter()
                .map(|(topic, count)| message(topic, count.to_string())),
        );
        if let Some(current) = snapshot.heap_bytes {
            messages.push(message("heap/current", current.to_string()));
            messages.push(message("heap/maximum", self.heap_maximum.to_string()));
        }
        for (name, load) in self.loads.loads() {
            for (span, average) in ["1min", "5min", "15min"].iter().zip(load.per_minute) {
                let topic = format!("load/{name}/{span}");
                messages.push(message(&topic, format!("{average:.2}")));
            }
        }
        messages
    }

    fn counts(&self, snapshot: &Snapshot) -> [(&'static str, u64); 20] {
        let totals = &snapshot.totals;
        let connected = snapshot.clients_connected;
        [
            ("clients/total", snapshot.clients_total),
            ("clients/connected", connected),
            (
                "clients/disconnected",
                snapshot.clients_total.saturating_sub(connected),
            ),
            ("clients/maximum", self.clients_maximum),
            ("clients/expired", snapshot.clients_expired),
            ("messages/received", totals.packets_received),
            ("messages/sent", totals.packets_sent),
            ("messages/stored", snapshot.stored_messages),
            ("publish/messages/received", totals.publishes_received),
            ("publish/messages/sent", totals.publishes_sent),
            ("publish/messages/dropped", totals.messages_dropped),
            ("publish/bytes/received", totals.payload_bytes_received),
            ("publish/bytes/sent", totals.payload_bytes_sent),
            ("bytes/received", totals.bytes_received),
            ("bytes/sent", totals.bytes_sent),
            ("retained messages/count", snapshot.retained_messages),
            ("subscriptions/count", snapshot.subscriptions),
            ("shared_subscriptions/count", snapshot.shared_subscriptions),
            ("store/messages/count", snapshot.stored_messages),
            ("store/messages/bytes", snapshot.stored_bytes),
        ]
    }
}

fn message(topic: &str, payload: String) -> SysMessage {
    let topic = format!("$SYS/broker/{topic}");
    SysMessage { topic, payload }
}

#[cfg(test)]
mod tests;
