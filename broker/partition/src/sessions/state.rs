//! All sessions of a partition, and the steps that several commands share.

use std::collections::BTreeSet;

use catena_types::{Fault, Moment, SessionId, invariant};

use super::record::{HalfFinished, KeptWill, Session, State};
use super::table::Table;
use crate::partition::Context;
use crate::{Asked, Reply, Settings, Stats, Then};

/// The sessions whose client IDs hash to this partition.
///
/// A session has a timer exactly while it is offline and something will be due. A handler that
/// changes an offline session disarms it first and arms what is left of it at the end.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// The session records.
    pub(super) table: Table,
    /// When something is due, and for whom.
    pub(super) timers: BTreeSet<(Moment, SessionId)>,
    /// The number of the next session; never reused.
    pub(super) next: u32,
    /// Sums over the table, and counters.
    pub(super) counts: Counts,
}

/// Sums over all sessions, kept up to date; and what happened since the process started.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    /// Sessions that a connection has.
    pub(super) connected: u64,
    /// Sessions that outlive their connection.
    pub(super) persistent: u64,
    /// Wills, those of waiting connections included.
    pub(super) wills: u64,
    /// Bytes of them.
    pub(super) will_bytes: u64,
    /// Inbound QoS 2 exchanges without PUBREL.
    pub(super) half_finished: u64,
    /// Counter: sessions whose expiry interval has passed.
    pub(super) expired: u64,
    /// Counter: connects refused for want of room for a session.
    pub(super) refused_sessions: u64,
    /// Counter: messages and new sessions refused for want of memory.
    pub(super) refused_memory: u64,
    /// QoS 2 publishes beyond those that may be half-finished.
    pub(super) refused_half_finished: u64,
}

impl Sessions {
    /// No sessions.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            table: Table::new(settings.hash_seed),
            timers: BTreeSet::new(),
            next: 0,
            counts: Counts::default(),
        }
    }

    /// When the next `Tick` is due. Past if the last one had too much to do.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Adds the numbers of this part.
    pub(crate) fn add_stats(&self, stats: &mut Stats) {
        stats.sessions += self.table.len() as u64;
        stats.connected += self.counts.connected;
        stats.persistent += self.counts.persistent;
        stats.sessions_expired += self.counts.expired;
        stats.wills += self.counts.wills;
        stats.will_bytes += self.counts.will_bytes;
        stats.half_finished += self.counts.half_finished;
        stats.refused_sessions += self.counts.refused_sessions;
        stats.refused_memory += self.counts.refused_memory;
        stats.refused_half_finished += self.counts.refused_half_finished;
    }

    /// Whether `bytes` more can be kept for other partitions or as a will: nothing that clients
    /// make a partition keep is without a limit.
    pub(super) fn has_room(&self, ctx: &Context<'_>, bytes: u64) -> bool {
        let kept = self.counts.will_bytes.saturating_add(ctx.asks.bytes());
        kept.saturating_add(bytes) <= ctx.settings.memory_bytes_max
    }

    /// Does what is due for an offline, disarmed session; afterwards it may be gone.
    pub(super) fn run_due(&mut self, ctx: &mut Context<'_>, id: SessionId) -> Result<(), Fault> {
        let Some(session) = self.table.find_mut(id) else {
            return Err(Fault::new(
                "what is due concerns a session",
                format!("id={id}"),
            ));
        };
        let State::Offline { ends, will_due } = &mut session.state else {
            return Err(Fault::new(
                "nothing is due while connected",
                format!("id={id}"),
            ));
        };
        if *ends <= ctx.time {
            // The state goes once its expiry interval has passed after the close [MQTT-4.1.0-2];
            // with an interval of 0 that is the close itself [MQTT3-3.1.2-6].
            self.counts.expired += u64::from(session.expiry_seconds > 0);
            return self.end(ctx, id);
        }
        if will_due.is_some_and(|due| due <= ctx.time) {
            *will_due = None;
            let will = session.will.take();
            self.publish_will(ctx, id, will);
        }
        Ok(())
    }

    /// Ends an offline, disarmed session: everything it has anywhere goes, its will is published
    /// [MQTT-3.1.2-8].
    pub(super) fn end(&mut self, ctx: &mut Context<'_>, id: SessionId) -> Result<(), Fault> {
        let session = self.table.remove(id)?;
        invariant!(
            !session.is_connected(),
            "a session ends after its connection",
            id = id
        );
        let armed = session
            .due()
            .is_some_and(|due| self.timers.contains(&(due, id)));
        invariant!(!armed, "a session ends disarmed", id = id);
        self.counts.persistent -= u64::from(session.expiry_seconds > 0);
        // The routing chain executes asks in their order, so that whatever the session is still
        // subscribing to goes too: no subscription outlives it.
        let has_anything = session.subscribing > 0 || !session.partitions.is_empty();
        for (_, state) in session.half_finished() {
            self.counts.half_finished -= 1;
            match state {
                HalfFinished::Asking { origin } => ctx.out.reply(origin, Reply::Stale),
                HalfFinished::Received => {}
            }
        }
        self.publish_will(ctx, id, session.will);
        if has_anything {
            ctx.asks
                .push(Asked::EndSession { session: id }, Then::Nothing, ctx.out);
        }
        Ok(())
    }

    /// Asks the will's topic to publish it, once [MQTT-3.1.2-10].
    pub(super) fn publish_will(
        &mut self,
        ctx: &mut Context<'_>,
        id: SessionId,
        will: Option<Box<KeptWill>>,
    ) {
        if let Some(will) = will {
            self.counts.drop_will(Some(&will));
            let publish = crate::OwnedPublish {
                publisher: id,
                ..will.publish
            };
            ctx.asks
                .push(Asked::Publish(publish), Then::Nothing, ctx.out);
        }
    }

    /// Sets the timer of a disarmed session if it needs one.
    pub(super) fn arm(&mut self, id: SessionId) -> Result<(), Fault> {
        if let Some(due) = self.table.find(id).and_then(Session::due) {
            let new = self.timers.insert((due, id));
            invariant!(new, "a session is armed once", id = id, due = due);
        }
        Ok(())
    }

    /// Takes back the timer of an offline session, if it has one.
    pub(super) fn disarm(&mut self, id: SessionId) -> Result<(), Fault> {
        if let Some(due) = self.table.find(id).and_then(Session::due) {
            let removed = self.timers.remove(&(due, id));
            invariant!(removed, "what is due has a timer", id = id, due = due);
        }
        Ok(())
    }
}

impl Counts {
    /// Counts a will in.
    pub(super) fn keep_will(&mut self, will: Option<&KeptWill>) {
        if let Some(will) = will {
            self.wills += 1;
            self.will_bytes += will.publish.bytes();
        }
    }

    /// Counts a will out.
    pub(super) fn drop_will(&mut self, will: Option<&KeptWill>) {
        if let Some(will) = will {
            self.wills -= 1;
            self.will_bytes -= will.publish.bytes();
        }
    }

    /// The sums over `session`, for a table that was read.
    pub(super) fn count_in(&mut self, session: &Session) {
        self.persistent += u64::from(session.expiry_seconds > 0);
        self.half_finished += session.half_finished().count() as u64;
        self.keep_will(session.will.as_deref());
        if let State::Connected { waiting, .. } = &session.state {
            self.connected += 1;
            self.keep_will(
                waiting
                    .as_ref()
                    .and_then(|newcomer| newcomer.will.as_deref()),
            );
        }
    }
}
