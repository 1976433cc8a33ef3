//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::ready::lock;

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    total_max: u32,
    per_address_max: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: u32,
    /// At most one entry per connection.
    by_address: HashMap<IpAddr, u32>,
    refused: u64,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    /// Where the client is; `None` for Unix sockets.
    pub(crate) address: Option<IpAddr>,
}

impl Admission {
    pub(crate) fn new(total_max: u32, per_address_max: u32) -> Arc<Self> {
        let counts = Mutex::default();
        Arc::new(Self {
            total_max,
            per_address_max,
            counts,
        })
    }

    /// Counts a connection, unless there are too many.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Permit> {
        let mut counts = lock(&self.counts);
        let from_address =
            address.map_or(0, |address| *counts.by_address.get(&address).unwrap_or(&0));
        if counts.total >= self.total_max || from_address >= self.per_address_max {
            counts.refused += 1;
            return None;
        }
        counts.total += 1;
        if let Some(address) = address {
            counts.by_address.insert(address, from_address + 1);
        }
        Some(Permit {
            admission: Arc::clone(self),
            address,
        })
    }

    /// Connections refused so far.
    pub(crate) fn refused(&self) -> u64 {
        lock(&self.counts).refused
    }

    /// Connections now.
    #[cfg(test)]
    pub(crate) fn total(&self) -> u32 {
        lock(&self.counts).total
    }
}

impl Permit {
    /// The same connection, but the client is elsewhere than its socket says (PROXY protocol).
    /// `None` if there are too many from there.
    pub(crate) fn moved(self, address: IpAddr) -> Option<Self> {
        let admission = Arc::clone(&self.admission);
        drop(self);
        admission.admit(Some(address))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = lock(&self.admission.counts);
        counts.total -= 1;
        if let Some(address) = self.address
            && let Entry::Occupied(mut entry) = counts.by_address.entry(address)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_limited_in_all_and_per_address() {
        let admission = Admission::new(3, 2);
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        let first = admission.admit(address(1)).unwrap();
        let _second = admission.admit(address(1)).unwrap();
        assert!(admission.admit(address(1)).is_none(), "two per address");
        let _third = admission.admit(address(2)).unwrap();
        assert!(admission.admit(None).is_none(), "three in all");
        drop(first);
        assert_eq!((admission.total(), admission.refused()), (2, 2));
        let moved = admission
            .admit(None)
            .unwrap()
            .moved([192, 0, 2, 1].into())
            .unwrap();
        assert!(admission.admit(address(9)).is_none());
        drop(moved);
        assert_eq!(lock(&admission.counts).by_address.len(), 2);
    }
}
