//! The broker answers: once the world has healed, nobody waits for anything, and what ended did so
//! for a reason. Without this a broker that stands still would pass.
//!
//! Of ARCHITECTURE.md, invariant 1, "unless the session ended": it ends only when it has to.

use catena_mqtt::ReasonCode;
use catena_types::Moment;

use super::Verdict;
use crate::violation::Violation;

const NAME: &str = "answers";

/// Checks that nobody waits: `waiting` tells who does, and for what.
///
/// # Errors
/// If somebody waits.
pub(crate) fn check_progress(now: Moment, waiting: &[String]) -> Verdict {
    match waiting.first() {
        None => Ok(()),
        Some(first) => {
            let detail = format!("{} wait; {first}", waiting.len());
            Err(Violation::new(NAME, now, detail))
        }
    }
}

/// Checks session present in CONNACK against what the client knows: `must` if the session cannot
/// have ended, `may` if it can exist [MQTT-3.2.2-2] [MQTT-3.2.2-3].
///
/// # Errors
/// If it says otherwise.
pub(crate) fn check_present(
    now: Moment,
    client: usize,
    present: bool,
    may_must: (bool, bool),
) -> Verdict {
    let (may, must) = may_must;
    if (present && !may) || (!present && must) {
        let detail = format!("client {client}: session present is {present}");
        return Err(Violation::new(NAME, now, detail));
    }
    Ok(())
}

/// Checks why the broker ends a connection.
///
/// # Errors
/// If the client has given no reason for it.
pub(crate) fn check_closed(now: Moment, client: usize, reason: ReasonCode) -> Verdict {
    match reason {
        ReasonCode::KeepAliveTimeout | ReasonCode::SessionTakenOver => Ok(()),
        _ => {
            let detail = format!("client {client} was disconnected: {reason:?}");
            Err(Violation::new(NAME, now, detail))
        }
    }
}
