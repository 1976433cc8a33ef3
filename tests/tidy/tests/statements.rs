//! Each statement of the standards has a test, a reason, or a place on the list of gaps.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use catena_tidy::findings::Findings;
use catena_tidy::source::Source;
use catena_tidy::statements::{Proofs, Standard, collect_proofs, mentions, page};
use catena_tidy::tree::{TextFile, root, rust_files};

const PAGE: &str = "docs/reference/conformance.md";
const GAPS: &str = "tests/tidy/statements/unproved.txt";
const CURE: &str = "run `CATENA_BLESS=1 cargo test -p catena-tidy` and commit what it writes";

#[test]
fn conformance_page_is_current() {
    let path = root().join(PAGE);
    let expected = page(&proofs());
    if blessing() {
        fs::create_dir_all(path.parent().expect("the page has a folder")).expect("a folder");
        fs::write(&path, &expected).expect("the page is writable");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found
        .lines()
        .zip(expected.lines())
        .position(|(a, b)| a != b);
    let line = differs.unwrap_or(found.lines().count().min(expected.lines().count())) + 1;
    assert!(found == expected, "{PAGE}:{line}: out of date; {CURE}");
}

/// The list of gaps may only shrink: a new gap fails here, and so does a gap that was closed
/// and is still on the list. Blessing takes closed gaps off; it never adds one.
#[test]
fn no_statement_loses_its_test() {
    let proofs = proofs();
    let unproved: BTreeSet<String> = Standard::ALL
        .iter()
        .flat_map(|standard| standard.statements())
        .filter(|s| s.reason.is_empty() && !proofs.contains_key(&s.id))
        .map(|s| s.id)
        .collect();
    let path = root().join(GAPS);
    let mut listed = gaps(&path);
    if blessing() {
        listed.retain(|(_, id)| unproved.contains(id));
        let ids: Vec<_> = listed.iter().map(|(_, id)| format!("{id}\n")).collect();
        fs::write(&path, ids.concat()).expect("the list is writable");
    }
    let mut findings = Findings::default();
    for (line, id) in listed.iter().filter(|(_, id)| !unproved.contains(id)) {
        findings.add(
            GAPS,
            *line,
            format!("{id} has a test or a reason now; {CURE}"),
        );
    }
    let known: BTreeSet<_> = listed.iter().map(|(_, id)| id).collect();
    for id in unproved.iter().filter(|id| !known.contains(id)) {
        findings.add(
            GAPS,
            1,
            format!("{id} has neither test nor reason; write the test"),
        );
    }
    assert!(findings.is_empty(), "\n{findings}");
}

#[test]
fn every_mentioned_statement_exists() {
    let known: BTreeSet<String> = Standard::ALL
        .iter()
        .flat_map(|standard| standard.statements())
        .map(|statement| statement.id)
        .collect();
    let mut findings = Findings::default();
    for file in rust_files().expect("the tree is readable") {
        for mention in mentions(&file.text)
            .iter()
            .filter(|m| !known.contains(&m.id))
        {
            let text = format!("{} is no statement of its standard", mention.id);
            findings.add(&file.path, mention.line, text);
        }
    }
    assert!(findings.is_empty(), "\n{findings}");
}

#[expect(
    clippy::expect_used,
    reason = "a tree that cannot be read fails the test"
)]
fn proofs() -> Proofs {
    let mut proofs = Proofs::new();
    for file in rust_files().expect("the tree is readable") {
        if !file.path.starts_with("tests/tidy/") {
            let source = Source::parse(&file.text);
            collect_proofs(&file, &source, file.is_test_by_name(), &mut proofs);
        }
    }
    proofs
}

/// The listed gaps with their lines.
fn gaps(path: &PathBuf) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().enumerate();
    lines
        .map(|(number, line)| (number + 1, line.trim().to_owned()))
        .collect()
}

/// Whether this run may write the generated pages.
fn blessing() -> bool {
    std::env::var_os("CATENA_BLESS").is_some()
}

#[test]
fn a_file_is_test_code_by_its_place_or_name() {
    let is_test = |path: &str| {
        TextFile {
            path: path.to_owned(),
            text: String::new(),
        }
        .is_test_by_name()
    };
    assert!(is_test("tests/conformance/tests/connect.rs"));
    assert!(is_test("broker/routing/src/trie/tests.rs"));
    assert!(is_test("broker/partition/src/handlers/publish_test.rs"));
    assert!(!is_test("broker/routing/src/trie.rs"));
}
