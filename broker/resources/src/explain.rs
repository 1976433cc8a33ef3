//! Effective values, and where each comes from.

use std::fmt;

use crate::authentication::{Method, PasswordSource};
use crate::broker::{Admin, BrokerSettings, StateStoreLimits, SystemTopics, Workers};
use crate::choice::Switch;
use crate::configuration::Configuration;
use crate::diagnose::{Place, PlaceKind};
use crate::listener::{Access, AllowedOrigins, Endpoint, Listener, ProxyProtocol, Tls};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The resource and the path in it, such as `Broker.spec.memoryProfile` or
    /// `BrokerListener/external.spec.ports[0].port`.
    pub path: String,
    /// The value that holds, as a document would have it; `none` for a limit that is not set.
    pub value: String,
    /// What says so.
    pub origin: Origin,
}

/// What says that a setting has its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing does: it is the default, or follows from other settings.
    Default,
    /// A document.
    Document {
        /// The name of its source.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// A flag.
    Flag(String),
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Document { file, line } => write!(f, "{file}:{line}"),
            Self::Flag(name) | Self::Environment(name) => f.write_str(name),
        }
    }
}

impl From<&Place> for Origin {
    fn from(place: &Place) -> Self {
        match place.kind {
            PlaceKind::Document => Self::Document {
                file: place.name.to_string(),
                line: place.line,
            },
            PlaceKind::Flag => Self::Flag(place.name.to_string()),
            PlaceKind::Environment => Self::Environment(place.name.to_string()),
        }
    }
}

impl Configuration {
    /// Every setting with its effective value and its origin: the Broker's, then those of each
    /// listener and authentication, each in a fixed order.
    pub fn explain(&self) -> Vec<Setting> {
        let mut out = Settings {
            configuration: self,
            settings: Vec::new(),
        };
        broker(&self.broker, &mut out);
        extension(&self.broker, &mut out);
        limits(&self.broker, &mut out);
        for each in &self.listeners {
            listener(each, &mut out);
        }
        for authentication in &self.authentications {
            for (index, method) in authentication.methods.iter().enumerate() {
                let path = format!("{}.authenticationMethods[{index}]", authentication.setting);
                let Method::UsernamePassword(source) = method;
                out.add(&format!("{path}.method"), "UsernamePassword");
                let path = format!("{path}.usernamePasswordSettings");
                match source {
                    PasswordSource::Secret(secret) => {
                        out.add(&format!("{path}.secretRef"), &secret.name);
                    }
                    PasswordSource::File { path: file, .. } => {
                        out.add(&format!("{path}.file"), file.display());
                    }
                }
            }
        }
        out.settings
    }
}

/// The list as it grows.
struct Settings<'a> {
    configuration: &'a Configuration,
    settings: Vec<Setting>,
}

impl Settings<'_> {
    fn add(&mut self, path: &str, value: impl fmt::Display) {
        self.add_from(path, path, value);
    }

    /// A setting that follows from another one unless it is set itself.
    fn add_from(&mut self, path: &str, otherwise: &str, value: impl fmt::Display) {
        let origins = &self.configuration.origins;
        let place = origins.get(path).or_else(|| origins.get(otherwise));
        let origin = place.map_or(Origin::Default, Origin::from);
        self.settings.push(Setting {
            path: path.to_owned(),
            value: value.to_string(),
            origin,
        });
    }

    fn spec(&mut self, path: &str, value: impl fmt::Display) {
        self.add(&format!("Broker.spec.{path}"), value);
    }

    fn spec_from(&mut self, path: &str, otherwise: &str, value: impl fmt::Display) {
        let (path, otherwise) = (
            format!("Broker.spec.{path}"),
            format!("Broker.spec.{otherwise}"),
        );
        self.add_from(&path, &otherwise, value);
    }
}

