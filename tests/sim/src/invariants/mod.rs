//! What must always hold (ARCHITECTURE.md), one file per invariant, with the sentence it checks.
//! Some are checked at each delivery, some when the world has healed, some when everything was
//! cleared.

mod answers;
mod exactly_once;
mod expiry;
mod integrity;
mod leftovers;
mod linear;
mod loss;
mod one_connection;
mod order;
mod repeated;
mod replicas;
mod retained;
mod subscriptions;
mod wills;
mod window;

use catena_types::Moment;

pub(crate) use answers::{check_closed, check_present, check_progress};
pub(crate) use leftovers::check_leftovers;
pub(crate) use one_connection::OneConnection;
pub(crate) use replicas::check_replicas;
pub(crate) use window::Window;

use crate::model::{MessageId, Model, Receipt, SessionNumber};
use crate::violation::Violation;

/// What every check returns.
pub(crate) type Verdict = Result<(), Violation>;

/// One delivery, not yet in the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered<'a> {
    /// To which session.
    pub(crate) session: SessionNumber,
    /// What.
    pub(crate) message: MessageId,
    /// How.
    pub(crate) receipt: &'a Receipt,
}

/// Checks a delivery against everything before it, then notes it.
///
/// # Errors
/// The first invariant that does not hold.
pub(crate) fn check_delivery(model: &mut Model, delivered: Delivered<'_>, topic: &str) -> Verdict {
    integrity::check(model, delivered, topic)?;
    subscriptions::check(model, delivered)?;
    wills::check_delivery(model, delivered)?;
    exactly_once::check(model, delivered)?;
    order::check(model, delivered)?;
    let Delivered {
        session,
        message,
        receipt,
    } = delivered;
    if crate::model::is_shared(topic) {
        let copies = model.shared_copies.entry(message).or_default();
        copies.push((session, receipt.qos));
    }
    let all = &mut model.sessions[session].received;
    all.entry(message).or_default().push(receipt.clone());
    Ok(())
}

/// Checks that everything that had to arrive has arrived. `dropped` messages may be missing: the
/// queues were at their documented limit, and it was counted.
///
/// # Errors
/// The first message that is missing beyond those.
pub(crate) fn check_healed(model: &Model, now: Moment, dropped: u64) -> Verdict {
    loss::check(model, now, dropped)?;
    retained::check(model, now, dropped)?;
    wills::check_healed(model, now, dropped)?;
    linear::check(model, now)?;
    expiry::check(model)?;
    repeated::check(model)
}
