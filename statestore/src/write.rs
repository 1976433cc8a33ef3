//! A write of one key: first it is decided what it comes to, then that is done.

use std::borrow::Cow;

use catena_hlc::Version;
use catena_store::{
    Delete, DeleteCondition, Increment, Notification, Refusal, Set, SetCondition, Write, reply,
    resp3,
};
use catena_types::{Moment, invariant};

use crate::fencing;
use crate::limits::DIGITS_MAX;
use crate::machine::{Circumstances, Place};
use crate::record::{Parts, Record};
use crate::stop::Stop;
use crate::{Outbox, StateStore};

/// What a write comes to. Nothing has changed yet.
#[derive(Debug)]
pub(crate) enum Decision<'a> {
    /// The key gets a value.
    Put(Put<'a>),
    /// The entry goes; it has so many bytes by the store's accounting.
    Remove(u64),
    /// There is nothing to remove.
    Absent,
    /// The condition is not met.
    Unmet {
        /// The number to reply.
        reply: i64,
        /// The version of the entry, if there is one.
        version: Option<Version>,
    },
}

#[derive(Debug)]
pub(crate) struct Put<'a> {
    value: Cow<'a, [u8]>,
    deadline: Option<Moment>,
    /// The sum of an increment, which is its reply.
    sum: Option<i64>,
    growth: Growth,
}

/// How much fuller the store would be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Growth {
    pub(crate) keys: i64,
    pub(crate) bytes: i64,
}

impl Decision<'_> {
    pub(crate) fn growth(&self) -> Growth {
        match self {
            Self::Put(put) => put.growth,
            Self::Remove(bytes) => Growth {
                keys: -1,
                bytes: -(*bytes as i64),
            },
            Self::Absent | Self::Unmet { .. } => Growth::default(),
        }
    }
}

impl StateStore {
    pub(crate) fn write(
        &mut self,
        circumstances: &Circumstances<'_>,
        write: &Write<'_>,
        reply: &mut Vec<u8>,
        out: &mut Outbox,
    ) -> Result<Option<Version>, Stop> {
        let place = self.place(write.key());
        self.settle(place, circumstances.now, out);
        let decision = self.decide(circumstances, place, write)?;
        self.check_quota(decision.growth())?;
        self.commit(circumstances, place, decision, reply, out)
    }

