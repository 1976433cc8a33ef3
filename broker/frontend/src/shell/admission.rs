//! How many connections there may be: in all, from one address and on one port.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::ready::lock;

/// Why a connection was refused before it came to MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// As many connections as allowed in all.
    Connections,
    /// As many as allowed from one address.
    ConnectionsPerAddress,
    /// As many as allowed on its port.
    ConnectionsPerPort,
    /// The system could not accept, as when files run out.
    AcceptFailed,
    /// Its PROXY header is missing, malformed, or from somebody who is not trusted.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// The WebSocket handshake failed.
    WebSocket,
    /// Its handshakes took too long.
    HandshakeTimeout,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::ConnectionsPerPort,
        Self::AcceptFailed,
        Self::Proxy,
        Self::Tls,
        Self::WebSocket,
        Self::HandshakeTimeout,
    ];
}

/// Counts connections.
#[derive(Debug)]
pub(crate) struct Admission {
    total_max: u32,
    per_address_max: u32,
    counts: Mutex<Counts>,
    refused: [AtomicU64; Refusal::ALL.len()],
}

/// Entries are at most one per connection.
#[derive(Debug, Default)]
struct Counts {
    total: u32,
    by_address: HashMap<IpAddr, u32>,
    by_port: HashMap<Arc<str>, u32>,
}

/// A port and how many connections it may have.
#[derive(Debug, Clone)]
pub(crate) struct PortLimit {
    pub(crate) port: Arc<str>,
    pub(crate) connections_max: u32,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    /// Where the client is; `None` for Unix sockets.
    pub(crate) address: Option<IpAddr>,
    /// The port, if it has a limit of its own.
    port: Option<Arc<str>>,
}

impl Admission {
    pub(crate) fn new(total_max: u32, per_address_max: u32) -> Arc<Self> {
        Arc::new(Self {
            total_max,
            per_address_max,
            counts: Mutex::default(),
            refused: Default::default(),
        })
    }

    /// Counts a connection, unless there are too many.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        port: Option<&PortLimit>,
    ) -> Result<Permit, Refusal> {
        let mut counts = lock(&self.counts);
        let is_full = |count: Option<&u32>, max| count.copied().unwrap_or_default() >= max;
        let refusal = if counts.total >= self.total_max {
            Some(Refusal::Connections)
        } else if address
            .is_some_and(|address| is_full(counts.by_address.get(&address), self.per_address_max))
        {
            Some(Refusal::ConnectionsPerAddress)
        } else if port
            .is_some_and(|limit| is_full(counts.by_port.get(&limit.port), limit.connections_max))
        {
            Some(Refusal::ConnectionsPerPort)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refuse(refusal);
            return Err(refusal);
        }
        counts.total += 1;
        let port = port.map(|limit| Arc::clone(&limit.port));
        if let Some(address) = address {
            *counts.by_address.entry(address).or_default() += 1;
        }
        if let Some(port) = &port {
            *counts.by_port.entry(Arc::clone(port)).or_default() += 1;
        }
        Ok(Permit {
            admission: Arc::clone(self),
            address,
            port,
        })
    }

    /// Counts a connection that was refused.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.refused[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were refused so far for this reason.
    pub(crate) fn refused(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize].load(Ordering::Relaxed)
    }

    /// The most connections that one address has now.
    pub(crate) fn most_per_address(&self) -> u32 {
        lock(&self.counts)
            .by_address
            .values()
            .copied()
            .max()
            .unwrap_or_default()
    }

    /// Connections now.
    #[cfg(test)]
    pub(crate) fn total(&self) -> u32 {
        lock(&self.counts).total
    }
}

impl Permit {
    /// The same connection, but the client is elsewhere than its socket says (PROXY protocol),
    /// unless there are too many from there.
    pub(crate) fn moved(mut self, address: IpAddr) -> Result<Self, Refusal> {
        let admission = Arc::clone(&self.admission);
        let mut counts = lock(&admission.counts);
        if let Some(before) = self.address.take() {
            release(&mut counts.by_address, before);
        }
        let count = counts.by_address.entry(address).or_default();
        if *count >= admission.per_address_max {
            admission.refuse(Refusal::ConnectionsPerAddress);
            return Err(Refusal::ConnectionsPerAddress);
        }
        *count += 1;
        self.address = Some(address);
        Ok(self)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = lock(&self.admission.counts);
        counts.total -= 1;
        if let Some(address) = self.address {
            release(&mut counts.by_address, address);
        }
        if let Some(port) = self.port.take() {
            release(&mut counts.by_port, port);
        }
    }
}

fn release<K: Hash + Eq>(counts: &mut HashMap<K, u32>, key: K) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn connections_are_limited_in_all_and_per_address() {
        let admission = Admission::new(3, 2);
        let admit = |last| admission.admit(address(last), None);
        let first = admit(1).unwrap();
        let _second = admit(1).unwrap();
        assert_eq!(admit(1).unwrap_err(), Refusal::ConnectionsPerAddress);
        assert_eq!(admission.most_per_address(), 2);
        let _third = admit(2).unwrap();
        let refused = admission.admit(None, None);
        assert_eq!(refused.unwrap_err(), Refusal::Connections);
        drop(first);
        assert_eq!(admission.total(), 2);
        let permit = admission.admit(None, None).unwrap();
        let moved = permit.moved([192, 0, 2, 1].into()).unwrap();
        assert_eq!(admit(9).unwrap_err(), Refusal::Connections);
        drop(moved);
        assert_eq!(lock(&admission.counts).by_address.len(), 2);
        assert_eq!(admission.refused(Refusal::Connections), 2);
        assert_eq!(admission.refused(Refusal::ConnectionsPerAddress), 1);
    }

    #[test]
    fn who_moves_to_a_full_address_is_refused_and_forgotten() {
        let admission = Admission::new(9, 1);
        let _first = admission.admit(address(1), None).unwrap();
        let permit = admission.admit(address(2), None).unwrap();
        let refused = permit.moved([192, 0, 2, 1].into());
        assert_eq!(refused.unwrap_err(), Refusal::ConnectionsPerAddress);
        assert_eq!((admission.total(), admission.most_per_address()), (1, 1));
        drop(admission.admit(address(2), None).unwrap());
    }

    #[test]
    fn a_port_has_a_limit_of_its_own() {
        let admission = Admission::new(9, 9);
        let limit = PortLimit {
            port: "plain".into(),
            connections_max: 1,
        };
        let first = admission.admit(address(1), Some(&limit)).unwrap();
        let refused = admission.admit(address(2), Some(&limit));
        assert_eq!(refused.unwrap_err(), Refusal::ConnectionsPerPort);
        let _elsewhere = admission.admit(address(2), None).unwrap();
        drop(first);
        drop(admission.admit(address(3), Some(&limit)).unwrap());
        assert!(lock(&admission.counts).by_port.is_empty());
    }
}
