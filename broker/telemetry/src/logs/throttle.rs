//! Keeps a repeated line from flooding the log. Must never read a clock: it is given the moment.

use std::collections::BTreeMap;
use std::time::Duration;

use catena_types::Moment;

/// Lets one line per key and interval pass, for a bounded number of keys.
///
/// When the keys are used up, the key that was quiet for longest gives way if its interval is
/// over; else the line of the new key is suppressed. So whatever keys come, at most `keys_max`
/// lines per interval are written.
#[derive(Debug, Clone)]
pub struct Throttle<K> {
    interval: Duration,
    keys_max: usize,
    keys: BTreeMap<K, Repeats>,
    suppressed: u64,
}

impl<K: Ord + Clone> Throttle<K> {
    /// One line per second and key, for so many keys at once.
    pub fn new(keys_max: usize) -> Self {
        Self {
            interval: INTERVAL,
            keys_max,
            keys: BTreeMap::new(),
            suppressed: 0,
        }
    }

    /// There is a line to write for this key.
    pub fn handle_line(&mut self, now: Moment, key: K) -> Decision {
        let interval = self.interval;
        if let Some(repeats) = self.keys.get_mut(&key) {
            if now.since(repeats.written) >= interval {
                repeats.written = now;
                let suppressed = std::mem::take(&mut repeats.suppressed);
                return Decision::Write { suppressed };
            }
            repeats.suppressed += 1;
            self.suppressed += 1;
            return Decision::Suppress;
        }
        if self.keys.len() >= self.keys_max && !self.release_one(now) {
            self.suppressed += 1;
            return Decision::Suppress;
        }
        let written = now;
        let repeats = Repeats {
            written,
            suppressed: 0,
        };
        self.keys.insert(key, repeats);
        Decision::Write { suppressed: 0 }
    }

    /// Lines suppressed so far, of all keys.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    fn release_one(&mut self, now: Moment) -> bool {
        let oldest = self.keys.iter().min_by_key(|(_, repeats)| repeats.written);
        let over = oldest.filter(|(_, repeats)| now.since(repeats.written) >= self.interval);
        let key = over.map(|(key, _)| key.clone());
        key.is_some_and(|key| self.keys.remove(&key).is_some())
    }
}

/// What to do with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Write it, with the number of lines of its key that were suppressed since the last.
    Write {
        /// Lines suppressed since the last one written.
        suppressed: u64,
    },
    /// Do not write it.
    Suppress,
}

#[derive(Debug, Clone)]
struct Repeats {
    written: Moment,
    suppressed: u64,
}

/// Often enough to see that something goes on, seldom enough to read.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::{Decision, Throttle};
    use catena_types::Moment;

    const FIRST: Decision = Decision::Write { suppressed: 0 };

    #[test]
    fn one_line_per_second_and_key() {
        let mut throttle = Throttle::new(8);
        assert_eq!(throttle.handle_line(at(0), "tls"), FIRST);
        assert_eq!(throttle.handle_line(at(1), "tls"), Decision::Suppress);
        assert_eq!(throttle.handle_line(at(1), "accept"), FIRST);
        assert_eq!(throttle.handle_line(at(999), "tls"), Decision::Suppress);
        assert_eq!(
            throttle.handle_line(at(1000), "tls"),
            Decision::Write { suppressed: 2 }
        );
        assert_eq!(throttle.handle_line(at(1999), "tls"), Decision::Suppress);
        assert_eq!(
            throttle.handle_line(at(2000), "tls"),
            Decision::Write { suppressed: 1 }
        );
        assert_eq!(throttle.suppressed(), 3);
    }

    #[test]
    fn the_keys_are_bounded_and_so_are_the_lines() {
        let mut throttle = Throttle::new(4);
        let mut written = 0;
        for millis in 0..1000 {
            written += u32::from(throttle.handle_line(at(millis), millis) == FIRST);
        }
        assert_eq!(written, 4);
        assert_eq!(throttle.keys.len(), 4);
        assert_eq!(throttle.suppressed(), 996);
    }

    #[test]
    fn the_key_that_was_quiet_for_longest_gives_way() {
        let mut throttle = Throttle::new(2);
        throttle.handle_line(at(0), "old");
        throttle.handle_line(at(500), "young");
        assert_eq!(throttle.handle_line(at(999), "new"), Decision::Suppress);
        assert_eq!(throttle.handle_line(at(1000), "new"), FIRST);
        assert_eq!(throttle.handle_line(at(1001), "young"), Decision::Suppress);
        assert_eq!(throttle.handle_line(at(1001), "old"), Decision::Suppress);
    }

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }
}
