//! What the clients of one round of reads ask for, until it is exchanged with the partitions.

use catena_connection::Action;

use super::batch::recycle;
use super::limits::{ROUND_CLIENTS_MAX, SPARE_ENTRIES_MAX};

/// Actions of several clients, in the order in which their bytes were read.
#[derive(Debug, Default)]
pub(crate) struct Round<'a> {
    actions: Vec<Action<'a>>,
    /// Whose actions these are, in order, and where each one's begin.
    clients: Vec<(u32, usize)>,
}

impl<'a> Round<'a> {
    /// Leaves nothing here; returns an empty round with the allocations of this one.
    pub(crate) fn take<'b>(&mut self) -> Round<'b> {
        let mut actions = std::mem::take(&mut self.actions);
        let mut clients = std::mem::take(&mut self.clients);
        if actions.capacity() > SPARE_ENTRIES_MAX {
            actions = Vec::new();
        }
        clients.clear();
        Round {
            actions: recycle(actions),
            clients,
        }
    }

    /// Actions of this client follow.
    #[inline]
    pub(crate) fn begin(&mut self, slot: u32) -> &mut Vec<Action<'a>> {
        self.clients.push((slot, self.actions.len()));
        &mut self.actions
    }

    /// Whether nothing was asked.
    pub(crate) fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Whether this client's next actions need a round of their own: there are some of it here, or
    /// there are enough of others.
    pub(crate) fn is_over_for(&self, slot: u32) -> bool {
        self.clients.len() >= ROUND_CLIENTS_MAX
            || self.clients.iter().any(|(client, _)| *client == slot)
    }

    /// Whether others may be heard before what the last client asked for is done.
    #[inline]
    pub(crate) fn can_wait(&self) -> bool {
        let start = self.last_start();
        self.actions[start..].iter().all(|action| {
            matches!(
                action,
                Action::Publish { .. }
                    | Action::Ack { .. }
                    | Action::Receive { .. }
                    | Action::Release { .. }
            )
        })
    }

    /// Takes the last client out.
    pub(crate) fn split_off(&mut self) -> Vec<Action<'a>> {
        let start = self.last_start();
        self.clients.pop();
        self.actions.split_off(start)
    }

    fn last_start(&self) -> usize {
        self.clients.last().map_or(0, |(_, start)| *start)
    }

    /// Each client and what it asked for.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u32, &[Action<'a>])> {
        let ends = self.clients.iter().skip(1).map(|(_, start)| *start);
        let ends = ends.chain([self.actions.len()]);
        let runs = self.clients.iter().zip(ends);
        runs.map(|(&(slot, start), end)| (slot, &self.actions[start..end]))
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.actions.clear();
        self.clients.clear();
    }
}
