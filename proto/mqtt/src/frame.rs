//! Finds packet boundaries in a stream of bytes. It keeps no state and buffers nothing: the caller
//! keeps what is incomplete and asks again when more has come.

use crate::error::DecodeError;
use crate::reader;
use crate::reason::ReasonCode;

/// What stands at the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// No whole packet yet.
    Incomplete {
        /// At least so many more bytes are needed. Once the fixed header is there, it is exact.
        missing_at_least: usize,
    },
    /// A whole packet, to be given to [`Packet::decode`](crate::Packet::decode).
    Complete {
        /// Packet type and flags.
        first_byte: u8,
        /// What follows the fixed header.
        body: &'a [u8],
        /// Bytes of input that the packet takes, fixed header included.
        size: usize,
    },
}

/// Looks at the first packet of `input`.
///
/// # Errors
/// What is wrong with a packet is told as soon as the bytes that show it are there, before its
/// body has come: a forbidden type, flags that the type does not allow [MQTT-2.1.3-1], a
/// malformed length [MQTT-1.5.5-1], and a packet of more than `packet_bytes_max` bytes.
#[inline]
pub fn next(input: &[u8], packet_bytes_max: u32) -> Result<Frame<'_>, DecodeError> {
    let [first_byte, rest @ ..] = input else {
        return Ok(Frame::Incomplete {
            missing_at_least: 2,
        });
    };
    check_first_byte(*first_byte)?;
    let (length, length_size) = match rest {
        [length @ 0..0x80, ..] => (u32::from(*length), 1),
        _ => match reader::variable_byte_integer(rest)? {
            Some(length) => length,
            None => {
                return Ok(Frame::Incomplete {
                    missing_at_least: 1,
                });
            }
        },
    };
    // At most 1 + 4 + 268,435,455: no overflow.
    let header_size = 1 + length_size;
    let size = header_size + length as usize;
    if size > packet_bytes_max as usize {
        return Err(DecodeError::new(
            ReasonCode::PacketTooLarge,
            "packet above the size limit",
        ));
    }
    match input.get(header_size..size) {
        Some(body) => Ok(Frame::Complete {
            first_byte: *first_byte,
            body,
            size,
        }),
        None => Ok(Frame::Incomplete {
            missing_at_least: size - input.len(),
        }),
    }
}

/// Refuses types and flags that no version knows. What only some versions know is refused by
/// [`Packet::decode`](crate::Packet::decode).
#[inline]
pub(crate) fn check_first_byte(first_byte: u8) -> Result<(), DecodeError> {
    match FIRST_BYTES.get(usize::from(first_byte)) {
        Some(true) => Ok(()),
        // A type that can be read, and is forbidden.
        _ if first_byte >> 4 == 0 => Err(DecodeError::protocol("packet type 0")),
        _ => Err(DecodeError::malformed("undefined flags")),
    }
}

/// Which first bytes are allowed, so that the check is one load.
static FIRST_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut first_byte = 0_u8;
    loop {
        let slot: &mut bool = &mut allowed[first_byte as usize];
        *slot = is_first_byte(first_byte);
        if first_byte == u8::MAX {
            break;
        }
        first_byte += 1;
    }
    allowed
};

const fn is_first_byte(first_byte: u8) -> bool {
    let flags = first_byte & 0x0F;
    match first_byte >> 4 {
        // PUBLISH: QoS 3 does not exist [MQTT-3.3.1-4]; QoS 0 has no DUP [MQTT-3.3.1-2].
        3 => flags & 0b0110 != 0b0110 && flags & 0b1110 != 0b1000,
        // PUBREL, SUBSCRIBE, UNSUBSCRIBE [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1]. MQTT 3.1
        // also has DUP here.
        6 | 8 | 10 => flags & 0b0111 == 0b0010,
        // CONNECT: MQTT 3.1 does not use them.
        1 => true,
        2..=15 => flags == 0,
        _ => false,
    }
}
