//! ARCHITECTURE.md, invariant 5: "Replicas of a machine at the same sequence number have the same
//! state, byte for byte."
//!
//! With chains of one: what is restored from a snapshot is that state.

use catena_backend::Backend;
use catena_partition::Partition;
use catena_types::{Machine, Moment, PartitionId, Reader};

use super::Verdict;
use crate::violation::Violation;

const NAME: &str = "replicas";

/// Checks every partition of a node.
///
/// # Errors
/// If a snapshot cannot be restored, or into another state.
pub(crate) fn check_replicas(backend: &Backend, partitions: u16, now: Moment) -> Verdict {
    for partition in (0..partitions).map(PartitionId::new) {
        let fail = |what: &str| {
            let detail = format!("partition {partition}: {what}");
            Err(Violation::new(NAME, now, detail))
        };
        let (Some(digest), Some(snapshot)) =
            (backend.digest(partition), backend.snapshot(partition))
        else {
            return fail("not there");
        };
        let Ok(restored) = Partition::restore(&mut Reader::new(&snapshot)) else {
            return fail("its snapshot cannot be restored");
        };
        if let Err(fault) = restored.validate() {
            return fail(&format!("restored, {fault}"));
        }
        if restored.digest() != digest {
            return fail("restored, it has another digest");
        }
    }
    Ok(())
}
