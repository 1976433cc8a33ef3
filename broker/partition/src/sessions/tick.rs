//! Timers: wills whose delay has passed and sessions whose expiry interval has.

use catena_types::{Fault, invariant};

use super::state::Sessions;
use crate::partition::Context;

/// The most timers that one `Tick` serves. After a power cut thousands of wills can be due at the
/// same moment; the rest waits for the next tick, between which other commands get their turn.
pub(super) const TIMERS_MAX: usize = 1_000;

impl Sessions {
    /// Publishes the wills and ends the sessions that are due.
    pub(crate) fn tick(&mut self, ctx: &mut Context<'_>) -> Result<(), Fault> {
        for _ in 0..TIMERS_MAX {
            let Some((due, id)) = self.timers.first().copied() else {
                break;
            };
            if due > ctx.time {
                break;
            }
            self.timers.remove(&(due, id));
            self.run_due(ctx, id)?;
            self.arm(id)?;
            let again = self.table.find(id).and_then(super::record::Session::due);
            invariant!(
                again.is_none_or(|next| next > due),
                "timers move on",
                id = id,
                due = due
            );
        }
        Ok(())
    }
}
