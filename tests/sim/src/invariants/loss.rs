//! ARCHITECTURE.md, invariant 1: "A QoS 1 or 2 publish that was acknowledged is delivered to every
//! session whose SUBACK was sent before the publish was, unless the session ended, the message
//! expired, or the documented queue limit dropped it and counted it."

use catena_mqtt::Qos;
use catena_types::Moment;

use super::Verdict;
use crate::model::{Message, MessageId, Model, Origin, SHARE_GROUPS, Session, is_shared};
use crate::violation::Violation;

const NAME: &str = "loss";

/// Checks all messages, when the world has healed.
///
/// # Errors
/// If more than `dropped` are missing: names the first.
pub(super) fn check(model: &Model, now: Moment, dropped: u64) -> Verdict {
    let mut missing = Vec::new();
    for (id, message) in model.messages.iter().enumerate() {
        if !is_owed(message) {
            continue;
        }
        if is_shared(&message.terms.topic) {
            check_groups(model, id, message, &mut missing);
        } else {
            check_sessions(model, id, message, &mut missing);
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

fn is_owed(message: &Message) -> bool {
    message.terms.qos != Qos::AtMostOnce
        && message.terms.size > 0
        && message.terms.expiry_seconds.is_none()
        && message.origin == Origin::Published
        && message.acked.is_some()
        && !message.is_refused
}

fn check_sessions(model: &Model, id: MessageId, message: &Message, missing: &mut Vec<String>) {
    for (number, session) in model.sessions.iter().enumerate() {
        let owed = session.ended.is_none()
            && session.subscriptions.iter().any(|s| {
                s.surely_covers(message)
                    && s.options.qos != Qos::AtMostOnce
                    && !(s.options.no_local && message.session == number)
                    && s.matches(&message.terms.topic)
            });
        if owed && session.copies(id).is_empty() {
            missing.push(format!(
                "session {number} of client {} never got message {id} of {}",
                session.client, message.terms.topic
            ));
        }
    }
}

/// One member of each share group has to have got it, if none has left the group since.
fn check_groups(model: &Model, id: MessageId, message: &Message, missing: &mut Vec<String>) {
    for group in 0..SHARE_GROUPS {
        let of = || {
            model
                .sessions
                .iter()
                .filter(|s| s.client % SHARE_GROUPS == group)
        };
        let joined = |session: &Session| session.matching(&message.terms.topic).next().is_some();
        let stood = |session: &Session| {
            session
                .matching(&message.terms.topic)
                .any(|s| s.surely_covers(message) && s.options.qos != Qos::AtMostOnce)
        };
        let left = |session: &Session| {
            joined(session)
                && (session.ended.is_some_and(|end| end >= message.sent)
                    || session.matching(&message.terms.topic).any(|s| {
                        s.end_asked.is_some_and(|end| end >= message.sent)
                            || s.options.qos == Qos::AtMostOnce
                    }))
        };
        let owed = of().any(|s| s.ended.is_none() && stood(s)) && !of().any(left);
        if owed && of().all(|session| session.copies(id).is_empty()) {
            missing.push(format!("share group {group} never got message {id}"));
        }
    }
}
