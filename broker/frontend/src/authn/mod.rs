//! Who a client is: password files, and the threads that check against them.

mod file;
mod password;
mod pool;

pub use file::{LineError, LineProblem, NameError, PasswordFile};
pub use password::{HashError, hash_password};
pub(crate) use pool::{Job, Pool};

use std::net::IpAddr;

use catena_connection::ConnectAction;

use crate::worker::Verdict;

/// What is known about a client that wants in.
#[derive(Debug)]
pub struct Applicant<'a> {
    /// What it says.
    pub connect: &'a ConnectAction,
    /// Where it is; `None` for Unix sockets.
    pub address: Option<IpAddr>,
    /// Its certificate chain in DER form, the client's first; verified. Empty without.
    pub certificates: &'a [Vec<u8>],
}

/// Checks credentials. Called on threads that may block.
pub trait Authenticator: Send + Sync {
    /// Decides about a client.
    fn authenticate(&self, applicant: &Applicant<'_>) -> Verdict;
}
