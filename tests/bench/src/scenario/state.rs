//! What is measured of the state store.

use super::{Audience, Figure, Scenario, Section, figure, with_all};

const STORE: &[Figure] = &[
    figure(Section::StoreCost, super::COST, ""),
    figure(Section::StoreLatency, "latency_p50_us", "median, µs"),
    figure(
        Section::StoreLatency,
        "latency_p99_us",
        "99 of 100 within, µs",
    ),
];

const KEYS: &[Figure] = &[figure(
    Section::StoreMemory,
    "broker_bytes_per_key",
    "bytes per key",
)];

const EXPIRY: &[Figure] = &[
    figure(
        Section::Alone,
        "before_max_us",
        "longest wait of another client in the second before, µs",
    ),
    figure(
        Section::Alone,
        "latency_p99_us",
        "99 of 100 of its answers from then on within, µs",
    ),
    figure(
        Section::Alone,
        "latency_max_us",
        "longest wait of another client from then on, µs",
    ),
    figure(
        Section::Alone,
        "broker_bytes_per_key",
        "bytes per key with expiry",
    ),
    figure(
        Section::Alone,
        "broker_bytes_per_key_expired",
        "bytes per key when all have expired",
    ),
];

const fn with(
    name: &'static str,
    words: &'static str,
    audience: Audience,
    figures: &'static [Figure],
) -> Scenario {
    Scenario {
        audience,
        ..with_all(name, words, figures)
    }
}

/// All that is measured of the state store, in this order.
pub const SCENARIOS: &[Scenario] = &[
    with(
        "state-set-w1",
        "state --mix set --window 1",
        Audience::Stores,
        STORE,
    ),
    with(
        "state-get-w1",
        "state --mix get --window 1",
        Audience::Stores,
        STORE,
    ),
    with(
        "state-set-w16",
        "state --mix set --window 16",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-get-w16",
        "state --mix get --window 16",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-set-w100",
        "state --mix set --window 100",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-get-w100",
        "state --mix get --window 100",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-set-w16-16b",
        "state --mix set --window 16 --payload 16",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-set-w16-1k",
        "state --mix set --window 16 --payload 1024",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-get-w16-16k",
        "state --mix get --window 16 --payload 16384",
        Audience::Redis,
        STORE,
    ),
    with(
        "state-mixed-w16",
        "state --mix mixed --window 16",
        Audience::CatenaOnly,
        STORE,
    ),
    with(
        "state-1m",
        "state --mix get --window 16 --keys 1000000",
        Audience::Redis,
        KEYS,
    ),
    with(
        "state-expiry-1m",
        "state-expiry --keys 1000000",
        Audience::CatenaOnly,
        EXPIRY,
    ),
];
