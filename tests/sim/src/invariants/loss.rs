//! ARCHITECTURE.md, invariant 1: "A QoS 1 or 2 publish that was acknowledged is delivered to every
//! session whose SUBACK was sent before the publish was, unless the session ended, the message
//! expired, or the documented queue limit dropped it and counted it."

use catena_mqtt::Qos;
use catena_types::Moment;

use super::Verdict;
use crate::model::{
    Message, MessageId, Model, Origin, SHARE_GROUPS, Session, Subscription, is_shared,
};
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
        let stood = |session: &Session| {
            session
                .matching(&message.terms.topic)
                .any(|s| s.surely_covers(message) && s.options.qos != Qos::AtMostOnce)
        };
        // For the broker a session is over when the client's next one has begun.
        let outlived = |session: &Session| {
            let of_client = model.sessions.iter().filter(|s| s.client == session.client);
            let next = of_client
                .filter_map(|s| s.confirmed)
                .find(|at| session.ended.is_some_and(|end| *at >= end));
            session.ended.is_some() && next.is_none_or(|at| at >= message.sent)
        };
        let left = |session: &Session| {
            let ended = |s: &Subscription| s.end_asked.is_some_and(|end| end >= message.sent);
            let volatile = |s: &Subscription| s.options.qos == Qos::AtMostOnce;
            let mut joined = session.matching(&message.terms.topic).peekable();
            joined.peek().is_some()
                && (outlived(session) || joined.any(|s| ended(s) || volatile(s)))
        };
        let owed = of().any(|s| s.ended.is_none() && stood(s)) && !of().any(left);
        if owed && of().all(|session| session.copies(id).is_empty()) {
            missing.push(format!("share group {group} never got message {id}"));
        }
    }
}
