//! Where `apply` puts its consequences. Only a tail's outbox leaves the machine.

use catena_types::FrontendId;

use crate::{Notice, Origin, Reply};

/// The consequences of the entries applied since it was last drained, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Replies, notices and asks, in the order they arose. Deliveries do not stand here: they wait
    /// in their queues until the frontend takes them.
    pub effects: Vec<Effect>,
}

/// One consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An answer to a requester.
    Reply(Origin, Reply),
    /// Something a frontend is told unasked.
    Notice(FrontendId, Notice),
    /// Another chain is asked for something; what, stands in the partition's state.
    Ask {
        /// The number, for [`crate::Partition::ask`] and `Done`.
        number: u64,
    },
}

impl Outbox {
    /// Answers a requester; nothing if nobody waits.
    pub fn reply(&mut self, origin: Origin, reply: Reply) {
        if origin != Origin::Nobody {
            self.effects.push(Effect::Reply(origin, reply));
        }
    }

    /// Tells a frontend something unasked.
    pub fn notify(&mut self, frontend: FrontendId, notice: Notice) {
        self.effects.push(Effect::Notice(frontend, notice));
    }
}
