//! What clients see of the state store can have happened in one order, each request between its
//! first sending and its first response, whatever was cut, delayed and sent again.

use catena_types::Moment;

use super::Verdict;
use crate::model::Model;
use crate::violation::Violation;

const NAME: &str = "linear";

/// Orders of things that are looked at for a key at a time.
const POSSIBILITIES_MAX: usize = 20_000;

/// Checks all requests, when the world has healed.
///
/// # Errors
/// The first request that no order of things allows.
pub(super) fn check(model: &Model, now: Moment) -> Verdict {
    let requests = model.history.requests.iter();
    let history: Vec<_> = requests
        .filter(|asked| asked.mortal.is_none())
        .map(|asked| asked.operation.clone())
        .collect();
    // Whether it was looked at to the end makes no difference: that is more than enough else.
    catena_linear::check_within(&history, POSSIBILITIES_MAX)
        .map(drop)
        .map_err(|violation| Violation::new(NAME, now, violation.to_string()))
}
