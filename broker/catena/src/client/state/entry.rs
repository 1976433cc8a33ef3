//! An entry of the store as a line of a file: a JSON object, whatever bytes key and value hold.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use catena_store::Lifetime;
use serde::{Deserialize, Serialize};

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Never empty.
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// How long it lives on. None: for ever.
    pub(super) lifetime: Option<Lifetime>,
    /// For information: no store can be told which version to give.
    pub(super) version: Option<String>,
}

/// The line. Of `key` and `keyBase64` it has one, as of `value` and `valueBase64`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<std::borrow::Cow<'a, str>>,
}

impl Entry {
    /// The line, with its end.
    pub(super) fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (key, key_base64) = text_or_base64(&self.key);
        let (value, value_base64) = text_or_base64(&self.value);
        let line = Line {
            key,
            key_base64,
            value,
            value_base64,
            ttl_ms: self.lifetime.map(Lifetime::millis),
            version: self.version.as_deref().map(Into::into),
        };
        let mut out = serde_json::to_vec(&line)?;
        out.push(b'\n');
        Ok(out)
    }

    /// Reads a line. The error says what is wrong with it.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(|error| {
            // The line is known; of the position in it only the column tells something.
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            format!("{text} (column {})", error.column())
        })?;
        let key = bytes("key", line.key, line.key_base64)?;
        if key.is_empty() {
            return Err("a key has at least one byte".to_owned());
        }
        let lifetime = match line.ttl_ms {
            None => None,
            Some(millis) => {
                let lifetime = Lifetime::from_millis(millis);
                Some(lifetime.ok_or("ttlMs: expected at least 1")?)
            }
        };
        Ok(Self {
            key,
            value: bytes("value", line.value, line.value_base64)?,
            lifetime,
            version: line.version.map(Into::into),
        })
    }
}

fn text_or_base64(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

fn bytes(name: &str, text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, String> {
    match (text, base64) {
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map_err(|error| format!("{name}Base64: {error}")),
        (None, None) => Err(format!("expected {name} or {name}Base64")),
        (Some(_), Some(_)) => Err(format!("expected {name} or {name}Base64, not both")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_reads_well() {
        let entry = Entry {
            key: b"recipe/7".to_vec(),
            value: b"\xff\x00".to_vec(),
            lifetime: Lifetime::from_millis(500),
            version: Some("1:2:n".to_owned()),
        };
        let line = String::from_utf8(entry.line().unwrap()).unwrap();
        assert_eq!(
            line,
            "{\"key\":\"recipe/7\",\"valueBase64\":\"/wA=\",\"ttlMs\":500,\"version\":\"1:2:n\"}\n"
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, expected) in [
            ("{", "EOF while parsing an object (column 1)"),
            ("{\"key\":\"a\"}", "expected value or valueBase64"),
            ("{\"value\":\"a\"}", "expected key or keyBase64"),
            (
                "{\"key\":\"\",\"value\":\"a\"}",
                "a key has at least one byte",
            ),
            (
                "{\"key\":\"a\",\"value\":\"b\",\"ttlMs\":0}",
                "ttlMs: expected at least 1",
            ),
            (
                "{\"key\":\"a\",\"keyBase64\":\"YQ==\",\"value\":\"\"}",
                "expected key or keyBase64, not both",
            ),
        ] {
            assert_eq!(
                Entry::parse(line.as_bytes()),
                Err(expected.to_owned()),
                "{line}"
            );
        }
        for line in [
            "{\"key\":\"a\",\"value\":\"b\",\"px\":1}",
            "{\"keyBase64\":\"?\",\"value\":\"b\"}",
            "[]",
            "",
        ] {
            assert!(Entry::parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(
            key in prop::collection::vec(any::<u8>(), 1..40),
            value in prop::collection::vec(any::<u8>(), 0..40),
            millis in prop::option::of(1_u64..),
        ) {
            let lifetime = millis.and_then(Lifetime::from_millis);
            let entry = Entry { key, value, lifetime, version: None };
            let line = entry.line().unwrap();
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(Entry::parse(&line), Ok(entry));
        }

        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Entry::parse(&line);
        }
    }
}
