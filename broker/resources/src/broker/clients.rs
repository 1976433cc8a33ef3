//! Reads `spec.advanced.clients` and its seed-era form, and settles how the limits meet.

use crate::bounded::Bounded;
use crate::broker::settings::{BrokerSettings, QueueStrategy};
use crate::defaults;
use crate::fields::{Fields, Report};

/// Path of the limits on clients.
const CLIENTS: &str = "Broker.spec.advanced.clients";

/// Path of our own limits.
const LIMITS: &str = "Broker.spec.catena.limits";

/// Reads `spec.advanced.clients`.
pub(crate) fn read(mut fields: Fields<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    let limits = &mut settings.limits;
    if let Some(field) = fields.take("maxSessionExpirySeconds") {
        field.set(&mut limits.session_expiry_seconds, report);
    }
    if let Some(field) = fields.take("maxMessageExpirySeconds") {
        field.set_some(&mut limits.message_expiry_seconds, report);
    }
    if let Some(field) = fields.take("maxPacketSizeBytes")
        && let Some(bytes) = field.bounded::<1, 268_435_456>(report)
    {
        let profile = limits.packet_bytes;
        limits.packet_bytes = profile.min(Bounded::clamped(bytes.to_u64()));
        if bytes.to_u64() > profile.to_u64() {
            let message = format!(
                "the memory profile {} allows packets of {profile} bytes only",
                settings.memory_profile
            );
            report.note(field.place(), &field.path, message);
        }
    }
    if let Some(field) = fields.take("maxReceiveMaximum") {
        field.set(&mut limits.client_receive_maximum, report);
    }
    if let Some(field) = fields.take("maxKeepAliveSeconds")
        && let Some(seconds) = field.bounded::<0, 65_535>(report)
    {
        limits.keep_alive_seconds = Bounded::new(seconds.to_u64());
    }
    if let Some(mut queue) = fields.inner("subscriberQueueLimit", report) {
        if let Some(field) = queue.take("length") {
            field.set_some(&mut settings.subscriber_queue.length, report);
        }
        if let Some(strategy) = queue
            .take("strategy")
            .and_then(|field| field.choice(report))
        {
            settings.subscriber_queue.strategy = strategy;
        }
        queue.finish(report);
    }
    fields.finish(report);
}

/// Reads the seed era's `temporaryResourceLimits`.
pub(crate) fn read_seed(
    mut fields: Fields<'_>,
    settings: &mut BrokerSettings,
    report: &mut Report,
) {
    let limits = &mut settings.limits;
    let name = |name| format!("{CLIENTS}.{name}");
    if let Some(field) = fields.take("maxSessionExpirySecs") {
        let field = field.named(name("maxSessionExpirySeconds"));
        field.set(&mut limits.session_expiry_seconds, report);
    }
    if let Some(field) = fields.take("maxMessageExpirySecs") {
        let field = field.named(name("maxMessageExpirySeconds"));
        field.set_some(&mut limits.message_expiry_seconds, report);
    }
    let counts = [
        "maxInflightMessages",
        "maxInflightPatches",
        "maxInflightPatchesPerClient",
        "maxQueuedMessages",
        "maxQueuedQos0Messages",
    ];
    for count in counts {
        if let Some(field) = fields.take(count) {
            field.bounded::<0, { u64::MAX }>(report);
            let message = "has no effect since the seed era; see spec.advanced.clients";
            report.note(field.place(), &field.path, message);
        }
    }
    fields.finish(report);
}

/// Limits that follow from others unless they are set, and limits that contradict others.
pub(crate) fn settle(settings: &mut BrokerSettings, report: &mut Report) {
    let limits = &mut settings.limits;
    let set =
        |name: &str, report: &Report| report.origins.get(&format!("{LIMITS}.{name}")).cloned();
    if set("halfFinishedQos2", report).is_none() {
        limits.half_finished_qos2 = limits.receive_maximum;
    }
    match set("retainedBytes", report) {
        None => limits.retained_bytes = defaults::retained_bytes(limits.memory_pool_bytes),
        Some(place) if limits.retained_bytes.to_u64() > limits.memory_pool_bytes.to_u64() => {
            let message = format!(
                "is more than the memory pool of {}",
                limits.memory_pool_bytes
            );
            report.error(&place, "spec.catena.limits.retainedBytes", message);
        }
        Some(_) => {}
    }
    if set("stateStore.bytes", report).is_none() {
        let (pool, percent) = (limits.memory_pool_bytes, limits.memory_refuse_percent);
        limits.state_store.bytes = defaults::state_store_bytes(pool, percent);
    }
    let queue = &settings.subscriber_queue;
    let bounded = queue.length.is_some() || queue.bytes.is_some();
    let path = "subscriberQueueLimit.strategy";
    let strategy = report.origins.get(&format!("{CLIENTS}.{path}")).cloned();
    if queue.strategy == QueueStrategy::DropOldest
        && !bounded
        && let Some(place) = strategy
    {
        let message = "DropOldest needs a length beside it, or spec.catena.limits.queueBytes";
        report.error(&place, &format!("spec.advanced.clients.{path}"), message);
    }
    if queue.strategy == QueueStrategy::None {
        for path in [
            "advanced.clients.subscriberQueueLimit.length",
            "catena.limits.queueBytes",
        ] {
            if let Some(place) = report.origins.get(&format!("Broker.spec.{path}")).cloned() {
                let message = "has no effect with the strategy None, which drops nothing";
                report.note(&place, &format!("spec.{path}"), message);
            }
        }
    }
}
