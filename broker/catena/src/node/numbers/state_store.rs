//! What the state store holds, what is asked of it, and how its limits act.

use catena_resources::BrokerSettings;
use catena_statestore::Stats;
use catena_telemetry::metrics::{Limit, Samples, table};

use super::Frontend;
use super::limits::{hits, max, used};

pub(super) fn collect(
    stats: &Stats,
    frontend: &Frontend,
    settings: &BrokerSettings,
    samples: &mut Samples,
) {
    for (metric, count) in [
        (&table::STATE_STORE_INSERTIONS, stats.insertions),
        (&table::STATE_STORE_MODIFICATIONS, stats.modifications),
        (&table::STATE_STORE_DELETIONS, stats.deletions),
        (&table::STATE_STORE_RETRIEVALS, stats.retrievals),
        (
            &table::STATE_STORE_KEYNOTIFY_REQUESTS,
            stats.key_notify_requests,
        ),
        (&table::STATE_STORE_NOTIFICATIONS, stats.notified),
        (&table::STATE_STORE_REPEATED, stats.repeated),
        (&table::STATE_STORE_EXPIRED, stats.expired),
        (&table::STATE_STORE_EXPIRING, stats.expiring),
    ] {
        samples.add(metric, [], count);
    }
    let requests = frontend.sum(|stats| stats.store_requests);
    samples.add(&table::STATE_STORE_REQUESTS, [], requests);
    let refused = frontend.sum(|stats| stats.store_refused);
    samples.add(&table::STATE_STORE_REFUSED, [], refused);
    filling(stats, settings, samples);
    lengths(stats, settings, samples);
}

/// What grows with use.
fn filling(stats: &Stats, settings: &BrokerSettings, samples: &mut Samples) {
    let limits = &settings.limits.state_store;
    for (limit, now, most, acted) in [
        (
            Limit::StateStoreKeys,
            stats.keys,
            limits.keys.to_u64(),
            stats.refused_keys,
        ),
        (
            Limit::StateStoreBytes,
            stats.bytes,
            limits.bytes.to_u64(),
            stats.refused_bytes,
        ),
        (
            Limit::StateStoreRegistrations,
            stats.registrations,
            limits.registrations.to_u64(),
            stats.refused_registrations,
        ),
        (
            Limit::StateStoreRegistrationBytes,
            stats.registration_bytes,
            limits.registration_bytes.to_u64(),
            stats.refused_registration_bytes,
        ),
        (
            Limit::StateStoreKeptChanges,
            stats.changes,
            limits.kept_changes.to_u64(),
            stats.dropped_changes,
        ),
        (
            Limit::StateStoreRecentAnswers,
            stats.answers,
            limits.recent_answers.to_u64(),
            stats.dropped_answers,
        ),
    ] {
        used(limit, now, samples);
        max(limit, most, samples);
        hits(limit, acted, samples);
    }
    // What is dropped is counted once, whether number or bytes were too many.
    for (limit, now, most) in [
        (
            Limit::StateStoreKeptChangeBytes,
            stats.change_bytes,
            limits.kept_change_bytes.to_u64(),
        ),
        (
            Limit::StateStoreRecentAnswerBytes,
            stats.answer_bytes,
            limits.recent_answer_bytes.to_u64(),
        ),
    ] {
        used(limit, now, samples);
        max(limit, most, samples);
    }
}

/// What a single request or client may have.
fn lengths(stats: &Stats, settings: &BrokerSettings, samples: &mut Samples) {
    let limits = &settings.limits.state_store;
    for (limit, most, acted) in [
        (
            Limit::StateStoreKeyBytes,
            limits.key_bytes.to_u64(),
            stats.refused_key_bytes,
        ),
        (
            Limit::StateStoreValueBytes,
            limits.value_bytes.to_u64(),
            stats.refused_value_bytes,
        ),
        (
            Limit::StateStoreRegistrationsPerClient,
            limits.registrations_per_client.to_u64(),
            stats.refused_registrations_per_client,
        ),
    ] {
        max(limit, most, samples);
        hits(limit, acted, samples);
    }
}
