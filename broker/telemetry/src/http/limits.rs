//! What one client of the admin port can make grow.

use std::time::Duration;

/// Limits of the admin port. When one acts, `catena_admin_requests_total` counts the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line and headers, in bytes; beyond, 431. What scrapers send is below 1 KiB.
    pub head_bytes_max: usize,
    /// Longest time until the request is complete, and again until the answer is taken; beyond,
    /// 408 and a closed connection.
    pub exchange_time_max: Duration,
    /// Most connections at once; further ones wait unaccepted until one of these has ended, which
    /// the time limit forces.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 8 * 1024,
            exchange_time_max: Duration::from_secs(5),
            connections_max: 64,
        }
    }
}
