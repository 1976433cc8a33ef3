//! Reads the primitive types of section 1.5 from a slice. It cannot run past its end, and it
//! allocates nothing.

use crate::error::DecodeError;
use crate::packet_id::PacketId;

/// What is left to read of a packet body or of a property section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The number of bytes not read yet.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::TRUNCATED)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::TRUNCATED)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeError::TRUNCATED)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::try_from(self.u16()?)
    }

    /// A variable byte integer [MQTT-1.5.5-1].
    #[inline]
    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, DecodeError> {
        match self.rest {
            // Nearly all property sections are shorter than 128 bytes.
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            _ => match variable_byte_integer(self.rest)? {
                Some((value, size)) => {
                    self.rest = self.rest.get(size..).unwrap_or_default();
                    Ok(value)
                }
                None => Err(DecodeError::TRUNCATED),
            },
        }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(DecodeError::TRUNCATED)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Binary data: a two-byte length and that many bytes.
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.u16()?;
        self.bytes(usize::from(count))
    }

    /// A UTF-8 string [MQTT-1.5.4-1] without the characters that
    /// [`check_characters`] refuses.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let text = utf8(self.binary()?)?;
        check_characters(text)?;
        Ok(text)
    }

    /// A UTF-8 string that people or programs wrote for each other: it may have lines and tabs, so
    /// only U+0000 is refused.
    #[inline]
    pub(crate) fn free_text(&mut self) -> Result<&'a str, DecodeError> {
        let bytes = self.binary()?;
        if any(bytes, |byte| byte == 0) {
            return Err(NUL);
        }
        utf8(bytes)
    }

    /// Reads a [`string`](Self::string) without giving it out: what is all printable ASCII needs
    /// no second look.
    #[inline]
    pub(crate) fn check_string(&mut self) -> Result<(), DecodeError> {
        let bytes = self.binary()?;
        if any(bytes, is_unusual) {
            check_unusual(utf8(bytes)?)?;
        }
        Ok(())
    }

    /// Reads a [`free_text`](Self::free_text) without giving it out.
    #[inline]
    pub(crate) fn check_free_text(&mut self) -> Result<(), DecodeError> {
        let bytes = self.binary()?;
        if any(bytes, |byte| (byte == 0) | (byte >= 0x80)) {
            if bytes.contains(&0) {
                return Err(NUL);
            }
            utf8(bytes)?;
        }
        Ok(())
    }

    /// Fails unless everything has been read.
    #[inline]
    pub(crate) const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::malformed("bytes after the last field"))
        }
    }
}

const NUL: DecodeError = DecodeError::malformed("U+0000 in a string");

/// Checks that `bytes` are well-formed UTF-8, which excludes surrogates.
#[inline]
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    str::from_utf8(bytes).map_err(|_| DecodeError::malformed("string is not UTF-8"))
}

/// Refuses U+0000 [MQTT-1.5.4-2], and what section 1.5.4 leaves to the receiver: other control
/// characters and non-characters, which have no place in a name. Everything else that Unicode has
/// is data, a byte order mark included [MQTT-1.5.4-3].
#[inline]
pub(crate) fn check_characters(text: &str) -> Result<(), DecodeError> {
    if any(text.as_bytes(), is_unusual) {
        return check_unusual(text);
    }
    Ok(())
}

/// Whether a byte is not printable ASCII, so that its character needs a look.
#[inline]
pub(crate) const fn is_unusual(byte: u8) -> bool {
    (byte < 0x20) | (byte >= 0x7F)
}

#[inline(never)]
fn check_unusual(text: &str) -> Result<(), DecodeError> {
    match text.chars().find(|character| is_refused(*character)) {
        None => Ok(()),
        Some('\0') => Err(NUL),
        Some(_) => Err(DecodeError::malformed(
            "control character or non-character in a string",
        )),
    }
}

/// U+0000 to U+001F, U+007F to U+009F, U+FDD0 to U+FDEF, and the last two of each plane.
fn is_refused(character: char) -> bool {
    let number = u32::from(character);
    character.is_control() || matches!(number, 0xFDD0..=0xFDEF) || number & 0xFFFE == 0xFFFE
}

/// Whether `is` holds for a byte. Looks at sixteen bytes at once, without a branch between them, so
/// that the compiler can use vector instructions; strings are too short for anything cleverer.
#[inline]
pub(crate) fn any(bytes: &[u8], is: impl Fn(u8) -> bool + Copy) -> bool {
    #[inline]
    fn any_of<const N: usize>(chunk: &[u8; N], is: impl Fn(u8) -> bool) -> bool {
        chunk
            .iter()
            .fold(0, |found, byte| found | u8::from(is(*byte)))
            != 0
    }
    // The last bytes may overlap the chunks before them: nothing is left over.
    if let Some(last) = bytes.last_chunk::<16>() {
        let (chunks, _) = bytes.as_chunks::<16>();
        return chunks
            .iter()
            .fold(any_of(last, is), |found, chunk| found | any_of(chunk, is));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return any_of(first, is) | any_of(last, is);
    }
    bytes.iter().any(|byte| is(*byte))
}

/// The variable byte integer at the start of `bytes` and its size, or `None` if `bytes` ends
/// within it. More than four bytes, or more than needed, are malformed [MQTT-1.5.5-1].
pub(crate) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0_u32;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return if *byte == 0 && index > 0 {
                Err(DecodeError::malformed(
                    "variable byte integer longer than needed",
                ))
            } else {
                Ok(Some((value, index + 1)))
            };
        }
    }
    if bytes.len() >= 4 {
        return Err(DecodeError::malformed(
            "variable byte integer of more than four bytes",
        ));
    }
    Ok(None)
}
