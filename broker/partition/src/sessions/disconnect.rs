//! The end of a connection: by itself, or because another connection took its session over.

use catena_types::{Fault, Generation, Moment, SessionId, invariant};

use super::record::{Newcomer, Session, State};
use super::state::{Counts, Sessions};
use crate::partition::Context;
use crate::{Origin, Reply, WillFate};

/// How a connection ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionEnd {
    /// The session it had.
    pub(crate) session: SessionId,
    /// The connection.
    pub(crate) generation: Generation,
    /// What becomes of its will.
    pub(crate) will: WillFate,
    /// A new session expiry interval in seconds; `u32::MAX` never expires.
    pub(crate) expiry_seconds: Option<u32>,
}

impl Sessions {
    /// A connection ended by itself. Nothing to do if it does not have the session any more.
    pub(crate) fn disconnect(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        end: ConnectionEnd,
    ) -> Result<(), Fault> {
        ctx.out.reply(origin, Reply::Done);
        if self
            .table
            .connected_mut(end.session, end.generation)
            .is_none()
        {
            return Ok(());
        }
        let waiting = self.leave(ctx, end)?;
        self.run_due(ctx, end.session)?;
        let Some((client_id, newcomer)) = waiting else {
            return self.arm(end.session);
        };
        self.open(ctx, &client_id, newcomer)
    }

    /// The frontend has closed the connection that was taken over; who waits for the session gets
    /// it. To the old connection it is an end without DISCONNECT: unless its will waits for a
    /// delay, and the newcomer resumes the session, the will is published [MQTT-3.1.2-8].
    pub(crate) fn closed(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        session: SessionId,
        generation: Generation,
    ) -> Result<(), Fault> {
        let will = WillFate::Publish;
        let end = ConnectionEnd {
            session,
            generation,
            will,
            expiry_seconds: None,
        };
        self.disconnect(ctx, origin, end)
    }

    /// Takes the session offline, not armed yet; returns who waits for it, under which client ID.
    fn leave(
        &mut self,
        ctx: &Context<'_>,
        end: ConnectionEnd,
    ) -> Result<Option<(Box<str>, Newcomer)>, Fault> {
        let Some(session) = self.table.connected_mut(end.session, end.generation) else {
            return Err(Fault::new(
                "who leaves was connected",
                format!("id={}", end.session),
            ));
        };
        if let Some(seconds) = end.expiry_seconds {
            self.counts.set_expiry(session, seconds);
        }
        if end.will == WillFate::Forget {
            // DISCONNECT with 0x00 deletes the will [MQTT-3.14.4-3] [MQTT3-3.14.4-3].
            self.counts.drop_will(session.will.as_deref());
            session.will = None;
        }
        // The state outlives the connection if there is an interval [MQTT-3.1.2-23].
        let ends = match session.expiry_seconds {
            u32::MAX => Moment::NEVER,
            seconds => ctx.time.plus_seconds(u64::from(seconds)),
        };
        let delay = session
            .will
            .as_ref()
            .map(|will| u64::from(will.delay_seconds));
        let will_due = delay.map(|seconds| ctx.time.plus_seconds(seconds).min(ends));
        let state = std::mem::replace(&mut session.state, State::Offline { ends, will_due });
        invariant!(
            self.counts.connected > 0,
            "who leaves was counted",
            id = end.session
        );
        self.counts.connected -= 1;
        match state {
            State::Connected {
                waiting: Some(newcomer),
                ..
            } => Ok(Some((session.client_id.clone(), *newcomer))),
            State::Connected { waiting: None, .. } | State::Offline { .. } => Ok(None),
        }
    }
}

impl Counts {
    /// Changes a session's expiry interval.
    pub(super) fn set_expiry(&mut self, session: &mut Session, seconds: u32) {
        self.persistent -= u64::from(session.expiry_seconds > 0);
        self.persistent += u64::from(seconds > 0);
        session.expiry_seconds = seconds;
    }
}
