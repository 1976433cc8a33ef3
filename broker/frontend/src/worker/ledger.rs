//! What a worker has asked of one partition and not been answered. Numbers ascend without gaps, so
//! a reply finds its record by arithmetic.
//!
//! ```text
//!   base = 7
//!    v
//!  | Publish | settled | Subscribe |      next number: 10
//! ```

use std::collections::VecDeque;

use catena_connection::Ticket;
use catena_mqtt::PacketId;
use catena_partition::{Request, RequestNumber};
use catena_transport::Resume;

/// What a reply is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nobody: the reply tells nothing, or has come.
    Nothing,
    Connect,
    Publish(Ticket),
    Release(PacketId),
    Subscribe(PacketId),
    Unsubscribe(PacketId),
    Range,
    Attach,
    Detach,
    /// `Disconnect` or `Closed`.
    Leave,
}

/// One request without answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// The client that asked.
    pub(crate) slot: u32,
    pub(crate) purpose: Purpose,
}

/// A request that follows from an answer or a delivery; it gets its number when it is sent.
#[derive(Debug)]
pub(crate) struct FollowUp {
    pub(crate) record: Record,
    pub(crate) request: Request<'static>,
}

/// One partition, as a worker sees it.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// The number of the front record.
    base: RequestNumber,
    records: VecDeque<Record>,
    pub(crate) follow_ups: Vec<FollowUp>,
    pub(crate) resumes: Vec<Resume>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            base: 1,
            records: VecDeque::new(),
            follow_ups: Vec::new(),
            resumes: Vec::new(),
        }
    }

    /// The number for the next request.
    #[inline]
    pub(crate) fn open(&mut self, slot: u32, purpose: Purpose) -> RequestNumber {
        let number = self.base + self.records.len() as u64;
        if purpose == Purpose::Nothing && self.records.is_empty() {
            self.base += 1;
        } else {
            self.records.push_back(Record { slot, purpose });
        }
        number
    }

    /// What the reply with this number is for; once, and nothing for a number not in use.
    #[inline]
    pub(crate) fn settle(&mut self, number: RequestNumber) -> Option<Record> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        let place = self.records.get_mut(index)?;
        let record = *place;
        place.purpose = Purpose::Nothing;
        while let Some(Record {
            purpose: Purpose::Nothing,
            ..
        }) = self.records.front()
        {
            self.records.pop_front();
            self.base += 1;
        }
        (record.purpose != Purpose::Nothing).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_find_their_request_in_any_order() {
        let mut ledger = Ledger::new();
        let first = ledger.open(1, Purpose::Attach);
        let nothing = ledger.open(2, Purpose::Nothing);
        let third = ledger.open(3, Purpose::Range);
        assert_eq!((nothing, third), (first + 1, first + 2));
        assert_eq!(ledger.settle(third).map(|record| record.slot), Some(3));
        assert!(ledger.settle(third).is_none(), "settled once");
        assert!(ledger.settle(nothing).is_none(), "nobody waits for it");
        assert!(ledger.settle(third + 1).is_none(), "never asked");
        assert_eq!(ledger.settle(first).map(|record| record.slot), Some(1));
        assert!(ledger.records.is_empty());
        assert_eq!(ledger.open(4, Purpose::Connect), third + 1);
    }

    #[test]
    fn requests_that_need_no_answer_take_no_room() {
        let mut ledger = Ledger::new();
        for expected in 1..=100 {
            assert_eq!(ledger.open(0, Purpose::Nothing), expected);
        }
        assert!(ledger.records.is_empty());
    }
}
