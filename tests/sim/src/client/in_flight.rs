//! What a client has published and not been answered for.

use super::Call;
use crate::model::{MessageId, Terms};

/// A QoS 1 or 2 message on its way to the broker.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Its packet ID.
    pub(crate) packet_id: u16,
    /// The message.
    pub(crate) message: MessageId,
    /// What is published.
    pub(crate) terms: Terms,
    /// PUBREC has come: only PUBREL may be sent.
    pub(crate) is_released: bool,
    /// What a request to the state store says; absent for plain messages.
    pub(crate) call: Option<Call>,
}
