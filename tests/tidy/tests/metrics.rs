//! Each metric that code, a page or a dashboard names is described in the reference.
//!
//! That page is made from the table of metrics by the tests of `broker/telemetry`, which also
//! prove that it describes nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use catena_tidy::findings::Findings;
use catena_tidy::mask::is_word;
use catena_tidy::tree::{TextFile, files};

const PAGE: &str = "docs/reference/metrics.md";

/// Crates are named `catena_..` too; these prefixes go one word further, to metrics only.
const PREFIXES: &[&str] = &[
    "aio_broker_",
    "catena_frontend_",
    "catena_backend_",
    "catena_limit_",
];

/// Endings that belong to a series of a metric, not to its name.
const SERIES: &[&str] = &["_bucket", "_sum", "_count"];

#[test]
fn every_metric_named_anywhere_is_described() {
    let files = files().expect("the tree is readable");
    let described: BTreeSet<&str> = files
        .iter()
        .filter(|file| file.path == PAGE)
        .flat_map(|file| names(&file.text))
        .collect();
    let mut findings = Findings::default();
    for file in files
        .iter()
        .filter(|file| file.path != PAGE && may_name_metrics(file))
    {
        for (number, line) in file.text.lines().enumerate() {
            for name in names(line).filter(|name| !is_described(name, &described)) {
                let text = format!("`{name}`: {PAGE} describes no such metric");
                findings.add(&file.path, number + 1, text);
            }
        }
    }
    assert!(findings.is_empty(), "\n{findings}");
}

/// Production code, and what people and their tools read.
fn may_name_metrics(file: &TextFile) -> bool {
    let extension = Path::new(&file.path).extension().unwrap_or_default();
    match extension.to_str() {
        Some("rs") => file.is_production_by_name(),
        Some("md" | "json" | "yaml" | "yml") => true,
        _ => false,
    }
}

fn is_described(name: &str, described: &BTreeSet<&str>) -> bool {
    let series = SERIES.iter().find_map(|ending| name.strip_suffix(ending));
    described.contains(name) || series.is_some_and(|name| described.contains(name))
}

/// The words of a text that are names of metrics, but not a bare prefix.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !is_word(c));
    words.filter(|w| {
        PREFIXES
            .iter()
            .any(|p| w.starts_with(p) && w.len() > p.len())
    })
}
