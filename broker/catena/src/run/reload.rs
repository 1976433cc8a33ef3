//! SIGHUP: reads documents, certificates and password files again. What cannot be used as a whole
//! is refused, and what was there stays: a broken file must never open a door.

use std::sync::Arc;

use catena_frontend::Handle;
use catena_resources::{BrokerSettings, Diagnostic};
use catena_telemetry::logs;
use clap::ArgMatches;
use tracing::{error, info, warn};

use crate::load::{self, Loaded};
use crate::node::{Node, Numbers};
use crate::{flags, node};

/// What a reload needs.
pub(super) struct Reload<'a> {
    flags: &'a flags::Flags,
    matches: &'a ArgMatches,
    frontend: Handle,
    numbers: Arc<Numbers>,
    logs: logs::Handle,
    /// As started: what cannot change without a restart is compared with this.
    started: BrokerSettings,
}

impl<'a> Reload<'a> {
    pub(super) fn new(
        flags: &'a flags::Flags,
        matches: &'a ArgMatches,
        node: &Node,
        logs: logs::Handle,
        loaded: &Loaded,
    ) -> Self {
        Self {
            flags,
            matches,
            frontend: node.handle(),
            numbers: node.numbers(),
            logs,
            started: loaded.configuration.broker.clone(),
        }
    }

    /// Reads everything again; uses it if all of it can be used.
    pub(super) fn perform(&self) {
        info!("reloading");
        let loaded = match load::load(self.flags, self.matches) {
            Ok(loaded) => loaded,
            Err(refused) => {
                for problem in refused.lines() {
                    error!(problem, "configuration problem");
                }
                return error!("reload refused: the configuration stays as it was");
            }
        };
        if let Err(problem) = self.apply(&loaded) {
            let problem = format!("{problem:#}");
            return error!(problem, "reload refused: the configuration stays as it was");
        }
        for note in loaded.notes.iter().map(Diagnostic::render) {
            warn!(note, "configuration note");
        }
        let broker = &loaded.configuration.broker;
        if as_started(broker, &self.started) != self.started {
            warn!("some changes of the Broker take effect with the next start only");
        }
        // What a reload can change is as it is now, the rest as at the start.
        self.numbers.set_settings(as_started(&self.started, broker));
        let listeners = self.frontend.listeners();
        super::ports::log(&listeners, &loaded);
        info!(listeners = listeners.len(), "reloaded");
    }

    fn apply(&self, loaded: &Loaded) -> anyhow::Result<()> {
        // Everything that can fail comes before the first change.
        let filter = super::filter(loaded)?;
        self.frontend.reload_listeners(&node::listeners(loaded))?;
        Ok(self.logs.set_filter(&filter)?)
    }
}

/// The settings with those taken from the start that a reload has changed.
fn as_started(broker: &BrokerSettings, started: &BrokerSettings) -> BrokerSettings {
    let mut broker = broker.clone();
    broker.log.level = started.log.level.clone();
    broker.anonymous = started.anonymous;
    broker.reason_strings = started.reason_strings;
    broker.refused_filters.clone_from(&started.refused_filters);
    let (limits, before) = (&mut broker.limits, &started.limits);
    limits.packet_bytes = before.packet_bytes;
    limits.user_properties = before.user_properties;
    limits.topic_levels = before.topic_levels;
    limits.topic_bytes = before.topic_bytes;
    limits.connect_timeout_seconds = before.connect_timeout_seconds;
    limits.receive_maximum = before.receive_maximum;
    limits.client_receive_maximum = before.client_receive_maximum;
    limits.maximum_qos = before.maximum_qos;
    limits.retain_available = before.retain_available;
    limits.filters_per_subscribe = before.filters_per_subscribe;
    limits.topic_alias_maximum = before.topic_alias_maximum;
    limits.session_expiry_seconds = before.session_expiry_seconds;
    limits.message_expiry_seconds = before.message_expiry_seconds;
    limits.keep_alive_seconds = before.keep_alive_seconds;
    broker
}