fn broker(broker: &BrokerSettings, out: &mut Settings<'_>) {
    out.spec("memoryProfile", broker.memory_profile);
    if let Some(shape) = &broker.cardinality {
        out.spec("cardinality.frontend.replicas", shape.frontend_replicas);
        out.spec("cardinality.frontend.workers", shape.frontend_workers);
        out.spec(
            "cardinality.backendChain.partitions",
            shape.backend_partitions,
        );
        out.spec(
            "cardinality.backendChain.redundancyFactor",
            shape.redundancy_factor,
        );
        out.spec("cardinality.backendChain.workers", shape.backend_workers);
    }
    if let Some(buffer) = &broker.disk_buffer {
        out.spec("diskBackedMessageBuffer.maxSize", buffer.bytes);
    }
    if let Some(persistence) = &broker.persistence {
        out.spec("persistence.maxSize", persistence.bytes);
    }
    out.spec("diagnostics.logs.level", &broker.log.level);
    let check = broker.self_check.as_ref();
    out.spec("diagnostics.selfCheck.mode", switch(check.is_some()));
    if let Some(check) = check {
        out.spec(
            "diagnostics.selfCheck.intervalSeconds",
            check.interval_seconds,
        );
        out.spec(
            "diagnostics.selfCheck.timeoutSeconds",
            check.timeout_seconds,
        );
    }
    out.spec("diagnostics.traces.mode", switch(broker.traces.is_some()));
    if let Some(traces) = &broker.traces {
        let own = traces.self_tracing_interval_seconds;
        out.spec(
            "diagnostics.traces.cacheSizeMegabytes",
            traces.cache_megabytes,
        );
        out.spec("diagnostics.traces.selfTracing.mode", switch(own.is_some()));
        if let Some(seconds) = own {
            out.spec("diagnostics.traces.selfTracing.intervalSeconds", seconds);
        }
        out.spec(
            "diagnostics.traces.spanChannelCapacity",
            traces.span_channel_capacity,
        );
    }
}

fn extension(broker: &BrokerSettings, out: &mut Settings<'_>) {
    let workers = match broker.workers {
        Workers::PerCore => "one per core".to_owned(),
        Workers::Exactly(workers) => workers.to_string(),
    };
    out.spec_from("catena.workers", "cardinality.frontend.workers", workers);
    let chains = "cardinality.backendChain.partitions";
    out.spec_from("catena.partitions", chains, broker.partitions);
    out.spec("catena.anonymous", broker.anonymous);
    out.spec("catena.logFormat", broker.log.format);
    let metrics = "diagnostics.metrics.prometheusPort";
    let admin = match broker.admin {
        Admin::Off => "Off".to_owned(),
        Admin::At(address) => address.to_string(),
    };
    out.spec_from("catena.adminAddress", metrics, admin);
    out.spec(
        "catena.sharedSubscriptionStrategy",
        broker.shared_subscription_strategy,
    );
    let refused = match broker.refused_filters.as_slice() {
        [] => "none".to_owned(),
        filters => filters.join(", "),
    };
    out.spec_from("catena.refusedFilters", "catena.refusedFilters[0]", refused);
    out.spec("catena.reasonStrings", switch(broker.reason_strings));
    let interval = match broker.system_topics {
        SystemTopics::Disabled => None,
        SystemTopics::Every(seconds) => Some(seconds),
    };
    out.spec("catena.systemTopics.mode", switch(interval.is_some()));
    if let Some(seconds) = interval {
        out.spec("catena.systemTopics.intervalSeconds", seconds);
    }
}

