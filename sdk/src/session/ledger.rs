//! Which messages are unacknowledged, and in which order their acknowledgements leave. Must never
//! let one leave before an earlier one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::Qos;

/// What handles of messages and streams share with the driver. All of it is bounded: by Receive
/// Maximum, and by the number of subscriptions.
#[derive(Debug)]
pub(crate) struct Shared {
    ledger: Mutex<Ledger>,
    dropped: Mutex<Vec<usize>>,
    wake: Notify,
}

/// Names a message in the ledger, whatever connection it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt(u64);

/// An acknowledgement that may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) packet_id: u16,
    pub(crate) qos: Qos,
}

/// The unacknowledged messages of a session.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// In the order in which they came by this connection.
    entries: VecDeque<Entry>,
    /// What streams have or hold from earlier connections, by packet ID. The broker sends it again,
    /// and it is not handed out a second time.
    carried: HashMap<u16, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    receipt: Receipt,
    ready: Ready,
    /// Streams that have it unacknowledged.
    holders: usize,
    /// It was dropped unacknowledged, and is never acknowledged by this connection.
    abandoned: bool,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            ledger: Mutex::default(),
            dropped: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn acknowledge(&self, receipt: Receipt) {
        self.ledger().acknowledge(receipt);
        self.wake.notify_one();
    }

    pub(crate) fn abandon(&self, receipt: Receipt) {
        self.ledger().abandon(receipt);
        self.wake.notify_one();
    }

    /// A stream has gone.
    pub(crate) fn drop_stream(&self, subscription: usize) {
        self.dropped_streams().push(subscription);
        self.wake.notify_one();
    }

    /// The streams that have gone since this was asked last.
    pub(crate) fn take_dropped(&self) -> Vec<usize> {
        std::mem::take(&mut *self.dropped_streams())
    }

    /// Returns when something has been acknowledged or dropped. Cancel safe.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn dropped_streams(&self) -> MutexGuard<'_, Vec<usize>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// A message came that has to be acknowledged. `None` if streams have had it already: it was
    /// carried over from an earlier connection.
    pub(crate) fn arrive(&mut self, ready: Ready, duplicate: bool) -> Option<Receipt> {
        let carried = self.carried.remove(&ready.packet_id);
        if let Some(entry) = carried.filter(|entry| duplicate && entry.ready == ready) {
            self.entries.push_back(entry);
            return None;
        }
        let receipt = Receipt(self.next);
        self.next += 1;
        self.entries.push_back(Entry {
            receipt,
            ready,
            holders: 0,
            abandoned: false,
        });
        Some(receipt)
    }

    /// One more stream has the message.
    pub(crate) fn hold(&mut self, receipt: Receipt) {
        if let Some(entry) = self.entry(receipt) {
            entry.holders += 1;
        }
    }

    pub(crate) fn acknowledge(&mut self, receipt: Receipt) {
        if let Some(entry) = self.entry(receipt) {
            entry.holders = entry.holders.saturating_sub(1);
        }
    }

    pub(crate) fn abandon(&mut self, receipt: Receipt) {
        if let Some(entry) = self.entry(receipt) {
            entry.abandoned = true;
        }
        self.carried.retain(|_, entry| !entry.abandoned);
    }

    /// Takes the next acknowledgement that may leave: of the oldest message only
    /// [MQTT-4.6.0-2], [MQTT-4.6.0-3].
    pub(crate) fn take_ready(&mut self) -> Option<Ready> {
        let entry = self.entries.front()?;
        if entry.holders > 0 || entry.abandoned {
            return None;
        }
        self.entries.pop_front().map(|entry| entry.ready)
    }

    /// The connection is gone; nothing can be acknowledged before the broker sends it again.
    pub(crate) fn disconnect(&mut self) {
        let entries = self.entries.drain(..).filter(|entry| !entry.abandoned);
        self.carried
            .extend(entries.map(|entry| (entry.ready.packet_id, entry)));
    }

    /// The session is gone; what the broker sends is new.
    pub(crate) fn lose_session(&mut self) {
        self.carried.clear();
    }

    /// Whether the broker waits for the acknowledgement, as far as is known.
    pub(crate) fn contains(&self, receipt: Receipt) -> bool {
        let mut all = self.entries.iter().chain(self.carried.values());
        all.any(|entry| entry.receipt == receipt)
    }

    /// How many messages of this connection are unacknowledged.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing can move any more before a new connection: `limit` messages are
    /// unacknowledged, and the oldest was dropped.
    pub(crate) fn is_stuck(&self, limit: usize) -> bool {
        self.len() >= limit && self.entries.front().is_some_and(|entry| entry.abandoned)
    }

    fn entry(&mut self, receipt: Receipt) -> Option<&mut Entry> {
        let carried = self.carried.values_mut();
        { self.entries.iter_mut().chain(carried) }.find(|entry| entry.receipt == receipt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(packet_id: u16) -> Ready {
        Ready {
            packet_id,
            qos: Qos::AtLeastOnce,
        }
    }

    fn arrive(ledger: &mut Ledger, packet_id: u16) -> Receipt {
        let receipt = ledger.arrive(ready(packet_id), false).unwrap();
        ledger.hold(receipt);
        receipt
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_arrival() {
        // [MQTT-4.6.0-2]
        let mut ledger = Ledger::default();
        let receipts: Vec<_> = [7, 3, 5].map(|id| arrive(&mut ledger, id)).into();
        ledger.acknowledge(receipts[2]);
        ledger.acknowledge(receipts[1]);
        assert_eq!(ledger.take_ready(), None);
        ledger.acknowledge(receipts[0]);
        let left: Vec<_> = std::iter::from_fn(|| ledger.take_ready()).collect();
        assert_eq!(left, [ready(7), ready(3), ready(5)]);
    }

    #[test]
    fn a_message_for_two_streams_waits_for_both() {
        let mut ledger = Ledger::default();
        let receipt = arrive(&mut ledger, 1);
        ledger.hold(receipt);
        ledger.acknowledge(receipt);
        assert_eq!(ledger.take_ready(), None);
        ledger.acknowledge(receipt);
        assert_eq!(ledger.take_ready(), Some(ready(1)));
    }

    #[test]
    fn what_a_stream_still_holds_is_not_handed_out_again() {
        let mut ledger = Ledger::default();
        let held = arrive(&mut ledger, 1);
        let abandoned = arrive(&mut ledger, 2);
        ledger.abandon(abandoned);
        ledger.disconnect();
        // The broker sends both again: one is known, the other is handed out once more.
        assert_eq!(ledger.arrive(ready(1), true), None);
        let again = ledger.arrive(ready(2), true).unwrap();
        ledger.hold(again);
        ledger.acknowledge(held);
        assert_eq!(ledger.take_ready(), Some(ready(1)));
        assert_eq!(ledger.take_ready(), None);
        ledger.acknowledge(again);
        assert_eq!(ledger.take_ready(), Some(ready(2)));
        assert!(!ledger.contains(again) && !ledger.contains(held));
    }

    #[test]
    fn after_a_lost_session_nothing_is_known() {
        let mut ledger = Ledger::default();
        let old = arrive(&mut ledger, 1);
        ledger.disconnect();
        assert!(ledger.contains(old));
        ledger.lose_session();
        assert!(!ledger.contains(old));
        let new = ledger.arrive(ready(1), true).unwrap();
        ledger.hold(new);
        ledger.acknowledge(old);
        assert_eq!(ledger.take_ready(), None);
    }

    #[test]
    fn a_full_window_behind_a_dropped_message_is_stuck() {
        let mut ledger = Ledger::default();
        let receipts: Vec<_> = [1, 2].map(|id| arrive(&mut ledger, id)).into();
        ledger.acknowledge(receipts[1]);
        assert!(!ledger.is_stuck(2));
        ledger.abandon(receipts[0]);
        assert!(ledger.is_stuck(2) && !ledger.is_stuck(3));
    }
}
