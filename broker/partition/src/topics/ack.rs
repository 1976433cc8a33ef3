//! `Ack`, `Attach` and `Detach`.

use catena_types::{Fault, Generation, Position, SessionId};

use super::state::Topics;
use crate::partition::Context;
use crate::{Attachment, AttachmentIndex, Phase, QueueStrategy};

/// A run of acknowledged positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AckRun {
    /// The session.
    pub(crate) session: SessionId,
    /// The connection that acknowledges.
    pub(crate) generation: Generation,
    /// The handle that came with the deliveries.
    pub(crate) attachment: AttachmentIndex,
    /// The first position.
    pub(crate) from: Position,
    /// How many, ascending.
    pub(crate) count: u32,
    /// How far the exchange has come.
    pub(crate) phase: Phase,
}

impl Topics {
    /// Takes acknowledgements. `false` if they are of an older connection, or of no session here.
    pub(crate) fn ack(&mut self, context: &mut Context<'_>, run: &AckRun) -> Result<bool, Fault> {
        let Some(index) = self.attached.find_at(run.attachment.0, run.session) else {
            return Ok(false);
        };
        let current = self.attached.at(index).map(|record| record.generation);
        if current != Some(run.generation) {
            return Ok(false);
        }
        let from = run.from.number();
        let handed = self.attached.queue(index).map_or(0, |queue| queue.handed);
        let until = from.saturating_add(u64::from(run.count)).min(handed);
        match run.phase {
            Phase::Received => self.received(index, from, until),
            Phase::Complete => self.complete(context, index, from, until)?,
        }
        Ok(true)
    }

    /// PUBREC: from now on only PUBREL may be sent [MQTT-4.3.3-6].
    fn received(&mut self, index: u32, from: u64, until: u64) {
        let Some((record, queue)) = self.attached.queue_mut(index) else {
            return;
        };
        for position in from..until {
            // Also if it was noted before: the PUBREL of a resumed exchange is asked for again.
            queue.receive(position);
            if record.online && queue.at(position).is_some_and(|entry| entry.is_received()) {
                self.outward
                    .waiting(record.frontend)
                    .releases
                    .push((index, position));
            }
        }
    }

    /// PUBACK, PUBCOMP or written at QoS 0: the session lets go of the messages.
    fn complete(
        &mut self,
        context: &mut Context<'_>,
        index: u32,
        from: u64,
        until: u64,
    ) -> Result<(), Fault> {
        let mut shared = false;
        for position in from..until {
            let Some((_, queue)) = self.attached.queue_mut(index) else {
                break;
            };
            let Some(entry) = queue.release(position) else {
                continue;
            };
            shared |= entry.is_shared();
            self.let_go(entry)?;
        }
        self.attached.drop_empty_queue(index);
        if self.replays.any() {
            self.draw(context, index)?;
        }
        self.hand_out(context, index);
        // What is handed out leaves room in a queue with a limit.
        if shared || context.settings.queue.strategy == QueueStrategy::DropOldest {
            self.feed_member(context, index)?;
        }
        Ok(())
    }

    /// `Attach`: of sessions that have something here. Others come with their first subscription,
    /// so that an `Attach` on its way when the session ends leaves nothing behind.
    pub(crate) fn attach_known(
        &mut self,
        context: &mut Context<'_>,
        session: SessionId,
        attachment: Attachment,
    ) -> Result<(), Fault> {
        match self.attached.find(session) {
            Some(_) => self.attach(context, session, attachment),
            None => Ok(()),
        }
    }

    /// A connection takes the session's deliveries from here on: what it had not acknowledged
    /// first, in the original order [MQTT-4.4.0-1] [MQTT-4.6.0-1].
    pub(crate) fn attach(
        &mut self,
        context: &mut Context<'_>,
        session: SessionId,
        attachment: Attachment,
    ) -> Result<(), Fault> {
        self.outward.know(attachment.frontend);
        let before = self.attached.generation(session);
        let Some(index) = self.attached.attach(session, attachment) else {
            return Ok(());
        };
        if before.is_some_and(|before| before < attachment.generation) {
            self.left.push(session);
        }
        if let Some((_, queue)) = self.attached.queue_mut(index) {
            queue.taken = queue.base;
            queue.ready = false;
            queue.stalled = false;
        }
        if self.replays.any() {
            self.draw(context, index)?;
        }
        self.hand_out(context, index);
        self.feed_member(context, index)
    }

    /// A connection is gone. What it was not sent counts as waiting again.
    pub(crate) fn detach(
        &mut self,
        context: &mut Context<'_>,
        session: SessionId,
        generation: Generation,
        first_unsent: Position,
    ) -> Result<(), Fault> {
        let Some(index) = self.attached.detach(session, generation) else {
            return Ok(());
        };
        self.left.push(session);
        let messages = &self.messages;
        if let Some((_, queue)) = self.attached.queue_mut(index) {
            let unsent = first_unsent.number().clamp(queue.base, queue.handed);
            queue.sent_before = queue.sent_before.max(unsent);
            for position in queue.sent_before..queue.handed {
                let entry = queue.at(position).filter(|entry| !entry.is_released());
                let message = entry.and_then(|entry| messages.at(entry.message()));
                queue.waiting_bytes += message.map_or(0, |message| message.body_bytes());
            }
            queue.take_back(queue.sent_before.max(queue.base));
            queue.taken = queue.base;
            queue.ready = false;
            queue.stalled = false;
        }
        self.return_shared(context, index, false)
    }
}
