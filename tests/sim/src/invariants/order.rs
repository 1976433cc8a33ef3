//! ARCHITECTURE.md, invariant 3: "Order is kept per publisher, topic and QoS for first
//! transmissions." And of 7: "never an old value after a newer one".
//!
//! [MQTT-4.6.0-5] [MQTT-4.6.0-6]

use catena_mqtt::Qos;

use super::{Delivered, Verdict};
use crate::model::{Message, Model, Origin, Session, is_shared};
use crate::violation::Violation;

const NAME: &str = "order";

/// Checks one delivery, if it is the first of its message.
///
/// # Errors
/// If a later message of the same publisher, topic and QoS came before.
pub(super) fn check(model: &mut Model, delivered: Delivered<'_>) -> Verdict {
    let Delivered {
        session,
        message,
        receipt,
    } = delivered;
    let known = &model.messages[message];
    let of = &model.sessions[session];
    let is_first = of.copies(message).is_empty();
    let topic = &known.terms.topic;
    // What was drawn by a second subscription may well be older than what the first brought.
    let drawn_later = receipt.retain && of.matching(topic).count() > 1;
    // Who subscribed between two transmissions sees the order of the second, as does who lost the
    // first copy in a permitted way: at QoS 0, expired, or dropped by a full queue.
    let may_lose =
        model.queues_drop || receipt.qos == Qos::AtMostOnce || known.terms.expiry_seconds.is_some();
    let is_again = known.transmissions > 1 && (may_lose || !stands(of, known, receipt.qos));
    let unordered = is_shared(topic) || known.origin == Origin::Will;
    if !is_first || drawn_later || unordered || is_again {
        return Ok(());
    }
    let key = (known.client, topic.clone(), known.terms.qos, receipt.qos);
    let newest = &mut model.sessions[session].newest;
    match newest.insert(key, message) {
        Some(before) if before > message => Err(Violation::new(
            NAME,
            receipt.at,
            format!("session {session} got message {message} after {before}"),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Whether a subscription at this QoS or above stands since before the message was sent.
fn stands(session: &Session, message: &Message, qos: Qos) -> bool {
    session.matching(&message.terms.topic).any(|s| {
        let since_before = s.acked.is_some_and(|at| at < message.sent);
        let brings = s.options.qos >= qos && !s.options.no_local;
        since_before && s.end_asked.is_none() && brings
    })
}
