//! `Routing`: what changes of the subscriptions mean for the topics here.

use catena_types::{Fault, SessionId};

use super::groups::Member;
use super::state::Topics;
use crate::RoutingChange;
use crate::partition::Context;

impl Topics {
    /// Takes the changes in order: from this place in the log on they hold.
    pub(crate) fn routing(
        &mut self,
        context: &mut Context<'_>,
        changes: &[RoutingChange],
    ) -> Result<(), Fault> {
        self.foreign_epoch = self.foreign_epoch.wrapping_add(1);
        for change in changes {
            match change {
                RoutingChange::Subscribed { .. } => self.subscribed(context, change)?,
                RoutingChange::Unsubscribed { session, filter } => {
                    self.unsubscribed(*session, filter)?;
                }
                RoutingChange::Ended { session, filters } => {
                    self.ended(context, *session, filters)?;
                }
            }
        }
        Ok(())
    }

    /// Retained messages before this entry are replayed, publishes after it are live: exactly one
    /// of the two for each.
    fn subscribed(
        &mut self,
        context: &mut Context<'_>,
        change: &RoutingChange,
    ) -> Result<(), Fault> {
        let RoutingChange::Subscribed {
            session,
            filter,
            qos,
            retain_as_published,
            subscription_id,
            replay,
            attachment,
        } = change
        else {
            return Ok(());
        };
        self.outward.know(attachment.frontend);
        let known = self.attached.find(*session);
        let is_newer = known
            .and_then(|index| self.attached.at(index))
            .is_none_or(|record| record.generation < attachment.generation);
        if is_newer {
            self.attach(context, *session, *attachment)?;
        }
        self.invalidate(filter)?;
        let Some(index) = self.attached.find(*session) else {
            return Ok(());
        };
        if filter.starts_with("$share/") {
            let group = self.groups.join(
                filter,
                Member {
                    session: *session,
                    attachment: index,
                    qos: *qos,
                    retain_as_published: *retain_as_published,
                    subscription_id: *subscription_id,
                },
            );
            return self.feed_group(context, group);
        }
        if *replay {
            self.begin_replay(context, index, filter, *qos, *subscription_id)?;
        }
        Ok(())
    }

    fn unsubscribed(&mut self, session: SessionId, filter: &str) -> Result<(), Fault> {
        self.invalidate(filter)?;
        self.end_replay(session, filter);
        match self.groups.find(filter) {
            Some(group) => self.leave_group(group, session),
            None => Ok(()),
        }
    }

    fn leave_group(&mut self, group: u32, session: SessionId) -> Result<(), Fault> {
        for message in self.groups.leave(group, session) {
            self.entries -= 1;
            self.release_message(message)?;
        }
        Ok(())
    }

    /// Nothing of a session outlives it: its queue is freed here, and no later entry names it.
    fn ended(
        &mut self,
        context: &mut Context<'_>,
        session: SessionId,
        filters: &[Box<str>],
    ) -> Result<(), Fault> {
        for filter in filters {
            self.invalidate(filter)?;
        }
        for replay in self.replays.of(session).to_vec() {
            self.replays.finish(replay);
        }
        let index = self.attached.find(session);
        for group in self.groups.of(session).to_vec() {
            self.leave_group(group, session)?;
        }
        let Some(index) = index else { return Ok(()) };
        self.gone.push(session);
        self.return_shared(context, index, true)?;
        let entries = match self.attached.queue_mut(index) {
            Some((_, queue)) => std::mem::take(&mut queue.entries),
            None => Default::default(),
        };
        for entry in entries.into_iter().filter(|entry| !entry.is_released()) {
            self.let_go(entry)?;
        }
        self.attached.drop_empty_queue(index);
        self.attached.remove(index);
        Ok(())
    }

    /// Cached matches that a change of this filter makes stale: those of one topic, or all.
    fn invalidate(&mut self, filter: &str) -> Result<(), Fault> {
        let path = match filter.strip_prefix("$share/") {
            Some(rest) => rest.split_once('/').map_or(rest, |(_, path)| path),
            None => filter,
        };
        if path.contains(['+', '#']) {
            self.epoch = self.epoch.wrapping_add(1);
            return Ok(());
        }
        match self.names.find(path) {
            Some(index) => self.forget_at(index),
            None => Ok(()),
        }
    }
}
