//! How sources look: headings, sizes, and words that do not belong into them.

use catena_tidy::findings::Findings;
use catena_tidy::source::{ItemKind, Source};
use catena_tidy::tree::{TextFile, files, rust_files};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

#[test]
fn every_source_says_at_its_top_what_it_is_for() {
    each_source(|file, _, findings| {
        let first = file
            .text
            .lines()
            .find(|l| !l.trim().is_empty() && !l.starts_with("#!"));
        if !first.is_some_and(|l| l.starts_with("//! ")) {
            findings.add(
                &file.path,
                1,
                "start the file with `//!` and what it is for",
            );
        }
    });
}

#[test]
fn files_are_short() {
    each_source(|file, _, findings| {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            let text = format!("{lines} lines; split the file at {FILE_LINES_MAX}");
            findings.add(&file.path, FILE_LINES_MAX, text);
        }
    });
}

#[test]
fn functions_are_short() {
    each_source(|file, source, findings| {
        for item in source
            .items
            .iter()
            .filter(|item| item.kind == ItemKind::Function)
        {
            let lines = item.last + 1 - item.first;
            if lines > FUNCTION_LINES_MAX {
                let name = &item.name;
                let text = format!("`{name}` has {lines} lines; cut it at {FUNCTION_LINES_MAX}");
                findings.add(&file.path, item.first, text);
            }
        }
    });
}

#[test]
fn lines_are_narrow() {
    each_source(|file, _, findings| {
        for (number, line) in file.text.lines().enumerate() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX {
                let text = format!("{columns} columns; break the line at {COLUMNS_MAX}");
                findings.add(&file.path, number + 1, text);
            }
        }
    });
}

#[test]
fn lints_are_expected_with_a_reason_and_tests_always_run() {
    const BANNED: &[(&str, &str)] = &[
        ("#[allow", "use `#[expect(lint, reason = \"..\")]`"),
        (
            "#![allow",
            "use `#[expect(lint, reason = \"..\")]` where it is needed",
        ),
        (
            "#[ignore",
            "make the test fast or give it a step of its own in the test command",
        ),
        ("#[should_panic", "assert the error value"),
        ("thread::sleep", "wait for the event, with a deadline"),
    ];
    each_source(|file, source, findings| {
        for (number, line) in source.code.iter().enumerate() {
            for (word, cure) in BANNED.iter().filter(|(word, _)| line.contains(word)) {
                findings.add(&file.path, number + 1, format!("`{word}`: {cure}"));
            }
        }
    });
}

#[test]
fn no_name_says_only_that_something_is_somewhere() {
    const EMPTY: &[&str] = &[
        "manager", "helper", "helpers", "util", "utils", "common", "misc",
    ];
    each_source(|file, source, findings| {
        let stems = file.path.trim_end_matches(".rs").split('/');
        for part in stems.filter(|part| EMPTY.contains(part)) {
            findings.add(
                &file.path,
                1,
                format!("`{part}`: name the file after what it holds"),
            );
        }
        for item in source
            .items
            .iter()
            .filter(|item| item.name.starts_with("get_"))
        {
            findings.add(
                &file.path,
                item.first,
                format!("`{}`: drop the `get_`", item.name),
            );
        }
    });
}

#[test]
fn nothing_is_left_over_and_nothing_points_outside_the_project() {
    // Put together here, so that this file does not find itself.
    let banned = [
        (["TO", "DO"], "do it, or describe the limit as a fact"),
        (["FIX", "ME"], "fix it, or describe the limit as a fact"),
        (
            ["/wo", "rk/"],
            "a path of one machine; name what it is instead",
        ),
        (
            ["share", "d/spec"],
            "a path outside the project; cite a page of docs/",
        ),
        (
            ["style", ".md"],
            "a page outside the project; cite ARCHITECTURE.md or CONTRIBUTING.md",
        ),
        (
            ["DESIG", "N.md"],
            "a page outside the project; cite ARCHITECTURE.md",
        ),
        (
            ["DESIG", "N §"],
            "a page outside the project; cite ARCHITECTURE.md",
        ),
    ];
    let mut findings = Findings::default();
    for file in files().expect("the tree is readable") {
        for (number, line) in file.text.lines().enumerate() {
            for (parts, cure) in &banned {
                let word = parts.concat();
                if line.contains(&word) {
                    findings.add(&file.path, number + 1, format!("`{word}`: {cure}"));
                }
            }
        }
    }
    assert!(findings.is_empty(), "\n{findings}");
}

/// Runs a rule over every Rust file and reports all breaches together.
#[expect(
    clippy::expect_used,
    reason = "a tree that cannot be read fails the test"
)]
#[track_caller]
fn each_source(rule: impl Fn(&TextFile, &Source, &mut Findings)) {
    let mut findings = Findings::default();
    for file in rust_files().expect("the tree is readable") {
        rule(&file, &Source::parse(&file.text), &mut findings);
    }
    assert!(findings.is_empty(), "\n{findings}");
}
