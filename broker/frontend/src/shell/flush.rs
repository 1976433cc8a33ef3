//! Sending and closing.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use catena_transport::Port;
use catena_types::Moment;

use super::stream::{self, Socket, StreamError};
use super::turn::Turn;
use crate::worker::{Urgency, Worker};

/// Slices of one send: 128 packets, each with its payload apart.
const SLICES: usize = 256;

impl<P: Port> Turn<P> {
    /// Sends once to each client with new output. Who got it last comes first: deliveries follow
    /// the acknowledgement of their message, and receivers wait for them where the publisher, most
    /// often, does not.
    pub(super) fn send_all(&mut self, now: Moment) {
        let mut dirty = std::mem::take(&mut self.dirty);
        while let Some(slot) = dirty.pop() {
            self.send(now, slot);
        }
        self.worker.take_dirty(&mut dirty);
        while let Some(slot) = dirty.pop() {
            self.send(now, slot);
        }
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Sends what there is for a client, as far as its socket takes it.
    fn send(&mut self, now: Moment, slot: u32) {
        let Some(entry) = self.entries.at_mut(slot) else {
            return;
        };
        let sent = match self.worker.output(slot) {
            Some(output) => {
                let sent = stream::send(&entry.socket, &mut entry.layers, output);
                sent.map(|(count, is_full)| {
                    if count > 0 {
                        self.worker.written(now, slot, count);
                    }
                    is_full
                })
            }
            None => send_slices(&mut self.worker, now, slot, &entry.socket),
        };
        match sent {
            Ok(is_full) => {
                entry.is_full = is_full;
                if is_full {
                    self.await_writable(slot);
                } else if entry.closing.is_some() {
                    self.close(slot);
                }
            }
            Err(error) => self.end(slot, &error.into()),
        }
    }

    /// Asks to be woken when the connection takes more.
    fn await_writable(&mut self, slot: u32) {
        let Some(entry) = self.entries.at_mut(slot) else {
            return;
        };
        match entry
            .socket
            .poll_write_ready(&mut Context::from_waker(&entry.waker))
        {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.mailbox.signal.push_ready(slot),
            Poll::Ready(Err(error)) => self.end(slot, &error.into()),
        }
    }

    /// Closes the connections that the worker wants closed: at once, or when their output is sent.
    pub(super) fn close_all(&mut self, now: Moment) {
        self.worker.take_closing(&mut self.closing);
        while let Some(closing) = self.closing.pop() {
            let slot = closing.slot;
            let Some(entry) = self.entries.at_mut(slot) else {
                continue;
            };
            entry.closing = Some(now.plus(self.common.linger));
            // The DISCONNECT may have been written after the last send.
            self.send(now, slot);
            if self.entries.at(slot).is_some() {
                match closing.urgency {
                    Urgency::Now => self.close(slot),
                    Urgency::Flush => self.lingering.push(slot),
                }
            }
        }
    }

    /// Closes what has taken too long to take its last output.
    pub(super) fn give_up(&mut self, now: Moment) {
        let shutdown = self.shutdown.unwrap_or(Moment::NEVER);
        let mut lingering = std::mem::take(&mut self.lingering);
        lingering.retain(|slot| {
            let Some(entry) = self.entries.at(*slot) else {
                return false;
            };
            let is_closing = entry.closing.is_some();
            let is_over = entry
                .closing
                .is_some_and(|patience| patience.min(shutdown) <= now);
            if is_over {
                self.close(*slot);
            }
            !is_over && is_closing
        });
        self.lingering = lingering;
    }

    /// The connection has ended by itself, or cannot go on.
    #[cold]
    pub(super) fn end(&mut self, slot: u32, error: &StreamError) {
        if let Some(entry) = self.entries.at(slot) {
            let listener = entry.listener.name.as_str();
            let remote_addr = entry.permit.address;
            tracing::debug!(listener, ?remote_addr, %error, "connection ended");
        }
        self.close(slot);
    }

    fn close(&mut self, slot: u32) {
        let Some(mut entry) = self.entries.take(slot) else {
            return;
        };
        if let Some(layers) = entry.layers.as_deref_mut() {
            // A socket that takes no more cannot be told.
            let _ = stream::say_goodbye(&entry.socket, layers);
        }
        entry.listener.count_closed();
        // The socket has to be closed, or at least heard no more, before the session's partition
        // hears of it.
        if entry.closing.is_some() {
            self.partings.add(entry.socket, entry.permit);
        }
        self.worker.handle_closed(slot);
    }
}

/// Sends output with large payloads from where they are stored. Whether the socket is full.
fn send_slices<P: Port>(
    worker: &mut Worker<P>,
    now: Moment,
    slot: u32,
    socket: &Socket,
) -> io::Result<bool> {
    loop {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = worker.output_slices(slot, &mut slices);
        if count == 0 {
            return Ok(false);
        }
        match socket.send_vectored(&slices[..count]) {
            Ok(sent) => worker.written(now, slot, sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
