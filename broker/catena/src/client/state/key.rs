//! Keys and patterns of keys on the command line: any bytes, as they are or as hexadecimal digits.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::super::failure::Failure;

/// How keys are given.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct KeyArgs {
    /// KEY is given in hexadecimal digits, as --hex and keyHex show it
    #[arg(long)]
    pub(super) hex_key: bool,
}

/// How a pattern is given.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct PatternArgs {
    /// PATTERN is given in hexadecimal digits: 2a is *, 3f is ?
    #[arg(long)]
    pub(super) hex_key: bool,
}

impl PatternArgs {
    /// The bytes that are meant; without a pattern, all keys.
    pub(super) fn bytes(self, given: Option<&Given>) -> Result<Vec<u8>, Failure> {
        given.map_or_else(|| Ok(b"*".to_vec()), |it| it.bytes(self.hex_key))
    }
}

/// A key or a pattern as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given(Vec<u8>);

impl Given {
    /// The bytes that are meant.
    pub(super) fn bytes(&self, is_hex: bool) -> Result<Vec<u8>, Failure> {
        match is_hex {
            true => digits(&self.0).map_err(|what| Failure::usage(format!("--hex-key: {what}"))),
            false => Ok(self.0.clone()),
        }
    }
}

/// Takes a key. It is never empty.
pub(super) fn key() -> impl TypedValueParser<Value = Given> {
    OsStringValueParser::new().try_map(|given: OsString| match given.is_empty() {
        true => Err(EMPTY),
        false => Ok(Given(given.into_vec())),
    })
}

/// Takes a pattern.
pub(super) fn pattern() -> impl TypedValueParser<Value = Given> {
    OsStringValueParser::new().map(|given: OsString| Given(given.into_vec()))
}

/// What is wrong with a key of no bytes.
pub(super) const EMPTY: &str = "a key has at least one byte";

/// The bytes that these digits stand for, two for each.
fn digits(given: &[u8]) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(given);
    let mut values = Vec::with_capacity(text.len());
    for (index, character) in text.chars().enumerate() {
        let value = character.to_digit(16).and_then(|it| u8::try_from(it).ok());
        values.push(value.ok_or_else(|| {
            let position = index + 1;
            format!("{character:?}, character {position} of {text:?}, is no hexadecimal digit")
        })?);
    }
    let (pairs, rest) = values.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
        _ => Err(format!(
            "{text:?} has {} digits; each byte takes two",
            values.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_for_bytes_and_wrong_ones_are_named() {
        assert_eq!(digits(b"00fFa9"), Ok(vec![0, 255, 0xA9]));
        for (given, expected) in [
            (
                &b"fg"[..],
                "'g', character 2 of \"fg\", is no hexadecimal digit",
            ),
            (
                b"0x1",
                "'x', character 2 of \"0x1\", is no hexadecimal digit",
            ),
            (
                b"a b",
                "' ', character 2 of \"a b\", is no hexadecimal digit",
            ),
            (b"abc", "\"abc\" has 3 digits; each byte takes two"),
        ] {
            assert_eq!(digits(given), Err(expected.to_owned()));
        }
        assert!(digits(b"\xff").is_err());
    }
}
