//! Reads the fields of a mapping one by one, and reports whatever is wrong with each.
//!
//! A reader asks for the fields it knows; what nobody asked for is unknown. So the list of valid
//! names, from which the nearest is offered, is never written twice.

use std::collections::BTreeMap;

use crate::bounded::Bounded;
use crate::choice::Choice;
use crate::diagnose::{Diagnostic, Place, Severity, nearest, quoted};
use crate::document::{Entry, Node, Value};
use crate::limits;

/// What reading brings to light besides the values.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Where each setting that is not a default was set.
    pub(crate) origins: BTreeMap<String, Place>,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        // Each severity has a limit of its own, so that no number of notes hides an error.
        let alike = |other: &&Diagnostic| other.severity == diagnostic.severity;
        if self.diagnostics.iter().filter(alike).count() < limits::DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(crate) fn error(&mut self, place: &Place, field: &str, message: impl Into<String>) {
        self.push(Diagnostic::error(place, field, message));
    }

    pub(crate) fn note(&mut self, place: &Place, field: &str, message: impl Into<String>) {
        self.push(Diagnostic::note(place, field, message));
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Remembers where a setting was set; `false` if what was read before has precedence.
    ///
    /// Flags and environment win over documents. One setting twice in documents (under its old
    /// and its new name) is an error.
    fn record(&mut self, field: &Field<'_>) -> bool {
        let place = &field.node.place;
        match self.origins.get(&field.setting) {
            Some(earlier) if !earlier.is_document() => return false,
            Some(earlier) if place.is_document() => {
                let message = format!("sets again what {earlier} sets");
                self.error(place, &field.path, message);
                return false;
            }
            Some(_) | None => {}
        }
        self.origins.insert(field.setting.clone(), place.clone());
        true
    }
}

/// The fields of one mapping.
pub(crate) struct Fields<'a> {
    pub(crate) path: String,
    pub(crate) setting: String,
    pub(crate) place: Place,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

/// One field that is there, with its value.
pub(crate) struct Field<'a> {
    /// The path as the document writes it.
    pub(crate) path: String,
    /// The name of the setting: the resource, and the path in today's field names.
    pub(crate) setting: String,
    pub(crate) node: &'a Node,
    place: &'a Place,
}

