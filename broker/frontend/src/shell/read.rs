//! Reading. Small reads of several connections are gathered in one buffer and given to the worker
//! together, which then exchanges with each partition once for all of them.

use std::ops::Range;
use std::task::{Context, Poll};

use catena_transport::Port;
use catena_types::Moment;

use super::notes::explain;
use super::stream::{Received, StreamError};
use super::turn::Turn;

/// The receive buffer of a worker, in bytes.
pub(super) const BUFFER_BYTES: usize = 512 * 1024;

/// Bytes gathered above which they go to the worker: what one read of a busy connection brings is
/// enough of a batch, and stays in the first cache until it is used.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

// One receive finds nearly the whole buffer free.
const _: () = assert!(GATHERED_BYTES_MAX <= BUFFER_BYTES / 16);

/// What one connection sent, where it stands in the buffer.
#[derive(Debug)]
pub(super) struct Gathered {
    slot: u32,
    bytes: Range<usize>,
    /// There may be more in the socket.
    is_full: bool,
}

impl<P: Port> Turn<P> {
    /// Reads once from a connection that is ready, if its client may be read from. Returns how many
    /// bytes came.
    pub(super) fn read(&mut self, now: Moment, slot: u32) -> usize {
        let Some(entry) = self.entries.at_mut(slot) else {
            return 0;
        };
        if entry.is_full {
            self.dirty.push(slot);
        }
        if entry.closing.is_some() || !self.worker.reads(slot) {
            return 0;
        }
        let is_plain = entry.layers.is_none();
        let start = self.gathered.last().map_or(0, |last| last.bytes.end);
        let received = match entry.socket.receive(&mut self.buffer[start..]) {
            Ok(received) => received,
            Err(error) => {
                self.feed_gathered(now);
                self.end(slot, &error.into());
                return 0;
            }
        };
        let (count, is_full) = match received {
            Received::Full(count) => (count, true),
            Received::Drained(count) => (count, false),
            Received::End => {
                self.feed_gathered(now);
                self.end(slot, &StreamError::Closed);
                return 0;
            }
        };
        let bytes = start..start + count;
        if is_plain {
            self.note_first(now, slot, &bytes);
            let end = bytes.end;
            self.gathered.push(Gathered {
                slot,
                bytes,
                is_full,
            });
            if end >= GATHERED_BYTES_MAX {
                self.feed_gathered(now);
            }
        } else {
            self.feed_gathered(now);
            if count == 0 || self.feed_layers(now, slot, bytes) {
                self.read_on(slot, is_full);
            }
        }
        count
    }

    /// Gives what was gathered to the worker.
    pub(super) fn feed_gathered(&mut self, now: Moment) {
        let mut gathered = std::mem::take(&mut self.gathered);
        let buffer = &self.buffer;
        let reads = gathered.iter().filter(|read| !read.bytes.is_empty());
        let reads = reads.map(|read| (read.slot, &buffer[read.bytes.clone()]));
        self.worker.handle_reads(now, reads);
        for read in gathered.drain(..) {
            self.read_on(read.slot, read.is_full);
        }
        self.gathered = gathered;
    }

    /// Says so, now and then, when the first bytes of a connection are those of another protocol.
    #[inline]
    fn note_first(&mut self, now: Moment, slot: u32, bytes: &Range<usize>) {
        let Some(entry) = self.entries.at_mut(slot).filter(|entry| entry.is_new) else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        entry.is_new = false;
        if let Some(what) = explain(&self.buffer[bytes.clone()])
            && let Some(suppressed) = self.strangers.pass(now)
        {
            let listener = entry.listener.name.as_str();
            let remote_addr = entry.permit.address;
            tracing::warn!(listener, ?remote_addr, suppressed, "client speaks {what}");
        }
    }

    /// Takes bytes of the buffer through the connection's layers to the worker. Whether the
    /// connection goes on.
    fn feed_layers(&mut self, now: Moment, slot: u32, bytes: Range<usize>) -> bool {
        let entry = self.entries.at_mut(slot);
        let Some(layers) = entry.and_then(|entry| entry.layers.as_deref_mut()) else {
            return false;
        };
        let worker = &mut self.worker;
        let sink = |bytes: &[u8]| worker.handle_bytes(now, slot, bytes);
        let result = layers.receive(&mut self.buffer[bytes], &mut self.scratch, sink);
        // Answers to pings and to TLS messages.
        self.dirty.push(slot);
        match result {
            Ok(()) => true,
            Err(error) => {
                self.end(slot, &error);
                false
            }
        }
    }

    /// Sees to it that a connection is read again when it has more.
    fn read_on(&mut self, slot: u32, is_full: bool) {
        if is_full {
            self.mailbox.signal.push_ready(slot);
        } else {
            self.await_readable(slot);
        }
    }

    /// Asks to be woken when the connection has more; puts it on the list if it has already.
    fn await_readable(&mut self, slot: u32) {
        let Some(entry) = self.entries.at_mut(slot) else {
            return;
        };
        match entry
            .socket
            .poll_read_ready(&mut Context::from_waker(&entry.waker))
        {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.mailbox.signal.push_ready(slot),
            Poll::Ready(Err(error)) => self.end(slot, &error.into()),
        }
    }
}
