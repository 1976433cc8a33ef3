//! ARCHITECTURE.md, invariant 8: "No queue or subscription outlives its session."

use catena_backend::Backend;
use catena_types::Moment;

use super::Verdict;
use crate::violation::Violation;

const NAME: &str = "leftovers";

/// Checks a node after all sessions have ended and all retained messages were cleared.
///
/// # Errors
/// If anything is left.
pub(crate) fn check_leftovers(backend: &Backend, now: Moment) -> Verdict {
    let stats = backend.stats();
    let all = stats.partitions;
    let left = [
        ("faults", stats.faults),
        ("sessions", all.sessions),
        ("connected sessions", all.connected),
        ("persistent sessions", all.persistent),
        ("wills", all.wills),
        ("bytes of wills", all.will_bytes),
        ("half-finished QoS 2 messages", all.half_finished),
        ("asks", all.asks),
        ("messages", all.messages),
        ("queue entries", all.queued),
        ("retained messages", all.retained),
        ("bytes of retained messages", all.retained_bytes),
        ("attachments", all.attachments),
        ("share groups", all.share_groups),
        ("routed sessions", stats.routing.sessions as u64),
        ("subscriptions", stats.routing.subscriptions as u64),
        ("filters", stats.routing.filters as u64),
        ("routed share groups", stats.routing.share_groups as u64),
    ];
    let left: Vec<String> = left
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    if left.is_empty() {
        Ok(())
    } else {
        Err(Violation::new(NAME, now, left.join(", ")))
    }
}
