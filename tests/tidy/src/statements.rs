//! Pairs the numbered statements of MQTT 5.0 and 3.1.1 with the tests that prove them.
//!
//! Code and tests name a statement as `[MQTT-…]` for 5.0 and `[MQTT3-…]` for 3.1.1, with its
//! number. What counts as a proof is a mention inside, or right above, a function or a table of
//! cases in test code; the heading of a file proves nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::source::{Item, ItemKind, Source};
use crate::tree::TextFile;

/// One of the two standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standard {
    /// MQTT 5.0.
    V5,
    /// MQTT 3.1.1.
    V3,
}

impl Standard {
    /// Both, in the order of the page.
    pub const ALL: [Self; 2] = [Self::V5, Self::V3];

    /// The word before a number.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::V5 => "MQTT-",
            Self::V3 => "MQTT3-",
        }
    }

    /// The heading of its part of the page.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::V5 => "MQTT 5.0",
            Self::V3 => "MQTT 3.1.1",
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::V5 => include_str!("../statements/mqtt5.tsv"),
            Self::V3 => include_str!("../statements/mqtt3.tsv"),
        }
    }

    /// Its statements, in the order of the standard.
    #[must_use]
    pub fn statements(self) -> Vec<Statement> {
        let row = |line: &'static str| {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            let id = format!("[{}{}]", self.prefix(), cell());
            Statement {
                id,
                side: cell(),
                wording: cell(),
                reason: cell(),
            }
        };
        self.table().lines().skip(1).map(row).collect()
    }
}

/// A numbered statement of a standard.
#[derive(Debug, Clone)]
pub struct Statement {
    /// As code and tests name it, brackets included.
    pub id: String,
    /// Whom it binds: `S` the server, `C` the client, `B` both.
    pub side: &'static str,
    /// What it asks for, in our words.
    pub wording: &'static str,
    /// Why no test can prove it; empty when one can.
    pub reason: &'static str,
}

/// A place that names a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The statement, brackets included.
    pub id: String,
    /// The line, from one.
    pub line: usize,
}

/// All mentions in a text.
#[must_use]
pub fn mentions(text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (start, _) in line.match_indices("[MQTT") {
            let Some(length) = line[start..].find(']') else {
                continue;
            };
            let id = &line[start..=start + length];
            let tail = id.trim_start_matches("[MQTT").trim_start_matches('3');
            let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | ']');
            if tail.starts_with('-') && tail.chars().all(plain) {
                found.push(Mention {
                    id: id.to_owned(),
                    line: number + 1,
                });
            }
        }
    }
    found
}

/// The tests that prove each statement, as `path::function`, sorted.
pub type Proofs = BTreeMap<String, Vec<String>>;

/// Collects the proofs in a file. `whole` says that all of it is test code.
pub fn collect_proofs(file: &TextFile, source: &Source, whole: bool, proofs: &mut Proofs) {
    let lines: Vec<&str> = file.text.lines().collect();
    for mention in mentions(&file.text) {
        let heading = lines[mention.line - 1].trim_start().starts_with("//!");
        if heading || !(whole || source.is_test_line(mention.line)) {
            continue;
        }
        let Some(item) = source.item_of(mention.line).filter(|item| proves(item)) else {
            continue;
        };
        let entry = proofs.entry(mention.id).or_default();
        let proof = format!("{}::{}", file.path, item.name);
        if let Err(at) = entry.binary_search(&proof) {
            entry.insert(at, proof);
        }
    }
}

/// A test proves; so does a table of cases that tests go through. A function that is no test
/// only serves others.
fn proves(item: &Item) -> bool {
    item.is_test || item.kind == ItemKind::Value
}

/// The reference page: every statement with its tests, its reason, or a gap.
#[must_use]
pub fn page(proofs: &Proofs) -> String {
    let mut out = String::from(HEADER);
    for standard in Standard::ALL {
        let statements = standard.statements();
        let has_test = |s: &&Statement| proofs.contains_key(&s.id);
        let proved = statements.iter().filter(has_test).count();
        let settled = statements
            .iter()
            .filter(|s| !has_test(s) && !s.reason.is_empty())
            .count();
        let total = statements.len();
        let open = total - proved - settled;
        let _ = writeln!(
            out,
            "\n## {}\n\n{total} statements: {proved} with tests, {settled} that no test can \
             prove, {open} without a test yet.\n\n\
             | Statement | Binds | Asks for | Proved by |\n| --- | --- | --- | --- |",
            standard.title()
        );
        for statement in &statements {
            let _ = writeln!(out, "{}", row(statement, proofs.get(&statement.id)));
        }
    }
    out
}

fn row(statement: &Statement, tests: Option<&Vec<String>>) -> String {
    let proof = match tests {
        Some(tests) => {
            let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
            tests.join("<br>")
        }
        None if statement.reason.is_empty() => "no test yet".to_owned(),
        None => format!("not testable: {}", statement.reason),
    };
    let binds = match statement.side {
        "S" => "server",
        "C" => "client",
        _ => "both",
    };
    let id = statement.id.trim_matches(['[', ']']);
    format!("| {id} | {binds} | {} | {proof} |", statement.wording)
}

const HEADER: &str = "# Conformance\n\n\
    Every numbered statement of both standards, in our own short wording, and the tests that \
    prove it.\nThe standards are what binds; read them before relying on a line here. `MQTT-` \
    numbers are those of\nMQTT 5.0, `MQTT3-` numbers those of MQTT 3.1.1.\n\n\
    This page is generated: `CATENA_BLESS=1 cargo test -p catena-tidy` writes it from the \
    tests.\n";

#[cfg(test)]
mod tests;
