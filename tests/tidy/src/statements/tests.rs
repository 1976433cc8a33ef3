//! Reading the tables, and what counts as a proof.

use std::collections::BTreeSet;

use super::{Proofs, Standard, collect_proofs, mentions, page};
use crate::source::Source;
use crate::tree::TextFile;

/// Puts an identifier together, so that this file names none of its own.
fn id(rest: &str) -> String {
    format!("[{rest}]")
}

#[track_caller]
fn proofs(path: &str, text: &str) -> Proofs {
    let file = TextFile {
        path: path.to_owned(),
        text: text.replace('<', "[").replace('>', "]"),
    };
    let mut found = Proofs::new();
    let whole = file.is_test_by_name();
    collect_proofs(&file, &Source::parse(&file.text), whole, &mut found);
    found
}

#[test]
fn the_tables_are_complete_and_well_formed() {
    for (standard, count) in [(Standard::V5, 251), (Standard::V3, 140)] {
        let statements = standard.statements();
        assert_eq!(statements.len(), count);
        let ids: BTreeSet<_> = statements.iter().map(|s| &s.id).collect();
        assert_eq!(ids.len(), count);
        for s in &statements {
            assert_eq!(mentions(&s.id).len(), 1, "{}", s.id);
            assert!(matches!(s.side, "S" | "C" | "B"), "{}", s.id);
            assert!(
                !s.wording.is_empty() && !s.wording.contains('|'),
                "{}",
                s.id
            );
        }
    }
}

#[test]
fn mentions_of_both_standards_are_found() {
    let text = format!(
        "a {} {}\n{}",
        id("MQTT-3.1.2-24"),
        id("MQTT3-4.2.0-1"),
        id("MQTT-x")
    );
    let found: Vec<_> = mentions(&text)
        .into_iter()
        .map(|m| (m.id, m.line))
        .collect();
    assert_eq!(found, [(id("MQTT-3.1.2-24"), 1), (id("MQTT3-4.2.0-1"), 1)]);
}

#[test]
fn a_test_proves_by_what_stands_above_and_inside_it() {
    let text = "/// <MQTT-1.5.4-1>\n#[test]\nfn a() {\n    // <MQTT-1.5.4-2>\n}\n";
    let found = proofs("tests/x/a.rs", text);
    for number in ["MQTT-1.5.4-1", "MQTT-1.5.4-2"] {
        assert_eq!(found[&id(number)], ["tests/x/a.rs::a"]);
    }
}

#[test]
fn a_table_of_cases_proves() {
    let found = proofs(
        "tests/x/a.rs",
        "const CASES: &[&str] = &[\n    \"<MQTT3-4.2.0-1>\",\n];\n",
    );
    assert_eq!(found[&id("MQTT3-4.2.0-1")], ["tests/x/a.rs::CASES"]);
}

#[test]
fn production_code_headings_and_plain_functions_prove_nothing() {
    assert!(proofs("broker/x/src/a.rs", "/// <MQTT-1.5.4-1>\nfn a() {}\n").is_empty());
    assert!(proofs("tests/x/a.rs", "//! <MQTT-1.5.4-1>\n#[test]\nfn a() {}\n").is_empty());
    assert!(proofs("tests/x/a.rs", "/// <MQTT-1.5.4-1>\nfn a() {}\n").is_empty());
}

#[test]
fn a_module_of_tests_proves_inside_a_production_file() {
    let text = "#[cfg(test)]\nmod tests {\n    /// <MQTT-1.5.4-1>\n    #[test]\n    fn a() {}\n}\n";
    assert_eq!(
        proofs("broker/x/src/a.rs", text)[&id("MQTT-1.5.4-1")],
        ["broker/x/src/a.rs::a"]
    );
}

#[test]
fn the_page_counts_and_names_the_tests() {
    let found = Proofs::from([(id("MQTT-1.5.4-1"), vec!["a.rs::b".to_owned()])]);
    let page = page(&found);
    assert!(page.contains("251 statements: 1 with tests"));
    assert!(page.contains("| `a.rs::b` |"));
    assert!(page.contains("not testable: It binds the client"));
}
