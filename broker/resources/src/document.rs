//! YAML text as a tree in which every value knows where it stands.
//!
//! This is the raw form of a resource document: nothing about resources is known here. A tree is
//! used rather than derived structures because a derived structure stops at its first mistake; a
//! tree lets one pass over a document report them all, each with its own line and column.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::diagnose::{Diagnostic, Place};
use crate::{Source, limits};

/// One value of a document, with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What stands at a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`: read as if the field were not there.
    Null,
    Boolean(bool),
    /// A whole number; `text` is how it is written.
    Integer {
        value: i128,
        text: String,
    },
    /// A number with a fraction; only ever wrong, so its text is all that is kept.
    Fraction {
        text: String,
    },
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One field of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

/// Reads all documents of a text. Documents that hold nothing are left out.
pub(crate) fn read(source: &Source) -> Result<Vec<Node>, Box<Diagnostic>> {
    let file: Arc<str> = Arc::from(source.name.as_str());
    if source.text.len() > limits::SOURCE_BYTES_MAX {
        let place = Place::document(file, 1, 1);
        let message = format!("the file is longer than {} bytes", limits::SOURCE_BYTES_MAX);
        return Err(Box::new(Diagnostic::error(&place, "", message)));
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: limits::NODES_MAX,
            max_documents: limits::DOCUMENTS_MAX,
        },
    };
    let raw = serde_saphyr::from_multiple_with_options::<Raw>(&source.text, options)
        .map_err(|error| Box::new(syntax(&file, &error)))?;
    let context = Context {
        file,
        text: &source.text,
    };
    Ok(raw.into_iter().map(|node| context.node(node)).collect())
}

/// Turns the parser's refusal into ours.
fn syntax(file: &Arc<str>, error: &serde_saphyr::Error) -> Diagnostic {
    let (line, column) = error
        .location()
        .map_or((0, 0), |at| (at.line(), at.column()));
    let place = Place::document(Arc::clone(file), line, column);
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    // The place is told already, and the parser's options are no business of the reader.
    let first = first
        .strip_suffix(&format!(" at line {line}, column {column}"))
        .unwrap_or(first);
    let first = first
        .split(", set DuplicateKeyPolicy")
        .next()
        .unwrap_or(first);
    Diagnostic::error(&place, "", format!("not readable as YAML: {first}"))
}

/// What every node of one text shares.
struct Context<'a> {
    file: Arc<str>,
    text: &'a str,
}

impl Context<'_> {
    fn place(&self, at: Location) -> Place {
        Place::document(Arc::clone(&self.file), at.line(), at.column())
    }

    /// How a scalar is written, quotes and all; empty where the parser does not know.
    fn written(&self, at: Location) -> String {
        let span = at.span();
        let slice = span
            .byte_offset()
            .zip(span.byte_len())
            .and_then(|(start, length)| {
                let start = usize::try_from(start).ok()?;
                self.text
                    .get(start..start.checked_add(usize::try_from(length).ok()?)?)
            });
        slice.unwrap_or_default().trim().to_owned()
    }

    fn node(&self, raw: Raw) -> Node {
        let place = self.place(raw.0.referenced);
        let value = match raw.0.value {
            RawValue::Null => Value::Null,
            RawValue::Boolean(value) => Value::Boolean(value),
            RawValue::Integer(value) => Value::Integer {
                value,
                text: self.written(raw.0.defined),
            },
            RawValue::Fraction => Value::Fraction {
                text: self.written(raw.0.defined),
            },
            RawValue::Text(text) => Value::Text(text),
            RawValue::Sequence(items) => {
                Value::Sequence(items.into_iter().map(|item| self.node(item)).collect())
            }
            RawValue::Mapping(entries) => {
                let entry = |(key, value): (Spanned<String>, Raw)| Entry {
                    name: key.value,
                    place: self.place(key.referenced),
                    node: self.node(value),
                };
                Value::Mapping(entries.into_iter().map(entry).collect())
            }
        };
        Node { place, value }
    }
}