    /// What a write comes to: first the fence, then the condition. The entry has not expired.
    pub(crate) fn decide<'a>(
        &self,
        circumstances: &Circumstances<'_>,
        place: Place<'_>,
        write: &Write<'a>,
    ) -> Result<Decision<'a>, Refusal> {
        let entry = self.table.find(place.hash, place.key);
        let fence = entry.and_then(Record::fence);
        fencing::check(fence, circumstances.stamps.token)?;
        match write {
            Write::Set(set) => self.decide_set(circumstances, entry, set),
            Write::Delete(delete) => Ok(decide_delete(entry, delete)),
            Write::Increment(increment) => self.decide_increment(circumstances, entry, increment),
        }
    }

    fn decide_set<'a>(
        &self,
        circumstances: &Circumstances<'_>,
        entry: Option<&Record>,
        set: &Set<'a>,
    ) -> Result<Decision<'a>, Refusal> {
        let is_met = match set.condition {
            SetCondition::Always => true,
            SetCondition::Absent => entry.is_none(),
            SetCondition::AbsentOrEqual => entry.is_none_or(|record| record.value() == set.value),
            SetCondition::Version(version) => {
                entry.is_some_and(|record| record.version() == version)
            }
        };
        if !is_met {
            // Only a condition on a version is not met by a key that does not exist.
            let reply = if entry.is_some() {
                reply::NOT_APPLIED
            } else {
                0
            };
            let version = entry.map(Record::version);
            return Ok(Decision::Unmet { reply, version });
        }
        let deadline = set.lifetime.map(|lifetime| {
            let nanos = lifetime.millis().saturating_mul(1_000_000);
            Moment::from_nanos(circumstances.now.time.nanos().saturating_add(nanos))
        });
        self.put(
            circumstances,
            entry,
            (set.key, Cow::Borrowed(set.value)),
            (deadline, None),
        )
    }

    /// Adds to a number. The expiry stays.
    fn decide_increment<'a>(
        &self,
        circumstances: &Circumstances<'_>,
        entry: Option<&Record>,
        increment: &Increment<'_>,
    ) -> Result<Decision<'a>, Refusal> {
        let number = match entry {
            Some(record) => resp3::signed(record.value()).ok_or(Refusal::NotANumber)?,
            None => 0,
        };
        let sum = number
            .checked_add(increment.by)
            .ok_or(Refusal::NumberOverflow)?;
        let mut digits = Vec::with_capacity(DIGITS_MAX);
        resp3::write_signed(&mut digits, sum);
        let deadline = entry.and_then(Record::deadline);
        let value = Cow::Owned(digits);
        self.put(
            circumstances,
            entry,
            (increment.key, value),
            (deadline, Some(sum)),
        )
    }

    fn put<'a>(
        &self,
        circumstances: &Circumstances<'_>,
        entry: Option<&Record>,
        (key, value): (&[u8], Cow<'a, [u8]>),
        (deadline, sum): (Option<Moment>, Option<i64>),
    ) -> Result<Decision<'a>, Refusal> {
        if value.len() as u64 > self.settings.value_bytes_max {
            return Err(Refusal::ValueTooLong);
        }
        let parts = Parts {
            key,
            value: &value,
            version: Version::ZERO,
            deadline,
            fence: circumstances.stamps.token,
            persists: circumstances.persist,
        };
        let growth = Growth {
            keys: i64::from(entry.is_none()),
            bytes: parts.charge() as i64 - entry.map_or(0, |record| record.charge() as i64),
        };
        Ok(Decision::Put(Put {
            value,
            deadline,
            sum,
            growth,
        }))
    }

    /// What does not grow is let through, however full the store is.
    pub(crate) fn check_quota(&mut self, growth: Growth) -> Result<(), Refusal> {
        let exceeds = |now: u64, more: i64, max: u64| more > 0 && now + more.unsigned_abs() > max;
        let keys = exceeds(self.table.len() as u64, growth.keys, self.settings.keys_max);
        let bytes = exceeds(self.table.bytes(), growth.bytes, self.settings.bytes_max);
        if keys || bytes {
            self.counters.refused_keys += u64::from(keys);
            self.counters.refused_bytes += u64::from(bytes && !keys);
            return Err(Refusal::QuotaExceeded);
        }
        Ok(())
    }

    /// Does what was decided, tells who is registered, and appends the reply. The version is that
    /// of the entry before or after.
    pub(crate) fn commit(
        &mut self,
        circumstances: &Circumstances<'_>,
        place: Place<'_>,
        decision: Decision<'_>,
        reply: &mut Vec<u8>,
        out: &mut Outbox,
    ) -> Result<Option<Version>, Stop> {
        let Circumstances {
            now,
            stamps,
            persist,
        } = circumstances;
        match decision {
            Decision::Put(put) => {
                let version = self.clock.stride(now.wall, stamps.timestamp.as_ref());
                // A token that may pass is the entry's own or a higher one, which replaces it.
                let parts = Parts {
                    key: place.key,
                    value: &put.value,
                    version,
                    deadline: put.deadline,
                    fence: stamps.token,
                    persists: *persist,
                };
                self.table.put(place.hash, &parts);
                let is_new = put.growth.keys > 0;
                self.counters.insertions += u64::from(is_new);
                self.counters.modifications += u64::from(!is_new);
                self.tell(place, Notification::Set(&put.value), version, out);
                match put.sum {
                    Some(sum) => reply::number(reply, sum),
                    None => reply::ok(reply),
                }
                Ok(Some(version))
            }
            Decision::Remove(_) => {
                let removed = self.table.remove(place.hash, place.key);
                invariant!(removed.is_some(), "what is to be removed is there");
                self.counters.deletions += 1;
                let version = self.clock.stride(now.wall, None);
                self.tell(place, Notification::Delete, version, out);
                reply::number(reply, 1);
                Ok(removed.map(|record| record.version()))
            }
            Decision::Absent => {
                reply::number(reply, 0);
                Ok(None)
            }
            Decision::Unmet {
                reply: number,
                version,
            } => {
                reply::number(reply, number);
                Ok(version)
            }
        }
    }
}

fn decide_delete<'a>(entry: Option<&Record>, delete: &Delete<'_>) -> Decision<'a> {
    let Some(record) = entry else {
        return match delete.condition {
            DeleteCondition::Always | DeleteCondition::Absent => Decision::Absent,
            DeleteCondition::Value(_) | DeleteCondition::Version(_) => Decision::Unmet {
                reply: 0,
                version: None,
            },
        };
    };
    let is_met = match delete.condition {
        DeleteCondition::Always => true,
        DeleteCondition::Value(value) => record.value() == value,
        DeleteCondition::Version(version) => record.version() == version,
        DeleteCondition::Absent => false,
    };
    if is_met {
        Decision::Remove(record.charge())
    } else {
        Decision::Unmet {
            reply: reply::NOT_APPLIED,
            version: Some(record.version()),
        }
    }
}
