//! Output buffers: a client has one only while output waits for it.

use super::limits::{BUFFER_BYTES, SPARE_BUFFER_BYTES_MAX, SPARE_BYTES_MAX};

/// Drained buffers, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    spare: Vec<Vec<u8>>,
    /// The capacity of all of them.
    spare_bytes: usize,
}

impl Buffers {
    /// Sees to it that `buffer` has memory to begin with.
    #[inline]
    pub(crate) fn provide(&mut self, buffer: &mut Vec<u8>) {
        if buffer.capacity() == 0 {
            *buffer = match self.spare.pop() {
                Some(spare) => {
                    self.spare_bytes -= spare.capacity();
                    spare
                }
                None => Vec::with_capacity(BUFFER_BYTES),
            };
        }
    }

    /// Takes a buffer that is no longer needed.
    #[inline]
    pub(crate) fn reclaim(&mut self, buffer: &mut Vec<u8>) {
        let mut buffer = std::mem::take(buffer);
        let size = buffer.capacity();
        let fits = self.spare_bytes + size <= SPARE_BYTES_MAX;
        if size > 0 && size <= SPARE_BUFFER_BYTES_MAX && fits {
            buffer.clear();
            self.spare_bytes += size;
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drained_buffer_serves_the_next_client() {
        let (mut buffers, mut first, mut second) = (Buffers::default(), Vec::new(), Vec::new());
        buffers.provide(&mut first);
        let address = first.as_ptr() as usize;
        first.push(1);
        buffers.reclaim(&mut first);
        buffers.provide(&mut second);
        assert_eq!(
            (second.as_ptr() as usize, second.len(), first.capacity()),
            (address, 0, 0)
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut buffers = Buffers::default();
        buffers.reclaim(&mut Vec::with_capacity(SPARE_BUFFER_BYTES_MAX + 1));
        assert!(buffers.spare.is_empty());
        for _ in 0..SPARE_BYTES_MAX / SPARE_BUFFER_BYTES_MAX + 10 {
            buffers.reclaim(&mut Vec::with_capacity(SPARE_BUFFER_BYTES_MAX));
        }
        assert!(buffers.spare_bytes <= SPARE_BYTES_MAX && buffers.spare.len() > 1);
    }
}