impl<'a> Fields<'a> {
    /// The field, unless it is absent or null.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.known.push(name);
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        let place = match &entry.node.value {
            Value::Null => return None,
            // The first line of what is in it is not where a reader looks for the whole.
            Value::Mapping(_) | Value::Sequence(_) => &entry.place,
            Value::Boolean(_) | Value::Integer { .. } | Value::Fraction { .. } | Value::Text(_) => {
                &entry.node.place
            }
        };
        Some(Field {
            path: joined(&self.path, name),
            setting: joined(&self.setting, name),
            node: &entry.node,
            place,
        })
    }

    /// The field under an older name of `name`.
    pub(crate) fn take_old(&mut self, old: &'static str, name: &str) -> Option<Field<'a>> {
        let field = self.take(old)?;
        Some(Field {
            setting: joined(&self.setting, name),
            ..field
        })
    }

    /// A field that has had other names; only one of them may be there.
    pub(crate) fn take_any(
        &mut self,
        name: &'static str,
        old_names: &[&'static str],
        report: &mut Report,
    ) -> Option<Field<'a>> {
        let mut found = self.take(name);
        for old in old_names {
            let field = self.take_old(old, name);
            if let (Some(first), Some(second)) = (&found, &field) {
                let message = format!("is another name of {}; keep one of them", first.path);
                report.error(second.place(), &second.path, message);
            }
            found = found.or(field);
        }
        found
    }

    /// A field that must be there, under whatever name.
    pub(crate) fn required_any(
        &mut self,
        name: &'static str,
        old_names: &[&'static str],
        report: &mut Report,
    ) -> Option<Field<'a>> {
        let field = self.take_any(name, old_names, report);
        if field.is_none() {
            report.error(&self.place, &self.path, format!("missing field \"{name}\""));
        }
        field
    }

    /// A field that must be there.
    pub(crate) fn required(
        &mut self,
        name: &'static str,
        report: &mut Report,
    ) -> Option<Field<'a>> {
        self.required_any(name, &[], report)
    }

    /// The fields of the mapping under `name`.
    pub(crate) fn inner(&mut self, name: &'static str, report: &mut Report) -> Option<Self> {
        self.take(name)?.fields(report)
    }

    /// Fields that are valid but that one process on its own has no use for.
    pub(crate) fn unused(&mut self, names: &[&'static str], report: &mut Report) {
        for name in names {
            if let Some(field) = self.take(name) {
                field.unused(report);
            }
        }
    }

    /// Fields that are valid and need no word.
    pub(crate) fn skip(&mut self, names: &[&'static str]) {
        self.known.extend_from_slice(names);
    }

    /// Reports the fields that nobody asked for.
    pub(crate) fn finish(self, report: &mut Report) {
        for entry in self.entries {
            if self.known.contains(&entry.name.as_str()) {
                continue;
            }
            let place = if self.path.is_empty() {
                "the document"
            } else {
                &self.path
            };
            let message = format!("unknown field {} in {place}", quoted(&entry.name));
            let near = nearest(&entry.name, self.known.iter().copied());
            let mut diagnostic = Diagnostic::error(&entry.place, "", message).with_nearest(near);
            if near.is_none() {
                diagnostic.expected = one_of(self.known.iter().copied());
            }
            report.push(diagnostic);
        }
    }
}

impl<'a> Field<'a> {
    /// A whole document as a field without a name.
    pub(crate) fn root(node: &'a Node, setting: &str) -> Self {
        Self {
            path: String::new(),
            setting: setting.to_owned(),
            node,
            place: &node.place,
        }
    }

    /// The same field as the setting called `setting`.
    pub(crate) fn named(self, setting: impl Into<String>) -> Self {
        Self {
            setting: setting.into(),
            ..self
        }
    }

    /// Where the value stands; of a mapping or list, where its name does.
    pub(crate) fn place(&self) -> &'a Place {
        self.place
    }

    pub(crate) fn fields(self, report: &mut Report) -> Option<Fields<'a>> {
        let Value::Mapping(entries) = &self.node.value else {
            self.refuse(report, "a mapping of fields");
            return None;
        };
        Some(Fields {
            path: self.path,
            setting: self.setting,
            place: self.place.clone(),
            entries,
            known: Vec::new(),
        })
    }

    pub(crate) fn items(&self, report: &mut Report) -> Vec<Self> {
        let Value::Sequence(items) = &self.node.value else {
            self.refuse(report, "a list");
            return Vec::new();
        };
        let item = |(index, node): (usize, &'a Node)| Field {
            path: format!("{}[{index}]", self.path),
            setting: format!("{}[{index}]", self.setting),
            node,
            place: &node.place,
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(crate) fn bounded<const MIN: u64, const MAX: u64>(
        &self,
        report: &mut Report,
    ) -> Option<Bounded<MIN, MAX>> {
        let number = match &self.node.value {
            Value::Integer { value, .. } => u64::try_from(*value).ok().and_then(Bounded::new),
            _ => None,
        };
        self.checked(number, report, || {
            format!("a whole number from {MIN} to {MAX}")
        })
    }

    /// Sets `target` if the value is right.
    pub(crate) fn set<const MIN: u64, const MAX: u64>(
        &self,
        target: &mut Bounded<MIN, MAX>,
        report: &mut Report,
    ) {
        if let Some(value) = self.bounded(report) {
            *target = value;
        }
    }

    /// Sets `target`, which may be absent, if the value is right.
    pub(crate) fn set_some<const MIN: u64, const MAX: u64>(
        &self,
        target: &mut Option<Bounded<MIN, MAX>>,
        report: &mut Report,
    ) {
        if let Some(value) = self.bounded(report) {
            *target = Some(value);
        }
    }

    /// Sets `target` if the name is right.
    pub(crate) fn set_choice<T: Choice>(&self, target: &mut T, report: &mut Report) {
        if let Some(value) = self.choice(report) {
            *target = value;
        }
    }

    /// Any text, but not an empty one.
    pub(crate) fn text(&self, report: &mut Report) -> Option<String> {
        let parse = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.parsed(report, "text", parse)
    }

    pub(crate) fn boolean(&self, report: &mut Report) -> Option<bool> {
        let value = match &self.node.value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        };
        self.checked(value, report, || "true or false".to_owned())
    }

    pub(crate) fn choice<T: Choice>(&self, report: &mut Report) -> Option<T> {
        let text = self.node.value.text().unwrap_or_default();
        let mut names = T::NAMES.iter();
        if let Some((_, value)) = names.find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return report.record(self).then_some(*value);
        }
        let names = || T::NAMES.iter().map(|(name, _)| *name);
        let near = if text.is_empty() {
            None
        } else {
            nearest(text, names())
        };
        let expected = one_of(names()).unwrap_or_default();
        report.push(self.mismatch(expected).with_nearest(near));
        None
    }

    /// Text that `parse` makes sense of.
    pub(crate) fn parsed<T>(
        &self,
        report: &mut Report,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.node.value.text().and_then(parse);
        self.checked(value, report, || expected.to_owned())
    }

    /// Reports a field that is valid but of no use to one process on its own.
    pub(crate) fn unused(&self, report: &mut Report) {
        report.note(self.place(), &self.path, "has no effect outside Kubernetes");
    }

    pub(crate) fn refuse(&self, report: &mut Report, expected: impl Into<String>) {
        report.push(self.mismatch(expected.into()));
    }

    fn mismatch(&self, expected: String) -> Diagnostic {
        Diagnostic::value(
            self.place(),
            &self.path,
            self.node.value.described(),
            expected,
        )
    }

    fn checked<T>(
        &self,
        value: Option<T>,
        report: &mut Report,
        expected: impl FnOnce() -> String,
    ) -> Option<T> {
        if value.is_none() {
            self.refuse(report, expected());
            return None;
        }
        if report.record(self) { value } else { None }
    }
}

impl Value {
    /// A scalar as text: numbers and truth values as they are written.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Integer { text, .. } | Self::Fraction { text } => Some(text),
            Self::Boolean(true) => Some("true"),
            Self::Boolean(false) => Some("false"),
            Self::Null | Self::Sequence(_) | Self::Mapping(_) => None,
        }
    }

    /// What a diagnostic says was found.
    fn described(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Text(text) => quoted(text),
            Self::Integer { value, text } if text.is_empty() => value.to_string(),
            Self::Integer { text, .. } | Self::Fraction { text } => text.clone(),
            Self::Boolean(value) => value.to_string(),
            Self::Sequence(_) => "a list".to_owned(),
            Self::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// "one of A, B, C"; nothing if there is nothing to choose from.
pub(crate) fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => None,
        [only] => Some((*only).to_owned()),
        several => Some(format!("one of {}", several.join(", "))),
    }
}

/// A field's path.
fn joined(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
