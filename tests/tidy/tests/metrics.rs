//! Each metric is described in the reference, and each described metric exists.

use std::collections::BTreeMap;

use catena_tidy::findings::Findings;
use catena_tidy::tree::files;

const PAGE: &str = "docs/reference/metrics.md";
const PREFIXES: &[&str] = &["aio_broker_", "catena_"];

#[test]
fn metrics_and_their_page_agree() {
    let mut coded = BTreeMap::new();
    let mut described = BTreeMap::new();
    for file in files().expect("the tree is readable") {
        if file.path == PAGE {
            note(&file.path, &file.text, '`', &mut described);
        } else if file.path.ends_with("/metrics.rs") {
            note(&file.path, &file.text, '"', &mut coded);
        }
    }
    let mut findings = Findings::default();
    for (name, (path, line)) in coded
        .iter()
        .filter(|(name, _)| !described.contains_key(*name))
    {
        findings.add(path, *line, format!("`{name}`: describe it in {PAGE}"));
    }
    for (name, (path, line)) in described
        .iter()
        .filter(|(name, _)| !coded.contains_key(*name))
    {
        findings.add(
            path,
            *line,
            format!("`{name}`: no metrics.rs has this name"),
        );
    }
    assert!(findings.is_empty(), "\n{findings}");
}

/// Notes where each metric name first stands between two quotes of the given kind.
fn note(path: &str, text: &str, quote: char, found: &mut BTreeMap<String, (String, usize)>) {
    for (number, line) in text.lines().enumerate() {
        for part in line.split(quote).skip(1).step_by(2) {
            let plain = part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            let named = PREFIXES
                .iter()
                .any(|p| part.len() > p.len() && part.starts_with(p));
            if plain && named {
                found
                    .entry(part.to_owned())
                    .or_insert_with(|| (path.to_owned(), number + 1));
            }
        }
    }
}
