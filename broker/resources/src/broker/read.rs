//! Reads a `Broker` document of any era into [`BrokerSettings`].

use crate::bounded::Bounded;
use crate::broker::settings::{BrokerSettings, Cardinality, Workers};
use crate::broker::{clients, diagnostics, extension, storage};
use crate::certificate;
use crate::choice::{Switch, choice};
use crate::defaults;
use crate::envelope::Document;
use crate::fields::{Field, Fields, Report};

choice! {
    /// The seed era's `mode`.
    Mode {
        /// The broker chooses its cardinality.
        Auto = "auto",
        /// The document gives it.
        Distributed = "distributed",
    }
}

/// Reads the document.
pub(crate) fn read(document: Document<'_>, report: &mut Report) -> BrokerSettings {
    let mut settings = defaults::broker();
    settings.name = document.name;
    let Some(mut spec) = document.spec else {
        return settings;
    };
    if let Some(profile) = spec
        .take("memoryProfile")
        .and_then(|field| field.choice(report))
    {
        settings.memory_profile = profile;
        settings.limits = defaults::limits(profile);
    }
    let mode = spec
        .take("mode")
        .and_then(|field| field.choice(report))
        .unwrap_or(Mode::Auto);
    cardinality(&mut spec, mode, &mut settings, report);
    let mut advanced = spec.inner("advanced", report);
    internal_traffic(&mut spec, &mut advanced, report);
    if let Some(mut fields) = advanced {
        if let Some(clients) = fields.inner("clients", report) {
            clients::read(clients, &mut settings, report);
        }
        fields.finish(report);
    }
    if let Some(old) = spec.inner("temporaryResourceLimits", report) {
        clients::read_seed(old, &mut settings, report);
    }
    if let Some(field) = spec.take_old(
        "temporaryMaxBackendMemUsagePercent",
        "catena.limits.memoryRefusePercent",
    ) && let Some(percent) = field.bounded(report)
    {
        settings.limits.memory_refuse_percent = percent;
    }
    if let Some(fields) = spec.inner("diagnostics", report) {
        diagnostics::read(fields, &mut settings, report);
    }
    storage::read(&mut spec, &mut settings, report);
    if let Some(fields) = spec.inner("catena", report) {
        extension::read(fields, &mut settings, report);
    }
    clients::settle(&mut settings, report);
    deployment(&mut spec, report);
    spec.finish(report);
    settings
}

/// The shape of a cluster, and what a single process takes from it.
fn cardinality(
    spec: &mut Fields<'_>,
    mode: Mode,
    settings: &mut BrokerSettings,
    report: &mut Report,
) {
    let fields = match mode {
        Mode::Auto => spec.take("cardinality"),
        Mode::Distributed => spec.required("cardinality", report),
    };
    let Some(mut fields) = fields.and_then(|field| field.fields(report)) else {
        return;
    };
    let frontend = fields
        .required("frontend", report)
        .and_then(|field| field.fields(report));
    let chain = fields
        .required("backendChain", report)
        .and_then(|field| field.fields(report));
    fields.finish(report);
    let frontend = frontend.map(|fields| self::frontend(fields, report));
    let chain = chain.map(|fields| self::chain(fields, report));
    let (Some((replicas, frontend_workers)), Some(chain)) = (frontend, chain) else {
        return;
    };
    if let Some(workers) = frontend_workers {
        settings.workers = Workers::Exactly(Bounded::clamped(workers.to_u64()));
    }
    let (Some(frontend_replicas), Some(backend_partitions), Some(redundancy_factor)) =
        (replicas, chain.partitions, chain.redundancy_factor)
    else {
        return;
    };
    // Each worker of a backend behaves like another chain.
    let chains = backend_partitions.to_u64() * chain.workers.to_u64();
    settings.partitions = Bounded::clamped(chains);
    settings.cardinality = Some(Cardinality {
        frontend_replicas,
        frontend_workers: frontend_workers.unwrap_or(defaults::FRONTEND_WORKERS),
        backend_partitions,
        redundancy_factor,
        backend_workers: chain.workers,
    });
}

