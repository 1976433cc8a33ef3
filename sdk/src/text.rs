//! Text as brokers take it.

use crate::Error;

/// No text is longer, in bytes: its length has two [MQTT-4.7.3-3].
const BYTES_MAX: usize = 65_535;

/// Checks a text of any kind. NUL is forbidden [MQTT-1.5.4-2]; for the other control characters and
/// for non-characters, section 1.5.4 lets a broker end the connection. A message with one would be
/// sent again, and end the connection again, for ever.
pub(crate) fn check(what: &'static str, text: &str) -> Result<(), Error> {
    if text.len() > BYTES_MAX {
        return Err(Error::invalid(what, "it is longer than 65535 bytes"));
    }
    if text.contains(char::is_control) {
        let why = "it contains a control character, which brokers refuse";
        return Err(Error::invalid(what, why));
    }
    if text.contains(is_no_character) {
        let why = "it contains a Unicode non-character, which brokers refuse";
        return Err(Error::invalid(what, why));
    }
    Ok(())
}

/// U+FDD0 to U+FDEF, and the last two of each plane.
fn is_no_character(character: char) -> bool {
    let number = u32::from(character);
    matches!(number, 0xFDD0..=0xFDEF) || number & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-1.5.4-2]
    #[test]
    fn what_brokers_refuse_is_refused_and_nothing_else() {
        let refused = |number: u32| match number {
            0x00..=0x1F | 0x7F..=0x9F | 0xFDD0..=0xFDEF => true,
            _ => matches!(number % 0x1_0000, 0xFFFE | 0xFFFF),
        };
        for character in '\0'..=char::MAX {
            let text = format!("a{character}b");
            let expected = refused(character.into());
            assert_eq!(check("text", &text).is_err(), expected, "{text:?}");
        }
        assert!(check("text", "").is_ok());
        assert!(check("text", &"x".repeat(BYTES_MAX)).is_ok());
        assert!(check("text", &"x".repeat(BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn a_refusal_tells_what_and_why() {
        for (text, expected) in [
            (
                "a\nb",
                "topic is not valid: it contains a control character, which brokers refuse",
            ),
            (
                "a\u{FFFF}",
                "topic is not valid: it contains a Unicode non-character, which brokers refuse",
            ),
        ] {
            assert_eq!(check("topic", text).unwrap_err().to_string(), expected);
        }
    }
}
