//! A value of the state store with a lifetime exists until that has passed, and not a moment
//! longer.
//!
//! The keys looked at have one user each, who asks one thing at a time. Only the moment at which a
//! request is carried out is not known: between its sending and its response.

use std::collections::BTreeMap;

use catena_linear::{Answer, Step};
use catena_types::Moment;

use super::Verdict;
use crate::model::{Asked, Model};
use crate::time::ms;
use crate::violation::Violation;

const NAME: &str = "expiry";

/// The value that was set last.
struct Living<'m> {
    value: &'m [u8],
    /// Its first and its last possible moment.
    ends: (Moment, Moment),
}

/// Checks all requests for keys that expire, when the world has healed.
///
/// # Errors
/// The first value that went too early or stayed too long.
pub(super) fn check(model: &Model) -> Verdict {
    let mut living: BTreeMap<&str, Living<'_>> = BTreeMap::new();
    for asked in &model.history.requests {
        let (Some(mortal), [(key, step)]) = (asked.mortal, asked.operation.steps.as_slice()) else {
            continue;
        };
        let Some(answered) = asked.answered else {
            // Its user has left the key alone since.
            continue;
        };
        if let (Step::Set(value), Some(lifetime)) = (step, mortal.lifetime_ms) {
            let ends = [asked.sent, answered].map(|set| set.plus(ms(lifetime)));
            let ends = (ends[0], ends[1]);
            living.insert(key, Living { value, ends });
        } else if let Some(Answer::Value(found)) = &asked.operation.answer {
            let found = found.as_ref().map(|(value, _)| value.as_slice());
            check_read(asked, answered, living.get(&**key), found)?;
        }
    }
    Ok(())
}

fn check_read(
    asked: &Asked,
    answered: Moment,
    living: Option<&Living<'_>>,
    found: Option<&[u8]>,
) -> Verdict {
    let is_right = match (living, found) {
        (None, found) => found.is_none(),
        (Some(living), None) => answered >= living.ends.0,
        (Some(living), Some(value)) => value == living.value && asked.sent < living.ends.1,
    };
    if is_right {
        return Ok(());
    }
    let ends = living.map(|living| living.ends);
    let detail = format!("{:?}, which ends in {ends:?}", asked.operation);
    Err(Violation::new(NAME, answered, detail))
}
