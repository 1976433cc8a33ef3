//! A will is published if its connection ended without DISCONNECT, and never after one
//! [MQTT-3.1.2-8] [MQTT-3.14.4-3] [MQTT3-3.14.4-3].
//!
//! Of ARCHITECTURE.md, invariant 1: a will that must be published is a publish like any other.

use catena_mqtt::Qos;
use catena_types::Moment;

use super::{Delivered, Verdict};
use crate::model::{Model, Origin};
use crate::violation::Violation;

const NAME: &str = "wills";

/// Checks one delivery.
///
/// # Errors
/// If it is a will that was to be forgotten.
pub(super) fn check_delivery(model: &Model, delivered: Delivered<'_>) -> Verdict {
    let known = &model.messages[delivered.message];
    if known.origin == Origin::Will && known.is_forgotten {
        let detail = format!("will {} came after DISCONNECT", delivered.message);
        return Err(Violation::new(NAME, delivered.receipt.at, detail));
    }
    Ok(())
}

/// Checks the wills that surely were to be published: `acked` is when their connection was over.
///
/// # Errors
/// If more than `dropped` are missing: names the first.
pub(super) fn check_healed(model: &Model, now: Moment, dropped: u64) -> Verdict {
    let mut missing = Vec::new();
    let wills = model.messages.iter().enumerate();
    for (id, will) in wills.filter(|(_, will)| will.origin == Origin::Will) {
        let reliable = will.terms.qos != Qos::AtMostOnce && will.acked.is_some();
        if !reliable || will.is_forgotten || will.terms.size == 0 {
            continue;
        }
        for (number, session) in model.sessions.iter().enumerate() {
            let owed = session.ended.is_none()
                && session
                    .matching(&will.terms.topic)
                    .any(|s| s.surely_covers(will) && s.options.qos != Qos::AtMostOnce)
                // No Local keeps a client's own will from it.
                && session.client != will.client;
            if owed && session.copies(id).is_empty() {
                missing.push(format!("session {number} never got will {id}"));
            }
        }
    }
    if missing.len() as u64 > dropped {
        let detail = format!(
            "{} missing, {dropped} dropped; {}",
            missing.len(),
            missing[0]
        );
        return Err(Violation::new(NAME, now, detail));
    }
    Ok(())
}
