//! A message as its publisher knows it.

use catena_mqtt::Qos;
use catena_types::Moment;

use super::SessionNumber;

/// A message's place in the model; its payload begins with it.
pub(crate) type MessageId = usize;

/// What is published.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The topic.
    pub(crate) topic: String,
    /// The QoS.
    pub(crate) qos: Qos,
    /// RETAIN.
    pub(crate) retain: bool,
    /// Bytes of payload; 0 clears a retained message.
    pub(crate) size: usize,
    /// The message expiry interval in seconds.
    pub(crate) expiry_seconds: Option<u32>,
}

/// How a message came into the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Published by a client in a session.
    Published,
    /// The will of a connection.
    Will,
}

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// What is published.
    pub(crate) terms: Terms,
    /// How it came about.
    pub(crate) origin: Origin,
    /// The client.
    pub(crate) client: usize,
    /// Its session then.
    pub(crate) session: SessionNumber,
    /// When it was first sent; for a will, the connection.
    pub(crate) sent: Moment,
    /// How often it was sent.
    pub(crate) transmissions: u32,
    /// When the broker took it over: PUBACK or PUBREC with success.
    pub(crate) acked: Option<Moment>,
    /// The broker has refused it.
    pub(crate) is_refused: bool,
    /// A will that must not be published: its connection ended with a DISCONNECT that was read.
    pub(crate) is_forgotten: bool,
}

impl Message {
    /// The payload: the ID, then bytes that follow from it.
    pub(crate) fn payload(id: MessageId, size: usize) -> Vec<u8> {
        if size == 0 {
            return Vec::new();
        }
        let mut payload = (id as u64).to_be_bytes().to_vec();
        payload.extend((8..size).map(|at| (id + at) as u8));
        payload
    }

    /// The ID that a payload names, if the payload is whole.
    pub(crate) fn id_in(payload: &[u8]) -> Option<MessageId> {
        let (head, _) = payload.split_first_chunk::<8>()?;
        let id = u64::from_be_bytes(*head) as usize;
        (Self::payload(id, payload.len()) == payload).then_some(id)
    }

    /// How often the topic can have got it: QoS 2 is sent again only to be recognised.
    pub(crate) fn entries_max(&self) -> u32 {
        match self.terms.qos {
            Qos::ExactlyOnce => 1,
            Qos::AtMostOnce | Qos::AtLeastOnce => self.transmissions.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_names_its_message_and_shows_damage() {
        let payload = Message::payload(300, 20);
        assert_eq!((payload.len(), Message::id_in(&payload)), (20, Some(300)));
        let mut damaged = payload.clone();
        damaged[15] ^= 1;
        assert_eq!(Message::id_in(&damaged), None);
        assert_eq!(Message::id_in(b"short"), None);
        assert!(Message::payload(3, 0).is_empty());
    }
}
