//! Topic names of the state store: requests, responses, key notifications.

use crate::topics::hex::{decode, encode};

mod hex;

/// Where requests go. Constant for all commands; the broker alone consumes it.
pub const INVOKE: &str = "statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/command/invoke";

/// What the topics of all key notifications begin with. No client publishes there.
pub const NOTIFICATIONS: &str = "clients/statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8";

/// What stands between client and key in the topic of a notification.
const NOTIFY: &str = "/command/notify/";

/// The longest topic name that MQTT can carry, in bytes.
const TOPIC_BYTES_MAX: usize = 65_535;

/// A key or client ID is so long that its notifications would have no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is too long to be observed")]
pub struct TooLong;

/// The topic of the notifications of `key` to the client, written over what `topic` held.
///
/// # Errors
/// [`TooLong`] if it would be longer than a topic can be.
pub fn notification(client_id: &str, key: &[u8], topic: &mut String) -> Result<(), TooLong> {
    topic.clear();
    if !is_observable(client_id, key) {
        return Err(TooLong);
    }
    topic.push_str(NOTIFICATIONS);
    topic.push('/');
    encode(client_id.as_bytes(), topic);
    topic.push_str(NOTIFY);
    encode(key, topic);
    Ok(())
}

/// Whether notifications of `key` to the client have a topic.
pub fn is_observable(client_id: &str, key: &[u8]) -> bool {
    let fixed = NOTIFICATIONS.len() + 1 + NOTIFY.len();
    let text = client_id.len().saturating_add(key.len()).saturating_mul(2);
    text.saturating_add(fixed) <= TOPIC_BYTES_MAX
}

/// The filter that matches all notifications to the client.
pub fn notification_filter(client_id: &str) -> String {
    let mut filter = format!("{NOTIFICATIONS}/");
    encode(client_id.as_bytes(), &mut filter);
    filter.push_str(NOTIFY);
    filter.push('+');
    filter
}

/// The key that a notification is about, read off its topic; `None` for other topics.
pub fn notified_key(topic: &str) -> Option<Vec<u8>> {
    let rest = topic.strip_prefix(NOTIFICATIONS)?.strip_prefix('/')?;
    let (client_id, key) = rest.split_once(NOTIFY)?;
    decode(client_id)?;
    decode(key).filter(|key| !key.is_empty())
}

/// Where our own clients have their responses sent.
pub fn response(client_id: &str) -> String {
    format!("clients/{client_id}/services/{INVOKE}/response")
}

/// Whether a topic lies in the space of notifications, into which no client may publish.
pub fn is_in_notifications(topic: &str) -> bool {
    topic.starts_with(NOTIFICATIONS)
}

/// Whether clients are kept from publishing to a topic: notifications, and responses by the names
/// that clients of the state store give them, so that nobody can forge either.
pub fn is_reserved(topic: &str) -> bool {
    let Some(rest) = topic.strip_prefix("clients/") else {
        return false;
    };
    is_in_notifications(topic)
        || rest
            .split_once('/')
            .is_some_and(|(_, rest)| rest.contains(INVOKE))
}

/// Whether a request may not name this topic for its response: a response there would be a
/// request, or look like a notification.
pub fn is_forbidden_response(topic: &str) -> bool {
    topic == INVOKE || is_in_notifications(topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper case for client and key: some clients read nothing else.
    #[test]
    fn notifications_have_their_topic() {
        let mut topic = "something else".to_owned();
        assert_eq!(notification("client-id1", b"SOMEKEY", &mut topic), Ok(()));
        let expected = "clients/statestore/v1/FA9AE35F-2F64-47CD-9BFF-08E2B32A0FE8/\
                        636C69656E742D696431/command/notify/534F4D454B4559";
        assert_eq!(topic, expected);
        assert_eq!(topic.split('/').count(), 8);
        assert_eq!(notified_key(&topic).as_deref(), Some(b"SOMEKEY".as_slice()));
        let filter = notification_filter("client-id1");
        assert_eq!(
            filter.strip_suffix('+'),
            topic.strip_suffix("534F4D454B4559")
        );
    }

    #[test]
    fn a_key_that_makes_the_topic_too_long_cannot_be_observed() {
        let mut topic = String::new();
        let longest = vec![b'k'; 32_730 - 2];
        assert_eq!(notification("c1", &longest, &mut topic), Ok(()));
        assert!(topic.len() <= TOPIC_BYTES_MAX && topic.len() + 2 > TOPIC_BYTES_MAX);
        let longer = vec![b'k'; 32_730 - 1];
        assert_eq!(notification("c1", &longer, &mut topic), Err(TooLong));
        assert!(topic.is_empty());
    }

    #[test]
    fn only_notifications_have_a_key() {
        let of = |rest: &str| notified_key(&format!("{NOTIFICATIONS}{rest}"));
        assert_eq!(of("/6331/command/notify/6B31"), Some(b"k1".to_vec()));
        for other in [
            "/6331/command/notify/6b31",
            "/6331/command/notify/6B3",
            "/6331",
            "",
            "/63x1/command/notify/6B31",
            "/6331/command/notify/",
            "x/6331/command/notify/6B31",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(notified_key(INVOKE), None);
    }

    #[test]
    fn responses_do_not_go_where_requests_and_notifications_are() {
        assert!(is_forbidden_response(INVOKE));
        assert!(is_forbidden_response(NOTIFICATIONS));
        assert!(is_forbidden_response(&format!(
            "{NOTIFICATIONS}/6331/command/notify/6B31"
        )));
        assert!(!is_forbidden_response(&response("c1")));
        assert_eq!(
            response("c1"),
            format!("clients/c1/services/{INVOKE}/response")
        );
    }
}
