//! Reads `spec.catena`: what the published fields have no place for.

use core::net::SocketAddr;

use catena_mqtt::Filter;

use crate::bounded::Bounded;
use crate::broker::limits::{Limits, StateStoreLimits};
use crate::broker::settings::{Admin, BrokerSettings, SystemTopics, Workers};
use crate::choice::Switch;
use crate::defaults;
use crate::fields::{Field, Fields, Report};
use crate::quantity;

/// Reads `spec.catena`.
pub(crate) fn read(mut fields: Fields<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    if let Some(workers) = fields
        .take("workers")
        .and_then(|field| field.bounded(report))
    {
        settings.workers = Workers::Exactly(workers);
    }
    if let Some(field) = fields.take("partitions") {
        field.set(&mut settings.partitions, report);
    }
    if let Some(field) = fields.take("anonymous") {
        field.set_choice(&mut settings.anonymous, report);
    }
    if let Some(field) = fields.take("logFormat") {
        field.set_choice(&mut settings.log.format, report);
    }
    if let Some(field) = fields.take("sharedSubscriptionStrategy") {
        field.set_choice(&mut settings.shared_subscription_strategy, report);
    }
    if let Some(field) = fields.take("refusedFilters") {
        settings.refused_filters = refused_filters(&field, report);
    }
    if let Some(field) = fields.take("reasonStrings") {
        let mode = field.choice(report);
        settings.reason_strings = mode == Some(Switch::Enabled);
    }
    if let Some(field) = fields.take("adminAddress") {
        admin(&field, settings, report);
    }
    if let Some(topics) = fields.inner("systemTopics", report) {
        settings.system_topics = system_topics(topics, report);
    }
    if let Some(inner) = fields.inner("limits", report) {
        limits(inner, settings, report);
    }
    fields.finish(report);
}

/// A list of topic filters; one alone needs no list, so that a flag can say it.
fn refused_filters(field: &Field<'_>, report: &mut Report) -> Vec<String> {
    let expected = "a topic filter such as # or plant/+/raw, without $share";
    let parse = |text: &str| {
        let filter = Filter::parse(text).ok()?;
        filter.share.is_none().then(|| text.to_owned())
    };
    if field.node.value.text().is_some() {
        return field.parsed(report, expected, parse).into_iter().collect();
    }
    let items = field.items(report);
    let parsed = |item: &Field<'_>| item.parsed(report, expected, parse);
    items.iter().filter_map(parsed).collect()
}

fn admin(field: &Field<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    // A port that the system chooses is of no use to whoever reads the document.
    let port_any = !field.place().is_document();
    let parse = |text: &str| match text {
        off if off.eq_ignore_ascii_case("off") => Some(Admin::Off),
        text => {
            let address: SocketAddr = text.parse().ok()?;
            (port_any || address.port() != 0).then_some(Admin::At(address))
        }
    };
    let expected = "an IP address with a port, such as 127.0.0.1:9600 or [::1]:9600, or Off";
    let Some(value) = field.parsed(report, expected, parse) else {
        return;
    };
    let port = report
        .origins
        .get("Broker.spec.diagnostics.metrics.prometheusPort");
    let both = port.is_some_and(|port| port.is_document()) && field.place().is_document();
    if both && settings.admin != value && port_of(settings.admin) != port_of(value) {
        let message = "contradicts spec.diagnostics.metrics.prometheusPort; remove one of them";
        report.error(field.place(), &field.path, message);
    }
    settings.admin = value;
}

fn port_of(admin: Admin) -> Option<u16> {
    match admin {
        Admin::Off => None,
        Admin::At(address) => Some(address.port()),
    }
}

fn system_topics(mut fields: Fields<'_>, report: &mut Report) -> SystemTopics {
    let mut interval = defaults::SYSTEM_TOPICS_INTERVAL_SECONDS;
    let mode = fields.take("mode").and_then(|field| field.choice(report));
    if let Some(field) = fields.take("intervalSeconds") {
        field.set(&mut interval, report);
    }
    fields.finish(report);
    match mode {
        Some(Switch::Disabled) => SystemTopics::Disabled,
        Some(Switch::Enabled) | None => SystemTopics::Every(interval),
    }
}

