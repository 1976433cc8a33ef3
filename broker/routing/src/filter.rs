//! Takes a filter text apart: share name, filter, whether it has wildcards.

use crate::limits::FILTER_BYTES_MAX;

/// A valid topic filter. Its text is kept as it is: two filters are the same only if they are
/// equal byte by byte, without any normalisation [MQTT-4.7.3-4] [MQTT3-4.7.3-4].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filter<'a> {
    /// The share name of `$share/name/filter`.
    pub(crate) share: Option<&'a str>,
    /// The filter that topics are matched with.
    pub(crate) topic_filter: &'a str,
    /// Whether it has a wildcard; if not, it matches exactly one topic.
    pub(crate) wildcard: bool,
}

impl<'a> Filter<'a> {
    /// Nothing if the text is no topic filter.
    ///
    /// The share name has at least one character and no wildcard, and a filter follows it
    /// [MQTT-4.8.2-1] [MQTT-4.8.2-2].
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > FILTER_BYTES_MAX {
            return None;
        }
        let (share, topic_filter) = match text.strip_prefix(SHARE_PREFIX) {
            Some(rest) => {
                let (name, filter) = rest.split_once(LEVEL)?;
                if name.is_empty() || name.contains(['+', '#']) {
                    return None;
                }
                (Some(name), filter)
            }
            None => (None, text),
        };
        let wildcard = wildcards_in(topic_filter)?;
        Some(Self {
            share,
            topic_filter,
            wildcard,
        })
    }
}

/// Whether there are any, or nothing if the text is not valid: it has at least one character
/// [MQTT-4.7.3-1] [MQTT3-4.7.3-1] and no null character [MQTT-4.7.3-2] [MQTT3-4.7.3-2]; `#` is
/// the last level [MQTT-4.7.1-1] [MQTT3-4.7.1-2], and both wildcards have a level to themselves
/// [MQTT-4.7.1-2] [MQTT3-4.7.1-3].
fn wildcards_in(filter: &str) -> Option<bool> {
    if filter.is_empty() || filter.contains('\0') {
        return None;
    }
    let mut wildcard = false;
    let mut ended = false;
    for level in filter.split(LEVEL) {
        if ended {
            return None;
        }
        match level {
            "#" => {
                wildcard = true;
                ended = true;
            }
            "+" => wildcard = true,
            _ if level.contains(['+', '#']) => return None,
            _ => {}
        }
    }
    Some(wildcard)
}

/// The text up to the first level separator.
pub(crate) fn first_level(text: &str) -> &str {
    text.split_once(LEVEL).map_or(text, |(first, _)| first)
}

/// Separates the levels of a topic.
pub(crate) const LEVEL: char = '/';

/// What a shared subscription's filter starts with.
pub(crate) const SHARE_PREFIX: &str = "$share/";

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT3-4.7.1-2] [MQTT3-4.7.1-3] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "a#",
            "#/a",
            "a/#/b",
            "a+",
            "+a/b",
            "a/b+/c",
            "##",
            "++",
            "a\0",
            "$share/",
            "$share/n",
            "$share/n/",
            "$share//a",
            "$share/n+/a",
            "$share/#/a",
            "$share/n/a#",
        ] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
        assert_eq!(Filter::parse(&"a".repeat(FILTER_BYTES_MAX + 1)), None);
    }

    #[test]
    fn a_filter_is_taken_apart() {
        let parse = |text| Filter::parse(text).map(|f| (f.share, f.topic_filter, f.wildcard));
        assert_eq!(parse("a//b/"), Some((None, "a//b/", false)));
        assert_eq!(parse("/"), Some((None, "/", false)));
        assert_eq!(parse("+/#"), Some((None, "+/#", true)));
        assert_eq!(parse("$share/n/a/+"), Some((Some("n"), "a/+", true)));
        assert_eq!(parse("$share/n//"), Some((Some("n"), "/", false)));
        assert_eq!(parse("$shared/n"), Some((None, "$shared/n", false)));
        assert_eq!(parse("$share"), Some((None, "$share", false)));
    }
}
