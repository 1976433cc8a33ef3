//! What a partition itself sends to one session, subscribed to it or not: key notifications.

use catena_mqtt::Qos;
use catena_types::{Fault, Generation, SessionId};

use super::publish::body_bytes;
use super::queue::{QueueEntry, Source};
use super::sets::EMPTY;
use super::state::Topics;
use crate::partition::Context;
use crate::{Origin, Publish};

impl Topics {
    /// Whether this connection of a session is attached here.
    pub(crate) fn is_attached(&mut self, session: SessionId, generation: Generation) -> bool {
        self.attached.is_attached(session, generation)
    }

    /// Gives a response to whoever is subscribed to its topic. `false`, and nothing is done, if
    /// not all of them can be reached from this partition.
    pub(crate) fn respond(
        &mut self,
        context: &mut Context<'_>,
        response: &Publish<'_>,
    ) -> Result<bool, Fault> {
        let index = self.names.find_or_insert(response.topic);
        let set = self
            .names
            .at(index)
            .and_then(|topic| self.sets.at(topic.set));
        if set.is_some_and(|set| !set.is_complete) {
            return Ok(false);
        }
        self.publish_at(context, Origin::Nobody, index, response)?;
        Ok(true)
    }

    /// Queues a message for one session that has a connection here. Nothing for others.
    pub(crate) fn tell(
        &mut self,
        context: &mut Context<'_>,
        session: SessionId,
        publish: &Publish<'_>,
    ) -> Result<(), Fault> {
        let place = self.attached.find(session);
        let Some(index) = place.filter(|&index| self.attached.online(index, session).is_some())
        else {
            return Ok(());
        };
        if self.is_full() {
            self.counts.refused_memory += 1;
            return Ok(());
        }
        let topic = self.names.find_or_insert(publish.topic);
        let message = self.stored(context, topic, EMPTY, publish, &mut None)?;
        let to_one = Source::Recipient {
            ordinal: 0,
            own: false,
        };
        let entry = QueueEntry::new(message, to_one, Qos::AtLeastOnce, false);
        self.enqueue(context, index, entry, body_bytes(publish))
    }
}
