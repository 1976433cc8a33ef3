//! Topic names: what is valid, their levels, and whether a filter matches one.

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::reader;
use crate::reason::ReasonCode;

/// Checks a topic name: 1 to `topic_bytes_max` bytes [MQTT-4.7.3-1] [MQTT-4.7.3-3], no U+0000
/// [MQTT-4.7.3-2] nor other characters that strings must not have, no wildcard [MQTT-4.7.0-1], at
/// most `topic_levels_max` levels.
///
/// # Errors
/// 0x82 protocol error if it is empty, 0x81 malformed for what no topic name may contain, 0x90
/// topic name invalid above a limit: that is for names that are well formed, but not accepted.
#[inline]
pub fn check(topic: &str, limits: &Limits) -> Result<(), DecodeError> {
    if topic.is_empty() {
        return Err(DecodeError::protocol("empty topic name"));
    }
    if reader::any(topic.as_bytes(), is_special) {
        check_special(topic)?;
    }
    check_size(topic.as_bytes(), limits)
}

/// A topic name as it came from the wire. Empty is for the caller to judge.
#[inline]
pub(crate) fn decode<'a>(bytes: &'a [u8], limits: &Limits) -> Result<&'a str, DecodeError> {
    let topic = reader::utf8(bytes)?;
    if !topic.is_empty() {
        check(topic, limits)?;
    }
    Ok(topic)
}

/// Checks what [`decode`] would give out: what is all printable ASCII needs no second look.
#[inline]
pub(crate) fn check_bytes(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if reader::any(bytes, is_special) {
        return decode(bytes, limits).map(|_| ());
    }
    check_size(bytes, limits)
}

/// The levels of a topic name or filter: its parts between slashes. Empty levels count.
pub fn levels(topic: &str) -> impl Iterator<Item = &str> {
    topic.split('/')
}

/// Whether `filter_path` (a filter without its `$share/NAME/`) matches `topic`. Both are taken to
/// be valid. Nothing is normalised: every byte counts [MQTT-4.7.3-4].
///
/// This is the definition that faster matchers are tested against.
#[must_use]
pub fn matches(filter_path: &str, topic: &str) -> bool {
    // Wildcards at the start do not match topics that begin with $ [MQTT-4.7.2-1].
    if topic.starts_with('$') && filter_path.starts_with(['+', '#']) {
        return false;
    }
    let mut topic_levels = levels(topic);
    for filter_level in levels(filter_path) {
        // "#" also stands for the parent: "a/#" matches "a" [MQTT-4.7.1-1].
        if filter_level == "#" {
            return true;
        }
        match topic_levels.next() {
            Some(topic_level) if filter_level == "+" || filter_level == topic_level => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

/// Whether a byte may be part of what no topic name contains.
#[inline]
const fn is_special(byte: u8) -> bool {
    reader::is_unusual(byte) | (byte == b'+') | (byte == b'#')
}

#[inline]
fn check_size(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    if bytes.len() > usize::from(limits.topic_bytes_max) {
        return Err(invalid("topic name too long"));
    }
    if has_too_many_levels(bytes, limits) {
        return Err(invalid("topic name with too many levels"));
    }
    Ok(())
}

#[inline(never)]
fn check_special(topic: &str) -> Result<(), DecodeError> {
    reader::check_characters(topic)?;
    if topic.contains(['+', '#']) {
        return Err(DecodeError::malformed("wildcard in a topic name"));
    }
    Ok(())
}

const fn invalid(what: &'static str) -> DecodeError {
    DecodeError::new(ReasonCode::TopicNameInvalid, what)
}

/// Counts levels only where there can be too many: a topic of n bytes has at most n + 1.
#[inline]
pub(crate) fn has_too_many_levels(bytes: &[u8], limits: &Limits) -> bool {
    let levels_max = limits.topic_levels_max as usize;
    bytes.len() >= levels_max && bytes.iter().filter(|byte| **byte == b'/').count() >= levels_max
}
