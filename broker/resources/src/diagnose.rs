//! Diagnostics: what is wrong (or without effect) in a document, and where it stands.
//!
//! One type, rendered by one function, so that the program, `catena check` and the tests say the
//! same thing in the same words.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The document's file, or the flag or environment variable that gave the value.
    pub name: Arc<str>,
    /// Line from 1; 0 for a flag, an environment variable, or where the parser cannot tell.
    pub line: u64,
    /// Column in characters from 1; 0 where there is no line.
    pub column: u64,
    /// What `name` is.
    pub kind: PlaceKind,
}

/// What kind of thing a [`Place`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaceKind {
    /// A resource document.
    Document,
    /// A command line flag.
    Flag,
    /// An environment variable.
    Environment,
}

impl Place {
    pub(crate) fn document(name: Arc<str>, line: u64, column: u64) -> Self {
        Self {
            name,
            line,
            column,
            kind: PlaceKind::Document,
        }
    }

    /// The start of a file, for what is missing from it as a whole.
    pub(crate) fn start_of(name: &str) -> Self {
        Self::document(Arc::from(name), 1, 1)
    }

    /// Whether a document says it, rather than a flag or the environment.
    pub(crate) fn is_document(&self) -> bool {
        self.kind == PlaceKind::Document
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.line) {
            (PlaceKind::Document, 1..) => {
                write!(f, "{}:{}:{}", self.name, self.line, self.column)
            }
            _ => f.write_str(&self.name),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is taken; a field has no effect, or not the one a reader may expect.
    Note,
}

/// One thing that is wrong, or worth knowing, about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// Path of the field, such as `spec.cardinality.frontend.replicas`; empty for a whole file.
    pub field: String,
    /// What is wrong, in a few words; empty where `found` and `expected` say it all.
    pub message: String,
    /// What stands there, as it is to be quoted.
    pub found: Option<String>,
    /// What may stand there.
    pub expected: Option<String>,
    /// The valid name or value nearest to what was found.
    pub nearest: Option<String>,
}

impl Diagnostic {
    pub(crate) fn error(place: &Place, field: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            place: place.clone(),
            field: field.to_owned(),
            message: message.into(),
            found: None,
            expected: None,
            nearest: None,
        }
    }

    pub(crate) fn note(place: &Place, field: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(place, field, message)
        }
    }

    /// A value that may not stand where it does.
    pub(crate) fn value(place: &Place, field: &str, found: String, expected: String) -> Self {
        let found = Some(found);
        Self {
            found,
            expected: Some(expected),
            ..Self::error(place, field, "")
        }
    }

    pub(crate) fn with_nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_owned);
        self
    }

    /// The diagnostic as one line of plain text, without a line end.
    ///
    /// ```text
    /// broker.yaml:12:7: unknown field "partitons" in spec.cardinality.backendChain; did you mean
    /// "partitions"?
    /// ```
    pub fn render(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.place)?;
        if self.severity == Severity::Note {
            f.write_str(" note:")?;
        }
        let mut before = " ";
        if !self.field.is_empty() {
            write!(f, " {}", self.field)?;
            before = ": ";
        }
        if !self.message.is_empty() {
            write!(f, "{before}{}", self.message)?;
            before = ": ";
        }
        if let Some(found) = &self.found {
            write!(f, "{before}found {found}")?;
            before = ", ";
        }
        if let Some(expected) = &self.expected {
            write!(f, "{before}expected {expected}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean \"{nearest}\"?")?;
        }
        Ok(())
    }
}

/// A text in quotes, shortened, with control characters made visible.
pub(crate) fn quoted(text: &str) -> String {
    let max = limits::QUOTED_CHARACTERS_MAX;
    match text.char_indices().nth(max) {
        None => format!("{text:?}"),
        Some((cut, _)) => format!("{:?} and more", text.get(..cut).unwrap_or_default()),
    }
}

/// The candidate nearest to `found`, if any is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let found = found.to_lowercase();
    // A third of the letters wrong is still a slip; more is another word.
    let tolerated = (found.chars().count() / 3).min(4);
    candidates
        .into_iter()
        .map(|candidate| (distance(&found, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance: insertions, deletions, replacements and swaps of neighbours count one each.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(limits::QUOTED_CHARACTERS_MAX).collect();
    let right: Vec<char> = right.chars().take(limits::QUOTED_CHARACTERS_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut best = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_slips() {
        assert_eq!(distance("partitons", "partitions"), 1);
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn nearest_prefers_the_closest_and_gives_up_on_another_word() {
        assert_eq!(nearest("Medum", ["Tiny", "Medium", "High"]), Some("Medium"));
        assert_eq!(nearest("medium", ["Medium"]), Some("Medium"));
        assert_eq!(nearest("3", ["0", "1"]), None);
        assert_eq!(nearest("elephant", ["Tiny", "Medium", "High"]), None);
    }

    #[test]
    fn long_values_are_cut_and_control_characters_shown() {
        assert_eq!(quoted("a\u{7}"), "\"a\\u{7}\"");
        assert!(quoted(&"é".repeat(100)).ends_with("\" and more"));
    }

    #[test]
    fn a_note_says_so_and_a_flag_has_no_line() {
        let place = Place {
            name: "--workers".into(),
            line: 0,
            column: 0,
            kind: PlaceKind::Flag,
        };
        let note = Diagnostic::note(&place, "spec.catena.workers", "has no effect");
        assert_eq!(
            note.render(),
            "--workers: note: spec.catena.workers: has no effect"
        );
    }
}
