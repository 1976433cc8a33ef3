//! What the state store does with one entry or one transaction.
//!
//! Nothing is sent twice: a write whose answer does not come may have been done, and only the
//! caller knows whether doing it again does harm.

use std::time::Duration;

use bytes::Bytes;
use catena_sdk::{Delete, Error, Event, Events, Group, GroupOutcome, Set, TimeToLive};
use tokio::time::{Instant, timeout, timeout_at};

use super::access::{Access, Ready};
use super::etag::Condition;
use super::failure::{Failure, Kind};
use super::keys::PartitionBy;
use super::transaction::{Change, Unmet, Write, fold};
use super::{clock, room, ttl};

/// An entry as an answer shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) value: Bytes,
    /// Its version as text.
    pub(crate) etag: Option<String>,
    /// When it is gone, in RFC 3339; `None` if it stays, or nobody can know.
    pub(crate) expire_time: Option<String>,
}

/// The operations of one call, which all have to end in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operations<'a> {
    access: &'a Access,
    deadline: Instant,
}

impl<'a> Operations<'a> {
    /// They end by the deadline, with or without an answer.
    pub(crate) fn new(access: &'a Access, deadline: Instant) -> Self {
        Self { access, deadline }
    }

    /// Reads an entry.
    pub(crate) async fn get(self, name: &str) -> Result<Option<Found>, Failure> {
        let ready = self.access.ready(self.deadline).await?;
        let found = self.read(&ready, name).await?;
        if let Some(found) = &found {
            room::check(name, &found.value)?;
        }
        Ok(found)
    }

    /// Changes an entry, if its condition is met.
    pub(crate) async fn write(self, write: Write) -> Result<(), Failure> {
        let ready = self.access.ready(self.deadline).await?;
        let (key, condition) = (&*write.key, &write.condition);
        match (write.change, condition) {
            (Change::Set { value, lifetime }, _) => {
                let set = Set::new(write.name, value);
                let set = match condition {
                    Condition::Always => return self.set(&ready, set, lifetime).await.map(drop),
                    Condition::Absent => set.if_absent(),
                    Condition::Version(version) => {
                        ready.check_compares()?;
                        set.if_version(version)
                    }
                };
                let events = ready.store.client().events();
                let is_met = self.set(&ready, set, lifetime).await?;
                met(is_met, (key, condition), events).await
            }
            (Change::Delete, Condition::Always) => {
                let delete = ready.store.delete_with(Delete::new(write.name));
                self.written(delete).await.map(drop)
            }
            (Change::Delete, Condition::Absent) => {
                let found = self.read(&ready, &write.name).await?;
                found.map_or(Ok(()), |_| Err(Failure::exists(key)))
            }
            (Change::Delete, Condition::Version(version)) => {
                ready.check_compares()?;
                let events = ready.store.client().events();
                let delete = Delete::new(write.name).if_version(version);
                let is_met = self.written(ready.store.delete_with(delete)).await?;
                met(is_met, (key, condition), events).await
            }
        }
    }

    /// Does all of a transaction, or nothing. How its keys got their names is for whom it fails.
    pub(crate) async fn transact(
        self,
        sequence: Vec<Write>,
        by: PartitionBy,
    ) -> Result<(), Failure> {
        let unmet = |it: Unmet| Failure::unmet(&it.condition, &it.key);
        let writes = fold(sequence).map_err(unmet)?;
        if writes.is_empty() {
            return Ok(());
        }
        check_count(writes.len())?;
        let ready = self.access.ready(self.deadline).await?;
        ready.check_groups()?;
        if writes.iter().any(Write::only_demands_absence) {
            ready.check_absences()?;
        }
        let events = ready.store.client().events();
        let is_conditional = |write: &Write| write.condition != Condition::Always;
        let group = writes.iter().fold(Group::new(), add);
        let applied = self.written_as(ready.store.apply(&group), |error| {
            Failure::of_transaction(error, by)
        });
        match applied.await? {
            GroupOutcome::Applied(_) => Ok(()),
            GroupOutcome::Unmet(index) => match writes.get(index) {
                Some(write) if is_conditional(write) => {
                    met(false, (&write.key, &write.condition), events).await
                }
                _ => Err(Failure::new(
                    Kind::Internal,
                    "a condition that nobody gave is not met",
                )),
            },
        }
    }

