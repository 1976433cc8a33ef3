//! Tests of the whole table.

mod matching;
mod model;
mod replicated;
mod table;

use catena_types::{PartitionId, SessionId};

use crate::{
    Change, Command, FilterOutcome, FilterRequest, Matches, Outcome, Qos, Routing,
    SubscriptionOptions,
};

/// The session with this number.
fn session(number: u32) -> SessionId {
    SessionId::new(PartitionId::new(3), 1, number)
}

const QOS_1: SubscriptionOptions = SubscriptionOptions {
    qos: Qos::AtLeastOnce,
    no_local: false,
    retain_as_published: false,
};

/// Subscribes at QoS 1 without identifier.
fn subscribe(routing: &mut Routing, number: u32, filter: &str) -> Outcome {
    subscribe_with(routing, number, filter, QOS_1, None)
}

fn subscribe_with(
    routing: &mut Routing,
    number: u32,
    filter: &str,
    options: SubscriptionOptions,
    subscription_id: Option<u32>,
) -> Outcome {
    let filters = [FilterRequest { filter, options }];
    let session = session(number);
    let command = Command::Subscribe {
        session,
        subscription_id,
        filters: &filters,
    };
    routing.apply_command(command).unwrap()
}

fn unsubscribe(routing: &mut Routing, number: u32, filter: &str) -> Outcome {
    let session = session(number);
    let filters = &[filter];
    routing
        .apply_command(Command::Unsubscribe { session, filters })
        .unwrap()
}

fn end(routing: &mut Routing, number: u32) -> Outcome {
    let session = session(number);
    routing
        .apply_command(Command::EndSession { session })
        .unwrap()
}

fn changes(outcome: &Outcome) -> Vec<Change> {
    let change = |filter: &FilterOutcome| filter.change;
    outcome.filters.iter().map(change).collect()
}

/// The numbers of the sessions that get a message on this topic.
fn recipients(routing: &Routing, topic: &str) -> Vec<u32> {
    let mut matches = Matches::default();
    routing.matching(topic, &mut matches);
    let number = |session: SessionId| session.packed() as u32;
    matches.recipients().map(|r| number(r.session)).collect()
}
