//! What must hold of a connection between any two calls.

use catena_types::{Fault, invariant};

use crate::Settings;
use crate::connection::{Connection, State};
use crate::in_flight::Window;

impl Connection {
    /// Checks every documented invariant.
    ///
    /// # Errors
    /// The one that does not hold.
    pub fn validate(&self, settings: &Settings) -> Result<(), Fault> {
        let mut in_flight = 0;
        for window in self.outbound.iter().flat_map(|outbound| &outbound.windows) {
            in_flight += window.validate()?;
        }
        invariant!(
            in_flight == usize::from(self.in_flight),
            "what is in flight is counted",
            windows = in_flight,
            counted = self.in_flight,
        );
        invariant!(
            self.in_flight <= self.receive_maximum,
            "no more is in flight than Receive Maximum",
            in_flight = self.in_flight,
            receive_maximum = self.receive_maximum,
        );
        let windows = self.outbound.iter().flat_map(|outbound| &outbound.windows);
        let mut partitions: Vec<_> = windows.map(|window: &Window| window.partition).collect();
        partitions.sort_unstable();
        let count = partitions.len();
        partitions.dedup();
        invariant!(partitions.len() == count, "a partition has one window");
        if let Some(inbound) = &self.inbound {
            invariant!(
                inbound.in_use() <= usize::from(u16::MAX),
                "what we owe is bounded"
            );
        }
        if let Some(aliases) = &self.inbound_aliases {
            let maximum = usize::from(settings.topic_alias_maximum);
            invariant!(
                aliases.len() <= maximum,
                "inbound aliases are within their maximum"
            );
        }
        if let Some(aliases) = &self.outbound_aliases {
            invariant!(
                aliases.is_within_maximum(),
                "outbound aliases are within their maximum"
            );
        }
        let is_open = self.state == State::Connected;
        invariant!(
            is_open || (self.inbound.is_none() && self.outbound.is_none()),
            "nothing is owed but on an open connection",
        );
        let is_beginning = matches!(
            self.state,
            State::AwaitingAuth | State::Verifying | State::Connecting
        );
        invariant!(
            is_beginning == self.handshake.is_some(),
            "a handshake is kept while a connection is opened",
            state = self.state,
        );
        Ok(())
    }
}
