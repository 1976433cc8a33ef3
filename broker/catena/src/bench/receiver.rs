//! Takes messages that the broker has stored, on any number of connections.

use std::time::{Duration, Instant};

use catena_mqtt::Version;

use super::args::BenchArgs;
use super::fleet::Fleet;
use super::peer::Progress as Reading;
use super::progress::Progress;
use super::tally::{Arrival, Order, Tally};
use super::wire::{self, Delivery, PUBACK, PUBCOMP, PUBREC, PUBREL, Stamp};
use crate::client::Failure;
use crate::clock;

/// How long to wait for an event.
const TURN: Duration = Duration::from_millis(50);

/// The books of what comes: each message once, whichever connection it is for.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) tally: Tally,
    /// Messages that came to a connection after a later one.
    pub(super) reordered: u64,
    /// The highest sequence number by connection.
    highest: Vec<Option<u32>>,
    version: Version,
    expected: u32,
    stall: Duration,
}

impl Receiver {
    /// Expects the sequence numbers below `expected` of one publisher.
    pub(super) fn new(args: &BenchArgs, connections: usize, expected: u32) -> Self {
        Self {
            tally: Tally::new(1, connections, Order::Any),
            reordered: 0,
            highest: vec![None; connections],
            version: args.version,
            expected,
            stall: args.stall,
        }
    }

    /// Receives until everything is there or nothing comes any more.
    pub(super) fn receive(
        &mut self,
        fleet: &mut Fleet,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let mut last: (u64, Instant) = (0, clock::monotonic());
        while self.tally.lost(self.expected.into()) > 0 {
            let now = clock::monotonic();
            let delivered = self.tally.counts().delivered;
            if delivered != last.0 {
                last = (delivered, now);
            }
            if now - last.1 > self.stall {
                break;
            }
            progress.show(now, || {
                format!("delivered {delivered} of {}", self.expected)
            });
            fleet.wait(TURN)?;
            self.serve(fleet)?;
        }
        Ok(())
    }

    /// Takes what comes within this time, such as duplicates after the end.
    pub(super) fn linger(&mut self, fleet: &mut Fleet, time: Duration) -> Result<(), Failure> {
        let end = clock::monotonic() + time;
        loop {
            let left = end.saturating_duration_since(clock::monotonic());
            if left.is_zero() {
                return Ok(());
            }
            fleet.wait(left.min(TURN))?;
            self.serve(fleet)?;
        }
    }

    fn serve(&mut self, fleet: &mut Fleet) -> Result<(), Failure> {
        let ready = std::mem::take(&mut fleet.ready);
        for event in &ready {
            let Some(peer) = fleet.peers.get_mut(event.index) else {
                continue;
            };
            let progress = peer.read(&mut fleet.scratch, |out, first_byte, body| {
                self.take(event.index, out, first_byte, body);
            })?;
            peer.flush()?;
            if progress == Reading::Closed {
                return Err(Failure::lost());
            }
            fleet.note(event.index, progress);
        }
        fleet.ready = ready;
        Ok(())
    }

    fn take(&mut self, connection: usize, out: &mut Vec<u8>, first_byte: u8, body: &[u8]) {
        if first_byte >> 4 != 3 {
            if let (PUBREL, Some((packet_id, _))) = (first_byte, wire::acknowledged(body)) {
                wire::acknowledge(out, PUBCOMP, packet_id);
            }
            return;
        }
        let Some(delivery) = Delivery::read(self.version, first_byte, body) else {
            return;
        };
        match delivery.qos {
            0 => {}
            1 => wire::acknowledge(out, PUBACK, delivery.packet_id),
            _ => wire::acknowledge(out, PUBREC, delivery.packet_id),
        }
        let stamp = Stamp::read(delivery.payload).unwrap_or(Stamp::FOREIGN);
        let number = stamp.publisher as usize;
        let arrival = self
            .tally
            .arrive(connection, number, stamp.sequence, self.expected);
        if let (Arrival::New, Some(highest)) = (arrival, self.highest.get_mut(connection)) {
            self.reordered += u64::from(highest.is_some_and(|it| it > stamp.sequence));
            *highest = (*highest).max(Some(stamp.sequence));
        }
    }
}
