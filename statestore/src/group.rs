//! Several writes, all or none: everything is decided before anything is done.

use catena_hlc::Version;
use catena_store::{Group, Refusal, reply};

use crate::machine::Circumstances;
use crate::stop::Stop;
use crate::write::{Decision, Growth};
use crate::{Outbox, StateStore};

impl StateStore {
    /// The version is the highest that a write gave, or that of the entry whose condition is not
    /// met.
    pub(crate) fn group(
        &mut self,
        circumstances: &Circumstances<'_>,
        group: &Group<'_>,
        reply: &mut Vec<u8>,
        out: &mut Outbox,
    ) -> Result<Option<Version>, Stop> {
        check_distinct(group)?;
        let mut decided = Vec::with_capacity(group.len());
        let mut growth = Growth::default();
        for (index, write) in group.iter().enumerate() {
            let place = self.place(write.key());
            self.settle(place, circumstances.now, out);
            let decision = self.decide(circumstances, place, &write)?;
            if let Decision::Unmet { version, .. } = decision {
                reply::group_unmet(reply, index);
                return Ok(version);
            }
            let more = decision.growth();
            growth.keys += more.keys;
            growth.bytes += more.bytes;
            decided.push((place, decision));
        }
        self.check_quota(growth)?;
        reply::results(reply, decided.len());
        let mut highest = None;
        for (place, decision) in decided {
            let sets = matches!(decision, Decision::Put(_));
            reply::result(reply);
            let version = self.commit(circumstances, place, decision, reply, out)?;
            reply::version(reply, version);
            if sets {
                highest = version;
            }
        }
        Ok(highest)
    }
}

/// Decisions are about the state before the group, so that no two may be about one key.
fn check_distinct(group: &Group<'_>) -> Result<(), Refusal> {
    let mut keys: Vec<&[u8]> = group.iter().map(|write| write.key()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::GroupRepeats);
    }
    Ok(())
}
