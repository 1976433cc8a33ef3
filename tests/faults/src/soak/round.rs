//! One round: trouble, rest, and the end of everything.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use catena_sim::{Crowd, Tally};
use catena_types::Moment;

use super::gauges::Gauges;
use super::sockets::Sockets;
use crate::broker::Broker;
use crate::now;

/// How long nothing may happen while somebody waits. Generous: only a round that fails waits so
/// long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at the broker's gauges.
const LOOK: Duration = Duration::from_millis(200);

/// How often a round clears retained messages until none may be left.
const CLEARINGS_MAX: u32 = 10;

/// What did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The seed of the round.
    pub seed: u64,
    /// What was expected and what was seen.
    pub text: String,
    /// What clients did and saw in the round, line by line.
    pub trace: String,
}

impl Failure {
    pub(super) fn new(seed: u64, text: String) -> Self {
        let trace = String::new();
        Self { seed, text, trace }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.text)
    }
}

/// A round against a broker.
pub struct Round<'a> {
    broker: &'a Broker,
    seed: u64,
    start: Instant,
    crowd: Crowd,
}

impl<'a> Round<'a> {
    /// The clients of a seed, which begin at once.
    #[must_use]
    pub fn new(broker: &'a Broker, seed: u64, clients: usize) -> Self {
        let start = now();
        let crowd = Crowd::new(seed, clients, moment(start));
        Self {
            broker,
            seed,
            start,
            crowd,
        }
    }

    /// Runs it to its end. `before` is what the broker had before.
    ///
    /// # Errors
    /// What did not hold.
    pub fn run(mut self, trouble: Duration, before: Gauges) -> Result<Tally, Failure> {
        match self.phases(trouble, before) {
            Ok(()) => Ok(self.crowd.tally()),
            Err(text) => Err(Failure {
                seed: self.seed,
                text,
                trace: self.crowd.trace().to_owned(),
            }),
        }
    }

    fn phases(&mut self, trouble: Duration, before: Gauges) -> Result<(), String> {
        let mut sockets = Sockets::new(self.broker.address()).map_err(|error| text(&error))?;
        self.pass(&mut sockets, trouble)?;
        self.crowd.calm_down(self.moment());
        self.pass(&mut sockets, self.crowd.settling())?;
        self.rest(&mut sockets)?;
        let healed = self.crowd.check_healed(self.moment());
        healed.map_err(|violation| violation.to_string())?;
        self.clear(&mut sockets, before)?;
        self.crowd.say_goodbye(self.moment());
        self.close(&mut sockets)?;
        self.crowd.begin_anew(self.moment());
        self.rest(&mut sockets)?;
        self.crowd.say_goodbye(self.moment());
        self.close(&mut sockets)?;
        self.await_gauges(before)
    }

    /// Lets time pass.
    fn pass(&mut self, sockets: &mut Sockets, time: Duration) -> Result<(), String> {
        let start = now();
        while now() - start < time {
            self.turn(sockets)?;
        }
        Ok(())
    }

    fn turn(&mut self, sockets: &mut Sockets) -> Result<(), String> {
        self.crowd.handle_due(self.moment());
        sockets
            .send(&mut self.crowd)
            .map_err(|error| text(&error))?;
        let start = self.start;
        let received = sockets.receive(&mut self.crowd, || moment(start));
        let verdict = received.map_err(|error| text(&error))?;
        verdict.map_err(|violation| violation.to_string())?;
        sockets.send(&mut self.crowd).map_err(|error| text(&error))
    }

    /// Until nobody waits for the broker, and nothing waits in it.
    fn rest(&mut self, sockets: &mut Sockets) -> Result<(), String> {
        let (mut start, mut progress) = (now(), 0);
        loop {
            self.crowd.reconnect(self.moment());
            self.pass(sockets, LOOK)?;
            // A long queue for a client that takes one message at a time is no standstill.
            let Tally {
                acknowledged,
                deliveries,
                ..
            } = self.crowd.tally();
            if acknowledged + deliveries > progress {
                (start, progress) = (now(), acknowledged + deliveries);
            }
            let waiting = self.crowd.waiting();
            if let Some(first) = waiting.first() {
                if now() - start > PATIENCE {
                    return Err(format!("{} wait; {first}", waiting.len()));
                }
                continue;
            }
            let gauges = Gauges::of(self.broker);
            if gauges.queued == 0 {
                // What was on its way when the last answer came.
                return self.pass(sockets, LOOK);
            }
            if now() - start > PATIENCE {
                return Err(format!("nobody waits, but the broker has {gauges}"));
            }
        }
    }

    /// Until no retained message is left. A machine that is held up may end connections meanwhile,
    /// whose wills are retained again.
    fn clear(&mut self, sockets: &mut Sockets, before: Gauges) -> Result<(), String> {
        for _ in 0..CLEARINGS_MAX {
            self.crowd.clear_retained(self.moment());
            self.rest(sockets)?;
            if Gauges::of(self.broker).retained <= before.retained {
                return Ok(());
            }
        }
        Err("retained messages stay, however often they are cleared".to_owned())
    }

    /// Until the broker has closed all connections.
    fn close(&mut self, sockets: &mut Sockets) -> Result<(), String> {
        let start = now();
        while self.crowd.open_connections() > 0 {
            self.turn(sockets)?;
            if now() - start > PATIENCE {
                let open = self.crowd.open_connections();
                return Err(format!("{open} connections stay open after DISCONNECT"));
            }
        }
        Ok(())
    }

    /// Until the broker has no more than before the round.
    fn await_gauges(&self, before: Gauges) -> Result<(), String> {
        let start = now();
        loop {
            let gauges = Gauges::of(self.broker);
            if gauges == before {
                return Ok(());
            }
            if now() - start > PATIENCE {
                return Err(format!("left behind: {gauges}; before: {before}"));
            }
            std::thread::park_timeout(LOOK);
        }
    }

    fn moment(&self) -> Moment {
        moment(self.start)
    }
}

/// Time begins after zero, which stands for "never happened" in places.
fn moment(start: Instant) -> Moment {
    let elapsed = now() - start;
    Moment::from_nanos(1_000_000_000).plus(elapsed)
}

fn text(error: &io::Error) -> String {
    format!("the network fails: {error}")
}
