//! Nothing arrives that was not subscribed to: the other side of ARCHITECTURE.md, invariant 8, "No
//! queue or subscription outlives its session".
//!
//! After UNSUBACK no new message comes for the filter [MQTT-3.10.4-2], own messages stay away from
//! No Local subscriptions [MQTT-3.8.3-3], and the QoS granted is never exceeded [MQTT-3.8.4-8].

use super::{Delivered, Verdict};
use crate::model::{Model, Subscription};
use crate::violation::Violation;

const NAME: &str = "subscriptions";

/// Checks one delivery.
///
/// # Errors
/// If no subscription of the session can have drawn it.
pub(super) fn check(model: &Model, delivered: Delivered<'_>) -> Verdict {
    let Delivered {
        session,
        message,
        receipt,
    } = delivered;
    let fail = |detail: String| Err(Violation::new(NAME, receipt.at, detail));
    let known = &model.messages[message];
    let of = &model.sessions[session];
    // A retained message may be older than the subscription, a live one may not be younger than
    // its end.
    let possible: Vec<&Subscription> = of
        .matching(&known.terms.topic)
        .filter(|subscription| subscription.may_stand_after(known.sent))
        .collect();
    if possible.is_empty() {
        return fail(format!(
            "client {} got message {message} of {} without a subscription",
            of.client, known.terms.topic
        ));
    }
    if possible.iter().all(|s| s.options.qos < receipt.qos) {
        let qos = receipt.qos;
        return fail(format!(
            "message {message} came at {qos:?}, above what was granted"
        ));
    }
    let own = known.session == session && known.origin == crate::model::Origin::Published;
    if own && !receipt.retain && possible.iter().all(|s| s.options.no_local) {
        return fail(format!(
            "client {} got its own message {message}",
            of.client
        ));
    }
    for id in &receipt.ids {
        if !possible.iter().any(|s| s.id == Some(*id)) {
            return fail(format!("message {message} came with identifier {id}"));
        }
    }
    Ok(())
}
