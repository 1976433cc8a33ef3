//! Several writes, all or none.

use bytes::Bytes;
use catena_store::{
    DeleteCondition, GroupResult, Increment, Reply, Write, encode_group, limits::GROUP_WRITES_MAX,
};

use super::calls::{Beside, list, unexpected};
use super::write::{Delete, Set};
use crate::{Error, StateStore, Version};

/// Up to 4,096 writes ([`Group::WRITES_MAX`]) that are done together or not at all, each key at
/// most once.
///
/// All conditions are looked at before anything is done. The keys have to live in one place: of a
/// key with braces only the text inside the first ones decides, so `{order-7}/items` and
/// `{order-7}/total` do.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::{Delete, Group, GroupOutcome, Set, StateStore};
///
/// let store = StateStore::new(&client).await?;
/// store.set("{order-7}/wish", "tea").await?;
///
/// let group = Group::new()
///     .set(Set::new("{order-7}/lock", "robot-1").if_absent())
///     .delete(Delete::new("{order-7}/wish").if_value("tea"))
///     .increment("{order-7}/count", 1);
/// assert!(matches!(store.apply(&group).await?, GroupOutcome::Applied(_)));
///
/// // Now the lock is there: the first write, counted from 0, cannot be done, so that none is.
/// let GroupOutcome::Unmet(index) = store.apply(&group).await? else {
///     return Err("it is applied twice".into());
/// };
/// assert_eq!(index, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is sent before the store has it"]
pub struct Group {
    writes: Vec<One>,
    fencing_token: Option<Version>,
    persist: bool,
}

#[derive(Clone, Debug)]
enum One {
    Set(Set),
    Delete(Delete),
    Increment { key: Bytes, by: i64 },
    Absent { key: Bytes },
}

/// What came of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupOutcome {
    /// All writes were done; what came of each, in their order.
    Applied(Vec<Written>),
    /// None was done: the condition of the write with this index, counted from 0, is not met.
    Unmet(usize),
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written {
    /// The value was set.
    Set {
        /// Its version.
        version: Version,
    },
    /// The key is not there.
    Deleted {
        /// Whether it was before.
        was_there: bool,
    },
    /// The number was incremented.
    Incremented {
        /// What it is now.
        sum: i64,
        /// Its version.
        version: Version,
    },
}

impl Group {
    /// How many writes a group may have.
    pub const WRITES_MAX: usize = GROUP_WRITES_MAX;

    /// No writes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value. A fencing token is the group's, and so is the wish to keep it on disk: what
    /// `set` says about them goes for the whole group.
    pub fn set(mut self, set: Set) -> Self {
        self.persist |= set.persist;
        self.raise(set.fencing_token.as_ref());
        self.writes.push(One::Set(set));
        self
    }

    /// Removes a key. A fencing token goes for the whole group.
    pub fn delete(mut self, delete: Delete) -> Self {
        self.raise(delete.fencing_token.as_ref());
        self.writes.push(One::Delete(delete));
        self
    }

    /// Adds to a number; see [`StateStore::increment`].
    pub fn increment(mut self, key: impl Into<Bytes>, by: i64) -> Self {
        let key = key.into();
        self.writes.push(One::Increment { key, by });
        self
    }

    /// Demands that a key does not exist, and leaves it so. Needs a store with the
    /// [feature](StateStore::features) `absent`.
    pub fn require_absent(mut self, key: impl Into<Bytes>) -> Self {
        let key = key.into();
        self.writes.push(One::Absent { key });
        self
    }

    /// The token of all writes; of several, the highest counts.
    pub fn fencing_token(mut self, token: &Version) -> Self {
        self.raise(Some(token));
        self
    }

    fn raise(&mut self, token: Option<&Version>) {
        let known = self.fencing_token.take();
        self.fencing_token = known.max(token.cloned());
    }

    fn encode(&self) -> Result<Vec<u8>, Error> {
        if !(1..=Self::WRITES_MAX).contains(&self.writes.len()) {
            let (count, most) = (self.writes.len(), Self::WRITES_MAX);
            let why = format!("it has {count} writes, not 1 to {most}");
            return Err(Error::invalid("group", why));
        }
        let writes = self.writes.iter().map(One::write);
        let writes = writes.collect::<Result<Vec<_>, Error>>()?;
        let mut payload = Vec::new();
        encode_group(&mut payload, &writes);
        Ok(payload)
    }
}

impl One {
    fn write(&self) -> Result<Write<'_>, Error> {
        match self {
            Self::Set(set) => set.write(),
            Self::Delete(delete) => delete.write(),
            Self::Increment { key, by } => Ok(Write::Increment(Increment { key, by: *by })),
            Self::Absent { key } => Ok(Write::Delete(catena_store::Delete {
                key,
                condition: DeleteCondition::Absent,
            })),
        }
    }

    fn written(&self, reply: &Reply<'_>, version: Option<Version>) -> Result<Written, Error> {
        let told = || version.ok_or_else(|| Error::answer("a write has no version"));
        Ok(match (self, reply) {
            (Self::Set(_), Reply::Ok) => Written::Set { version: told()? },
            (Self::Delete(_) | Self::Absent { .. }, Reply::Number(count @ 0..)) => {
                Written::Deleted {
                    was_there: *count > 0,
                }
            }
            (Self::Increment { .. }, Reply::Number(sum)) => Written::Incremented {
                sum: *sum,
                version: told()?,
            },
            (_, other) => return Err(unexpected(other)),
        })
    }
}

impl StateStore {
    /// Does all writes of a group, or none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a group without writes, or with too many;
    /// [`Error::StoreRefused`], among others for keys that do not live in one place, or a key that
    /// is written twice: nothing was done then; else as [`get`](Self::get).
    pub async fn apply(&self, group: &Group) -> Result<GroupOutcome, Error> {
        let payload = group.encode()?;
        let beside = Beside {
            fencing_token: group.fencing_token.as_ref(),
            persist: group.persist,
        };
        let answer = self.calls().send(payload, beside, self.wait()).await?;
        let results = match list(GroupResult::parse(&answer.payload))? {
            GroupResult::Unmet(index) => return Ok(GroupOutcome::Unmet(index)),
            GroupResult::Applied(results) if results.len() == group.writes.len() => results,
            GroupResult::Applied(_) => {
                return Err(Error::answer("it tells of another number of writes"));
            }
        };
        let each = group.writes.iter().zip(results.iter());
        let written = each
            .map(|(one, (reply, version))| one.written(&reply, version.map(Version::of_packed)));
        Ok(GroupOutcome::Applied(
            written.collect::<Result<_, Error>>()?,
        ))
    }
}
