//! Versions of values, which are fencing tokens as well.

use std::fmt;
use std::sync::Arc;

use catena_hlc::{Millis, Stamp};
use catena_store::NODE;

use crate::Error;

/// The version of a value: the stamp of a hybrid logical clock. Later versions are higher.
///
/// The version with which a [`Lease`](crate::Lease) was acquired is its fencing token: a write that
/// carries it is refused once a later holder has written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    wall: Millis,
    counter: u64,
    node: Arc<str>,
}

impl Version {
    /// Reads the text form, as [`Display`](fmt::Display) writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is none.
    ///
    /// ```
    /// use catena_sdk::Version;
    ///
    /// let version = Version::parse("001696374425000:00001:StateStore")?;
    /// assert_eq!(version.to_string(), "001696374425000:00001:StateStore");
    /// # Ok::<(), catena_sdk::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let stamp = Stamp::parse(text);
        let stamp = stamp.map_err(|error| Error::invalid("version", error.to_string()))?;
        Ok(Self::of(&stamp))
    }

    pub(crate) fn of_packed(version: catena_hlc::Version) -> Self {
        Self::of(&version.stamp(NODE))
    }

    /// The form in which requests name it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a version that the store can never have given.
    pub(crate) fn in_store(&self) -> Result<catena_hlc::Version, Error> {
        let version = catena_hlc::Version::of_stamp(&self.stamp(), NODE);
        version.ok_or_else(|| Error::invalid("version", "no state store has given it"))
    }

    fn stamp(&self) -> Stamp<'_> {
        Stamp {
            wall: self.wall,
            counter: self.counter,
            node: &self.node,
        }
    }

    pub(crate) fn of(stamp: &Stamp<'_>) -> Self {
        Self {
            wall: stamp.wall,
            counter: stamp.counter,
            node: Arc::from(stamp.node),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stamp().fmt(f)
    }
}
