//! WebSocket frames, server side (RFC 6455, section 5), without IO. Binary payload is unmasked in
//! place and lent to the caller; control frames are answered here.
//!
//! Each MQTT packet goes out in a frame of its own. The standard asks for less, but there are
//! clients that look for the next packet only when the socket has more to read, and so do not see
//! the second packet of a frame. Small packets are copied behind their headers, many to a system
//! call, so that this costs what copying costs.

/// The most bytes of answers to control frames that may wait to be sent; a client that pings on
/// without reading is closed.
const CONTROL_BYTES_MAX: usize = 4_096;
/// Control payloads have at most 125 bytes (RFC 6455, section 5.5).
const CONTROL_PAYLOAD_MAX: u64 = 125;
/// Two bytes, eight of length, four of mask.
const HEADER_BYTES_MAX: usize = 14;

/// The largest packet, in bytes, that is copied behind its frame's header: above, a system call of
/// its own costs less than the copy.
const COPIED_BYTES_MAX: usize = 16 * 1024;
/// Frames are copied together until they have so many bytes.
const PENDING_BYTES: usize = 64 * 1024;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FINAL: u8 = 0x80;

/// Close status codes (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Status {
    Normal = 1000,
    ProtocolError = 1002,
    UnsupportedData = 1003,
    TooBig = 1009,
}

/// Why no more frames are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("websocket closed by the client")]
    Closed,
    #[error("websocket frame that breaks the protocol")]
    Protocol,
    /// [MQTT-6.0.0-1]
    #[error("websocket text frame; MQTT needs binary frames")]
    Text,
    #[error("websocket control frames without end")]
    Flood,
}

impl FrameError {
    fn status(self) -> Status {
        match self {
            Self::Closed => Status::Normal,
            Self::Protocol => Status::ProtocolError,
            Self::Text => Status::UnsupportedData,
            Self::Flood => Status::TooBig,
        }
    }
}

/// The frame that is being read.
#[derive(Debug, Clone, Copy, Default)]
struct Current {
    opcode: u8,
    mask: [u8; 4],
    /// Where in the mask the next payload byte stands.
    phase: u8,
    remaining: u64,
}

/// One WebSocket, both directions.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    current: Option<Current>,
    /// A binary message has begun and continuation frames belong to it.
    in_message: bool,
    control: Vec<u8>,
    /// Frames and headers to be sent before any further payload.
    pending: Vec<u8>,
    /// Payload bytes still to be sent of the frame whose header is out or in `pending`.
    outgoing: u64,
    /// Control frames that wait for the end of that frame.
    after_frame: Vec<u8>,
    closed: bool,
}

