//! `-F`: how a message is printed, in mosquitto's words.

mod json;

use std::borrow::Cow;
use std::fmt::Write as _;

use super::calendar::Moment;
use super::failure::Failure;
use super::incoming::Message;

/// A format, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
    is_pretty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Field(Field),
    /// A specifier of `strftime`, or N.
    Time(char),
}

/// `%`, flags, widths and a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    letter: char,
    is_left: bool,
    is_zero: bool,
    width: usize,
    width_max: Option<usize>,
}

/// The letters that may follow `%`.
const LETTERS: &str = "%ACDEFIJPRSUXjlmpqrtx";
/// Fields wider than this are refused.
const WIDTH_MAX: usize = 65_535;

impl Format {
    /// The payload alone.
    pub(crate) fn payload() -> Self {
        Self::fixed(&["%p"])
    }

    /// Topic and payload.
    pub(crate) fn topic_and_payload() -> Self {
        Self::fixed(&["%t", " ", "%p"])
    }

    /// One JSON object, payload as text.
    pub(crate) fn json() -> Self {
        Self::fixed(&["%j"])
    }

    fn fixed(parts: &[&str]) -> Self {
        let pieces = parts.iter().map(|part| match part.strip_prefix('%') {
            Some(letter) => Piece::Field(Field::plain(letter.chars().next().unwrap_or('%'))),
            None => Piece::Literal(part.as_bytes().to_vec()),
        });
        Self {
            pieces: pieces.collect(),
            is_pretty: false,
        }
    }

    /// Whether JSON is laid out for people.
    pub(crate) fn pretty(mut self, is_pretty: bool) -> Self {
        self.is_pretty = is_pretty;
        self
    }

    /// Reads a format.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong =
            |what: String| Failure::usage(format!("cannot use the format '{text}': {what}"));
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            let piece = match character {
                '%' => Piece::Field(Field::parse(&mut rest).map_err(wrong)?),
                '@' => match rest.next() {
                    Some('@') => {
                        literal.push(b'@');
                        continue;
                    }
                    Some(letter) if Moment::new(Default::default()).format(letter).is_some() => {
                        Piece::Time(letter)
                    }
                    Some(letter) => return Err(wrong(format!("there is no @{letter}"))),
                    None => return Err(wrong("nothing follows the last @".to_owned())),
                },
                '\\' => {
                    literal.push(escape(rest.next()).map_err(wrong)?);
                    continue;
                }
                _ => {
                    let mut bytes = [0; 4];
                    literal.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        let is_pretty = false;
        Ok(Self { pieces, is_pretty })
    }

    /// Appends a message that came at `moment`.
    ///
    /// # Errors
    /// The payload is no JSON and `%J` asks for it.
    pub(crate) fn render(
        &self,
        message: &Message,
        moment: &Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.extend_from_slice(bytes),
                Piece::Time(letter) => {
                    out.extend_from_slice(moment.format(*letter).unwrap_or_default().as_bytes());
                }
                Piece::Field(field) => match field.letter {
                    'j' => json::with_text(message, moment, self.is_pretty, out),
                    'J' => json::with_json(message, moment, self.is_pretty, out)?,
                    // Nothing is copied where nothing is laid out.
                    'p' if field.width == 0 => out.extend_from_slice(&message.payload),
                    _ => field.put(&field.value(message, moment), out),
                },
            }
        }
        Ok(())
    }
}

impl Field {
    const fn plain(letter: char) -> Self {
        Self {
            letter,
            is_left: false,
            is_zero: false,
            width: 0,
            width_max: None,
        }
    }

    /// Reads what follows `%`.
    fn parse(rest: &mut std::str::Chars<'_>) -> Result<Self, String> {
        let mut field = Self::plain('%');
        let mut next = rest.next();
        while let Some(flag @ ('-' | '0')) = next {
            field.is_left |= flag == '-';
            field.is_zero |= flag == '0';
            next = rest.next();
        }
        field.width = number(&mut next, rest);
        if next == Some('.') {
            next = rest.next();
            field.width_max = Some(number(&mut next, rest));
        }
        if field.width.max(field.width_max.unwrap_or_default()) > WIDTH_MAX {
            return Err(format!("widths go up to {WIDTH_MAX}"));
        }
        match next {
            Some(letter) if LETTERS.contains(letter) => {
                field.letter = letter;
                Ok(field)
            }
            Some(letter) => Err(format!("there is no %{letter}")),
            None => Err("nothing follows the last %".to_owned()),
        }
    }

