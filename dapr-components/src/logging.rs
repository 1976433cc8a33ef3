//! The log: what happens to the process, to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::options::LogFormat;

/// Variables of the second generation of Azure's components, in the order in which they count.
pub const VARIABLES: [&str; 3] = ["pubSubLogLevel", "stateStoreLogLevel", "defaultLogLevel"];

/// Starts the log.
///
/// # Errors
///
/// A filter that makes no sense, or a second log.
pub fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = level(filter).unwrap_or(filter);
    let filter = EnvFilter::try_new(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => registry.with(lines).try_init()?,
        LogFormat::Json => registry.with(lines.json()).try_init()?,
    }
    Ok(())
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
