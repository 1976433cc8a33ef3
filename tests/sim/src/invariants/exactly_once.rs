//! ARCHITECTURE.md, invariant 2: "QoS 2 is delivered once per session, in one copy however many of
//! its filters match."
//!
//! And of 7: "each retained message and each later publish exactly once between them". At QoS 1 a
//! copy too many has to say so: DUP [MQTT-3.3.1-1], and only after a new connection.

use catena_mqtt::Qos;

use super::{Delivered, Verdict};
use crate::model::{Message, Model, SHARE_GROUPS, Session, is_shared};
use crate::violation::Violation;

const NAME: &str = "exactly_once";

/// Checks one delivery against the earlier ones of its message.
///
/// # Errors
/// If it is one too many.
pub(super) fn check(model: &Model, delivered: Delivered<'_>) -> Verdict {
    let Delivered {
        session,
        message,
        receipt,
    } = delivered;
    let fail = |detail: String| Err(Violation::new(NAME, receipt.at, detail));
    let known = &model.messages[message];
    let of = &model.sessions[session];
    if receipt.dup && receipt.connection == 1 {
        return fail(format!(
            "message {message} came with DUP on a first connection"
        ));
    }
    if is_shared(&known.terms.topic) {
        return check_shared(model, delivered);
    }
    let allowed = copies_max(known, of);
    let copies = of.copies(message);
    let fresh = copies.iter().filter(|copy| !copy.dup).count() + usize::from(!receipt.dup);
    if fresh > allowed {
        return fail(format!(
            "session {session} got message {message} {fresh} times as new, not {allowed}"
        ));
    }
    let twice = copies.iter().filter(|copy| copy.qos == Qos::ExactlyOnce);
    let twice = twice.count() + usize::from(receipt.qos == Qos::ExactlyOnce);
    if twice > allowed {
        return fail(format!(
            "session {session} got message {message} {twice} times at QoS 2, not {allowed}"
        ));
    }
    let here = copies
        .iter()
        .filter(|copy| copy.connection == receipt.connection);
    let here = here.count() + 1;
    if here > allowed {
        return fail(format!(
            "session {session} got message {message} {here} times on one connection"
        ));
    }
    Ok(())
}

/// How many copies a session may get as new: one per time that the topic got it, and one more for
/// each subscription that drew it as a retained message after it was live for another.
fn copies_max(message: &Message, session: &Session) -> usize {
    let matching = || session.matching(&message.terms.topic);
    let later = |acked: Option<catena_types::Moment>| acked.is_none_or(|at| at > message.sent);
    let draws = matching().filter(|s| message.terms.retain && s.may_draw() && later(s.acked));
    let first = matching().next();
    // The first subscription brings a message as retained or live, never as both.
    let either = first.is_some_and(|s| message.terms.retain && s.may_draw() && later(s.acked));
    message.entries_max() as usize + draws.count() - usize::from(either)
}

/// A share group gives a QoS 2 message to one member; what another had begun stays with it
/// [MQTT-4.8.2-4] [MQTT-4.8.2-5].
fn check_shared(model: &Model, delivered: Delivered<'_>) -> Verdict {
    let Delivered {
        session,
        message,
        receipt,
    } = delivered;
    let known = &model.messages[message];
    if known.terms.qos != Qos::ExactlyOnce || receipt.qos != Qos::ExactlyOnce {
        return Ok(());
    }
    let group_of = |session: &Session| session.client % SHARE_GROUPS;
    let group = group_of(&model.sessions[session]);
    let copies = model.shared_copies.get(&message).map_or(&[][..], |all| all);
    // What was unacknowledged at QoS 1 may come again, also at another QoS.
    let same = copies.iter().filter(|(session, qos)| {
        *qos == Qos::ExactlyOnce && group_of(&model.sessions[*session]) == group
    });
    if same.count() > 0 {
        let detail = format!("share group {group} got message {message} twice at QoS 2");
        return Err(Violation::new(NAME, receipt.at, detail));
    }
    Ok(())
}