    async fn read(self, ready: &Ready, name: &str) -> Result<Option<Found>, Failure> {
        let reading = async {
            if ready.abilities.lifetimes {
                ready.store.value_with_time_to_live(name).await
            } else {
                let entry = ready.store.get(name).await?;
                Ok(entry.map(|entry| (entry, TimeToLive::Forever)))
            }
        };
        let read = timeout_at(self.deadline, reading).await;
        let read = read
            .unwrap_or(Err(self.late()))
            .map_err(|error| self.unread(error))?;
        Ok(read.map(|(entry, left)| {
            let version = entry.version.filter(|_| ready.abilities.compares);
            let until = match left {
                TimeToLive::For(left) => Some(ttl::expire_time(clock::since_epoch(), left)),
                TimeToLive::Absent | TimeToLive::Forever => None,
            };
            Found {
                value: entry.value,
                etag: version.map(|version| version.to_string()),
                expire_time: until,
            }
        }))
    }

    /// Whether the condition is met.
    async fn set(
        self,
        ready: &Ready,
        set: Set,
        lifetime: Option<Duration>,
    ) -> Result<bool, Failure> {
        let set = lifetime.into_iter().fold(set, Set::lifetime);
        let version = self.written(ready.store.set_with(set)).await?;
        Ok(version.is_some())
    }

    /// The answer to a write.
    async fn written<T>(self, write: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
        self.written_as(write, Failure::from).await
    }

    /// As [`Self::written`], with a failure of one's own.
    async fn written_as<T>(
        self,
        write: impl Future<Output = Result<T, Error>>,
        failure: impl FnOnce(Error) -> Failure,
    ) -> Result<T, Failure> {
        let written = timeout_at(self.deadline, write).await;
        written.unwrap_or(Err(self.late())).map_err(|error| {
            let mut failure = failure(error);
            if failure.kind == Kind::NoAnswer {
                failure
                    .text
                    .push_str("; it may have been done, or be done yet");
            }
            failure
        })
    }

    /// A read that has no answer can be repeated, and fails for the reason why it has none.
    fn unread(self, error: Error) -> Failure {
        let failure = Failure::from(error);
        match self.access.why_down() {
            Some(why) if failure.kind == Kind::NoAnswer => why,
            _ => failure,
        }
    }

    fn late(self) -> Error {
        let after = self.access.timeout();
        Error::TimedOut { after }
    }
}

/// An unmet condition is a mismatch, unless the broker has lost the session meanwhile: then the
/// client has sent the write again, and what the condition failed on may be the first of the two.
async fn met(
    is_met: bool,
    (key, condition): (&str, &Condition),
    events: Events,
) -> Result<(), Failure> {
    if is_met {
        return Ok(());
    }
    if session_was_lost(events).await {
        let text = "the broker has lost the session while this was under way; \
            it may have been done; read the entry to know";
        return Err(Failure::new(Kind::NoAnswer, text));
    }
    Err(Failure::unmet(condition, key))
}

/// Looks through what has happened already; waits for nothing.
async fn session_was_lost(mut events: Events) -> bool {
    while let Ok(Some(event)) = timeout(Duration::ZERO, events.next()).await {
        if matches!(
            event,
            Event::Connected {
                session_present: false
            }
        ) {
            return true;
        }
    }
    false
}

/// What the store does together has a limit, which a sidecar asks for and may not heed.
fn check_count(keys: usize) -> Result<(), Failure> {
    let most = Group::WRITES_MAX;
    if keys <= most {
        return Ok(());
    }
    let text = format!(
        "the transaction changes {keys} keys, and the state store changes at most {most} together: \
         split it, or keep what belongs together in fewer keys"
    );
    Err(Failure::new(Kind::Invalid, text))
}

fn add(group: Group, write: &Write) -> Group {
    let name = write.name.clone();
    match (&write.change, &write.condition) {
        (Change::Set { value, lifetime }, condition) => {
            let set = Set::new(name, value.clone());
            let set = lifetime.iter().fold(set, |set, it| set.lifetime(*it));
            group.set(match condition {
                Condition::Always => set,
                Condition::Absent => set.if_absent(),
                Condition::Version(version) => set.if_version(version),
            })
        }
        (Change::Delete, Condition::Version(version)) => {
            group.delete(Delete::new(name).if_version(version))
        }
        (Change::Delete, Condition::Always) => group.delete(Delete::new(name)),
        (Change::Delete, Condition::Absent) => group.require_absent(name),
    }
}
