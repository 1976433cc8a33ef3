//! How keys, values and versions are printed, whatever bytes they hold.

use std::io::{self, IsTerminal, Write};

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::failure::{Failure, GENERAL};

/// How keys and values are printed.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Output")]
pub(super) struct ShowArgs {
    /// Print a JSON object a line; bytes that are no UTF-8 stand as keyHex and valueHex
    #[arg(long)]
    pub(super) json: bool,
    /// Print keys and values in hexadecimal digits
    #[arg(long, conflicts_with = "json")]
    pub(super) hex: bool,
}

impl ShowArgs {
    /// Bytes as they stand in a line.
    pub(super) fn text(self, bytes: &[u8]) -> Vec<u8> {
        if self.hex {
            hex(bytes).into_bytes()
        } else {
            bytes.to_vec()
        }
    }

    /// Prints a value alone: exactly its bytes, and the end of a line for a terminal.
    pub(super) fn value(self, value: &[u8]) -> Result<(), Failure> {
        let mut out = self.text(value);
        if self.hex || io::stdout().is_terminal() {
            out.push(b'\n');
        }
        print(&out).map(drop)
    }
}

/// Writes to standard output. `false`: nobody reads it any more.
pub(super) fn print(bytes: &[u8]) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(GENERAL, format!("cannot print: {error}"))),
    }
}

/// An object with what is known of a key, and the end of its line.
pub(super) fn object(
    key: &[u8],
    value: Option<&[u8]>,
    version: Option<&str>,
    operation: Option<&str>,
) -> Vec<u8> {
    let mut map = Map::new();
    if let Some(operation) = operation {
        map.insert("operation".to_owned(), json!(operation));
    }
    insert(&mut map, "key", key);
    if let Some(value) = value {
        insert(&mut map, "value", value);
    }
    if let Some(version) = version {
        map.insert("version".to_owned(), json!(version));
    }
    let mut line = Value::Object(map).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn insert(map: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => map.insert(name.to_owned(), json!(text)),
        Err(_) => map.insert(format!("{name}Hex"), json!(hex(bytes))),
    };
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_stand_as_digits() {
        let line = object(b"k", Some(b"\xff\x00"), Some("1:2:n"), None);
        let text = String::from_utf8(line).unwrap();
        assert_eq!(
            text,
            "{\"key\":\"k\",\"valueHex\":\"ff00\",\"version\":\"1:2:n\"}\n"
        );
    }
}
