//! The soak: a broker process, the simulation's clients over real sockets, and time.
//!
//! It goes in rounds. In each, clients that follow from the round's seed connect, publish,
//! subscribe, fall silent, are cut off and come back; then everything calms down and must come to
//! rest; then everything is cleared and must be gone, memory included. What must hold is what the
//! simulation checks (`catena-sim`), but here with a real program, kernel and clock.

mod gauges;
mod round;
mod sockets;

use std::time::Duration;

use crate::broker::{Broker, Setup};
use crate::{MIB, now};

pub use gauges::Gauges;
pub use round::{Failure, Round};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// The first round's seed; each round adds one.
    pub seed: u64,
    /// How long to begin new rounds. One is always run.
    pub duration: Duration,
    /// How long there is trouble in a round.
    pub trouble: Duration,
    /// Clients of a round.
    pub clients: usize,
}

/// One round's figures.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Its seed.
    pub seed: u64,
    /// How much happened.
    pub tally: catena_sim::Tally,
    /// Resident memory of the broker right afterwards, in bytes.
    pub resident_bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// The first rounds show the allocator and the caches what rounds are like: some have payloads of
/// 40 kB, some of 60 bytes. No later one may leave more behind for good than the highest of them,
/// a quarter more, and [`GROWTH_BYTES_MAX`].
pub const SHOWING_ROUNDS: usize = 5;

/// See [`SHOWING_ROUNDS`].
pub const GROWTH_BYTES_MAX: u64 = 16 * MIB;

impl Soak {
    /// Runs rounds until the time is over, and tells each one's figures.
    ///
    /// # Errors
    /// What did not hold, in a round or of the memory between rounds.
    ///
    /// # Panics
    /// If the broker does not start.
    pub fn run(self, mut told: impl FnMut(Figures)) -> Result<(), Failure> {
        // Topics of the broker's own are retained messages that would come and go in the gauges.
        let broker = Broker::run(Setup::with(&["spec.catena.systemTopics.mode=Disabled"]));
        let begin = now();
        let before = Gauges::of(&broker);
        let mut resident = Vec::new();
        loop {
            let start = now();
            let seed = self.seed.wrapping_add(resident.len() as u64);
            let round = Round::new(&broker, seed, self.clients);
            let tally = round.run(self.trouble, before)?;
            let resident_bytes = broker.resident_bytes();
            resident.push(resident_bytes);
            told(Figures {
                seed,
                tally,
                resident_bytes,
                elapsed: now() - start,
            });
            if let Some(complaint) = broker.complaint() {
                return Err(Failure::new(
                    seed,
                    format!("the broker logged: {complaint}"),
                ));
            }
            let shown = resident.iter().take(SHOWING_ROUNDS).max();
            let highest = shown.copied().unwrap_or(resident_bytes);
            let allowed = highest + highest / 4 + GROWTH_BYTES_MAX;
            if let Err(left) = broker.settled_bytes(allowed) {
                let text = format!("memory has grown from {highest} to {left} bytes");
                return Err(Failure::new(seed, text));
            }
            if now() - begin >= self.duration {
                return Ok(());
            }
        }
    }
}
