//! Clients by the thousand, which do all at once whatever they do.

use catena_conformance::{Client, Options};
use catena_mqtt::Version;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::broker::Broker;

/// Many clients.
pub struct Crowd(pub Vec<Client>);

impl Crowd {
    /// Connects `count` clients: first all of them send, then all of them read.
    #[must_use]
    #[track_caller]
    pub fn connect(broker: &Broker, count: usize, options: impl Fn(usize) -> Options) -> Self {
        let clients = (0..count).map(|number| {
            let mut client = broker.open(Version::V5);
            client.send_bytes(&options(number).bytes());
            client
        });
        let mut clients: Vec<Client> = clients.collect();
        for client in &mut clients {
            client.expect_accepted();
        }
        Self(clients)
    }
}

/// Raises the number of files that this process, and brokers started afterwards, may have open, as
/// far as it may; a client is one.
///
/// # Panics
/// If that is less than `files`.
#[track_caller]
pub fn allow_files(files: u64) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("as many files as may be");
    assert!(
        maximum.is_none_or(|maximum| maximum >= files),
        "{maximum:?} files"
    );
}
