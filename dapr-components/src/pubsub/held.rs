//! A message on its way from the broker to an application, in the form that a sidecar takes.

use catena_dapr_proto::v1::PullMessagesResponse;
use catena_sdk::Message;
use prost::Message as _;

use crate::limits::TAKEN_BYTES_MAX;

use super::mapping;
use super::settings::TopicName;
use super::stream::Opened;

/// A message, and what a stream gets for it when it is given it first, if it is `raw` as well.
pub(super) struct Held {
    pub(super) message: Message,
    raw: bool,
    response: Option<PullMessagesResponse>,
}

/// How long a message may be: what it is given on its way to a sidecar fits beside it.
const RESPONSE_BYTES_MAX: usize = TAKEN_BYTES_MAX - 64 * 1024;

impl Held {
    pub(super) fn new(message: Message, raw: bool) -> Self {
        Self {
            response: Some(mapping::response(&message, raw)),
            message,
            raw,
        }
    }

    /// Whether it would end the stream for ever.
    pub(super) fn is_too_large(&self) -> bool {
        let response = self.response.as_ref();
        response.is_some_and(|response| response.encoded_len() > RESPONSE_BYTES_MAX)
    }

    /// What a stream gets for it, but for its ID.
    pub(super) fn response(&mut self, opened: &Opened) -> PullMessagesResponse {
        let raw = opened.delivery.raw;
        let prepared = self.response.take().filter(|_| self.raw == raw);
        let mut response = prepared.unwrap_or_else(|| mapping::response(&self.message, raw));
        if opened.delivery.topic_name == TopicName::Subscription {
            response.topic_name.clone_from(&opened.topic);
        }
        response
    }
}