fn limits(broker: &BrokerSettings, out: &mut Settings<'_>) {
    let limits = &broker.limits;
    let queue = &broker.subscriber_queue;
    let profile = "memoryProfile";
    let clients = |name| format!("advanced.clients.{name}");
    out.spec(
        &clients("maxSessionExpirySeconds"),
        limits.session_expiry_seconds,
    );
    out.spec(
        &clients("maxMessageExpirySeconds"),
        none(limits.message_expiry_seconds),
    );
    out.spec_from(&clients("maxPacketSizeBytes"), profile, limits.packet_bytes);
    out.spec(&clients("maxReceiveMaximum"), limits.client_receive_maximum);
    let keep_alive = limits
        .keep_alive_seconds
        .map_or(0, |seconds| seconds.to_u64());
    out.spec(&clients("maxKeepAliveSeconds"), keep_alive);
    out.spec(&clients("subscriberQueueLimit.length"), none(queue.length));
    out.spec(&clients("subscriberQueueLimit.strategy"), queue.strategy);
    let ours = |name| format!("catena.limits.{name}");
    let receive_maximum = ours("receiveMaximum");
    let pool = ours("memoryPoolBytes");
    out.spec(&ours("connections"), limits.connections);
    out.spec(
        &ours("connectionsPerAddress"),
        none(limits.connections_per_address),
    );
    out.spec(
        &ours("connectTimeoutSeconds"),
        limits.connect_timeout_seconds,
    );
    out.spec(&ours("handshakes"), limits.handshakes);
    out.spec(
        &ours("subscriptionsPerSession"),
        limits.subscriptions_per_session,
    );
    out.spec(&ours("filtersPerSubscribe"), limits.filters_per_subscribe);
    out.spec(&ours("topicLevels"), limits.topic_levels);
    out.spec(&ours("topicBytes"), limits.topic_bytes);
    out.spec(&ours("topicAliasMaximum"), limits.topic_alias_maximum);
    out.spec(&receive_maximum, limits.receive_maximum);
    out.spec_from(
        &ours("halfFinishedQos2"),
        &receive_maximum,
        limits.half_finished_qos2,
    );
    out.spec(&ours("maximumQos"), limits.maximum_qos.to_u8());
    out.spec(&ours("retainAvailable"), limits.retain_available);
    out.spec(&ours("retainedMessages"), limits.retained_messages);
    let set = out
        .configuration
        .origins
        .contains_key(&format!("Broker.spec.{pool}"));
    let otherwise = if set { pool.as_str() } else { profile };
    out.spec_from(&ours("retainedBytes"), otherwise, limits.retained_bytes);
    out.spec(&ours("userProperties"), limits.user_properties);
    out.spec(&ours("queueBytes"), none(queue.bytes));
    out.spec_from(&pool, profile, limits.memory_pool_bytes);
    out.spec(&ours("memoryRefusePercent"), limits.memory_refuse_percent);
    state_store(&limits.state_store, &pool, out);
}

fn state_store(limits: &StateStoreLimits, pool: &str, out: &mut Settings<'_>) {
    let of = |name| format!("catena.limits.stateStore.{name}");
    out.spec(&of("keys"), limits.keys);
    out.spec_from(&of("bytes"), pool, limits.bytes);
    out.spec(&of("keyBytes"), limits.key_bytes);
    out.spec(&of("valueBytes"), limits.value_bytes);
    out.spec(&of("replyBytes"), limits.reply_bytes);
    out.spec(&of("scanPageKeys"), limits.scan_page_keys);
    out.spec(&of("registrations"), limits.registrations);
    out.spec(
        &of("registrationsPerClient"),
        limits.registrations_per_client,
    );
    out.spec(&of("registrationBytes"), limits.registration_bytes);
    out.spec(&of("keptChanges"), limits.kept_changes);
    out.spec(&of("keptChangeBytes"), limits.kept_change_bytes);
    out.spec(&of("recentAnswers"), limits.recent_answers);
    out.spec(&of("recentAnswerBytes"), limits.recent_answer_bytes);
}

