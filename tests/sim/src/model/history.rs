//! What clients have asked of the state store, and what they were told.

use catena_linear::{Answer, Operation};
use catena_types::Moment;

use crate::violation::Violation;

/// A request's place in the history; its correlation data names it.
pub(crate) type RequestNumber = usize;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What is asked, and what is known of it. Begin and end count what happens in the world.
    pub(crate) operation: Operation,
    /// The key has one user, whose values expire: how long this one lives, in milliseconds.
    pub(crate) mortal: Option<Mortal>,
    /// When it was first sent.
    pub(crate) sent: Moment,
    /// When the first response came.
    pub(crate) answered: Option<Moment>,
}

/// What concerns a key whose values expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mortal {
    /// How long the value lives that is set, in milliseconds; absent if none is.
    pub(crate) lifetime_ms: Option<u64>,
}

/// All requests there ever were.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Counts what happens: two things that happen at the same moment have an order too.
    clock: u64,
    /// In the order in which they were first sent.
    pub(crate) requests: Vec<Asked>,
    /// The first request that came again and was answered in another way.
    pub(crate) differing: Option<Violation>,
}

impl History {
    /// A request is about to be sent for the first time.
    pub(crate) fn begin(
        &mut self,
        now: Moment,
        mut operation: Operation,
        mortal: Option<Mortal>,
    ) -> RequestNumber {
        operation.begin = self.count();
        self.requests.push(Asked {
            operation,
            mortal,
            sent: now,
            answered: None,
        });
        self.requests.len() - 1
    }

    /// A response has come, the first or not.
    pub(crate) fn end(&mut self, now: Moment, number: RequestNumber, answer: Answer) {
        let end = self.count();
        let Some(asked) = self.requests.get_mut(number) else {
            return;
        };
        if asked.operation.answer.is_none() {
            asked.operation.end.get_or_insert(end);
            asked.operation.answer = Some(answer);
            asked.answered = Some(now);
        }
    }

    /// The session in which it was asked is over: from now on it cannot happen any more.
    pub(crate) fn give_up(&mut self, number: RequestNumber) {
        let end = self.count();
        if let Some(asked) = self.requests.get_mut(number) {
            asked.operation.end.get_or_insert(end);
        }
    }

    fn count(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}
