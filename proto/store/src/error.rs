//! What the state store refuses, in the exact words that clients compare.

use std::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A request that is not carried out. The text goes over the wire after `-ERR `; clients
        /// compare it byte for byte.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// All refusals, for tests and references.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The text.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The refusal with this text; `None` for texts of other servers and releases.
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

refusals! {
    /// `__ts` is more than 60 s ahead.
    TimestampAhead = "the request timestamp is too far in the future; ensure that the client \
                      and broker system clocks are synchronized",
    /// The key is fenced, and the request has no `__ft`.
    FenceRequired = "a fencing token is required for this request",
    /// `__ft` is more than 60 s ahead.
    FenceAhead = "the request fencing token timestamp is too far in the future; ensure that the \
                  client and broker system clocks are synchronized",
    /// `__ft` is lower than the fencing token of the key.
    FenceLower = "the request fencing token is a lower version than the fencing token protecting \
                  the resource",
    /// There would be too many keys, registrations or bytes.
    QuotaExceeded = "the quota has been exceeded",
    /// The payload or an option is malformed.
    Syntax = "syntax error",
    /// The client may not do this with the key.
    NotAuthorized = "not authorized",
    /// The first element is not a known command.
    UnknownCommand = "unknown command",
    /// The command never has this many elements.
    ArgumentCount = "wrong number of arguments",
    /// A write that gives a version has no `__ts`.
    TimestampMissing = "missing timestamp",
    /// `__ts` or `__ft` is no stamp.
    TimestampMalformed = "malformed timestamp",
    /// The key is empty.
    KeyEmpty = "the key length is zero",
    /// The key is longer than the store accepts.
    KeyTooLong = "the key is too long",
    /// The value is longer than the store accepts.
    ValueTooLong = "the value is too long",
    /// The notifications of the key would have a topic longer than MQTT allows.
    KeyNotObservable = "the key is too long to be observed",
    /// The reply would be longer than the store sends.
    ReplyTooLong = "the reply is too long; ask for fewer keys",
    /// The value is no decimal number of 64 bits.
    NotANumber = "the value is not a number",
    /// The sum does not fit into 64 bits.
    NumberOverflow = "the number would overflow",
    /// The keys of a group belong to different partitions.
    GroupSpread = "the keys of a group must share the text in their braces",
    /// A group writes a key more than once.
    GroupRepeats = "a group must not write a key twice",
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_that_clients_compare() {
        let check = |refusal: Refusal, text| assert_eq!(refusal.text(), text);
        check(
            Refusal::TimestampAhead,
            "the request timestamp is too far in the future; ensure that the client and broker \
             system clocks are synchronized",
        );
        check(
            Refusal::FenceRequired,
            "a fencing token is required for this request",
        );
        check(
            Refusal::FenceAhead,
            "the request fencing token timestamp is too far in the future; ensure that the client \
             and broker system clocks are synchronized",
        );
        check(
            Refusal::FenceLower,
            "the request fencing token is a lower version than the fencing token protecting the \
             resource",
        );
        check(Refusal::QuotaExceeded, "the quota has been exceeded");
        check(Refusal::Syntax, "syntax error");
        check(Refusal::NotAuthorized, "not authorized");
        check(Refusal::UnknownCommand, "unknown command");
        check(Refusal::ArgumentCount, "wrong number of arguments");
        check(Refusal::TimestampMissing, "missing timestamp");
        check(Refusal::TimestampMalformed, "malformed timestamp");
        check(Refusal::KeyEmpty, "the key length is zero");
    }

    #[test]
    fn every_text_is_one_line_and_names_its_refusal() {
        for refusal in Refusal::ALL {
            assert!(!refusal.text().contains(['\r', '\n']) && !refusal.text().is_empty());
            assert_eq!(Refusal::from_text(refusal.text()), Some(*refusal));
        }
        assert_eq!(Refusal::from_text("something new"), None);
    }
}
