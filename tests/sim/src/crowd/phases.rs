//! From trouble to rest, and from rest to the end: what must have arrived then, and what must be
//! gone.

use std::collections::BTreeSet;
use std::time::Duration;

use catena_mqtt::Qos;
use catena_types::Moment;

use super::Crowd;
use crate::client::{Farewell, Stage};
use crate::invariants::check_healed;
use crate::model::Terms;
use crate::time::ms;
use crate::violation::Violation;

impl Crowd {
    /// No more trouble from here on: everybody connects, reads, answers and begins nothing new.
    pub fn calm_down(&mut self, now: Moment) {
        self.now = now;
        self.is_calm = true;
        self.trace.line(now, format_args!("calm from here on"));
        for will in std::mem::take(&mut self.owed_wills) {
            self.model.messages[will].acked = Some(now);
        }
        self.reconnect(now);
    }

    /// How long it takes after [`Crowd::calm_down`] until every will has been published.
    pub fn settling(&self) -> Duration {
        let delays = self.clients.iter().filter_map(|of| of.traits.will_delay);
        ms(1_000) * (1 + delays.max().unwrap_or(0))
    }

    /// Connects everybody who has no connection.
    pub fn reconnect(&mut self, now: Moment) {
        self.now = now;
        for client in 0..self.clients.len() {
            if self.clients[client].stage == Stage::Offline {
                self.connect(client, false);
            }
        }
    }

    /// Who waits for the broker, and for what.
    pub fn waiting(&self) -> Vec<String> {
        let clients = self.clients.iter();
        let mut waiting: Vec<String> = clients.filter_map(|of| of.waits_for()).collect();
        for link in self.links.standing() {
            match self.user_of(link) {
                Some(client) if self.clients[client].output.is_empty() => {}
                Some(client) => waiting.push(format!("client {client} has bytes to send")),
                None => waiting.push(format!("{link:?} was left and is still open")),
            }
        }
        waiting
    }

    /// Connections that are open, left ones included.
    pub fn open_connections(&self) -> usize {
        self.links.standing().count()
    }

    /// Checks that everything that had to arrive has, after all is calm and nobody waits.
    ///
    /// # Errors
    /// The first message that is missing.
    pub fn check_healed(&self, now: Moment) -> Result<(), Violation> {
        check_healed(&self.model, now, 0)
    }

    /// Has every retained message removed. Afterwards nobody must wait, as before.
    pub fn clear_retained(&mut self, now: Moment) {
        self.now = now;
        let messages = self.model.messages.iter();
        let kept = messages.filter(|message| message.terms.retain);
        let topics: BTreeSet<String> = kept.map(|message| message.terms.topic.clone()).collect();
        let nothing = topics.into_iter().map(|topic| Terms {
            topic,
            qos: Qos::AtLeastOnce,
            retain: true,
            size: 0,
            expiry_seconds: None,
        });
        let (of, mut scene) = self.scene(0);
        of.backlog.extend(nothing);
        of.publish_backlog(&mut scene);
    }

    /// Ends all connections, and the sessions that can be ended in this way. Those of MQTT 3 that
    /// outlive it need [`Crowd::begin_anew`].
    pub fn say_goodbye(&mut self, now: Moment) {
        self.now = now;
        for client in 0..self.clients.len() {
            if self.clients[client].stage != Stage::Connected {
                continue;
            }
            if self.clients[client].traits.version.is_v5() {
                self.disconnect(client, Farewell::WithExpiry(0));
            } else {
                self.disconnect(client, Farewell::Normal);
            }
        }
    }

    /// Connects everybody with a new session that ends with its connection.
    pub fn begin_anew(&mut self, now: Moment) {
        self.now = now;
        for client in 0..self.clients.len() {
            // Nothing that a held-up machine could bring about: no will, no keep alive.
            let traits = &mut self.clients[client].traits;
            (traits.expiry_seconds, traits.keep_alive) = (0, 0);
            traits.will_delay = None;
            self.connect(client, true);
        }
    }
}
