//! The second phase: nothing goes wrong any more, everybody is connected, and everything that must
//! arrive has to.

use super::World;
use crate::client::Stage;
use crate::invariants::{Verdict, check_healed, check_progress};
use crate::network::{Way, Weather};
use crate::time::ms;

/// Longer than every will delay, and than clients and workers need to find out about each other.
const SETTLING_MS: u64 = 9_000;

/// How long the world may take to come to rest after that.
const REST_MS_MAX: u64 = 60_000;

impl World {
    /// Heals the world and checks that everything has arrived.
    pub(super) fn heal(&mut self) -> Verdict {
        self.calm_down()?;
        let settled = self.agenda.now().plus(ms(SETTLING_MS));
        while self.agenda.now() < settled {
            self.reconnect();
            self.run_for(500)?;
        }
        self.come_to_rest()?;
        self.check_nodes(true)?;
        let now = self.agenda.now();
        let dropped = self.nodes.iter().map(super::node::Node::dropped).sum();
        check_healed(&self.model, now, dropped)
    }

    fn calm_down(&mut self) -> Verdict {
        let now = self.agenda.now();
        self.trace.line(now, format_args!("the world heals"));
        self.is_calm = true;
        self.is_quiet = true;
        self.network.weather = Weather {
            window_bytes: self.network.weather.window_bytes,
            ..Weather::CALM
        };
        for link in 0..self.network.count() {
            if self.network.link(link).is_cut {
                self.notice(link, Way::Up)?;
                self.notice(link, Way::Down)?;
            }
        }
        for will in std::mem::take(&mut self.owed_wills) {
            self.model.messages[will].acked = Some(now);
        }
        for client in 0..self.clients.len() {
            self.tend(client)?;
        }
        Ok(())
    }

    pub(super) fn reconnect(&mut self) {
        for client in 0..self.clients.len() {
            if self.clients[client].stage == Stage::Offline {
                self.connect(client, false);
            }
        }
    }

    pub(super) fn run_for(&mut self, milliseconds: u64) -> Verdict {
        let until = self.agenda.now().plus(ms(milliseconds));
        self.run_until(until)
    }

    /// Runs until nobody waits for anything.
    pub(super) fn come_to_rest(&mut self) -> Verdict {
        let limit = self.agenda.now().plus(ms(REST_MS_MAX));
        loop {
            self.reconnect();
            self.run_for(300)?;
            let waiting = self.waiting();
            if waiting.is_empty() {
                // What was on its way when the last answer came.
                return self.run_for(300);
            }
            if self.agenda.now() >= limit {
                return check_progress(self.agenda.now(), &waiting);
            }
        }
    }

    /// Who waits, and for what.
    fn waiting(&self) -> Vec<String> {
        let clients = self.clients.iter();
        let mut waiting: Vec<String> = clients.filter_map(|client| client.waits_for()).collect();
        for link in self.clients.iter().filter_map(|client| client.link) {
            if self.network.is_busy(link) {
                waiting.push(format!("connection {link} has bytes in flight"));
            }
        }
        for link in &self.retired {
            waiting.push(format!("connection {link} was left and is still open"));
        }
        if self.nodes.iter().any(super::node::Node::is_busy) {
            waiting.push("a worker has work".to_owned());
        }
        waiting
    }
}
