//! What waits to be sent to one client: copied bytes and, between them, large payloads that go out
//! from where they are stored.

use std::collections::VecDeque;
use std::io::IoSlice;

use catena_partition::SharedBody;

use super::buffers::Buffers;
use super::limits::{OUTPUT_BYTES_LOW, OUTPUT_BYTES_MARK, SHARED_BYTES_LOW, SHARED_BYTES_MARK};

/// Output of one client.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// What is copied; the first `sent` bytes are out. Empty only when nothing waits.
    pub(crate) bytes: Vec<u8>,
    sent: usize,
    apart: Option<Box<Apart>>,
}

/// Payloads that are not copied.
#[derive(Debug, Default)]
struct Apart {
    pieces: VecDeque<Piece>,
    /// Unsent bytes of all pieces.
    backlog: usize,
    /// How much of the first piece is out.
    sent: usize,
}

/// The end of a body, to be sent when the copied bytes before `at` are out.
#[derive(Debug)]
struct Piece {
    at: usize,
    from: usize,
    body: SharedBody,
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        self.body.bytes().get(self.from..).unwrap_or_default()
    }
}

impl Output {
    /// Copied bytes that wait.
    #[inline]
    pub(crate) fn backlog(&self) -> usize {
        self.bytes.len() - self.sent
    }

    #[inline]
    fn backlog_apart(&self) -> usize {
        self.apart.as_ref().map_or(0, |apart| apart.backlog)
    }

    /// So much waits that deliveries have to.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.backlog() >= OUTPUT_BYTES_MARK || self.backlog_apart() >= SHARED_BYTES_MARK
    }

    /// So little waits that deliveries are taken again.
    #[inline]
    pub(crate) fn is_low(&self) -> bool {
        self.backlog() <= OUTPUT_BYTES_LOW && self.backlog_apart() <= SHARED_BYTES_LOW
    }

    /// The last `len` bytes of a body follow what was written so far.
    pub(crate) fn push_apart(&mut self, body: &SharedBody, len: usize) {
        let apart = self.apart.get_or_insert_default();
        apart.backlog += len;
        apart.pieces.push_back(Piece {
            at: self.bytes.len(),
            from: body.bytes().len().saturating_sub(len),
            body: body.clone(),
        });
    }

    /// All that waits, if it is all copied.
    #[inline]
    pub(crate) fn contiguous(&self) -> Option<&[u8]> {
        match self.apart {
            None => self.bytes.get(self.sent..),
            Some(_) => None,
        }
    }

    /// The beginning of what waits, in order, in as many slices as there is room for. Returns how
    /// many.
    pub(crate) fn slices<'o>(&'o self, slices: &mut [IoSlice<'o>]) -> usize {
        let (mut sent, mut sent_apart) = (self.sent, 0);
        let mut places = slices.iter_mut();
        let mut count = 0;
        let mut put = |bytes: &'o [u8]| {
            if bytes.is_empty() {
                return true;
            }
            let place = places.next();
            count += usize::from(place.is_some());
            place.map(|place| *place = IoSlice::new(bytes)).is_some()
        };
        if let Some(apart) = &self.apart {
            sent_apart = apart.sent;
            for piece in &apart.pieces {
                let copied = self.bytes.get(sent..piece.at).unwrap_or_default();
                let rest = piece.bytes().get(sent_apart..).unwrap_or_default();
                if !put(copied) || !put(rest) {
                    return count;
                }
                (sent, sent_apart) = (piece.at, 0);
            }
        }
        debug_assert_eq!(sent_apart, 0, "only of a piece can a part be out");
        put(self.bytes.get(sent..).unwrap_or_default());
        count
    }

    /// The first `count` bytes of what waits are out.
    pub(crate) fn advance(&mut self, mut count: usize, buffers: &mut Buffers) {
        while let Some(apart) = &mut self.apart {
            let Some(piece) = apart.pieces.front() else {
                self.apart = None;
                break;
            };
            let copied = count.min(piece.at - self.sent);
            self.sent += copied;
            count -= copied;
            if self.sent < piece.at {
                break;
            }
            let len = piece.bytes().len();
            let part = count.min(len - apart.sent);
            count -= part;
            apart.sent += part;
            apart.backlog -= part;
            if apart.sent < len {
                break;
            }
            apart.sent = 0;
            apart.pieces.pop_front();
        }
        self.sent = self.bytes.len().min(self.sent + count);
        if self.apart.is_some() {
            self.shift();
        } else if self.sent == self.bytes.len() {
            self.clear(buffers);
        } else {
            self.shift();
        }
    }

    /// Forgets sent bytes when there are many, and others behind them.
    fn shift(&mut self) {
        if self.sent >= OUTPUT_BYTES_LOW && self.sent < self.bytes.len() {
            self.bytes.drain(..self.sent);
            for piece in self.apart.iter_mut().flat_map(|apart| &mut apart.pieces) {
                piece.at -= self.sent;
            }
            self.sent = 0;
        }
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self, buffers: &mut Buffers) {
        (self.sent, self.apart) = (0, None);
        buffers.reclaim(&mut self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What waits, joined.
    fn rest(output: &Output) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 512];
        let count = output.slices(&mut slices);
        slices[..count]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_leave_in_the_order_in_which_they_came(
            steps in prop::collection::vec((0_usize..3, 0_usize..200_000), 1..24),
        ) {
            let (mut output, mut buffers) = (Output::default(), Buffers::default());
            let mut expected: Vec<u8> = Vec::new();
            let mut next = 0_u8;
            for (kind, size) in steps {
                let bytes = vec![next; size];
                next = next.wrapping_add(1);
                match kind {
                    0 if size > 0 => {
                        output.bytes.extend_from_slice(&bytes);
                        expected.extend_from_slice(&bytes);
                    }
                    1 => {
                        // A packet's beginning always comes first.
                        output.bytes.push(next);
                        output.push_apart(&SharedBody::new(&[&[0; 9], &bytes[..]].concat()), size);
                        expected.push(next);
                        expected.extend_from_slice(&bytes);
                    }
                    _ => {
                        let count = size.min(expected.len());
                        output.advance(count, &mut buffers);
                        expected.drain(..count);
                    }
                }
                prop_assert!(rest(&output) == expected);
                prop_assert_eq!(output.backlog() + output.backlog_apart(), expected.len());
                prop_assert_eq!(output.bytes.is_empty(), expected.is_empty());
            }
        }
    }

    #[test]
    fn slices_stop_where_there_is_no_room_for_more() {
        let mut output = Output::default();
        for number in 0..4 {
            output.bytes.push(number);
            output.push_apart(&SharedBody::new(&[number; 3]), 3);
        }
        let mut slices = [IoSlice::new(&[]); 5];
        assert_eq!(output.slices(&mut slices), 5);
        assert_eq!(&*slices[4], [2]);
    }
}
