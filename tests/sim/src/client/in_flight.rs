//! What a client has published and not been answered for.

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
}
