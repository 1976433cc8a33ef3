//! Between the messages of Dapr and those of MQTT.
//!
//! Payloads are never touched. What MQTT has beside them travels in metadata, whose names are safe
//! as names of HTTP headers, and whose values are visible ASCII.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use catena_dapr_proto::v1::PullMessagesResponse;
use catena_sdk::{Message, Properties as MqttProperties, Publish, Qos};

use crate::metadata::{Field, Invalid, Properties, go_duration};

use super::settings::{Settings, qos};

/// Prefix of metadata that becomes a user property.
const USER: &str = "mqtt.user.";

/// Metadata that becomes a user property without a prefix: how traces go on.
const TRACE: [&str; 3] = ["traceparent", "tracestate", "traceid"];

/// Names that mean something else to this component, a sidecar or HTTP: user properties of these
/// names are handed over with the prefix.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "contenttype",
    "correlationdata",
    "dup",
    "expect",
    "expiryinterval",
    "host",
    "keep-alive",
    "mqtttopic",
    "payloadformat",
    "priority",
    "proxy-connection",
    "pubsubname",
    "qos",
    "rawpayload",
    "responsetopic",
    "retain",
    "retained",
    "te",
    "topic",
    "trailer",
    "transfer-encoding",
    "ttl",
    "ttlinseconds",
    "upgrade",
];

/// What MQTT's binding of CloudEvents calls the attributes that an event cannot do without.
const REQUIRED_ATTRIBUTES: [&str; 4] = ["id", "source", "specversion", "type"];

/// A publish, from what a sidecar wants published.
///
/// # Errors
///
/// A topic or metadata that makes no sense.
pub(super) fn publish(
    settings: &Settings,
    topic: &str,
    data: Bytes,
    content_type: &str,
    metadata: HashMap<String, String>,
) -> Result<Publish, Invalid> {
    check_topic(Field {
        name: "topic",
        text: topic,
    })?;
    let metadata = Properties::new(metadata);
    let is_raw = metadata
        .read(&["rawPayload"], Field::boolean)?
        .unwrap_or(false);
    let content_type = match content_type {
        "" if !is_raw && is_cloud_event(&data) => Some("application/cloudevents+json".to_owned()),
        "" => metadata.text(&["contentType"])?,
        given => Some(given.to_owned()),
    };
    let is_text =
        content_type.as_deref().is_some_and(is_text) && std::str::from_utf8(&data).is_ok();
    let qos = metadata.read(&["qos"], qos)?.unwrap_or(settings.qos);
    let mut publish = Publish::new(topic, data).qos(qos);
    if metadata
        .read(&["retain"], Field::boolean)?
        .unwrap_or(settings.retain)
    {
        publish = publish.retain();
    }
    if let Some(time) = time_to_live(&metadata)? {
        publish = publish.expiry(time);
    }
    if let Some(content_type) = content_type {
        publish = publish.content_type(content_type);
    }
    if is_text {
        publish = publish.text();
    }
    if let Some(response) = metadata.text(&["responseTopic"])? {
        publish = publish.response_topic(response);
    }
    let data = metadata.read(&["correlationData"], |field| {
        STANDARD
            .decode(field.text)
            .map_err(|_| field.invalid("base64"))
    })?;
    if let Some(data) = data {
        publish = publish.correlation_data(data);
    }
    for (name, value) in metadata.iter() {
        if let Some(name) = user_property(settings, name) {
            publish = publish.user_property(name, value);
        }
    }
    Ok(publish)
}

/// The name of the user property that metadata become, if any.
fn user_property<'a>(settings: &Settings, name: &'a str) -> Option<&'a str> {
    if let Some((prefix, own)) = name.split_at_checked(USER.len())
        && prefix.eq_ignore_ascii_case(USER)
    {
        return Some(own);
    }
    if let Some(trace) = TRACE.iter().find(|it| it.eq_ignore_ascii_case(name)) {
        return Some(trace);
    }
    let is_listed = |listed: &String| listed.eq_ignore_ascii_case(name);
    { settings.user_properties.iter() }
        .any(is_listed)
        .then_some(name)
}

/// Whether something can be published to what a field names.
pub(super) fn check_topic(field: Field<'_>) -> Result<(), Invalid> {
    if field.text.is_empty() {
        return Err(field.unusable("it is empty"));
    }
    if field.text.contains(['+', '#']) || field.text.starts_with("$share/") {
        return Err(field.invalid("a topic without wildcards, to publish to"));
    }
    Ok(())
}

/// `ttl`, then `ttlInSeconds`: seconds above zero, or a duration as Go writes it.
fn time_to_live(metadata: &Properties) -> Result<Option<Duration>, Invalid> {
    let read = |field: Field<'_>| match field.text.parse::<i64>() {
        Ok(seconds) => match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
            _ => Err(field.invalid("seconds above 0, or a time such as 90s")),
        },
        Err(_) => go_duration(field.text)
            .ok_or_else(|| field.invalid("seconds above 0, or a time such as 90s")),
    };
    match metadata.read(&["ttl"], read)? {
        Some(time) => Ok(Some(time)),
        None => metadata.read(&["ttlInSeconds"], read),
    }
}