impl Framing {
    /// Takes bytes from the peer, unmasks payload in place and calls `payload` with each piece.
    pub(crate) fn handle_bytes(
        &mut self,
        bytes: &mut [u8],
        mut payload: impl FnMut(&mut [u8]),
    ) -> Result<(), FrameError> {
        let mut at = 0;
        while at < bytes.len() && !self.closed {
            let step = match self.current {
                None => self.take_header(&bytes[at..]),
                Some(current) => {
                    let size = usize::try_from(current.remaining).unwrap_or(usize::MAX);
                    let range = at..bytes.len().min(at.saturating_add(size));
                    self.take_payload(current, &mut bytes[range.clone()], &mut payload)
                        .map(|()| range.len())
                }
            };
            match step {
                Ok(taken) => at += taken,
                Err(error) => {
                    self.close(error.status());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Begins the close handshake; nothing is read or framed after it.
    pub(crate) fn close(&mut self, status: Status) {
        if !self.closed {
            self.closed = true;
            self.answer(CLOSE, &(status as u16).to_be_bytes());
        }
    }

    /// What has to be sent before payload: headers and control frames.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// `count` bytes of [`Framing::pending`] were sent.
    pub(crate) fn pending_sent(&mut self, count: usize) {
        self.pending.drain(..count.min(self.pending.len()));
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
    }

    /// Puts the packets at the start of `output` into frames, as many as are sent together. Returns
    /// how many bytes of it were copied into [`Framing::pending`]; of what follows,
    /// [`Framing::payload_len`] bytes belong to a frame that is open.
    pub(crate) fn wrap(&mut self, output: &[u8]) -> usize {
        let mut copied = 0;
        while self.outgoing == 0 && !self.closed && self.pending.len() < PENDING_BYTES {
            let rest = output.get(copied..).unwrap_or_default();
            let size = packet_size(rest);
            if size == 0 {
                break;
            }
            encode_header(&mut self.pending, BINARY, size);
            match rest.get(..size) {
                Some(packet) if size <= COPIED_BYTES_MAX => {
                    self.pending.extend_from_slice(packet);
                    copied += size;
                }
                _ => self.outgoing = size as u64,
            }
        }
        copied
    }

    /// How many bytes of payload the open frame still needs, after `pending`.
    pub(crate) fn payload_len(&self) -> usize {
        usize::try_from(self.outgoing).unwrap_or(usize::MAX)
    }

    /// `count` bytes of payload were sent.
    pub(crate) fn payload_sent(&mut self, count: usize) {
        self.outgoing = self.outgoing.saturating_sub(count as u64);
        if self.outgoing == 0 && !self.after_frame.is_empty() {
            self.pending
                .append(&mut std::mem::take(&mut self.after_frame));
        }
    }

    /// Collects a header; returns how many bytes it took from `bytes`.
    fn take_header(&mut self, bytes: &[u8]) -> Result<usize, FrameError> {
        let mut taken = 0;
        for byte in bytes {
            let Some(place) = self.header.get_mut(usize::from(self.header_len)) else {
                return Err(FrameError::Protocol);
            };
            *place = *byte;
            self.header_len += 1;
            taken += 1;
            if usize::from(self.header_len) == header_size(&self.header, self.header_len) {
                let current = self.open_frame()?;
                self.header_len = 0;
                self.current = Some(current);
                if current.remaining == 0 {
                    self.end_frame(current)?;
                }
                break;
            }
        }
        Ok(taken)
    }

    /// Checks a complete header (RFC 6455, sections 5.1, 5.2, 5.4 and 5.5).
    fn open_frame(&mut self) -> Result<Current, FrameError> {
        let (first, second) = (self.header[0], self.header[1]);
        let (length, mask_at) = payload_length(&self.header);
        let opcode = first & 0x0F;
        let is_final = first & FINAL != 0;
        if first & 0x70 != 0 || second & 0x80 == 0 || length > i64::MAX as u64 {
            return Err(FrameError::Protocol);
        }
        match opcode {
            CONTINUATION if self.in_message => self.in_message = !is_final,
            BINARY if !self.in_message => self.in_message = !is_final,
            TEXT => return Err(FrameError::Text),
            CLOSE | PING | PONG if is_final && length <= CONTROL_PAYLOAD_MAX => {}
            _ => return Err(FrameError::Protocol),
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.header[mask_at..mask_at + 4]);
        Ok(Current {
            opcode,
            mask,
            phase: 0,
            remaining: length,
        })
    }

    fn take_payload(
        &mut self,
        mut current: Current,
        piece: &mut [u8],
        payload: &mut impl FnMut(&mut [u8]),
    ) -> Result<(), FrameError> {
        current.phase = unmask(piece, current.mask, current.phase);
        current.remaining -= piece.len() as u64;
        self.current = Some(current);
        if current.opcode == BINARY || current.opcode == CONTINUATION {
            payload(piece);
        } else {
            self.control.extend_from_slice(piece);
        }
        if current.remaining == 0 {
            self.end_frame(current)
        } else {
            Ok(())
        }
    }

    fn end_frame(&mut self, current: Current) -> Result<(), FrameError> {
        self.current = None;
        let control = std::mem::take(&mut self.control);
        match current.opcode {
            PING => {
                self.answer(PONG, &control);
                let waiting = self.pending.len() + self.after_frame.len();
                if waiting > CONTROL_BYTES_MAX {
                    Err(FrameError::Flood)
                } else {
                    Ok(())
                }
            }
            CLOSE => Err(FrameError::Closed),
            _ => Ok(()),
        }
    }

    /// Queues a control frame. There is no place for it within a frame that is going out.
    fn answer(&mut self, opcode: u8, payload: &[u8]) {
        let out = if self.outgoing == 0 {
            &mut self.pending
        } else {
            &mut self.after_frame
        };
        encode_header(out, opcode, payload.len());
        out.extend_from_slice(payload);
    }
}

/// The size of the packet at the start of `output`, which holds whole packets; 0 if it is empty.
fn packet_size(output: &[u8]) -> usize {
    let mut length = 0;
    for (at, byte) in output.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return output.len().min(at + 1 + length);
        }
    }
    output.len()
}

fn encode_header(out: &mut Vec<u8>, opcode: u8, length: usize) {
    out.push(FINAL | opcode);
    match length {
        0..=125 => out.push(length as u8),
        126..=0xFFFF => {
            out.push(126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend((length as u64).to_be_bytes());
        }
    }
}

/// How long the header is, as far as its first `len` bytes tell.
fn header_size(header: &[u8; HEADER_BYTES_MAX], len: u8) -> usize {
    if len < 2 {
        return 2;
    }
    let mask = if header[1] & 0x80 == 0 { 0 } else { 4 };
    mask + match header[1] & 0x7F {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}

/// The payload length and where the mask begins.
fn payload_length(header: &[u8; HEADER_BYTES_MAX]) -> (u64, usize) {
    match header[1] & 0x7F {
        126 => (u64::from(u16::from_be_bytes([header[2], header[3]])), 4),
        127 => {
            let mut length = [0; 8];
            length.copy_from_slice(&header[2..10]);
            (u64::from_be_bytes(length), 10)
        }
        short => (u64::from(short), 2),
    }
}

/// Unmasks in place; returns the next place in the mask.
fn unmask(piece: &mut [u8], mask: [u8; 4], phase: u8) -> u8 {
    let mut turned = mask;
    turned.rotate_left(usize::from(phase & 3));
    let word = u32::from_ne_bytes(turned);
    let mut chunks = piece.chunks_exact_mut(4);
    for chunk in &mut chunks {
        let plain = u32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]) ^ word;
        chunk.copy_from_slice(&plain.to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(turned) {
        *byte ^= mask;
    }
    ((usize::from(phase) + piece.len()) & 3) as u8
}

/// For tests: a masked client frame.
#[cfg(test)]
pub(crate) fn client_frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_header(&mut out, 0, payload.len());
    out[0] = first;
    out[1] |= 0x80;
    out.extend(mask);
    let at = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[at..], mask, 0);
    out
}

#[cfg(test)]
mod tests;
