//! What other chains have done: where each outcome goes.

use catena_types::Fault;

use super::state::Sessions;
use crate::partition::Context;
use crate::{Ask, AskOutcome, Asked, Then};

impl Sessions {
    /// An ask of this part is done.
    pub(crate) fn done(
        &mut self,
        ctx: &mut Context<'_>,
        ask: &Ask,
        outcome: AskOutcome,
    ) -> Result<(), Fault> {
        match (ask.then, &*ask.what) {
            (Then::Nothing, _) => Ok(()),
            (
                Then::Answer(origin),
                Asked::Subscribe { session, .. } | Asked::Unsubscribe { session, .. },
            ) => self.routed(ctx, origin, *session, outcome),
            (Then::Received { session, packet_id }, Asked::Publish(_)) => {
                self.received(ctx, session, packet_id, &outcome)
            }
            (Then::Answer(_) | Then::Received { .. }, what) => Err(Fault::new(
                "an ask has a use for its outcome",
                format!("{what:?}"),
            )),
        }
    }
}
