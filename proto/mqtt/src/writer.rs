//! Writes the primitive types of section 1.5. A packet goes through the same code twice: once to
//! count its bytes, once to write them, so that the two never disagree.

use crate::error::EncodeError;
use crate::limits::VARIABLE_BYTE_INTEGER_MAX;

/// Takes the bytes of a packet: counts them ([`Size`]) or keeps them (`Vec<u8>`).
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);

    /// Told when something cannot be expressed. Only [`Size`], which goes first, listens.
    fn fail(&mut self, _error: EncodeError) {}

    #[inline]
    fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    #[inline]
    fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    fn variable_byte_integer(&mut self, value: usize) {
        match u32::try_from(value) {
            Ok(value) if value <= VARIABLE_BYTE_INTEGER_MAX => {
                let (bytes, size) = variable_byte_integer(value);
                self.put(bytes.get(..size).unwrap_or_default());
            }
            _ => self.fail(EncodeError::NumberTooLarge),
        }
    }

    #[inline]
    fn binary(&mut self, bytes: &[u8]) {
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.u16(length);
                self.put(bytes);
            }
            Err(_) => self.fail(EncodeError::FieldTooLong),
        }
    }

    #[inline]
    fn string(&mut self, text: &str) {
        self.binary(text.as_bytes());
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Counts bytes, and remembers the first thing that cannot be written.
#[derive(Debug, Default)]
pub(crate) struct Size {
    bytes: usize,
    error: Option<EncodeError>,
}

impl Size {
    /// The number of bytes that `write` produces.
    pub(crate) fn of(write: &dyn Fn(&mut dyn Sink)) -> Result<usize, EncodeError> {
        let mut size = Self::default();
        write(&mut size);
        size.finish()
    }

    /// The number of bytes that were put.
    #[inline]
    pub(crate) fn finish(self) -> Result<usize, EncodeError> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.bytes),
        }
    }
}

impl Sink for Size {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
    }

    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }
}

impl dyn Sink + '_ {
    /// A property section: its length, then what `write` produces. Without properties it is the
    /// length 0, never nothing [MQTT-2.2.2-1].
    pub(crate) fn section(&mut self, write: &dyn Fn(&mut dyn Sink)) {
        match Size::of(write) {
            Ok(size) => {
                self.variable_byte_integer(size);
                write(self);
            }
            Err(error) => self.fail(error),
        }
    }
}

/// `value` as a variable byte integer in its shortest form [MQTT-1.5.5-1], and its size.
#[inline]
pub(crate) const fn variable_byte_integer(value: u32) -> ([u8; 4], usize) {
    const fn group(value: u32, index: u32) -> u8 {
        (value >> (7 * index) & 0x7F) as u8
    }
    let bytes = [
        group(value, 0),
        group(value, 1),
        group(value, 2),
        group(value, 3),
    ];
    let [first, second, third, fourth] = bytes;
    match variable_byte_integer_size(value) {
        1 => ([first, 0, 0, 0], 1),
        2 => ([first | 0x80, second, 0, 0], 2),
        3 => ([first | 0x80, second | 0x80, third, 0], 3),
        _ => ([first | 0x80, second | 0x80, third | 0x80, fourth], 4),
    }
}

/// The size of `value` as a variable byte integer, in bytes.
#[inline]
pub(crate) const fn variable_byte_integer_size(value: u32) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Writes a whole packet: fixed header, then what `body` produces. On an error nothing is written.
pub(crate) fn packet(
    out: &mut Vec<u8>,
    first_byte: u8,
    body: &dyn Fn(&mut dyn Sink),
) -> Result<(), EncodeError> {
    let length = remaining_length(Size::of(body)?)?;
    let (header, header_size) = variable_byte_integer(length);
    out.reserve(1 + header_size + length as usize);
    out.push(first_byte);
    out.put(header.get(..header_size).unwrap_or_default());
    body(out);
    Ok(())
}

/// The size of a whole packet with this body, in bytes.
pub(crate) fn packet_size(body: &dyn Fn(&mut dyn Sink)) -> Result<usize, EncodeError> {
    let length = remaining_length(Size::of(body)?)?;
    Ok(1 + variable_byte_integer_size(length) + length as usize)
}

#[inline]
pub(crate) fn remaining_length(bytes: usize) -> Result<u32, EncodeError> {
    match u32::try_from(bytes) {
        Ok(length) if length <= VARIABLE_BYTE_INTEGER_MAX => Ok(length),
        _ => Err(EncodeError::PacketTooLong),
    }
}