fn listener(listener: &Listener, out: &mut Settings<'_>) {
    let path = |name: &str| format!("{}.{name}", listener.setting);
    match &listener.endpoint {
        Endpoint::Everywhere(port) => {
            out.add(&path("port"), port);
            out.add(&path("catena.bindAddress"), "*");
        }
        Endpoint::Loopback(port) => {
            out.add(&path("port"), port);
            out.add(&path("catena.bindAddress"), "localhost");
        }
        Endpoint::Address(address) => {
            out.add(&path("port"), address.port());
            out.add(&path("catena.bindAddress"), address.ip());
        }
        Endpoint::Unix(socket) => out.add(&path("catena.unixSocket"), socket.display()),
    }
    out.add(&path("protocol"), listener.protocol);
    match &listener.access {
        Access::Anonymous => {
            let said = path("catena.anonymous");
            out.add_from(&path("authenticationRef"), &said, "none");
        }
        Access::Authenticated(name) => out.add(&path("authenticationRef"), name),
    }
    match &listener.tls {
        None => out.add(&path("tls"), "none"),
        Some(Tls::Manual { secret }) => out.add(&path("tls.manual.secretRef"), secret),
    }
    let (mode, sources) = match &listener.proxy_protocol {
        ProxyProtocol::Off => ("Off", None),
        ProxyProtocol::Optional(sources) => ("Optional", Some(sources)),
        ProxyProtocol::Required(sources) => ("Required", Some(sources)),
    };
    out.add(&path("catena.proxyProtocol"), mode);
    if let Some(sources) = sources {
        let list: Vec<String> = sources.iter().map(ToString::to_string).collect();
        let first = path("catena.trustedSources[0]");
        out.add_from(&path("catena.trustedSources"), &first, list.join(", "));
    }
    allowed_origins(listener, out);
    out.add(&path("catena.maxConnections"), none(listener.connections));
    let timeout = "catena.tlsHandshakeTimeoutSeconds";
    out.add(&path(timeout), listener.tls_handshake_timeout_seconds);
}

fn allowed_origins(listener: &Listener, out: &mut Settings<'_>) {
    let origins = match &listener.allowed_origins {
        AllowedOrigins::Unsaid => "any on loopback, else of the same host".to_owned(),
        AllowedOrigins::Any => "*".to_owned(),
        AllowedOrigins::Listed(sites) => sites.join(", "),
    };
    let path = format!("{}.catena.allowedOrigins", listener.setting);
    out.add_from(&path, &format!("{path}[0]"), origins);
}

fn none<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn switch(on: bool) -> Switch {
    if on {
        Switch::Enabled
    } else {
        Switch::Disabled
    }
}

#[cfg(test)]
mod tests {
    use crate::configuration::{Source, parse};

    /// What a document sets and no setting shows: that which one process does not use.
    #[test]
    fn no_setting_is_left_out() {
        let text = include_str!("../tests/documents/current.yaml");
        let source = Source {
            name: "current.yaml".into(),
            text: text.into(),
        };
        let configuration = parse(&[source]).unwrap();
        let shown: Vec<String> = configuration
            .explain()
            .into_iter()
            .map(|setting| setting.path)
            .collect();
        let unused = [
            "generateResourceLimits",
            "persistence.",
            "encryptInternalTraffic",
            "internalCerts",
            "serviceName",
            "serviceType",
            "brokerRef",
            "nodePort",
            "certManagerCertificateSpec",
        ];
        // Shown under another path.
        let elsewhere = [
            "prometheusPort",
            "trustedSources[",
            "allowedOrigins[",
            "refusedFilters[",
            "catena.anonymous",
            "tls.mode",
        ];
        // Without effect while self-tracing is off.
        let off = ["selfTracing.intervalSeconds"];
        let known = || unused.iter().chain(&elsewhere).chain(&off);
        let missing: Vec<&String> = configuration
            .origins
            .keys()
            .filter(|path| !shown.contains(path))
            .filter(|path| !known().any(|part| path.contains(part)))
            .collect();
        assert_eq!(missing, Vec::<&String>::new());
    }
}