/// A node as the parser gives it.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Null,
    Boolean(bool),
    Integer(i128),
    Fraction,
    Text(String),
    Sequence(Vec<Raw>),
    Mapping(Vec<(Spanned<String>, Raw)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

/// Takes whatever YAML has at a place.
struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<RawValue, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<RawValue, E> {
        Ok(RawValue::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<RawValue, E> {
        // No field takes a number of this size: the nearest one is refused just the same.
        Ok(RawValue::Integer(
            i128::try_from(value).unwrap_or(i128::MAX),
        ))
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Fraction)
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<RawValue, E> {
        Ok(RawValue::Text(value))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<RawValue, E> {
        Err(E::custom(
            "binary values have no place in a resource document",
        ))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RawValue, A::Error> {
        let mut sequence = Vec::new();
        while let Some(item) = items.next_element()? {
            sequence.push(item);
        }
        Ok(RawValue::Sequence(sequence))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawValue, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        if mapping.len() > limits::FIELDS_MAX {
            return Err(A::Error::custom("too many fields"));
        }
        Ok(RawValue::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        let source = Source {
            name: "a.yaml".into(),
            text: text.into(),
        };
        read(&source).unwrap().remove(0)
    }

    fn field<'a>(node: &'a Node, name: &str) -> &'a Entry {
        let Value::Mapping(entries) = &node.value else {
            panic!("not a mapping: {node:?}")
        };
        entries.iter().find(|entry| entry.name == name).unwrap()
    }

    #[test]
    fn every_field_and_value_knows_its_line_and_column() {
        let node = one("a: 1\nb:\n  c: two\n");
        let c = field(&field(&node, "b").node, "c");
        assert_eq!((c.place.line, c.place.column), (3, 3));
        assert_eq!((c.node.place.line, c.node.place.column), (3, 6));
        assert_eq!(c.node.value, Value::Text("two".into()));
    }

    #[test]
    fn scalars_keep_what_was_written() {
        let node = one("a: 0x10\nb: 1.50\nc: Off\nd: '7'\ne: ~\nf: -1\ng: true\n");
        let value = |name| field(&node, name).node.value.clone();
        assert_eq!(
            value("a"),
            Value::Integer {
                value: 16,
                text: "0x10".into()
            }
        );
        assert_eq!(
            value("b"),
            Value::Fraction {
                text: "1.50".into()
            }
        );
        assert_eq!(value("c"), Value::Text("Off".into()));
        assert_eq!(value("d"), Value::Text("7".into()));
        assert_eq!(value("e"), Value::Null);
        assert_eq!(
            value("f"),
            Value::Integer {
                value: -1,
                text: "-1".into()
            }
        );
        assert_eq!(value("g"), Value::Boolean(true));
    }

    #[test]
    fn documents_are_separated_and_empty_ones_left_out() {
        let source = Source {
            name: "a.yaml".into(),
            text: "---\na: 1\n---\n---\nb: 2\n".into(),
        };
        let nodes = read(&source).unwrap();
        assert_eq!(nodes.len(), 2);
        assert_eq!(field(&nodes[1], "b").place.line, 5);
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let node = one("a: &x { n: 1 }\nb: *x\nc: { <<: *x, m: 2 }\n");
        // What an alias brings stands where the alias does.
        assert_eq!(field(&field(&node, "b").node, "n").node.place.line, 2);
        assert!(matches!(
            field(&field(&node, "c").node, "n").node.value,
            Value::Integer { value: 1, .. }
        ));
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let text = "#".repeat(limits::SOURCE_BYTES_MAX + 1);
        let error = read(&Source {
            name: "a.yaml".into(),
            text,
        })
        .unwrap_err();
        assert_eq!(
            error.render(),
            "a.yaml:1:1: the file is longer than 1048576 bytes"
        );
    }
}
