//! Scans go through the partitions one after the other: the token of a page begins with the number
//! of the partition that the next page is in.

use catena_statestore::{Now, StateStore};
use catena_store::{Refusal, Scan, reply};
use catena_types::PartitionId;

use crate::Settings;

/// The partition that a page of a scan is in; `None` for a token that no page ended with.
pub fn scan_partition(token: Option<&[u8]>) -> Option<PartitionId> {
    match token {
        None => Some(PartitionId::new(0)),
        Some([high, low, ..]) => Some(PartitionId::new(u16::from_be_bytes([*high, *low]))),
        Some(_) => None,
    }
}

/// Appends a page of this partition's keys.
pub(super) fn page(
    store: &StateStore,
    settings: &Settings,
    now: Now,
    scan: &Scan<'_>,
    out: &mut Vec<u8>,
) {
    if scan_partition(scan.token) != Some(settings.id) {
        return reply::refusal(out, Refusal::Syntax);
    }
    let inner = scan.token.and_then(|token| token.get(2..));
    let inner = Scan {
        token: inner.filter(|rest| !rest.is_empty()),
        ..*scan
    };
    let page = match store.scan(now, &inner, |_| true) {
        Ok(page) => page,
        Err(refusal) => return reply::refusal(out, refusal),
    };
    let token = match &page.token {
        Some(rest) => Some([&settings.id.number().to_be_bytes()[..], rest].concat()),
        None => {
            let next = settings.id.number() + 1;
            let exists = next < settings.placement.partitions();
            exists.then(|| next.to_be_bytes().to_vec())
        }
    };
    reply::page(out, &page.keys, token.as_deref());
}
