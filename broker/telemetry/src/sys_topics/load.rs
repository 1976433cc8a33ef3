//! Load averages over 1, 5 and 15 minutes, computed as mosquitto does.

use catena_types::Moment;

/// How many kinds of activity there are.
const KINDS: usize = 9;

/// The spans in minutes.
const MINUTES: [f64; 3] = [1.0, 5.0, 15.0];

/// Counts that only grow; the load is how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activity {
    /// Packets from clients.
    pub messages_received: u64,
    /// Packets to clients.
    pub messages_sent: u64,
    /// PUBLISH packets from clients.
    pub publish_received: u64,
    /// PUBLISH packets to clients.
    pub publish_sent: u64,
    /// Messages that did not reach a session.
    pub publish_dropped: u64,
    /// Bytes from clients.
    pub bytes_received: u64,
    /// Bytes to clients.
    pub bytes_sent: u64,
    /// Sockets opened.
    pub sockets: u64,
    /// CONNECT packets received.
    pub connections: u64,
}

impl Activity {
    /// The counts in the order of [`LoadAverages::loads`].
    const fn counts(&self) -> [u64; KINDS] {
        [
            self.messages_received,
            self.messages_sent,
            self.publish_received,
            self.publish_sent,
            self.publish_dropped,
            self.bytes_received,
            self.bytes_sent,
            self.sockets,
            self.connections,
        ]
    }
}

/// Events per minute, averaged with exponentially falling weight.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Over 1, 5 and 15 minutes.
    pub per_minute: [f64; 3],
}

impl Load {
    /// `count` more events in `minutes`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "an average shown with two decimals"
    )]
    fn handle_events(&mut self, count: u64, minutes: f64) {
        let rate = count as f64 / minutes;
        for (average, span) in self.per_minute.iter_mut().zip(MINUTES) {
            let kept = (-minutes / span).exp();
            *average = rate + kept * (*average - rate);
        }
    }
}

/// The load of each kind of activity.
#[derive(Debug, Clone)]
pub struct LoadAverages {
    updated: Moment,
    counts: [u64; KINDS],
    loads: [Load; KINDS],
}

impl LoadAverages {
    /// No load, at the start of the process, when all counts were zero.
    pub fn new(now: Moment) -> Self {
        Self {
            updated: now,
            counts: [0; KINDS],
            loads: [Load::default(); KINDS],
        }
    }

    /// The counts are these now. Says nothing new if no time has passed since the last call.
    pub fn handle_activity(&mut self, now: Moment, activity: &Activity) {
        let minutes = now.since(self.updated).as_secs_f64() / 60.0;
        if minutes <= 0.0 {
            return;
        }
        let counts = activity.counts();
        let differences = counts.iter().zip(&self.counts);
        for (load, (count, before)) in self.loads.iter_mut().zip(differences) {
            load.handle_events(count.saturating_sub(*before), minutes);
        }
        self.counts = counts;
        self.updated = now;
    }

    /// Topic below `$SYS/broker/load/` and load of each kind.
    pub fn loads(&self) -> impl Iterator<Item = (&'static str, Load)> {
        NAMES.into_iter().zip(self.loads)
    }
}

const NAMES: [&str; KINDS] = [
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];

#[cfg(test)]
mod tests {
    use super::{Activity, LoadAverages};
    use catena_types::Moment;

    #[test]
    fn a_steady_rate_is_approached_and_held() {
        let mut averages = LoadAverages::new(Moment::ZERO);
        // Ten bytes a second for two hours, seen every ten seconds.
        for tick in 1..=720 {
            averages.handle_activity(at(tick * 10), &bytes(tick * 100));
        }
        check(&averages, [600.0, 600.0, 599.8]);
    }

    #[test]
    fn after_one_span_about_two_thirds_are_reached() {
        let mut averages = LoadAverages::new(Moment::ZERO);
        averages.handle_activity(at(60), &bytes(600));
        // 1 - 1/e, 1 - e^(-1/5) and 1 - e^(-1/15) of 600.
        check(&averages, [379.3, 108.8, 38.7]);
    }

    #[test]
    fn the_rhythm_of_asking_does_not_matter() {
        let mut often = LoadAverages::new(Moment::ZERO);
        for second in 1..=60 {
            often.handle_activity(at(second), &bytes(second * 10));
        }
        check(&often, [379.3, 108.8, 38.7]);
    }

    #[test]
    fn silence_lets_the_load_fall() {
        let mut averages = LoadAverages::new(Moment::ZERO);
        averages.handle_activity(at(60), &bytes(600));
        averages.handle_activity(at(120), &bytes(600));
        // The value after the first minute, divided by e, e^(1/5) and e^(1/15).
        check(&averages, [139.5, 89.0, 36.2]);
    }

    #[test]
    fn no_time_and_falling_counts_change_nothing() {
        let mut averages = LoadAverages::new(at(5));
        averages.handle_activity(at(5), &bytes(600));
        averages.handle_activity(at(4), &bytes(600));
        check(&averages, [0.0, 0.0, 0.0]);
        averages.handle_activity(at(65), &bytes(600));
        averages.handle_activity(at(125), &bytes(0));
        check(&averages, [139.5, 89.0, 36.2]);
    }

    #[track_caller]
    fn check(averages: &LoadAverages, expected: [f64; 3]) {
        let mut loads = averages.loads();
        let (_, load) = loads.find(|(name, _)| *name == "bytes/sent").unwrap();
        for (found, expected) in load.per_minute.iter().zip(expected) {
            assert!((found - expected).abs() < 0.1, "{load:?}");
        }
        assert!(loads.all(|(_, other)| other.per_minute == [0.0; 3]));
    }

    fn at(seconds: u64) -> Moment {
        Moment::ZERO.plus_seconds(seconds)
    }

    fn bytes(bytes_sent: u64) -> Activity {
        Activity {
            bytes_sent,
            ..Activity::default()
        }
    }
}
