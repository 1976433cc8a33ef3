//! What a replicated state machine owes the chain that carries it.

use crate::{Digest, Fault, Moment, Reader, Seq, Stamp, Truncated};

/// A command in its place in the log: ordered and stamped by the head, applied by every replica.
#[derive(Debug, Clone, Copy)]
pub struct Entry<C> {
    /// The place in the log.
    pub seq: Seq,
    /// When the head ordered it.
    pub stamp: Stamp,
    /// Partition time: never falls within a chain, whoever is head.
    pub time: Moment,
    /// What is asked.
    pub command: C,
}

/// A deterministic state machine: equal logs give byte-equal states and equal effects.
///
/// `apply` uses nothing but the state and the entry: no clock, no randomness, no iteration in an
/// order that could differ between replicas. What is refused is an effect, not an error.
pub trait Machine: Sized {
    /// A change that the head has ordered. May borrow from the batch it arrived in.
    type Command<'a>;
    /// Where consequences go; only a tail's leave the machine.
    type Outbox;

    /// Applies one entry.
    ///
    /// # Errors
    /// A [`Fault`] only for a state that no command can produce: the replica must stop.
    fn apply(
        &mut self,
        entry: Entry<Self::Command<'_>>,
        out: &mut Self::Outbox,
    ) -> Result<(), Fault>;

    /// A hash over the whole replicated state. Replicas at the same place in the log agree on it.
    fn digest(&self) -> Digest;

    /// Appends the whole replicated state to `out`.
    fn snapshot(&self, out: &mut Vec<u8>);

    /// The machine that wrote this snapshot.
    ///
    /// # Errors
    /// [`Truncated`] if the bytes are no snapshot of this version.
    fn restore(reader: &mut Reader<'_>) -> Result<Self, Truncated>;
}
