//! What a client asks of the state store, as its frontend has read it.

use std::sync::Arc;

use catena_statestore::StateStore;
use catena_store::{Command, Refusal};
use catena_types::SessionId;

use crate::Attachment;

/// A request to the state store. The frontend has checked what MQTT and the calling convention ask
/// for; the payload goes to the partition of its key whatever it is.
#[derive(Debug, Clone)]
pub struct StoreRequest<'a> {
    /// The session that asks.
    pub session: SessionId,
    /// Where its connection is: notifications go there.
    pub attachment: Attachment,
    /// Its client ID, with a request that registers for notifications.
    pub client_id: Option<Arc<str>>,
    /// What is asked, or why it is refused.
    pub command: Result<Command<'a>, Refusal>,
    /// `__ts` as it came.
    pub timestamp: Option<&'a [u8]>,
    /// `__ft` as it came.
    pub fencing_token: Option<&'a [u8]>,
    /// Whether what is set is to be kept on disk.
    pub persist: bool,
    /// `__protVer`, if it is one that we do not speak: then nothing is carried out.
    pub unsupported_version: Option<&'a str>,
    /// Where the response goes: a valid topic name, and none that is reserved.
    pub response_topic: &'a str,
    /// What the client knows its request by; never empty.
    pub correlation: &'a [u8],
    /// The message expiry interval in seconds, already capped: for the response, and for how long
    /// the answer is kept.
    pub expiry_seconds: Option<u32>,
    /// It may have been sent before [MQTT-3.3.1-1].
    pub again: bool,
    /// A random number of the frontend's, for share groups that get the response.
    pub random: u32,
}

impl StoreRequest<'_> {
    /// The most bytes by which it can make the store grow, by the store's accounting.
    #[inline]
    pub fn growth_max(&self) -> u64 {
        match &self.command {
            Ok(command) => StateStore::growth_max(command, self.fencing_token),
            Err(_) => 0,
        }
    }
}
