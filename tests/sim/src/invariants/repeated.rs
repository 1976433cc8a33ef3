//! A write that comes again is answered as before, and changes nothing.

use super::Verdict;
use crate::model::Model;

/// Reports the first that was answered in another way, when the world has healed.
///
/// # Errors
/// That violation, named `repeated`.
pub(super) fn check(model: &Model) -> Verdict {
    model.history.differing.clone().map_or(Ok(()), Err)
}
