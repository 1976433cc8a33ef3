//! What arrives is what was published: topic, payload, RETAIN, lifetime.
//!
//! [MQTT-3.3.2-6]: "Message Expiry Interval set to the received value minus the time that the
//! Application Message has been waiting in the Server".

use super::{Delivered, Verdict};
use crate::model::Model;
use crate::violation::Violation;

const NAME: &str = "integrity";

/// Checks one delivery.
///
/// # Errors
/// If it differs from what was published.
pub(super) fn check(model: &Model, delivered: Delivered<'_>, topic: &str) -> Verdict {
    let Delivered {
        message, receipt, ..
    } = delivered;
    let fail = |detail: String| Err(Violation::new(NAME, receipt.at, detail));
    let Some(known) = model.messages.get(message) else {
        return fail(format!("message {message} was never published"));
    };
    let terms = &known.terms;
    if terms.topic != topic {
        return fail(format!(
            "message {message} of {} came as {topic}",
            terms.topic
        ));
    }
    if receipt.qos > terms.qos {
        let qos = (terms.qos, receipt.qos);
        return fail(format!("message {message} was raised: {qos:?}"));
    }
    if receipt.retain && !terms.retain {
        return fail(format!("message {message} came with RETAIN"));
    }
    match (terms.expiry_seconds, receipt.expiry_seconds) {
        (None, Some(left)) => fail(format!("message {message} never expires, not in {left} s")),
        (Some(all), Some(left)) if left > all + model.skew_seconds => fail(format!(
            "message {message} expires in {left} s, not {all} s"
        )),
        (Some(_), _) | (None, None) => Ok(()),
    }
}
