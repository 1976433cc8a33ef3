//! Names and values as they come, and what can be read from them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use tonic::Status;

/// Names and values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// By name in lower case: the names as they are spelt, and the values.
    all: BTreeMap<String, Vec<(String, String)>>,
}

/// A value that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, as the user spells it.
    pub name: &'a str,
    /// What it says, without white space around it.
    pub text: &'a str,
}

/// A value that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metadata {field}: {problem}")]
pub struct Invalid {
    /// The name, or names.
    field: String,
    /// The value, what is wrong with it, and what would be right.
    problem: String,
}

impl Properties {
    /// From what Init brings.
    #[must_use]
    pub fn new(properties: HashMap<String, String>) -> Self {
        // The order is to be the same each time.
        let sorted: BTreeMap<_, _> = properties.into_iter().collect();
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, value) in sorted {
            let spellings = all.entry(name.to_ascii_lowercase()).or_default();
            spellings.push((name, value));
        }
        Self { all }
    }

    /// All names, as they are spelt, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.all.values().flatten();
        all.map(|(name, value)| (&**name, &**value))
    }

    /// The value under any of these names. One that is empty counts as absent.
    ///
    /// # Errors
    ///
    /// Two names are there with different values.
    pub fn field(&self, names: &[&str]) -> Result<Option<Field<'_>>, Invalid> {
        let same = |field: Field<'_>| Ok(field.text.to_owned());
        self.agreed(names, same).map(|(field, _)| field)
    }

    /// The first of these names that is there, and what it says, read by one of the functions of
    /// [`Field`].
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read).
    pub fn agreed<'a, T: PartialEq>(
        &'a self,
        names: &[&str],
        read: impl Fn(Field<'a>) -> Result<T, Invalid>,
    ) -> Result<(Option<Field<'a>>, Option<T>), Invalid> {
        let found = { names.iter() }
            .filter_map(|name| self.all.get(&name.to_ascii_lowercase()))
            .flatten();
        let fields = found.map(|(name, value)| Field {
            name,
            text: value.trim(),
        });
        let mut fields = fields.filter(|field| !field.text.is_empty());
        let Some(first) = fields.next() else {
            return Ok((None, None));
        };
        let said = read(first)?;
        for other in fields {
            if other.text != first.text && read(other).ok().as_ref() != Some(&said) {
                return Err(first.conflicts(&other));
            }
        }
        Ok((Some(first), Some(said)))
    }

    /// As [`field`](Self::field), as text.
    ///
    /// # Errors
    ///
    /// As of [`field`](Self::field).
    pub fn text(&self, names: &[&str]) -> Result<Option<String>, Invalid> {
        Ok(self.field(names)?.map(|field| field.text.to_owned()))
    }

    /// As [`field`](Self::field), read by one of the functions of [`Field`]: values that are spelt
    /// otherwise and mean the same are no different ones.
    ///
    /// # Errors
    ///
    /// Also those of the function.
    pub fn read<'a, T: PartialEq>(
        &'a self,
        names: &[&str],
        read: impl Fn(Field<'a>) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Invalid> {
        self.agreed(names, read).map(|(_, said)| said)
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a secret.
        f.debug_struct("Field")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Field<'_> {
    /// Says what is wrong with the value, showing it.
    #[must_use]
    pub fn invalid(&self, expected: &str) -> Invalid {
        Invalid {
            field: format!("`{}`", self.name),
            problem: format!("`{}` is not valid: expected {expected}", self.text),
        }
    }

    /// Says what is wrong with the value, without showing it.
    #[must_use]
    pub fn unusable(&self, problem: impl Into<String>) -> Invalid {
        Invalid {
            field: format!("`{}`", self.name),
            problem: problem.into(),
        }
    }

    /// Says that two values cannot be had together.
    #[must_use]
    pub fn conflicts(&self, other: &Field<'_>) -> Invalid {
        Invalid {
            field: format!("`{}` and `{}`", self.name, other.name),
            problem: "they say different things: leave one of them out".to_owned(),
        }
    }

    /// A switch, as Dapr's own components read it.
    ///
    /// # Errors
    ///
    /// Neither yes nor no.
    pub fn boolean(self) -> Result<bool, Invalid> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "y" | "t" => Ok(true),
            "false" | "0" | "no" | "off" | "n" | "f" => Ok(false),
            _ => Err(self.invalid("true or false")),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    ///
    /// No number, or one out of range.
    pub fn integer(self, range: std::ops::RangeInclusive<u64>) -> Result<u64, Invalid> {
        let number = self
            .text
            .parse()
            .ok()
            .filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.invalid(&format!("a number from {low} to {high}"))
        })
    }

    /// A time: seconds, or as Go writes it, such as `1m30s` or `250ms`.
    ///
    /// # Errors
    ///
    /// Neither.
    pub fn duration(self) -> Result<Duration, Invalid> {
        if let Ok(seconds) = self.text.parse() {
            return Ok(Duration::from_secs(seconds));
        }
        let read = go_duration(self.text).filter(|_| !self.text.starts_with('-'));
        read.ok_or_else(|| self.invalid("seconds, or a time such as 90s or 1m30s"))
    }

    /// One of some words, without regard to case.
    ///
    /// # Errors
    ///
    /// None of them.
    pub fn word<T: Copy>(self, words: &[(&str, T)]) -> Result<T, Invalid> {
        let found = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(self.text));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.invalid(&format!("one of {}", words.join(", ")))
        })
    }
}

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Self {
        Self::invalid_argument(invalid.to_string())
    }
}