fn limits(mut fields: Fields<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    let Limits {
        connections,
        connections_per_address,
        connect_timeout_seconds,
        handshakes,
        // Set elsewhere, or by other limits.
        packet_bytes: _,
        client_receive_maximum: _,
        keep_alive_seconds: _,
        session_expiry_seconds: _,
        message_expiry_seconds: _,
        subscriptions_per_session,
        filters_per_subscribe,
        topic_levels,
        topic_bytes,
        topic_alias_maximum,
        receive_maximum,
        half_finished_qos2,
        maximum_qos,
        retain_available,
        retained_messages,
        retained_bytes,
        user_properties,
        memory_pool_bytes,
        memory_refuse_percent,
        state_store: store,
    } = &mut settings.limits;
    let mut take = |name| fields.take(name);
    set(take("connections"), connections, report);
    set_some(
        take("connectionsPerAddress"),
        connections_per_address,
        report,
    );
    set(
        take("connectTimeoutSeconds"),
        connect_timeout_seconds,
        report,
    );
    set(take("handshakes"), handshakes, report);
    set(
        take("subscriptionsPerSession"),
        subscriptions_per_session,
        report,
    );
    set(take("filtersPerSubscribe"), filters_per_subscribe, report);
    set(take("topicLevels"), topic_levels, report);
    set(take("topicBytes"), topic_bytes, report);
    set(take("topicAliasMaximum"), topic_alias_maximum, report);
    set(take("receiveMaximum"), receive_maximum, report);
    set(take("halfFinishedQos2"), half_finished_qos2, report);
    set(take("retainedMessages"), retained_messages, report);
    set(take("userProperties"), user_properties, report);
    set(take("memoryRefusePercent"), memory_refuse_percent, report);
    set_bytes(take("memoryPoolBytes"), memory_pool_bytes, report);
    set_bytes(take("retainedBytes"), retained_bytes, report);
    if let Some(field) = take("queueBytes") {
        settings.subscriber_queue.bytes = bytes(&field, report);
    }
    if let Some(field) = take("maximumQos") {
        field.set_choice(maximum_qos, report);
    }
    if let Some(value) = take("retainAvailable").and_then(|field| field.boolean(report)) {
        *retain_available = value;
    }
    state_store(fields.inner("stateStore", report), store, report);
    fields.finish(report);
}

fn state_store(fields: Option<Fields<'_>>, limits: &mut StateStoreLimits, report: &mut Report) {
    let Some(mut fields) = fields else {
        return;
    };
    let StateStoreLimits {
        keys,
        bytes,
        key_bytes,
        value_bytes,
        reply_bytes,
        scan_page_keys,
        registrations,
        registrations_per_client,
        registration_bytes,
        kept_changes,
        kept_change_bytes,
        recent_answers,
        recent_answer_bytes,
    } = limits;
    let mut take = |name| fields.take(name);
    set(take("keys"), keys, report);
    set_bytes(take("bytes"), bytes, report);
    set(take("keyBytes"), key_bytes, report);
    set_bytes(take("valueBytes"), value_bytes, report);
    set_bytes(take("replyBytes"), reply_bytes, report);
    set(take("scanPageKeys"), scan_page_keys, report);
    set(take("registrations"), registrations, report);
    set(
        take("registrationsPerClient"),
        registrations_per_client,
        report,
    );
    set_bytes(take("registrationBytes"), registration_bytes, report);
    set(take("keptChanges"), kept_changes, report);
    set_bytes(take("keptChangeBytes"), kept_change_bytes, report);
    set(take("recentAnswers"), recent_answers, report);
    set_bytes(take("recentAnswerBytes"), recent_answer_bytes, report);
    fields.finish(report);
}

/// Sets a limit if its field is there and right.
fn set<const MIN: u64, const MAX: u64>(
    field: Option<Field<'_>>,
    limit: &mut Bounded<MIN, MAX>,
    report: &mut Report,
) {
    if let Some(field) = field {
        field.set(limit, report);
    }
}

/// Sets a limit that may not exist.
fn set_some<const MIN: u64, const MAX: u64>(
    field: Option<Field<'_>>,
    limit: &mut Option<Bounded<MIN, MAX>>,
    report: &mut Report,
) {
    if let Some(field) = field {
        field.set_some(limit, report);
    }
}

/// Sets a limit in bytes, which may be written with a suffix.
fn set_bytes<const MIN: u64, const MAX: u64>(
    field: Option<Field<'_>>,
    limit: &mut Bounded<MIN, MAX>,
    report: &mut Report,
) {
    if let Some(bytes) = field.and_then(|field| bytes(&field, report)) {
        *limit = bytes;
    }
}

/// A number of bytes, plain or with a suffix.
fn bytes<const MIN: u64, const MAX: u64>(
    field: &Field<'_>,
    report: &mut Report,
) -> Option<Bounded<MIN, MAX>> {
    let expected = format!("a number of bytes from {MIN} to {MAX}, or a size such as 64Mi");
    let parse = |text: &str| quantity::bytes(text).and_then(Bounded::new);
    field.parsed(report, &expected, parse)
}
