//! How a node finds its next stamp: from its last one, wall time, and what it has seen.

use crate::{Millis, Stamp, Version};

/// How far ahead of its own wall time a node accepts a stamp of others: 60 s.
pub const DRIFT_MAX: Millis = Millis::new(60_000);

/// How far [`Clock::stride`] runs ahead of wall time before it counts instead: 1 s.
pub const AHEAD_MAX: Millis = Millis::new(1_000);

const _: () = assert!(AHEAD_MAX.number() < DRIFT_MAX.number());

/// The clock of one node. Each version that it gives is higher than all before, whatever wall time
/// does, and higher than the stamp that it is given.
///
/// A counter has 16 bits. Where one would overflow, the next millisecond begins: so a stamp with
/// any counter is accepted, and no version has a counter above 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    last: Version,
}

impl Clock {
    /// A clock that goes on after `last`.
    pub const fn new(last: Version) -> Self {
        Self { last }
    }

    /// The last version that was given.
    pub const fn last(&self) -> Version {
        self.last
    }

    /// The next version without anything seen.
    pub fn tick(&mut self, now: Millis) -> Version {
        let (wall, counter) = (self.last.wall(), self.last.counter());
        if now > wall {
            self.give(Version::new(now, 0))
        } else {
            self.give(Version::new(wall, counter + 1))
        }
    }

    /// The next version after seeing `request`: the rule of hybrid logical clocks.
    ///
    /// Who calls has refused a request that is too far ahead ([`Stamp::is_ahead`]).
    pub fn merge(&mut self, now: Millis, request: &Stamp<'_>) -> Version {
        let (wall, counter) = (self.last.wall(), self.last.counter());
        if now > wall && now > request.wall {
            self.give(Version::new(now, 0))
        } else if wall == request.wall {
            let higher = counter.max(request.counter);
            self.give(Version::new(wall, higher.saturating_add(1)))
        } else if wall > request.wall {
            self.give(Version::new(wall, counter + 1))
        } else {
            let counter = request.counter.saturating_add(1);
            self.give(Version::new(request.wall, counter))
        }
    }

    /// The next version, in whole milliseconds as long as that stays within [`AHEAD_MAX`] of wall
    /// time; else as [`Clock::merge`] or [`Clock::tick`] find it.
    ///
    /// Holders of a lease compare the versions of two renewals. In whole milliseconds all counters
    /// are 0, whether or not a request and the node's own clock share a millisecond.
    pub fn stride(&mut self, now: Millis, request: Option<&Stamp<'_>>) -> Version {
        let one = Millis::new(1);
        let seen = request.map_or(Millis::default(), |stamp| stamp.wall.plus(one));
        let wall = now.max(self.last.wall().plus(one)).max(seen);
        if wall <= now.plus(AHEAD_MAX) {
            self.give(Version::new(wall, 0))
        } else if let Some(request) = request {
            self.merge(now, request)
        } else {
            self.tick(now)
        }
    }

    /// Wall times beyond what a version can hold must not stop it from growing.
    fn give(&mut self, found: Version) -> Version {
        self.last = found.max(self.last.next());
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDLE: (u64, u64) = (0, 0);

    #[track_caller]
    fn check(own: (u64, u64), request: (u64, u64), now: u64, expected: (u64, u64)) {
        let mut clock = Clock::new(version(own));
        let found = clock.merge(Millis::new(now), &stamp(request));
        assert_eq!(found, version(expected));
        assert_eq!(clock.last(), found);
    }

    fn version((wall, counter): (u64, u64)) -> Version {
        Version::new(Millis::new(wall), counter)
    }

    fn stamp((wall, counter): (u64, u64)) -> Stamp<'static> {
        let wall = Millis::new(wall);
        Stamp {
            wall,
            counter,
            node: "client",
        }
    }

    #[test]
    fn the_rule_gives_what_was_published() {
        check((100, 4), (100, 7), 90, (100, 8));
        check((100, 4), (80, 7), 90, (100, 5));
        check((100, 4), (120, 7), 90, (120, 8));
        check((100, 4), (120, 7), 130, (130, 0));
        check(
            IDLE,
            (1_696_374_425_000, 0),
            1_696_374_425_000,
            (1_696_374_425_000, 1),
        );
    }

    #[test]
    fn a_full_counter_begins_the_next_millisecond() {
        check((100, 65_535), (100, 7), 90, (101, 0));
        check((100, 4), (100, u64::MAX), 90, (101, 0));
        check((100, 4), (120, u64::MAX), 90, (121, 0));
    }

    #[test]
    fn without_a_request_wall_time_or_the_counter_goes_on() {
        let mut clock = Clock::new(version((100, 4)));
        assert_eq!(clock.tick(Millis::new(100)), version((100, 5)));
        assert_eq!(clock.tick(Millis::new(101)), version((101, 0)));
        assert_eq!(clock.tick(Millis::new(0)), version((101, 1)));
    }

    #[test]
    fn strides_are_whole_milliseconds_until_they_are_too_far_ahead() {
        let mut clock = Clock::default();
        let now = Millis::new(5_000);
        assert_eq!(
            clock.stride(now, Some(&stamp((5_000, 3)))),
            version((5_001, 0))
        );
        assert_eq!(clock.stride(now, None), version((5_002, 0)));
        while clock.last() < version((6_000, 0)) {
            assert_eq!(clock.stride(now, None).counter(), 0);
        }
        assert_eq!(clock.stride(now, None), version((6_000, 1)));
        assert_eq!(
            clock.stride(now, Some(&stamp((6_000, 7)))),
            version((6_000, 8))
        );
        assert_eq!(clock.stride(Millis::new(6_000), None), version((6_001, 0)));
    }

    proptest! {
        #[test]
        fn versions_grow_and_are_higher_than_what_was_seen(
            steps in proptest::collection::vec(
                (0u64..70_000, proptest::option::of((0u64..130_000, any::<u64>())), any::<bool>()),
                1..60,
            ),
        ) {
            let mut clock = Clock::default();
            for (now, request, strides) in steps {
                let before = clock.last();
                let now = Millis::new(now);
                let request = request.map(stamp).filter(|stamp| !stamp.is_ahead(now, DRIFT_MAX));
                let version = match &request {
                    _ if strides => clock.stride(now, request.as_ref()),
                    Some(request) => clock.merge(now, request),
                    None => clock.tick(now),
                };
                prop_assert!(version > before);
                prop_assert!(version.wall() >= now);
                if let Some(request) = request {
                    prop_assert!(version.stamp("StateStore") > request);
                }
            }
        }
    }

    #[test]
    fn versions_of_a_hurried_clock_stay_near_wall_time() {
        let mut clock = Clock::default();
        let now = Millis::new(1_000_000);
        for _ in 0..200_000 {
            clock.stride(now, None);
        }
        let carried = Millis::new(200_000 / 65_536 + 1);
        assert!(clock.last().wall() <= now.plus(AHEAD_MAX).plus(carried));
    }
}
