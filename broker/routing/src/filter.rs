//! Reads filters, as the table keeps them.

use catena_mqtt::{Filter, Limits};

/// Takes a filter apart; nothing if the text is none [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1]
/// [MQTT-4.8.2-2]. Two filters are the same only if they are equal byte by byte, without any
/// normalisation [MQTT-4.7.3-4] [MQTT3-4.7.3-4].
pub(crate) fn parse(text: &str) -> Option<Filter<'_>> {
    Filter::parse_limited(text, &LIMITS).ok()
}

/// The text up to the first level separator.
pub(crate) fn first_level(text: &str) -> &str {
    text.split_once(LEVEL).map_or(text, |(first, _)| first)
}

/// Separates the levels of a topic.
pub(crate) const LEVEL: char = '/';

/// What a shared subscription's filter starts with.
pub(crate) const SHARE_PREFIX: &str = "$share/";

/// Every replica has to decide alike, so nothing here can be configured; the depth does not
/// matter to the table. Whoever sends a command has checked it against its own limits.
const LIMITS: Limits = Limits {
    topic_levels_max: u32::MAX,
    ..Limits::DEFAULT
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "a#",
            "a/#/b",
            "a/b+/c",
            "a\0",
            "$share/n",
            "$share/n/",
            "$share//a",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"a".repeat(65_536)), None);
    }

    #[test]
    fn a_filter_is_taken_apart() {
        let parts = |text| parse(text).map(|f| (f.share, f.path, f.has_wildcard()));
        assert_eq!(parts("a//b/"), Some((None, "a//b/", false)));
        assert_eq!(parts("$share/n/a/+"), Some((Some("n"), "a/+", true)));
        assert_eq!(parts("$share/n//"), Some((Some("n"), "/", false)));
        assert_eq!(parts("$shared/n"), Some((None, "$shared/n", false)));
        assert_eq!(parts("$share"), Some((None, "$share", false)));
    }
}
