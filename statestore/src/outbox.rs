//! Whom to tell what: the notifications of the commands applied since it was last cleared.

use std::ops::Range;

use catena_hlc::Version;
use catena_store::Notification;

use crate::Client;

/// Notifications, in the order in which they are to be sent. The owner keeps and clears it; a
/// payload stands in it once, however many clients it is for.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    notified: Vec<Place>,
}

#[derive(Debug, Clone)]
struct Place {
    client: Client,
    version: Version,
    key: Range<usize>,
    payload: Range<usize>,
}

/// A notification for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notified<'a> {
    /// Whom to tell.
    pub client: Client,
    /// The key that changed.
    pub key: &'a [u8],
    /// The version of the change.
    pub version: Version,
    /// What to send.
    pub payload: &'a [u8],
}

impl Outbox {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.notified.clear();
    }

    /// How many notifications there are.
    pub fn len(&self) -> usize {
        self.notified.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.notified.is_empty()
    }

    /// The notifications in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Notified<'_>> {
        self.notified.iter().map(|place| Notified {
            client: place.client,
            key: &self.bytes[place.key.clone()],
            version: place.version,
            payload: &self.bytes[place.payload.clone()],
        })
    }

    pub(crate) fn push(
        &mut self,
        clients: impl Iterator<Item = Client>,
        key: &[u8],
        notification: Notification<'_>,
        version: Version,
    ) {
        let mut clients = clients.peekable();
        if clients.peek().is_none() {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        notification.encode(&mut self.bytes);
        let end = self.bytes.len();
        self.notified.extend(clients.map(|client| Place {
            client,
            version,
            key: start..middle,
            payload: middle..end,
        }));
    }
}
