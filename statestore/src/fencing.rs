//! Fencing tokens: a write by who lost a lock must not pass.

use catena_hlc::Stamp;
use catena_store::Refusal;

/// Whether a write with this token may pass the entry's fence.
///
/// # Errors
/// `FenceRequired` without a token, `FenceLower` with a lower one.
pub(crate) fn check(fence: Option<Stamp<'_>>, token: Option<Stamp<'_>>) -> Result<(), Refusal> {
    match (fence, token) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Refusal::FenceRequired),
        (Some(fence), Some(token)) if token < fence => Err(Refusal::FenceLower),
        (Some(_), Some(_)) => Ok(()),
    }
}
