//! Topic names and filters: whether they are valid, and which match.

use crate::{Error, text};

/// Checks a topic name, of a message or for its response: not empty, no wildcard, no NUL
/// [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-3.3.2-2].
pub(crate) fn check_name(what: &'static str, topic: &str) -> Result<(), Error> {
    if topic.is_empty() {
        return Err(Error::invalid(what, "it is empty"));
    }
    if topic.contains(['+', '#']) {
        return Err(Error::invalid(what, "it contains a wildcard"));
    }
    text::check(what, topic)
}

/// Checks a topic filter [MQTT-4.7.1-1], [MQTT-4.7.1-2], and the form of a shared subscription
/// [MQTT-4.8.2-1], [MQTT-4.8.2-2].
pub(crate) fn check_filter(filter: &str) -> Result<(), Error> {
    text::check("filter", filter)?;
    let matched = match filter.strip_prefix("$share/") {
        Some(shared) => match shared.split_once('/') {
            Some((group, rest)) if !group.is_empty() && !group.contains(['+', '#']) => rest,
            _ => return Err(Error::invalid("filter", "expected $share/GROUP/FILTER")),
        },
        None => filter,
    };
    if matched.is_empty() {
        return Err(Error::invalid("filter", "it is empty"));
    }
    let mut levels = matched.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.len() > 1 && level.contains(['+', '#']) {
            return Err(Error::invalid(
                "filter",
                "a wildcard stands alone in its level",
            ));
        }
        if level == "#" && levels.peek().is_some() {
            return Err(Error::invalid("filter", "# is the last level"));
        }
    }
    Ok(())
}

/// Whether a filter, shared or not, matches a topic. Wildcards at the front do not match topics
/// that begin with `$` [MQTT-4.7.2-1].
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let filter = match filter.strip_prefix("$share/") {
        Some(shared) => shared.split_once('/').map_or("", |(_, rest)| rest),
        None => filter,
    };
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut filter = filter.split('/');
    let mut topic = topic.split('/');
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

/// Whether there is a topic that both filters match. Not for shared subscriptions, whose messages
/// are copies of their own.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    // [MQTT-4.7.2-1]
    let is_hidden = |from: &str, it: &str| from.starts_with(['+', '#']) && it.starts_with('$');
    if is_hidden(one, other) || is_hidden(other, one) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            // Also the parent level [MQTT-4.7.1-2].
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(level), Some(same)) if level == same => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All names of one to three of these levels.
    fn names(levels: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        let mut longest: Vec<String> = levels.iter().map(|&level| level.into()).collect();
        for _ in 0..3 {
            let longer = longest.iter();
            let longer =
                longer.flat_map(|name| levels.iter().map(move |it| format!("{name}/{it}")));
            let longer = longer.collect();
            all.append(&mut longest);
            longest = longer;
        }
        all
    }

    /// [MQTT-4.7.2-1]
    #[test]
    fn filters_overlap_if_a_topic_matches_both() {
        let mut filters = names(&["a", "", "$b", "+", "#"]);
        filters.retain(|filter| check_filter(filter).is_ok());
        // With the empty one, in which `+` and `/#` meet: nobody publishes to it.
        let topics = names(&["a", "", "$b", "c"]);
        let matched = |filter: &String| -> Vec<bool> {
            topics.iter().map(|topic| matches(filter, topic)).collect()
        };
        let matched: Vec<_> = filters.iter().map(matched).collect();
        for (one, of_one) in filters.iter().zip(&matched) {
            for (other, of_other) in filters.iter().zip(&matched) {
                let expected = of_one
                    .iter()
                    .zip(of_other)
                    .any(|(one, other)| *one && *other);
                assert_eq!(overlap(one, other), expected, "{one} {other}");
            }
        }
    }

    #[test]
    fn filters_match_as_the_standard_says() {
        // [MQTT-4.7.1-1], [MQTT-4.7.2-1]
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/", false),
            ("a/+", "a/b", true),
            ("a/+", "a/b/c", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("+/b", "/b", true),
            ("#", "a", true),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
            ("$share/g/a/#", "a/b", true),
            ("$share/g/a", "b", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn what_is_not_valid_is_refused() {
        assert!(check_name("topic", "a/b c/").is_ok());
        for topic in ["", "a/+", "#", "a\0", "a\n", &"x".repeat(65_536)] {
            assert!(check_name("topic", topic).is_err(), "{topic:.10}");
        }
        for filter in ["a", "/", "+/+/#", "$share/g/a/#", "$share/g//"] {
            assert!(check_filter(filter).is_ok(), "{filter}");
        }
        for filter in [
            "",
            "a#",
            "a/#/b",
            "b+",
            "a\t/+",
            "$share/g\u{9f}/a",
            "$share/g",
            "$share//a",
            "$share/g/",
        ] {
            assert!(check_filter(filter).is_err(), "{filter}");
        }
    }
}
