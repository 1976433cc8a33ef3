//! The Prometheus text exposition format, version 0.0.4.

use std::fmt::Write;

use super::definition::{Definition, Namespace};
use super::registry::RegistryOptions;
use super::samples::{Family, Samples, Value};

/// Renders the samples; families by name, rows by label values.
pub(super) fn render(options: &RegistryOptions, samples: Samples) -> String {
    let mut out = String::with_capacity(16 * 1024);
    for family in samples.into_families() {
        render_family(&mut out, options, &family);
    }
    out
}

fn render_family(out: &mut String, options: &RegistryOptions, family: &Family) {
    let definition = &family.definition;
    let name = full_name(definition, options);
    let help = definition.help.replace('\\', "\\\\").replace('\n', "\\n");
    let kind = definition.kind.as_str();
    // Writing into a string cannot fail, so the results below say nothing.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (values, value) in &family.rows {
        out.push_str(&name);
        render_labels(out, options, definition, values);
        let _ = match value {
            Value::Whole(whole) => writeln!(out, " {whole}"),
            Value::Real(real) => writeln!(out, " {}", real_text(*real)),
        };
    }
}

fn full_name(definition: &Definition, options: &RegistryOptions) -> String {
    let prefix = match definition.namespace {
        Namespace::Compatible => options.prefix.as_str(),
        Namespace::Catena => "catena_",
        Namespace::Process => "",
    };
    format!("{prefix}{}", definition.name)
}

fn render_labels(
    out: &mut String,
    options: &RegistryOptions,
    definition: &Definition,
    values: &[String],
) {
    let hostname = match definition.namespace {
        Namespace::Compatible => Some(("hostname", options.hostname.as_str())),
        Namespace::Catena | Namespace::Process => None,
    };
    let own = definition.labels.iter().copied();
    let own = own.zip(values.iter().map(String::as_str));
    let mut separator = '{';
    for (label, value) in hostname.into_iter().chain(own) {
        let _ = write!(out, "{separator}{label}=\"");
        push_escaped(out, value);
        out.push('"');
        separator = ',';
    }
    if separator == ',' {
        out.push('}');
    }
}

/// Label values escape backslash, double quote and line feed; a client may have chosen them.
fn push_escaped(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

fn real_text(real: f64) -> String {
    if real.is_nan() {
        "NaN".to_owned()
    } else if real.is_infinite() {
        if real > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        real.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::registry::{Prefix, Registry, RegistryOptions};
    use super::super::samples::Samples;
    use super::super::table;

    #[test]
    fn a_page_is_byte_for_byte_as_expected() {
        let registry = Registry::new(RegistryOptions::new("node-1"));
        registry.register(Arc::new(two_sources_worth));
        registry.register(Arc::new(two_sources_worth));
        check(
            &registry,
            r#"# HELP catena_faults_total Broken invariants; each stops a connection or replica.
# TYPE catena_faults_total counter
catena_faults_total 0
# HELP aio_broker_publishes_received PUBLISH packets received from clients.
# TYPE aio_broker_publishes_received counter
aio_broker_publishes_received{hostname="node-1",category="a\"b\\c\nd"} 2
aio_broker_publishes_received{hostname="node-1",category="uncategorized"} 36893488147420
# HELP catena_uptime_seconds Time since the process started.
# TYPE catena_uptime_seconds gauge
catena_uptime_seconds 2.5
"#,
        );
    }

    #[test]
    fn the_older_prefix_is_there_on_request() {
        let mut options = RegistryOptions::new("h");
        options.prefix = Prefix::AioMq;
        let registry = Registry::new(options);
        registry.register(Arc::new(|samples: &mut Samples| {
            samples.add(&table::TOTAL_SESSIONS, [], 3);
        }));
        check(
            &registry,
            "# HELP aio_mq_total_sessions Sessions, connected or not.\n\
             # TYPE aio_mq_total_sessions gauge\n\
             aio_mq_total_sessions{hostname=\"h\"} 3\n",
        );
    }

    #[test]
    fn whole_numbers_stay_exact_and_odd_ones_have_words() {
        let registry = Registry::new(RegistryOptions::new("h"));
        registry.register(Arc::new(|samples: &mut Samples| {
            samples.add(&table::FAULTS, [], u64::MAX);
            samples.add(&table::UPTIME_SECONDS, [], f64::INFINITY);
            samples.add(&table::BUFFER_POOL_USED_PERCENT, ["queue"], f64::NAN);
        }));
        let page = registry.render();
        assert!(page.contains("catena_faults_total 18446744073709551615\n"));
        assert!(page.contains("catena_uptime_seconds +Inf\n"));
        assert!(page.contains("name=\"queue\"} NaN\n"));
    }

    #[track_caller]
    fn check(registry: &Registry, expected: &str) {
        assert_eq!(registry.render(), expected);
    }

    fn two_sources_worth(samples: &mut Samples) {
        samples.add(&table::UPTIME_SECONDS, [], 1.25);
        samples.add(
            &table::PUBLISHES_RECEIVED,
            ["uncategorized"],
            18_446_744_073_709_u64 + 1,
        );
        samples.add(&table::PUBLISHES_RECEIVED, ["a\"b\\c\nd"], 1);
        samples.add(&table::FAULTS, [], 0);
    }
}
