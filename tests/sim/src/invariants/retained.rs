//! ARCHITECTURE.md, invariant 7: "A SUBSCRIBE gets each retained message and each later publish
//! exactly once between them: never neither, never an old value after a newer one."
//!
//! Here: never neither. [MQTT-3.3.1-9] [MQTT-3.3.1-10] The other parts are `exactly_once` and
//! `order`.

use catena_mqtt::Qos;
use catena_types::Moment;

use super::Verdict;
use crate::model::{Message, MessageId, Model, Origin, Session, Subscription};
use crate::violation::Violation;

const NAME: &str = "retained";

/// Checks all subscriptions that surely drew retained messages, when the world has healed.
///
/// # Errors
/// If more than `dropped` are missing: names the first.
pub(super) fn check(model: &Model, now: Moment, dropped: u64) -> Verdict {
    let mut missing = Vec::new();
    for (number, session) in model.sessions.iter().enumerate() {
        if session.ended.is_some() {
            continue;
        }
        let drew = session.subscriptions.iter().filter(|s| surely_drew(s));
        for subscription in drew {
            for (id, message) in model.messages.iter().enumerate() {
                if is_owed(model, message, subscription) && !was_drawn(session, id, subscription) {
                    missing.push(format!(
                        "session {number} subscribed to {} and never got retained message {id}",
                        subscription.filter
                    ));
                }
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

/// Whether a subscription surely drew retained messages, and all of them, reliably.
fn surely_drew(subscription: &Subscription) -> bool {
    subscription.acked.is_some()
        && subscription.end_asked.is_none()
        && subscription.surely_draws()
        && subscription.options.qos != Qos::AtMostOnce
}

/// Whether the message surely was its topic's retained one when the subscription was made, and is
/// delivered reliably.
fn is_owed(model: &Model, message: &Message, subscription: &Subscription) -> bool {
    let terms = &message.terms;
    let (Some(kept), Some(subscribed)) = (message.acked, subscription.acked) else {
        return false;
    };
    let reliable = terms.retain
        && terms.size > 0
        && terms.expiry_seconds.is_none()
        && terms.qos != Qos::AtMostOnce
        && !message.is_refused
        && message.origin == Origin::Published;
    reliable
        && kept < subscription.asked
        && subscription.matches(&terms.topic)
        && model.retained_on(&terms.topic).all(|other| {
            let earlier = other.acked.is_some_and(|acked| acked < message.sent);
            let later = other.sent > subscribed && other.origin == Origin::Published;
            std::ptr::eq(other, message) || earlier || later
        })
}

/// It has to have come after SUBSCRIBE was sent, as retained.
fn was_drawn(session: &Session, id: MessageId, subscription: &Subscription) -> bool {
    let copies = session.copies(id);
    copies
        .iter()
        .any(|copy| copy.at >= subscription.asked && copy.retain)
}