/// Reads a duration as Go writes it: numbers with units, such as `1h15m30.5s`. One that is negative
/// is none at all.
#[must_use]
pub fn go_duration(text: &str) -> Option<Duration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let factor = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number * factor;
        rest = &rest[unit..];
    }
    if negative {
        return Some(Duration::ZERO);
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let pairs = pairs.iter();
        Properties::new(
            pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn names_have_no_case_and_may_be_several() {
        let given = properties(&[("USETLS", "yes"), ("tlsEnabled", "yes"), ("qos", " ")]);
        let read = given.read(&["tlsEnabled", "useTls"], Field::boolean);
        assert_eq!(read, Ok(Some(true)));
        assert_eq!(given.text(&["qos"]), Ok(None));
        assert_eq!(given.text(&["other"]), Ok(None));
    }

    #[test]
    fn names_that_say_different_things_are_both_told() {
        let given = properties(&[("useTls", "false"), ("tlsEnabled", "true")]);
        let text = given
            .field(&["tlsEnabled", "useTls"])
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("`tlsEnabled`") && text.contains("`useTls`"),
            "{text}"
        );
        let given = properties(&[("qos", "1"), ("QoS", "0")]);
        let text = given.text(&["qos"]).unwrap_err().to_string();
        assert!(text.contains("`qos`") && text.contains("`QoS`"), "{text}");
    }

    #[test]
    fn values_that_are_spelt_otherwise_and_mean_the_same_do_not_differ() {
        let given = properties(&[("useTls", "no"), ("tlsEnabled", "false")]);
        let read = given.read(&["tlsEnabled", "useTls"], Field::boolean);
        assert_eq!(read, Ok(Some(false)));
    }

    #[test]
    fn an_error_tells_name_value_and_what_would_be_right() {
        let given = properties(&[("QoS", "7")]);
        let error = given
            .read(&["qos"], |field| field.integer(0..=2))
            .unwrap_err();
        let text = "metadata `QoS`: `7` is not valid: expected a number from 0 to 2";
        assert_eq!(error.to_string(), text);
    }

    #[track_caller]
    fn check_duration(text: &str, expected: Option<Duration>) {
        let field = Field { name: "x", text };
        assert_eq!(field.duration().ok(), expected, "{text}");
    }

    #[test]
    fn durations_are_seconds_or_as_go_has_them() {
        check_duration("90", Some(Duration::from_secs(90)));
        check_duration("1m30s", Some(Duration::from_secs(90)));
        check_duration("1.5h", Some(Duration::from_secs(5400)));
        check_duration("250ms", Some(Duration::from_millis(250)));
        check_duration("-5s", None);
        check_duration("-5", None);
        check_duration("5 s", None);
        check_duration("s", None);
        check_duration("", None);
        check_duration("1d", None);
    }
}
