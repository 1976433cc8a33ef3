//! The end: retained messages are cleared, sessions end, and nothing may be left.

use std::collections::BTreeSet;

use catena_mqtt::Qos;

use super::World;
use crate::client::{Farewell, Stage};
use crate::invariants::Verdict;
use crate::model::Terms;

/// Longer than every session expiry interval that ends within a run and every message expiry.
const ENDING_MS: u64 = 12_000;

impl World {
    /// Ends everything and checks that nothing is left.
    pub(super) fn clear(&mut self) -> Verdict {
        self.clear_retained();
        self.come_to_rest()?;
        for client in 0..self.clients.len() {
            self.end_for_good(client);
        }
        self.run_for(1_000)?;
        for client in 0..self.clients.len() {
            if std::mem::take(&mut self.clients[client].traits.expiry_seconds) > 0 {
                self.connect(client, true);
            }
        }
        self.run_for(1_000)?;
        for client in 0..self.clients.len() {
            if self.clients[client].stage == Stage::Connected {
                self.disconnect(client, Farewell::Normal);
            }
        }
        self.run_for(ENDING_MS)?;
        self.check_nodes(true)?;
        let now = self.agenda.now();
        self.nodes
            .iter()
            .try_for_each(|node| node.check_leftovers(now))
    }

    fn clear_retained(&mut self) {
        let messages = self.model.messages.iter();
        let kept = messages.filter(|message| message.terms.retain);
        let topics: BTreeSet<String> = kept.map(|message| message.terms.topic.clone()).collect();
        for topic in topics {
            self.clients[0].backlog.push_back(Terms {
                topic,
                qos: Qos::AtLeastOnce,
                retain: true,
                size: 0,
                expiry_seconds: None,
            });
        }
    }

    /// Ends a client's session: MQTT 5.0 can say so with DISCONNECT, MQTT 3 has to begin a new one
    /// later, which ends with its connection.
    fn end_for_good(&mut self, client: usize) {
        if self.clients[client].traits.version.is_v5() {
            self.disconnect(client, Farewell::WithExpiry(0));
            self.clients[client].traits.expiry_seconds = 0;
        } else {
            self.disconnect(client, Farewell::Normal);
        }
    }
}
