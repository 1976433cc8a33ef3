//! Values that are Rust types, as JSON.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::write::Set;
use super::{Entry, StateStore};
use crate::{Error, Version};

impl Entry {
    /// The value, read as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Undecodable`] if it is no such value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let why = |error: serde_json::Error| Error::Undecodable {
            why: error.to_string(),
        };
        serde_json::from_slice(&self.value).map_err(why)
    }
}

impl Set {
    /// Sets a value, written as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it cannot be written so: a map whose keys are no strings, for one.
    pub fn json<T: Serialize + ?Sized>(key: impl Into<Bytes>, value: &T) -> Result<Self, Error> {
        let value = serde_json::to_vec(value);
        let value = value.map_err(|error| Error::invalid("value", error.to_string()))?;
        Ok(Self::new(key, value))
    }
}

impl StateStore {
    /// The value of a key, read as JSON.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get) and [`Entry::json`].
    pub async fn read_json<T: DeserializeOwned>(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<T>, Error> {
        let entry = self.get(key).await?;
        entry.map(|entry| entry.json()).transpose()
    }

    /// Sets a value, written as JSON; gives back its version.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set) and [`Set::json`].
    pub async fn write_json<T: Serialize + ?Sized>(
        &self,
        key: impl Into<Bytes>,
        value: &T,
    ) -> Result<Version, Error> {
        let version = self.set_with(Set::json(key, value)?).await?;
        version.ok_or_else(|| Error::answer("a condition that nobody gave is not met"))
    }

    /// Changes a value, read and written as JSON, by what it is: reads it, and sets what `change`
    /// makes of it if nobody has changed it meanwhile; else begins again. Gives back what was set.
    /// The key then lives for ever.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let client = catena_sdk::Client::connect(&broker.url()).await?;
    /// # let store = catena_sdk::StateStore::new(&client).await?;
    /// let longest = store
    ///     .update("line-1/longest-stop", |known: Option<u32>| known.unwrap_or(0).max(17))
    ///     .await?;
    /// assert_eq!(longest, 17);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_json`](Self::read_json) and [`write_json`](Self::write_json). If the outcome is
    /// unknown, so is whether the change was made.
    pub async fn update<T: Serialize + DeserializeOwned>(
        &self,
        key: impl Into<Bytes>,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T, Error> {
        let key = key.into();
        loop {
            let entry = self.get(&key).await?;
            let known = entry.as_ref().map(Entry::json).transpose()?;
            let value = change(known);
            let set = Set::json(key.clone(), &value)?;
            let set = match entry {
                None => set.if_absent(),
                Some(entry) => {
                    let version = entry.version;
                    let missing = || Error::answer("a value has no version");
                    set.if_version(&version.ok_or_else(missing)?)
                }
            };
            if self.set_with(set).await?.is_some() {
                return Ok(value);
            }
        }
    }
}
