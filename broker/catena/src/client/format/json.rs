//! `%j` and `%J`: a message as a JSON object, with mosquitto's names in mosquitto's order.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::client::calendar::Moment;
use crate::client::failure::{Failure, GENERAL};
use crate::client::incoming::{Message, MessageProperties};

/// Appends the message with its payload as a JSON string. Bytes that are no UTF-8 become U+FFFD.
pub(super) fn with_text(message: &Message, moment: &Moment, is_pretty: bool, out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(&message.payload).into_owned();
    put(message, moment, Some(Value::String(text)), is_pretty, out);
}

/// Appends the message with its payload as it is, which has to be JSON.
pub(super) fn with_json(
    message: &Message,
    moment: &Moment,
    is_pretty: bool,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let wrong = |_| {
        let text = format!(
            "message payload is not valid JSON on topic {}",
            message.topic
        );
        Failure::new(GENERAL, text)
    };
    if is_pretty {
        let payload = serde_json::from_slice(&message.payload).map_err(wrong)?;
        put(message, moment, Some(payload), true, out);
        return Ok(());
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(&message.payload).map_err(wrong)?;
    put(message, moment, None, false, out);
    // The payload comes last and stays as it was written: numbers, order of keys and all.
    out.pop();
    out.extend_from_slice(b",\"payload\":");
    out.extend_from_slice(&message.payload);
    out.push(b'}');
    Ok(())
}

fn put(
    message: &Message,
    moment: &Moment,
    payload: Option<Value>,
    is_pretty: bool,
    out: &mut Vec<u8>,
) {
    let object = Object {
        message,
        time: moment.iso_micros(),
        payload,
    };
    // Neither a vector nor these types can fail.
    let _ = match is_pretty {
        true => serde_json::to_writer_pretty(out, &object),
        false => serde_json::to_writer(out, &object),
    };
}

struct Object<'a> {
    message: &'a Message,
    time: String,
    payload: Option<Value>,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.message;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tst", &self.time)?;
        map.serialize_entry("topic", &message.topic)?;
        map.serialize_entry("qos", &(message.qos as u8))?;
        map.serialize_entry("retain", &u8::from(message.retain))?;
        map.serialize_entry("payloadlen", &message.payload.len())?;
        if message.packet_id > 0 {
            map.serialize_entry("mid", &message.packet_id)?;
        }
        if message.properties != MessageProperties::default() {
            map.serialize_entry("properties", &Properties(&message.properties))?;
        }
        if let Some(payload) = &self.payload {
            map.serialize_entry("payload", payload)?;
        }
        map.end()
    }
}

struct Properties<'a>(&'a MessageProperties);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let properties = self.0;
        let mut map = serializer.serialize_map(None)?;
        if let Some(is_text) = properties.payload_format {
            map.serialize_entry("payload-format-indicator", &u8::from(is_text))?;
        }
        if let Some(seconds) = properties.expiry {
            map.serialize_entry("message-expiry-interval", &seconds)?;
        }
        if let Some(text) = &properties.content_type {
            map.serialize_entry("content-type", text)?;
        }
        if let Some(topic) = &properties.response_topic {
            map.serialize_entry("response-topic", topic)?;
        }
        if let Some(data) = &properties.correlation_data {
            map.serialize_entry("correlation-data", &String::from_utf8_lossy(data))?;
        }
        if let Some(alias) = properties.topic_alias {
            map.serialize_entry("topic-alias", &alias)?;
        }
        match properties.subscription_ids.as_slice() {
            [] => {}
            [id] => map.serialize_entry("subscription-identifier", id)?,
            ids => map.serialize_entry("subscription-identifier", ids)?,
        }
        if !properties.user.is_empty() {
            map.serialize_entry("user-properties", &Pairs(&properties.user))?;
        }
        map.end()
    }
}

/// User properties: names may repeat.
struct Pairs<'a>(&'a [(String, String)]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
