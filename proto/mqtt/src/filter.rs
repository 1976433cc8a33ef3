//! Topic filters, plain and shared.

use crate::error::DecodeError;
use crate::limits::Limits;
use crate::reader;
use crate::reason::ReasonCode;
use crate::topic;

/// A valid topic filter, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Filter<'a> {
    /// The share name of `$share/NAME/...`.
    pub share: Option<&'a str>,
    /// The filter proper: what topic names are matched with.
    pub path: &'a str,
}

impl<'a> Filter<'a> {
    /// Parses a filter with the default limits.
    ///
    /// # Errors
    /// As [`parse_limited`](Self::parse_limited).
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        Self::parse_limited(text, &Limits::DEFAULT)
    }

    /// Parses a filter: at least one character [MQTT-4.7.3-1], no U+0000 [MQTT-4.7.3-2], `#` alone
    /// in the last level [MQTT-4.7.1-1], `+` alone in its level [MQTT-4.7.1-2]; `$share/` is
    /// followed by a share name and a filter [MQTT-4.8.2-1] [MQTT-4.8.2-2]. Other characters that
    /// strings must not have are refused as well.
    ///
    /// # Errors
    /// 0x81 malformed; 0x8F topic filter invalid above a limit: that is for filters that are well
    /// formed, but not accepted.
    pub fn parse_limited(text: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        reader::check_characters(text)?;
        if text.len() > usize::from(limits.topic_bytes_max) {
            return Err(not_accepted("topic filter too long"));
        }
        let filter = match text.strip_prefix("$share/") {
            None => Self {
                share: None,
                path: text,
            },
            Some(rest) => {
                let (share, path) = rest
                    .split_once('/')
                    .ok_or(DecodeError::malformed("shared filter without a filter"))?;
                if share.is_empty() || share.contains(['+', '#']) {
                    return Err(DecodeError::malformed(
                        "share name empty or with a wildcard",
                    ));
                }
                Self {
                    share: Some(share),
                    path,
                }
            }
        };
        check_path(filter.path, limits)?;
        Ok(filter)
    }

    /// Whether the filter matches `topic`. See [`topic::matches`].
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        topic::matches(self.path, topic)
    }

    /// Whether the filter has a wildcard. One without matches exactly the topic of its own name.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.path.contains(['+', '#'])
    }

    /// The levels of the path.
    pub fn levels(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        topic::levels(self.path)
    }
}

fn check_path(path: &str, limits: &Limits) -> Result<(), DecodeError> {
    if path.is_empty() {
        return Err(DecodeError::malformed("empty topic filter"));
    }
    if topic::has_too_many_levels(path.as_bytes(), limits) {
        return Err(not_accepted("topic filter with too many levels"));
    }
    if !path.contains(['+', '#']) {
        return Ok(());
    }
    let mut levels = topic::levels(path).peekable();
    while let Some(level) = levels.next() {
        match level {
            "+" => {}
            "#" if levels.peek().is_some() => {
                return Err(DecodeError::malformed("# before the last level"));
            }
            "#" => {}
            _ if level.contains(['+', '#']) => {
                return Err(DecodeError::malformed("wildcard within a level"));
            }
            _ => {}
        }
    }
    Ok(())
}

const fn not_accepted(what: &'static str) -> DecodeError {
    DecodeError::new(ReasonCode::TopicFilterInvalid, what)
}