    /// The value, without layout.
    fn value<'a>(&self, message: &'a Message, moment: &Moment) -> Cow<'a, [u8]> {
        let properties = &message.properties;
        let number = |number: Option<u32>| number.map(|it| it.to_string()).unwrap_or_default();
        let text: String = match self.letter {
            'A' => number(properties.topic_alias.map(u32::from)),
            'C' => properties.content_type.clone().unwrap_or_default(),
            'D' => {
                return properties
                    .correlation_data
                    .as_deref()
                    .unwrap_or_default()
                    .into();
            }
            'E' => number(properties.expiry),
            'F' => number(properties.payload_format.map(u32::from)),
            'I' => moment.iso(),
            'l' => message.payload.len().to_string(),
            'm' => message.packet_id.to_string(),
            'P' => {
                let pairs = properties.user.iter();
                let pairs = pairs.map(|(name, value)| format!("{name}:{value}"));
                pairs.collect::<Vec<_>>().join(" ")
            }
            'p' => return message.payload.as_slice().into(),
            'q' => (message.qos as u8).to_string(),
            'R' => properties.response_topic.clone().unwrap_or_default(),
            'r' => u8::from(message.retain).to_string(),
            'S' => {
                let ids = properties.subscription_ids.iter().map(u32::to_string);
                ids.collect::<Vec<_>>().join(" ")
            }
            't' => return message.topic.as_bytes().into(),
            'U' => moment.unix(),
            'x' => hexadecimal(&message.payload, false),
            'X' => hexadecimal(&message.payload, true),
            letter => letter.to_string(),
        };
        text.into_bytes().into()
    }

    /// Appends a value with the least and the most width asked for, counted in characters where
    /// the value is text.
    fn put(&self, value: &[u8], out: &mut Vec<u8>) {
        let text = std::str::from_utf8(value).ok();
        let cut = match (text, self.width_max) {
            (_, None) => value.len(),
            (Some(text), Some(most)) => text.char_indices().nth(most).map_or(text.len(), |it| it.0),
            (None, Some(most)) => most.min(value.len()),
        };
        let value = value.get(..cut).unwrap_or_default();
        let count = match text.and_then(|text| text.get(..cut)) {
            Some(text) => text.chars().count(),
            None => value.len(),
        };
        let missing = self.width.saturating_sub(count);
        let is_number = matches!(self.letter, 'A' | 'E' | 'F' | 'l' | 'm' | 'S' | 'X' | 'x');
        let filling = if self.is_zero && !self.is_left && is_number {
            b'0'
        } else {
            b' '
        };
        if !self.is_left {
            out.extend(std::iter::repeat_n(filling, missing));
        }
        out.extend_from_slice(value);
        if self.is_left {
            out.extend(std::iter::repeat_n(filling, missing));
        }
    }
}

/// Reads a number that begins with `next` and leaves what follows it there. Too large ones stay
/// just above [`WIDTH_MAX`].
fn number(next: &mut Option<char>, rest: &mut std::str::Chars<'_>) -> usize {
    let mut number: usize = 0;
    while let Some(digit) = next.and_then(|character| character.to_digit(10)) {
        number = (number * 10 + digit as usize).min(WIDTH_MAX + 1);
        *next = rest.next();
    }
    number
}

fn hexadecimal(bytes: &[u8], is_upper: bool) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = match is_upper {
            true => write!(text, "{byte:02X}"),
            false => write!(text, "{byte:02x}"),
        };
    }
    text
}

/// The byte that `\` and this character stand for.
fn escape(character: Option<char>) -> Result<u8, String> {
    match character {
        Some('\\') => Ok(b'\\'),
        Some('0') => Ok(0),
        Some('a') => Ok(0x07),
        Some('e') => Ok(0x1B),
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('v') => Ok(0x0B),
        Some(other) => Err(format!("there is no \\{other}")),
        None => Err("nothing follows the last \\".to_owned()),
    }
}

#[cfg(test)]
mod tests;
