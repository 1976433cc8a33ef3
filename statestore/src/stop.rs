//! Why a command is not carried out to its end.

use catena_store::Refusal;
use catena_types::Fault;

/// A refusal is an answer; a fault stops the replica.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Broken(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}