/// Replicas and workers of `frontend`, as far as they are there and right.
fn frontend(
    mut fields: Fields<'_>,
    report: &mut Report,
) -> (Option<Bounded<1, 16>>, Option<Bounded<1, 16>>) {
    let replicas: Option<Bounded<1, 16>> = match fields.required("replicas", report) {
        Some(field) => {
            let replicas = field.bounded(report);
            alone(&field, replicas.map(Bounded::to_u64), report);
            replicas
        }
        None => None,
    };
    let workers = fields
        .take("workers")
        .and_then(|field| field.bounded(report));
    fields.finish(report);
    (replicas, workers)
}

/// `backendChain` as far as it is there and right.
struct Chain {
    partitions: Option<Bounded<1, 16>>,
    redundancy_factor: Option<Bounded<1, 5>>,
    workers: Bounded<1, 16>,
}

fn chain(mut fields: Fields<'_>, report: &mut Report) -> Chain {
    let partitions = fields
        .required_any("partitions", &["chainCount"], report)
        .and_then(|field| field.bounded(report));
    let mut redundancy_factor = None;
    if let Some(field) = fields.required_any("redundancyFactor", &["replicas"], report) {
        redundancy_factor = field.bounded(report);
        alone(&field, redundancy_factor.map(Bounded::to_u64), report);
    }
    let workers = fields
        .take("workers")
        .and_then(|field| field.bounded(report));
    fields.unused(
        &[
            "temporaryDiskTransferEnabled",
            "temporaryDiskTransferHighWatermarkPercent",
            "temporaryDiskTransferLowWatermarkPercent",
        ],
        report,
    );
    fields.finish(report);
    Chain {
        partitions,
        redundancy_factor,
        workers: workers.unwrap_or(defaults::BACKEND_WORKERS),
    }
}

/// Says that a process on its own is only one.
fn alone(field: &Field<'_>, count: Option<u64>, report: &mut Report) {
    if count.is_some_and(|count| count > 1) {
        let message = "one process on its own is one frontend with one copy of each partition";
        report.note(field.place(), &field.path, message);
    }
}

/// How the processes of a cluster protect what they tell each other: checked, without effect.
fn internal_traffic(spec: &mut Fields<'_>, advanced: &mut Option<Fields<'_>>, report: &mut Report) {
    let old_switch = spec.take_old("encryptInternalTraffic", "advanced.encryptInternalTraffic");
    let old_certs = spec.take("internalCerts");
    let (mut switch, mut certs) = (None, None);
    if let Some(fields) = advanced {
        switch = fields.take("encryptInternalTraffic");
        certs = fields.take("internalCerts");
    }
    let message = "has no effect: one process on its own has no traffic of this kind";
    if let Some(field) = old_switch {
        report.note(field.place(), &field.path, message);
        field.boolean(report);
    }
    if let Some(field) = switch {
        report.note(field.place(), &field.path, message);
        field.choice::<Switch>(report);
    }
    for field in [old_certs, certs].into_iter().flatten() {
        report.note(field.place(), &field.path, message);
        if let Some(mut fields) = field.fields(report) {
            certificate::lifetime(&mut fields, report);
            certificate::private_key(&mut fields, report);
            fields.finish(report);
        }
    }
}

/// What only says how Kubernetes is to run the broker.
fn deployment(spec: &mut Fields<'_>, report: &mut Report) {
    if let Some(field) = spec.take("generateResourceLimits") {
        field.unused(report);
        if let Some(mut fields) = field.fields(report) {
            if let Some(field) = fields.take("cpu") {
                field.choice::<Switch>(report);
            }
            fields.finish(report);
        }
    }
    let seed = [
        "image",
        "authImage",
        "brokerImage",
        "healthManagerImage",
        "brokerNodeTolerations",
        "healthManagerNodeTolerations",
    ];
    spec.unused(&seed, report);
}
