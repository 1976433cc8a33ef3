//! Reads `spec.diagnostics`, today's form and the flat one of the seed era.

use core::net::SocketAddr;

use crate::broker::settings::{Admin, BrokerSettings, LogFilter, LogFormat, SelfCheck, Traces};
use crate::choice::{Switch, choice};
use crate::defaults;
use crate::fields::{Field, Fields, Report};

/// Path of today's form.
const DIAGNOSTICS: &str = "Broker.spec.diagnostics";

/// Path of the log format, which has no place in today's form.
const LOG_FORMAT: &str = "Broker.spec.catena.logFormat";

choice! {
    /// How the seed era writes the log format.
    SeedLogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

/// Reads both forms.
pub(crate) fn read(mut fields: Fields<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    if let Some(mut logs) = fields.inner("logs", report) {
        if let Some(field) = logs.take("level") {
            log_level(&field, settings, report);
        }
        logs.unused(&["opentelemetryExportConfig"], report);
        logs.finish(report);
    }
    if let Some(mut metrics) = fields.inner("metrics", report) {
        if let Some(field) = metrics.take("prometheusPort")
            && let Some(port) = field.bounded::<0, 65_535>(report)
        {
            settings.admin = match port.to_u16() {
                0 => Admin::Off,
                port => Admin::At(SocketAddr::new(defaults::ADMIN_ADDRESS, port)),
            };
        }
        metrics.unused(&["opentelemetryExportConfig"], report);
        metrics.finish(report);
    }
    let mut self_check = defaults::SELF_CHECK;
    let mut traces = defaults::TRACES;
    let mut switches = Switches::default();
    if let Some(check) = fields.inner("selfCheck", report) {
        read_self_check(check, &mut self_check, &mut switches, report);
    }
    if let Some(inner) = fields.inner("traces", report) {
        read_traces(inner, &mut traces, &mut switches, report);
    }
    read_seed(
        &mut fields,
        settings,
        (&mut self_check, &mut traces, &mut switches),
        report,
    );
    fields.finish(report);
    if switches.self_tracing_off {
        traces.self_tracing_interval_seconds = None;
    }
    settings.self_check = (!switches.self_check_off).then_some(self_check);
    settings.traces = (!switches.traces_off).then_some(traces);
}

/// What is turned off.
#[derive(Default)]
struct Switches {
    self_check_off: bool,
    traces_off: bool,
    self_tracing_off: bool,
}

fn read_self_check(
    mut fields: Fields<'_>,
    check: &mut SelfCheck,
    switches: &mut Switches,
    report: &mut Report,
) {
    switches.self_check_off = is_off(&mut fields, report);
    if let Some(field) = fields.take("intervalSeconds") {
        field.set(&mut check.interval_seconds, report);
    }
    if let Some(field) = fields.take("timeoutSeconds") {
        field.set(&mut check.timeout_seconds, report);
    }
    fields.finish(report);
}

fn read_traces(
    mut fields: Fields<'_>,
    traces: &mut Traces,
    switches: &mut Switches,
    report: &mut Report,
) {
    switches.traces_off = is_off(&mut fields, report);
    if let Some(field) = fields.take("cacheSizeMegabytes") {
        field.set(&mut traces.cache_megabytes, report);
    }
    if let Some(field) = fields.take("spanChannelCapacity") {
        field.set(&mut traces.span_channel_capacity, report);
    }
    if let Some(mut own) = fields.inner("selfTracing", report) {
        switches.self_tracing_off = is_off(&mut own, report);
        if let Some(field) = own.take("intervalSeconds") {
            field.set_some(&mut traces.self_tracing_interval_seconds, report);
        }
        own.finish(report);
    }
    fields.unused(&["opentelemetryExportConfig"], report);
    fields.finish(report);
}

/// The flat fields that a seed-era `diagnostics` has.
fn read_seed(
    fields: &mut Fields<'_>,
    settings: &mut BrokerSettings,
    (check, traces, switches): (&mut SelfCheck, &mut Traces, &mut Switches),
    report: &mut Report,
) {
    let mut take = |old: &'static str, name: &str| {
        fields
            .take(old)
            .map(|field| field.named(format!("{DIAGNOSTICS}.{name}")))
    };
    if let Some(field) = take("logLevel", "logs.level") {
        log_level(&field, settings, report);
    }
    if let Some(field) = take("enableSelfCheck", "selfCheck.mode") {
        switches.self_check_off |= field.boolean(report) == Some(false);
    }
    if let Some(field) = take("selfCheckFrequencySeconds", "selfCheck.intervalSeconds") {
        field.set(&mut check.interval_seconds, report);
    }
    if let Some(field) = take("selfCheckTimeoutSeconds", "selfCheck.timeoutSeconds") {
        field.set(&mut check.timeout_seconds, report);
    }
    if let Some(field) = take("enableTracing", "traces.mode") {
        switches.traces_off |= field.boolean(report) == Some(false);
    }
    if let Some(field) = take("enableSelfTracing", "traces.selfTracing.mode") {
        switches.self_tracing_off |= field.boolean(report) == Some(false);
    }
    if let Some(field) = take(
        "selfTraceFrequencySeconds",
        "traces.selfTracing.intervalSeconds",
    ) {
        field.set_some(&mut traces.self_tracing_interval_seconds, report);
    }
    if let Some(field) = take("spanChannelCapacity", "traces.spanChannelCapacity") {
        field.set(&mut traces.span_channel_capacity, report);
    }
    if let Some(field) = take("enableMetrics", "metrics.prometheusPort")
        && field.boolean(report) == Some(false)
    {
        settings.admin = Admin::Off;
    }
    if let Some(field) = fields
        .take("logFormat")
        .map(|field| field.named(LOG_FORMAT))
        && let Some(format) = field.choice::<SeedLogFormat>(report)
    {
        settings.log.format = match format {
            SeedLogFormat::Text => LogFormat::Text,
            SeedLogFormat::Json => LogFormat::Json,
        };
    }
    for name in ["maxCellMapLifetime", "metricUpdateFrequencySeconds"] {
        if let Some(field) = fields.take(name) {
            field.bounded::<0, { u64::MAX }>(report);
            field.unused(report);
        }
    }
    fields.unused(&["diagnosticServiceEndpoint", "probeImage"], report);
}

fn is_off(fields: &mut Fields<'_>, report: &mut Report) -> bool {
    let switch = fields.take("mode").and_then(|field| field.choice(report));
    switch == Some(Switch::Disabled)
}

fn log_level(field: &Field<'_>, settings: &mut BrokerSettings, report: &mut Report) {
    let expected =
        "a level (off, error, warn, info, debug, trace) or a list such as debug,hyper=off";
    if let Some(filter) = field.parsed(report, expected, LogFilter::parse) {
        settings.log.level = filter;
    }
}
