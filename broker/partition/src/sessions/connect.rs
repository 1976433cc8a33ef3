//! CONNECT: a new session, an old one resumed, or one taken over from another connection.

use catena_mqtt::ReasonCode;
use catena_types::{Fault, Generation, PartitionSet, SessionId, invariant};

use super::record::{Newcomer, Session, State};
use super::state::Sessions;
use crate::partition::Context;
use crate::{Connect, Connected, Notice, Origin, Reply};

impl Sessions {
    /// Opens or resumes the session of a client. If another connection has it, the answer waits
    /// until that one is closed, so that nothing of it takes effect after CONNACK.
    pub(crate) fn connect(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        connect: &Connect<'_>,
    ) -> Result<(), Fault> {
        let newcomer = Newcomer::copy(origin, connect);
        let client_id = connect.client_id;
        let will_bytes = newcomer
            .will
            .as_ref()
            .map_or(0, |will| will.publish.bytes());
        if will_bytes > 0 && !self.has_room(ctx, will_bytes) {
            self.refuse_for_memory(ctx, origin);
            return Ok(());
        }
        self.counts.keep_will(newcomer.will.as_deref());
        let Some(id) = self.table.id_of(client_id) else {
            return self.create(ctx, client_id, newcomer);
        };
        let Some(session) = self.table.find_mut(id) else {
            return Err(Fault::new(
                "a client ID leads to a session",
                format!("id={id}"),
            ));
        };
        if session.is_connected() {
            return self.take_over(ctx, id, newcomer);
        }
        // What is due by now happens first, ticked or not: a will whose delay has passed is
        // published, a session whose interval has passed is not resumed.
        self.disarm(id)?;
        self.run_due(ctx, id)?;
        self.open(ctx, client_id, newcomer)
    }

    /// Whether a client has a session here.
    pub(crate) fn knows(&self, client_id: &str) -> bool {
        self.table.id_of(client_id).is_some()
    }

    /// Turns a new session away because the memory pool is above its mark.
    pub(crate) fn refuse_for_memory(&mut self, ctx: &mut Context<'_>, origin: Origin) {
        self.counts.refused_memory += 1;
        let refused = Reply::ConnectRefused(ReasonCode::QuotaExceeded);
        ctx.out.reply(origin, refused);
    }

    /// Gives the newcomer the client's session, which no connection has; disarmed if it exists.
    pub(super) fn open(
        &mut self,
        ctx: &mut Context<'_>,
        client_id: &str,
        newcomer: Newcomer,
    ) -> Result<(), Fault> {
        let Some(id) = self.table.id_of(client_id) else {
            return self.create(ctx, client_id, newcomer);
        };
        let last = self
            .table
            .find(id)
            .map(|session| session.generation.number());
        // A session that has no generation left is lost rather than given an old one again.
        let generation = last
            .and_then(|last| last.checked_add(1))
            .map(Generation::new);
        match generation {
            Some(generation) if !newcomer.clean_start => self.resume(ctx, id, generation, newcomer),
            Some(_) | None => {
                // Clean Start ends the old session [MQTT-3.1.2-4] [MQTT3-3.1.2-6]. The answer
                // need not wait for that: the new session has another ID.
                self.end(ctx, id)?;
                self.create(ctx, client_id, newcomer)
            }
        }
    }

    /// Remembers who wants the session and has its connection closed [MQTT-3.1.4-3]
    /// [MQTT3-3.1.4-2].
    fn take_over(
        &mut self,
        ctx: &mut Context<'_>,
        id: SessionId,
        newcomer: Newcomer,
    ) -> Result<(), Fault> {
        let session = self.table.find_mut(id);
        let state = session.map(|session| (session.generation, &mut session.state));
        let Some((
            generation,
            State::Connected {
                frontend,
                connection,
                waiting,
            },
        )) = state
        else {
            return Err(Fault::new(
                "who is taken over is connected",
                format!("id={id}"),
            ));
        };
        match waiting.replace(Box::new(newcomer)) {
            // The newest wins; the frontend has been told already.
            Some(replaced) => {
                self.counts.drop_will(replaced.will.as_deref());
                ctx.out.reply(replaced.origin, Reply::Stale);
            }
            None => {
                let connection = *connection;
                let notice = Notice::TakenOver {
                    connection,
                    session: id,
                    generation,
                };
                ctx.out.notify(*frontend, notice);
            }
        }
        Ok(())
    }

    /// A session that outlived its connection goes on with the next [MQTT-3.1.2-5]
    /// [MQTT3-3.1.2-4].
    fn resume(
        &mut self,
        ctx: &mut Context<'_>,
        id: SessionId,
        generation: Generation,
        newcomer: Newcomer,
    ) -> Result<(), Fault> {
        let Some(session) = self.table.find_mut(id) else {
            return Err(Fault::new("who resumes has a session", format!("id={id}")));
        };
        invariant!(
            !session.is_connected(),
            "one connection has a session",
            id = id
        );
        invariant!(generation > session.generation, "generations rise", id = id);
        // A will that still waits for its delay is not published any more [MQTT-3.1.3-9].
        self.counts.drop_will(session.will.as_deref());
        self.counts.connected += 1;
        self.counts.set_expiry(session, newcomer.expiry_seconds);
        session.generation = generation;
        session.state = State::of(&newcomer);
        session.will = newcomer.will;
        if session.subscribing > 0 {
            // Which partitions the filters on their way can match is not known yet, and who asked
            // is gone. So the new connection attaches wherever they might.
            session.partitions = PartitionSet::first(ctx.settings.placement.partitions());
        }
        let connected = Connected {
            session: id,
            generation,
            present: true,
            ranges: session.ranges.clone(),
            partitions: session.partitions,
        };
        ctx.out
            .reply(newcomer.origin, Reply::Connected(Box::new(connected)));
        Ok(())
    }

    /// A client without a session gets a new one [MQTT-3.1.2-6], if there is room.
    fn create(
        &mut self,
        ctx: &mut Context<'_>,
        client_id: &str,
        newcomer: Newcomer,
    ) -> Result<(), Fault> {
        let number = self.next;
        if self.table.len() as u64 >= ctx.settings.sessions_max || number == u32::MAX {
            self.counts.refused_sessions += 1;
            self.counts.drop_will(newcomer.will.as_deref());
            let refused = Reply::ConnectRefused(ReasonCode::QuotaExceeded);
            ctx.out.reply(newcomer.origin, refused);
            return Ok(());
        }
        self.next += 1;
        let mut session = Session {
            id: SessionId::new(ctx.settings.id, ctx.settings.birth, number),
            client_id: client_id.into(),
            generation: Generation::new(1),
            expiry_seconds: 0,
            state: State::of(&newcomer),
            will: newcomer.will,
            half_finished: None,
            ranges: Box::default(),
            partitions: PartitionSet::EMPTY,
            subscribing: 0,
        };
        self.counts.connected += 1;
        self.counts
            .set_expiry(&mut session, newcomer.expiry_seconds);
        let connected = Connected {
            session: session.id,
            generation: session.generation,
            present: false,
            ranges: Box::default(),
            partitions: PartitionSet::EMPTY,
        };
        ctx.out
            .reply(newcomer.origin, Reply::Connected(Box::new(connected)));
        self.table.insert(session)
    }
}

impl State {
    /// Connected by the newcomer.
    fn of(newcomer: &Newcomer) -> Self {
        let Newcomer {
            frontend,
            connection,
            ..
        } = *newcomer;
        Self::Connected {
            frontend,
            connection,
            waiting: None,
        }
    }
}
