//! What a Component resource may say about state, beside how to reach the broker.

use std::time::Duration;

use super::keys::PartitionBy;
use crate::instances::Flavour;
use crate::metadata::{Field, Invalid, Properties};

/// The settings of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) partition_by: PartitionBy,
    /// How long a call may take, with all of its items.
    pub(crate) timeout: Duration,
}

/// The names of all that there is to set here.
pub(crate) const NAMES: &[&str] = &["partitionBy", "requestTimeout"];

/// Long enough for a broker to fail over, short enough for a caller that waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Less would fail by chance, more would never be told.
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(300);

impl Settings {
    /// Reads them. Azure's types keep the names of keys, which other clients of the store may know.
    pub(crate) fn read(properties: &Properties, flavour: Flavour) -> Result<Self, Invalid> {
        let words = [("prefix", PartitionBy::Prefix), ("key", PartitionBy::Key)];
        let partition_by = properties.read(&["partitionBy"], |field| field.word(&words))?;
        let partition_by = partition_by.unwrap_or(match flavour {
            Flavour::Catena => PartitionBy::Prefix,
            Flavour::AzureFirst | Flavour::AzureSecond => PartitionBy::Key,
        });
        let timeout = properties.read(&["requestTimeout"], |field: Field<'_>| {
            let timeout = field.duration()?;
            if TIMEOUTS.contains(&timeout) {
                Ok(timeout)
            } else {
                Err(field.invalid("a time from 100ms to 5m"))
            }
        })?;
        Ok(Self {
            partition_by,
            timeout: timeout.unwrap_or(TIMEOUT),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], flavour: Flavour) -> Result<Settings, Invalid> {
        let pairs = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Settings::read(&Properties::new(pairs.collect()), flavour)
    }

    #[test]
    fn our_type_keeps_an_application_together_and_azure_s_keep_names() {
        for (flavour, expected) in [
            (Flavour::Catena, PartitionBy::Prefix),
            (Flavour::AzureFirst, PartitionBy::Key),
            (Flavour::AzureSecond, PartitionBy::Key),
        ] {
            assert_eq!(read(&[], flavour).unwrap().partition_by, expected);
            let said = read(&[("PartitionBy", "Key")], flavour).unwrap();
            assert_eq!(said.partition_by, PartitionBy::Key);
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_by_name() {
        for (name, value) in [
            ("partitionBy", "app"),
            ("requestTimeout", "0"),
            ("requestTimeout", "1h"),
            ("requestTimeout", "soon"),
        ] {
            let error = read(&[(name, value)], Flavour::Catena)
                .unwrap_err()
                .to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
        let quick = read(&[("requestTimeout", "250ms")], Flavour::Catena).unwrap();
        assert_eq!(quick.timeout, Duration::from_millis(250));
    }
}
