//! What production code does not do, and what cores in particular do not know.

use std::collections::BTreeSet;

use catena_tidy::findings::Findings;
use catena_tidy::mask::is_word;
use catena_tidy::source::Source;
use catena_tidy::tree::{TextFile, rust_files};

/// The folders of layers 0 to 2.
const CORES: &[&str] = &[
    "proto/",
    "statestore/",
    "broker/types/",
    "broker/connection/",
    "broker/routing/",
    "broker/partition/",
    "broker/chain/",
    "broker/controller/",
    "broker/resources/",
    "broker/policy/",
];

#[test]
fn production_code_cannot_panic_by_request() {
    const BANNED: &[&str] = &[
        ".unwrap()",
        ".unwrap_err()",
        ".expect(",
        ".expect_err(",
        "panic!",
        "unreachable!",
        "todo!",
        "unimplemented!",
        "dbg!",
    ];
    each_production_line(|file, number, line, findings| {
        for word in BANNED.iter().filter(|word| has_word(line, word)) {
            let cure = "return an error, use `let .. else`, or state an invariant";
            findings.add(&file.path, number, format!("`{word}`: {cure}"));
        }
    });
}

#[test]
fn cores_know_no_clock_chance_environment_files_network_or_threads() {
    const BANNED: &[(&str, &str)] = &[
        ("Instant", "time is an argument, a `Moment`"),
        ("SystemTime", "time is an argument, a `Moment`"),
        ("std::time::Instant", "time is an argument, a `Moment`"),
        ("thread_rng", "randomness is an argument"),
        ("getrandom", "randomness is an argument"),
        ("RandomState", "hash with a fixed or given seed"),
        ("rand", "randomness is an argument"),
        ("std::env", "only programs read the environment"),
        ("std::fs", "files belong into a shell"),
        ("std::net", "sockets belong into a shell"),
        ("std::thread", "threads belong into a shell"),
        ("std::process", "processes belong into a shell"),
        ("std::sync::mpsc", "channels belong into a shell"),
        ("tokio", "the runtime belongs into a shell"),
        ("async", "cores are called, they do not wait"),
        ("await", "cores are called, they do not wait"),
        ("Mutex", "locks belong into a shell"),
        ("RwLock", "locks belong into a shell"),
        ("Condvar", "locks belong into a shell"),
    ];
    each_production_line(|file, number, line, findings| {
        if !CORES.iter().any(|core| file.path.starts_with(core)) {
            return;
        }
        for (word, cure) in BANNED.iter().filter(|(word, _)| has_word(line, word)) {
            findings.add(&file.path, number, format!("`{word}` in a core: {cure}"));
        }
        let grouped = line.split("std::{").nth(1).unwrap_or_default();
        for module in ["env", "fs", "net", "thread", "process"] {
            if has_word(grouped, module) {
                findings.add(&file.path, number, format!("`std::{module}` in a core"));
            }
        }
    });
}

/// Whether the word stands in the line by itself.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let bound = |edge: Option<char>, c: Option<char>| {
            !edge.is_some_and(is_word) || !c.is_some_and(is_word)
        };
        bound(word.chars().next(), before) && bound(word.chars().next_back(), after)
    })
}

#[test]
fn words_are_found_by_themselves_only() {
    assert!(has_word("use tokio::net;", "tokio"));
    assert!(has_word("x.unwrap()?", ".unwrap()"));
    assert!(!has_word("random", "rand"));
    assert!(!has_word("x.unwrap_or(1)", ".unwrap()"));
    assert!(!has_word("no_panic!()", "panic!"));
}

/// Runs a rule over every line that ships, strings and comments blanked.
#[expect(
    clippy::expect_used,
    reason = "a tree that cannot be read fails the test"
)]
#[track_caller]
fn each_production_line(rule: impl Fn(&TextFile, usize, &str, &mut Findings)) {
    let files = rust_files().expect("the tree is readable");
    let sources: Vec<_> = files.iter().map(|file| Source::parse(&file.text)).collect();
    let for_tests: BTreeSet<String> = files
        .iter()
        .zip(&sources)
        .flat_map(|(file, source)| test_modules(file, source))
        .collect();
    let is_for_tests = |path: &str| {
        let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
        for_tests
            .iter()
            .any(|m| stem == m || stem.starts_with(&format!("{m}/")))
    };
    let mut findings = Findings::default();
    for (file, source) in files.iter().zip(&sources) {
        if !file.is_production_by_name() || is_for_tests(&file.path) {
            continue;
        }
        for (number, line) in source.code.iter().enumerate() {
            if !source.is_test_line(number + 1) {
                rule(file, number + 1, line, &mut findings);
            }
        }
    }
    assert!(findings.is_empty(), "\n{findings}");
}

/// The paths, without ending, of the modules that a file declares for tests only.
fn test_modules(file: &TextFile, source: &Source) -> Vec<String> {
    let stem = file.path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let base = if matches!(name, "lib" | "main" | "mod") {
        folder
    } else {
        stem
    };
    source
        .test_modules
        .iter()
        .map(|module| format!("{base}/{module}"))
        .collect()
}
