//! Inbound QoS 2: packet ID and message enter the log as one entry, and the message goes to its
//! topic's partition from here. So neither can be there without the other, whatever fails.

use catena_mqtt::{PacketId, Qos, ReasonCode};
use catena_types::{Fault, Generation, SessionId, invariant};

use super::record::{HalfFinished, Session};
use super::state::Sessions;
use crate::partition::Context;
use crate::{AskOutcome, Asked, Origin, OwnedPublish, Publish, Reply, Then};

/// Which inbound exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inbound {
    /// The session that publishes.
    pub(crate) session: SessionId,
    /// The connection it comes by.
    pub(crate) generation: Generation,
    /// The client's packet ID.
    pub(crate) packet_id: PacketId,
}

impl Inbound {
    /// The exchange that a client began under this packet ID.
    pub(crate) fn new(session: SessionId, generation: Generation, packet_id: PacketId) -> Self {
        Self {
            session,
            generation,
            packet_id,
        }
    }
}

impl Sessions {
    /// A QoS 2 PUBLISH. The reply, and with it PUBREC, waits until the topic's partition has the
    /// message [MQTT-4.3.3-8] [MQTT3-4.3.3-2].
    pub(crate) fn receive(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        key: Inbound,
        publish: &Publish<'_>,
    ) -> Result<(), Fault> {
        let Inbound {
            session: id,
            generation,
            packet_id,
        } = key;
        let Some(session) = self.table.connected_mut(id, generation) else {
            ctx.out.reply(origin, Reply::Stale);
            return Ok(());
        };
        if let Some(state) = session.half_finished_mut(packet_id) {
            // Until PUBREL it is the same message, and is not passed on again [MQTT-4.3.3-10].
            match state {
                HalfFinished::Received => {
                    ctx.out.reply(origin, Reply::Published(ReasonCode::Success));
                }
                HalfFinished::Asking { origin: waits } => {
                    let superseded = std::mem::replace(waits, origin);
                    ctx.out.reply(superseded, Reply::Stale);
                }
            }
            return Ok(());
        }
        let count = session.half_finished.as_ref().map_or(0, |all| all.len());
        let publish = Publish {
            qos: Qos::ExactlyOnce,
            publisher: id,
            ..*publish
        };
        let publish = OwnedPublish::copy(&publish);
        let full = count >= usize::from(ctx.settings.half_finished_max);
        if full || !self.has_room(ctx, publish.bytes()) {
            self.counts.refused_memory += u64::from(!full);
            self.counts.refused_half_finished += u64::from(full);
            ctx.out
                .reply(origin, Reply::Published(ReasonCode::QuotaExceeded));
            return Ok(());
        }
        let Some(session) = self.table.connected_mut(id, generation) else {
            return Err(Fault::new("who publishes is connected", format!("id={id}")));
        };
        let all = session.half_finished.get_or_insert_default();
        let old = all.insert(packet_id, HalfFinished::Asking { origin });
        invariant!(
            old.is_none(),
            "an exchange begins once",
            id = id,
            packet_id = packet_id
        );
        self.counts.half_finished += 1;
        let then = Then::Received {
            session: id,
            packet_id,
        };
        ctx.asks.push(Asked::Publish(publish), then, ctx.out);
        Ok(())
    }

    /// The topic's partition has the message or refuses it.
    pub(super) fn received(
        &mut self,
        ctx: &mut Context<'_>,
        id: SessionId,
        packet_id: PacketId,
        outcome: &AskOutcome,
    ) -> Result<(), Fault> {
        let AskOutcome::Published(reason) = outcome else {
            return Err(Fault::new(
                "a message is published or refused",
                format!("id={id}"),
            ));
        };
        let Some(session) = self.table.find_mut(id) else {
            // Whoever waited has been answered when the session ended.
            return Ok(());
        };
        let state = session.half_finished_mut(packet_id);
        let Some(HalfFinished::Asking { origin }) = state.as_ref().map(|state| **state) else {
            let detail = format!("id={id} packet_id={packet_id} state={state:?}");
            return Err(Fault::new("an exchange waits for its topic", detail));
        };
        if reason.is_error() {
            // The packet ID stands for a new message from here on [MQTT-4.3.3-9].
            session.forget_half_finished(packet_id);
            self.counts.half_finished -= 1;
        } else if let Some(state) = state {
            *state = HalfFinished::Received;
        }
        ctx.out.reply(origin, Reply::Published(*reason));
        Ok(())
    }

    /// A PUBREL; once the reply, and with it PUBCOMP [MQTT-4.3.3-11], has left, the packet ID
    /// stands for a new message [MQTT-4.3.3-12]. No PUBREC has left for a message that its topic
    /// does not have, so a PUBREL for it means no message that is known.
    pub(crate) fn release(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        key: Inbound,
    ) -> Result<(), Fault> {
        let Some(session) = self.table.connected_mut(key.session, key.generation) else {
            ctx.out.reply(origin, Reply::Stale);
            return Ok(());
        };
        let state = session.half_finished_mut(key.packet_id).map(|state| *state);
        let known = state == Some(HalfFinished::Received);
        if known {
            session.forget_half_finished(key.packet_id);
            invariant!(
                self.counts.half_finished > 0,
                "exchanges are counted",
                id = key.session
            );
            self.counts.half_finished -= 1;
        }
        ctx.out.reply(origin, Reply::Released { known });
        Ok(())
    }
}

impl Session {
    fn half_finished_mut(&mut self, packet_id: PacketId) -> Option<&mut HalfFinished> {
        self.half_finished.as_mut()?.get_mut(&packet_id)
    }

    fn forget_half_finished(&mut self, packet_id: PacketId) {
        if let Some(all) = &mut self.half_finished {
            all.remove(&packet_id);
            if all.is_empty() {
                self.half_finished = None;
            }
        }
    }
}
