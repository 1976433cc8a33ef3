//! The state store beside stores of others, each under its own load: what is asked of all of them,
//! and how the result is told in the words of `catena bench`.

pub mod etcd;
mod process;
pub mod redis;

use std::time::Duration;

use anyhow::{Context, bail};

pub use process::Used;

/// What a store is asked, as the arguments of `catena bench state` say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Which operation.
    pub operation: Operation,
    /// Requests under way on each connection.
    pub window: u32,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Keys.
    pub keys: u32,
    /// How long to measure.
    pub time: Duration,
}

/// An operation that all stores have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Gives a key a value.
    Set,
    /// Reads it.
    Get,
}

/// Connections, as `catena bench state` has them unless it is told otherwise.
pub const CONNECTIONS: u32 = 50;

impl Load {
    /// Reads the arguments of a scenario.
    ///
    /// # Errors
    ///
    /// If they say what is for Catena alone.
    pub fn of(words: &str, time: Duration) -> anyhow::Result<Self> {
        let mut load = Self {
            operation: Operation::Get,
            window: 100,
            value_bytes: 64,
            keys: 10_000,
            time,
        };
        let mut words = words.split_whitespace();
        if words.next() != Some("state") {
            bail!("not a load for stores");
        }
        while let Some(flag) = words.next() {
            let value = words.next().context("a flag without value")?;
            match (flag, value) {
                ("--mix", "set") => load.operation = Operation::Set,
                ("--mix", "get") => load.operation = Operation::Get,
                ("--window", number) => load.window = number.parse()?,
                ("--payload", number) => load.value_bytes = number.parse()?,
                ("--keys", number) => load.keys = number.parse()?,
                _ => bail!("{flag} {value} is for Catena alone"),
            }
        }
        Ok(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_catena_bench_are_a_load() {
        let time = Duration::from_secs(2);
        let words = "state --mix set --window 16 --payload 1024 --keys 1000000";
        let expected = Load {
            operation: Operation::Set,
            window: 16,
            value_bytes: 1_024,
            keys: 1_000_000,
            time,
        };
        assert_eq!(Load::of(words, time).unwrap(), expected);
        for wrong in [
            "state --mix mixed",
            "state-expiry",
            "p2p -q 1",
            "state --mix",
        ] {
            assert!(Load::of(wrong, time).is_err(), "{wrong}");
        }
    }
}
