//! Writes, and when they are done.

use std::time::Duration;

use bytes::Bytes;
use catena_store::{DeleteCondition, Lifetime, SetCondition, Write};

use crate::{Error, Version};

/// A value to set, and how: for [`StateStore::set_with`](crate::StateStore::set_with).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::{Set, StateStore};
/// use std::time::Duration;
///
/// let store = StateStore::new(&client).await?;
/// let claim = Set::new("job/4711", "robot-7").if_absent().lifetime(Duration::from_secs(60));
/// let version = store.set_with(claim).await?.ok_or("somebody else has it")?;
///
/// let renewal = Set::new("job/4711", "robot-7")
///     .if_version(&version)
///     .lifetime(Duration::from_secs(60));
/// assert!(store.set_with(renewal).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before the store has it"]
pub struct Set {
    pub(super) key: Bytes,
    value: Bytes,
    condition: Condition,
    lifetime: Option<Duration>,
    pub(super) fencing_token: Option<Version>,
    pub(super) persist: bool,
}

/// When a value is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// If there is no such key.
    Absent,
    /// If there is no such key, or it has this very value: so a lease is renewed.
    AbsentOrEqual,
    /// If the key is there with this version: nobody has changed it since it was read.
    Version(Version),
}

/// A key to remove, and how: for [`StateStore::delete_with`](crate::StateStore::delete_with).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::{Delete, StateStore};
///
/// let store = StateStore::new(&client).await?;
/// store.set("job/4711", "robot-7").await?;
/// assert!(!store.delete_with(Delete::new("job/4711").if_value("robot-8")).await?);
/// assert!(store.delete_with(Delete::new("job/4711").if_value("robot-7")).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before the store has it"]
pub struct Delete {
    key: Bytes,
    condition: Removal,
    pub(super) fencing_token: Option<Version>,
}

/// When a key is removed.
#[derive(Clone, Debug)]
enum Removal {
    Always,
    Value(Bytes),
    Version(Version),
}

impl Set {
    /// Sets a value always, for ever.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            condition: Condition::Always,
            lifetime: None,
            fencing_token: None,
            persist: false,
        }
    }

    /// Under a condition.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// If there is no such key.
    pub fn if_absent(self) -> Self {
        self.condition(Condition::Absent)
    }

    /// If the key is there with this version: compare-and-set.
    pub fn if_version(self, version: &Version) -> Self {
        self.condition(Condition::Version(version.clone()))
    }

    /// The key is removed after so long; milliseconds count.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Protects the key: a write with a lower token, or none, is refused from then on.
    pub fn fencing_token(mut self, token: &Version) -> Self {
        self.fencing_token = Some(token.clone());
        self
    }

    /// Asks the broker to keep it on disk.
    pub fn persist(mut self) -> Self {
        self.persist = true;
        self
    }

    pub(super) fn write(&self) -> Result<Write<'_>, Error> {
        let condition = match &self.condition {
            Condition::Always => SetCondition::Always,
            Condition::Absent => SetCondition::Absent,
            Condition::AbsentOrEqual => SetCondition::AbsentOrEqual,
            Condition::Version(version) => SetCondition::Version(version.in_store()?),
        };
        Ok(Write::Set(catena_store::Set {
            key: &self.key,
            value: &self.value,
            condition,
            lifetime: self.lifetime.map(lifetime).transpose()?,
        }))
    }
}

impl Delete {
    /// Removes a key, if it is there.
    pub fn new(key: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            condition: Removal::Always,
            fencing_token: None,
        }
    }

    /// If the key has this value.
    pub fn if_value(mut self, value: impl Into<Bytes>) -> Self {
        self.condition = Removal::Value(value.into());
        self
    }

    /// If the key has this version: compare-and-delete.
    pub fn if_version(mut self, version: &Version) -> Self {
        self.condition = Removal::Version(version.clone());
        self
    }

    /// Shows that this may remove a key that is protected by a token, as high at most.
    pub fn fencing_token(mut self, token: &Version) -> Self {
        self.fencing_token = Some(token.clone());
        self
    }

    pub(super) fn write(&self) -> Result<Write<'_>, Error> {
        let condition = match &self.condition {
            Removal::Always => DeleteCondition::Always,
            Removal::Value(value) => DeleteCondition::Value(value),
            Removal::Version(version) => DeleteCondition::Version(version.in_store()?),
        };
        Ok(Write::Delete(catena_store::Delete {
            key: &self.key,
            condition,
        }))
    }
}

fn lifetime(lifetime: Duration) -> Result<Lifetime, Error> {
    let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    Lifetime::from_millis(millis)
        .ok_or_else(|| Error::invalid("lifetime", "it is shorter than a millisecond"))
}
