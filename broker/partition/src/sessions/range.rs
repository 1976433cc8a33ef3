//! Ranges of packet IDs: each partition that delivers to a session has one of its own.

use catena_types::{Fault, Generation, PartitionId, SessionId, invariant};

use super::state::Sessions;
use crate::partition::Context;
use crate::{Origin, Reply};

impl Sessions {
    /// Gives `partition` the next place among the session's ranges, or tells the one it has. The
    /// places go by first use, so that a session fed by one partition counts its IDs from 1.
    pub(crate) fn range(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        session: SessionId,
        generation: Generation,
        partition: PartitionId,
    ) -> Result<(), Fault> {
        let partitions = usize::from(ctx.settings.placement.partitions());
        let exists = usize::from(partition.number()) < partitions;
        let session = self.table.connected_mut(session, generation);
        let Some(session) = session.filter(|_| exists) else {
            ctx.out.reply(origin, Reply::Stale);
            return Ok(());
        };
        let known = session.ranges.iter().position(|other| *other == partition);
        let place = known.unwrap_or_else(|| {
            let place = session.ranges.len();
            let mut ranges = std::mem::take(&mut session.ranges).into_vec();
            ranges.reserve_exact(1);
            ranges.push(partition);
            session.ranges = ranges.into_boxed_slice();
            // What delivers to a session has something of it, subscribed or not.
            session.partitions.insert(partition);
            place
        });
        invariant!(
            session.ranges.len() <= partitions,
            "one range per partition",
            id = session.id
        );
        invariant!(
            place < partitions,
            "a place is one of P",
            id = session.id,
            place = place
        );
        ctx.out.reply(
            origin,
            Reply::Ranged {
                partition,
                place: place as u16,
            },
        );
        Ok(())
    }
}
