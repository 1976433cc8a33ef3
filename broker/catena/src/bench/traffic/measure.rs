//! What is read at the beginning and at the end of the time measured, and what follows from it.

use std::time::{Duration, Instant};

use super::Traffic;
use crate::bench::args::BenchArgs;
use crate::bench::process::Processes;
use crate::bench::report::{Report, per_second, seconds_per_million};
use crate::bench::tally::{Counts, Order};
use crate::clock;

/// A reading.
#[derive(Clone, Debug)]
pub(super) struct Window {
    at: Instant,
    counts: Counts,
    sent: u64,
    broker_time: Option<Duration>,
    broker_bytes: Option<u64>,
    own_time: Option<Duration>,
}

impl Window {
    pub(super) fn now(args: &BenchArgs, counts: Counts, sent: u64) -> Self {
        let broker = Processes::new(&args.pid);
        Self {
            at: clock::monotonic(),
            counts,
            sent,
            broker_time: broker.processor_time(),
            broker_bytes: broker.resident_bytes(),
            own_time: Processes::own().processor_time(),
        }
    }
}

impl Traffic<'_> {
    /// Adds everything to the report.
    pub(super) fn tell(&self, begin: &Window, end: &Window, is_alive: bool, report: &mut Report) {
        let args = self.args;
        report.count("publishers", self.publishers.len() as u64);
        let subscribers = self.fleet.peers.len() - self.publishers.len();
        report.count("subscribers", subscribers as u64);
        report.count("qos", args.qos as u64);
        report.count("payload_bytes", args.payload.into());
        match args.open_rate() {
            Some(rate) => report.count("rate_per_second", rate.into()),
            None => report.count("window", args.window.into()),
        }
        let time = end.at.duration_since(begin.at);
        let delivered = end.counts.delivered - begin.counts.delivered;
        report.number("seconds", Some(time.as_secs_f64()));
        report.number(
            "published_per_second",
            per_second(end.sent - begin.sent, time),
        );
        report.number("delivered_per_second", per_second(delivered, time));
        report.latency(&self.histogram);
        let between = |begin: Option<Duration>, end: Option<Duration>| end?.checked_sub(begin?);
        let broker_time = between(begin.broker_time, end.broker_time);
        let own_time = between(begin.own_time, end.own_time);
        let share = |used: Option<Duration>| Some(used?.as_secs_f64() / time.as_secs_f64());
        report.number(
            "broker_cpu_s_per_million",
            seconds_per_million(broker_time, delivered),
        );
        report.number("broker_cores", share(broker_time));
        if let Some(bytes) = end.broker_bytes {
            report.count("broker_rss_bytes", bytes);
        }
        report.number(
            "own_cpu_s_per_million",
            seconds_per_million(own_time, delivered),
        );
        report.number("own_cores", share(own_time));
        let counts = self.tally.counts();
        report.count("sent", self.sent);
        report.count("expected", self.expected());
        report.count("delivered", counts.delivered);
        report.fault("lost", self.lost());
        report.fault("duplicates", counts.duplicates);
        match self.tally.order() {
            Order::EachSubscriber => report.fault("reordered", counts.reordered),
            Order::Any => {}
        }
        report.fault("foreign", counts.foreign);
        report.fault("refused", self.refused);
        report.fault("malformed", self.malformed);
        report.fault("connections_lost", self.closed);
        if !is_alive && self.closed == 0 {
            report.mishap("the broker stood still");
        }
    }
}
