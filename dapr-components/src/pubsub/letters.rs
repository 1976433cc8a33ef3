//! Dead letters: what becomes of messages that are given up.

use catena_sdk::{Error, Message, Publish};
use tokio::time::sleep;

use super::mapping;
use super::shared::{RETRY, Shared};

/// Publishes a message to a dead-letter topic, for as long as it takes, and acknowledges it then.
pub(super) async fn bury(shared: Shared, topic: String, message: Message) {
    let letter = letter(&topic, &message);
    let metrics = &shared.context.metrics;
    let mut pause = RETRY.0;
    loop {
        match shared.client.publish(letter.clone()).await {
            Ok(_) => {
                message.acknowledge();
                metrics.dead_lettered.add();
                return;
            }
            // It will never be otherwise.
            Err(error @ Error::Invalid { .. }) => {
                tracing::warn!(component = %shared.name, topic, %error,
                    "message dropped: it cannot be a dead letter");
                message.acknowledge();
                metrics.dropped_failed.add();
                return;
            }
            // It stays unacknowledged, and comes again with the next connection.
            Err(Error::Closed | Error::ClosedUnanswered) => return,
            Err(error) => {
                tracing::warn!(component = %shared.name, topic, %error,
                    "cannot publish to a dead-letter topic; trying again");
                sleep(pause).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

fn letter(topic: &str, message: &Message) -> Publish {
    let properties = message.properties();
    let mut letter = Publish::new(topic, message.payload().clone()).qos(message.qos());
    if let Some(content_type) = &properties.content_type {
        letter = letter.content_type(content_type);
    }
    if properties.is_text {
        letter = letter.text();
    }
    for (name, value) in &properties.user {
        // Line ends and the like, which not every broker takes.
        letter = match value.contains(char::is_control) {
            true => letter.user_property(name, mapping::visible(value)),
            false => letter.user_property(name, value),
        };
    }
    letter.user_property("mqttTopic", message.topic())
}
