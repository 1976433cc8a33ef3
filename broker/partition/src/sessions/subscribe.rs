//! SUBSCRIBE and UNSUBSCRIBE: ordered here, so that none takes effect after its session's end, and
//! carried out by the routing chain.

use catena_mqtt::ReasonCode;
use catena_types::{Fault, Generation, PartitionSet, RoutingVersion, SessionId, invariant};

use super::state::Sessions;
use crate::partition::Context;
use crate::{
    AskOutcome, Asked, Origin, OwnedFilter, Reply, Subscribe, SubscribeFilter, Subscribed, Then,
};

impl Sessions {
    /// Asks the routing chain to subscribe; the answer comes when every partition concerned knows.
    pub(crate) fn subscribe(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        subscribe: &Subscribe<'_>,
    ) -> Result<(), Fault> {
        let Subscribe {
            session: id,
            attachment,
            subscription_id,
            ref filters,
        } = *subscribe;
        let generation = attachment.generation;
        if self.table.connected_mut(id, generation).is_none() {
            ctx.out.reply(origin, Reply::Stale);
            return Ok(());
        }
        let filters: Vec<OwnedFilter> = filters.iter().map(owned).collect();
        let what = Asked::Subscribe {
            session: id,
            attachment,
            subscription_id,
            filters,
        };
        let bytes = what.bytes();
        if !self.has_room(ctx, bytes) {
            self.counts.refused_memory += 1;
            ctx.out.reply(origin, refused(&what));
            return Ok(());
        }
        let Some(session) = self.table.connected_mut(id, generation) else {
            return Err(Fault::new(
                "who subscribes is connected",
                format!("id={id}"),
            ));
        };
        invariant!(
            session.subscribing < u32::MAX,
            "SUBSCRIBEs in flight are few",
            id = id
        );
        session.subscribing += 1;
        ctx.asks.push(what, Then::Answer(origin), ctx.out);
        Ok(())
    }

    /// Asks the routing chain to unsubscribe.
    pub(crate) fn unsubscribe(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        session: SessionId,
        generation: Generation,
        filters: &[&str],
    ) -> Result<(), Fault> {
        if self.table.connected_mut(session, generation).is_none() {
            ctx.out.reply(origin, Reply::Stale);
            return Ok(());
        }
        let filters = filters.iter().map(|filter| Box::from(*filter)).collect();
        let what = Asked::Unsubscribe { session, filters };
        if self.has_room(ctx, what.bytes()) {
            ctx.asks.push(what, Then::Answer(origin), ctx.out);
        } else {
            self.counts.refused_memory += 1;
            ctx.out.reply(origin, refused(&what));
        }
        Ok(())
    }

    /// The routing chain has answered a SUBSCRIBE or UNSUBSCRIBE.
    pub(super) fn routed(
        &mut self,
        ctx: &mut Context<'_>,
        origin: Origin,
        id: SessionId,
        outcome: AskOutcome,
    ) -> Result<(), Fault> {
        let session = self.table.find_mut(id);
        let reply = match (outcome, session) {
            (AskOutcome::Subscribed(subscribed), Some(session)) => {
                invariant!(
                    session.subscribing > 0,
                    "a SUBSCRIBE is answered once",
                    id = id
                );
                session.subscribing -= 1;
                session.partitions.extend(&subscribed.partitions);
                Reply::Subscribed(subscribed)
            }
            (AskOutcome::Unsubscribed { codes }, Some(_)) => Reply::Unsubscribed { codes },
            // Its end was asked for after this, so the subscriptions are gone or will be.
            (AskOutcome::Subscribed(_) | AskOutcome::Unsubscribed { .. }, None) => Reply::Stale,
            (AskOutcome::Published(_) | AskOutcome::Ended, _) => {
                return Err(Fault::new(
                    "an outcome fits what was asked",
                    format!("id={id}"),
                ));
            }
        };
        ctx.out.reply(origin, reply);
        Ok(())
    }
}

fn owned(filter: &SubscribeFilter<'_>) -> OwnedFilter {
    OwnedFilter {
        filter: filter.filter.into(),
        qos: filter.qos,
        no_local: filter.no_local,
        retain_as_published: filter.retain_as_published,
        replay: filter.replay,
        refused: filter.refused,
    }
}

/// What is answered if too much is asked of the routing chain already.
fn refused(what: &Asked) -> Reply {
    let codes = |count: usize| vec![ReasonCode::QuotaExceeded; count].into_boxed_slice();
    match what {
        Asked::Subscribe { filters, .. } => Reply::Subscribed(Box::new(Subscribed {
            version: RoutingVersion::default(),
            codes: codes(filters.len()),
            partitions: PartitionSet::EMPTY,
        })),
        Asked::Unsubscribe { filters, .. } => Reply::Unsubscribed {
            codes: codes(filters.len()),
        },
        Asked::Publish(_) | Asked::EndSession { .. } => Reply::Stale,
    }
}
