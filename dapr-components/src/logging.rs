//! The log: what happens to the process, to standard error.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::instances::Init;
use crate::options::LogFormat;

/// Variables of the second generation of Azure's components, in the order in which they count.
pub const VARIABLES: [&str; 3] = ["pubSubLogLevel", "stateStoreLogLevel", "defaultLogLevel"];

/// Starts the log.
///
/// # Errors
///
/// A filter that makes no sense, or a second log.
pub fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives(filter)?)?;
    let registry = tracing_subscriber::registry().with(filter);
    // A log that cannot be written, such as to a full disk, is nothing to end for; and to say so
    // there would fail as well.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    match format {
        LogFormat::Text => registry.with(lines).try_init()?,
        LogFormat::Json => registry.with(lines.json()).try_init()?,
    }
    Ok(())
}

/// What a filter says, in the words of the log.
///
/// # Errors
///
/// A word that is no level: it would name a part of the program that there is not, and silence the
/// rest.
fn directives(filter: &str) -> anyhow::Result<String> {
    let read = |directive: &str| match (level(directive), directive.contains(['=', '['])) {
        (Some(level), _) => Ok(level.to_owned()),
        (None, true) => Ok(directive.to_owned()),
        (None, false) => Err(anyhow::anyhow!(
            "log `{directive}`: expected trace, debug, info, warn, error, off, or PART=LEVEL"
        )),
    };
    let all: Result<Vec<_>, _> = filter.split(',').map(read).collect();
    Ok(all?.join(","))
}

/// Says so if a component wants another level than there is: the log is that of the process, and
/// `logLevel` of one component does not change what others write.
pub(crate) fn explain_level(init: &Init, kind: &str) {
    let Ok(Some(field)) = init.properties.field(&["logLevel"]) else {
        return;
    };
    let wanted = level(field.text).and_then(|level| level.parse::<LevelFilter>().ok());
    let actual = LevelFilter::current();
    // One that makes no sense is refused soon.
    if wanted.is_some_and(|wanted| wanted != actual) {
        tracing::warn!(
            component = %init.name,
            kind,
            wanted = field.text,
            %actual,
            "metadata logLevel has no effect: one log serves all components of this process; set \
             its level with --log or CATENA_DAPR_LOG"
        );
    }
}

/// The level that a word of .NET, Go or Rust names.
#[must_use]
pub fn level(word: &str) -> Option<&'static str> {
    match word.trim().to_ascii_lowercase().as_str() {
        "trace" => Some("trace"),
        "debug" => Some("debug"),
        "info" | "information" => Some("info"),
        "warn" | "warning" => Some("warn"),
        "error" | "err" | "critical" | "fatal" | "panic" => Some("error"),
        "off" | "none" => Some("off"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_in_anybodys_words_and_parts_with_levels() {
        for (filter, expected) in [
            ("Information", "info"),
            ("warning,catena_sdk=debug", "warn,catena_sdk=debug"),
            ("off", "off"),
        ] {
            assert_eq!(directives(filter).unwrap(), expected);
        }
        for filter in ["chatty", "info,chatty", ""] {
            let error = directives(filter).unwrap_err().to_string();
            assert!(error.contains("expected trace"), "{error}");
        }
    }
}