/// Whether a payload is the JSON of an event. A sidecar wraps what it publishes, and does not say
/// so.
fn is_cloud_event(data: &[u8]) -> bool {
    const NAME: &[u8] = b"\"specversion\"";
    data.trim_ascii_start().starts_with(b"{") && data.windows(NAME.len()).any(|it| it == NAME)
}

/// Whether payloads of a content type are UTF-8 text.
fn is_text(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type.starts_with("text/") || media_type.ends_with("json")
}

/// What a stream gets for a message, but for its ID. `is_raw`: the sidecar wraps payloads itself.
pub(super) fn response(message: &Message, is_raw: bool) -> PullMessagesResponse {
    let flags = Flags {
        qos: message.qos(),
        is_retained: message.is_retained(),
        is_duplicate: message.is_duplicate(),
        expires_in: message.expires_in(),
    };
    let payload = message.payload().clone();
    of_parts(
        message.topic(),
        payload,
        flags,
        message.properties(),
        is_raw,
    )
}

/// What a message carries beside payload and properties.
#[derive(Clone, Copy)]
struct Flags {
    qos: Qos,
    is_retained: bool,
    is_duplicate: bool,
    expires_in: Option<Duration>,
}

fn of_parts(
    topic: &str,
    data: Bytes,
    flags: Flags,
    properties: &MqttProperties,
    is_raw: bool,
) -> PullMessagesResponse {
    let mut metadata = HashMap::new();
    let mut put = |name: &str, value: String| metadata.insert(name.to_owned(), value);
    let number = match flags.qos {
        Qos::AtMostOnce => "0",
        Qos::AtLeastOnce => "1",
        Qos::ExactlyOnce => "2",
    };
    put("qos", number.to_owned());
    put("retained", flags.is_retained.to_string());
    put("dup", flags.is_duplicate.to_string());
    put("mqttTopic", visible(topic));
    if let Some(left) = flags.expires_in {
        // As it travels: a part of a second counts as one.
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        put("expiryInterval", seconds.to_string());
    }
    if properties.is_text {
        put("payloadFormat", "1".to_owned());
    }
    if let Some(response) = &properties.response_topic {
        put("responseTopic", visible(response));
    }
    if let Some(data) = &properties.correlation_data {
        put("correlationData", STANDARD.encode(data));
    }
    let given = properties.content_type.as_deref().unwrap_or_default();
    let is_binary_event = !is_raw && is_binary_event(given, properties);
    for (name, value) in &properties.user {
        let Some(name) = header_name(name) else {
            continue;
        };
        if is_binary_event && attribute(&name).is_none() {
            put(&format!("ce_{name}"), visible(value));
        }
        put(&name, visible(value));
    }
    let content_type = if is_binary_event {
        // What the sidecar takes for an event in binary mode; it reads the rest from `ce_*`.
        if !given.is_empty() {
            put("ce_datacontenttype", visible(given));
        }
        "application/octet-stream"
    } else if !is_raw && given.eq_ignore_ascii_case("application/octet-stream") {
        // The same without attributes would become an event without an ID.
        ""
    } else {
        given
    };
    PullMessagesResponse {
        data,
        topic_name: topic.to_owned(),
        metadata,
        content_type: content_type.to_owned(),
        id: String::new(),
    }
}

/// Whether a message is an event in the binary mode of CloudEvents over MQTT: its attributes are
/// user properties.
fn is_binary_event(content_type: &str, properties: &MqttProperties) -> bool {
    let structured = content_type.starts_with("application/cloudevents");
    let has = |name: &&str| {
        let spelt = |given: &str| given.eq_ignore_ascii_case(name);
        let prefixed = |given: &str| attribute(given).is_some_and(spelt);
        let mut user = properties.user.iter();
        user.any(|(given, _)| spelt(given) || prefixed(given))
    };
    !structured && REQUIRED_ATTRIBUTES.iter().all(has)
}

/// The attribute of an event that a name stands for which has the prefix of Dapr already.
fn attribute(name: &str) -> Option<&str> {
    let (prefix, attribute) = name.split_at_checked(3)?;
    prefix.eq_ignore_ascii_case("ce_").then_some(attribute)
}

/// A user property's name as the name of metadata; none if it cannot be one.
fn header_name(name: &str) -> Option<String> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(is_safe) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    // Values of these are binary in gRPC, or its own.
    if name.ends_with("-bin") || name.starts_with("grpc-") {
        return None;
    }
    match RESERVED.contains(&&*name) {
        true => Some(format!("{USER}{name}")),
        false => Some(name),
    }
}

/// Text as visible ASCII: all else, and the percent sign, as `%XX`.
pub(super) fn visible(text: &str) -> String {
    if text
        .bytes()
        .all(|byte| (byte.is_ascii_graphic() || byte == b' ') && byte != b'%')
    {
        return text.to_owned();
    }
    let mut visible = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if (byte.is_ascii_graphic() || byte == b' ') && byte != b'%' {
            visible.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(visible, "%{byte:02X}");
        }
    }
    visible
}

#[cfg(test)]
mod tests;
