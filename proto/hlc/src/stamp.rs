//! A stamp as clients and servers exchange it: wall time, counter, node.

/// The longest node text that is accepted, in bytes. Nodes are short names or UUIDs; a limit keeps
/// a stored fencing token small.
pub const NODE_BYTES_MAX: usize = 255;

/// A wall time: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(u64);

impl Millis {
    /// Wraps the number of milliseconds.
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// The number of milliseconds.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The time `more` milliseconds later, or the end of time.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self(self.0.saturating_add(more.0))
    }
}

/// A stamp of any node.
///
/// Ordered by wall time, then counter as a number, then node by its bytes. Two stamps are equal
/// only if all three parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp<'a> {
    /// The wall time.
    pub wall: Millis,
    /// What orders the stamps of one wall time.
    pub counter: u64,
    /// Who gave it: not empty, without `:`, at most [`NODE_BYTES_MAX`] bytes.
    pub node: &'a str,
}

impl Stamp<'_> {
    /// Whether it is more than `limit` ahead of the wall time `now`. Exactly `limit` is not.
    pub fn is_ahead(&self, now: Millis, limit: Millis) -> bool {
        self.wall > now.plus(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DRIFT_MAX;

    fn stamp(text: &str) -> Stamp<'_> {
        Stamp::parse(text).unwrap()
    }

    #[test]
    fn wall_goes_before_counter_and_counter_before_node() {
        assert!(stamp("5:9:a") < stamp("6:0:a"));
        assert!(stamp("5:9:a") < stamp("5:10:a"));
        assert!(stamp("5:9:a") < stamp("5:9:b"));
        assert!(stamp("05:009:a") == stamp("5:9:a"));
        assert!(stamp("1696374425000:0:Client1") < stamp("001696374425000:00001:StateStore"));
    }

    #[test]
    fn exactly_the_limit_is_not_ahead() {
        let now = Millis::new(100);
        assert!(!stamp("60100:9:a").is_ahead(now, DRIFT_MAX));
        assert!(stamp("60101:0:a").is_ahead(now, DRIFT_MAX));
        assert!(!stamp("0:0:a").is_ahead(now, DRIFT_MAX));
        assert!(!stamp("18446744073709551615:0:a").is_ahead(Millis::new(u64::MAX), DRIFT_MAX));
    }
}
