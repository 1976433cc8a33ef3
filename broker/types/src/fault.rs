//! Broken invariants of our own: fail-stop for one replica or connection, never for the process.

use std::fmt;

/// A state that no command can produce. The machine that finds it stops; the process goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    what: &'static str,
    detail: String,
}

impl Fault {
    /// A broken invariant: what should hold, and the values that show it does not.
    pub fn new(what: &'static str, detail: String) -> Self {
        Self { what, detail }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant broken: {}", self.what)?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.detail)
        }
    }
}

impl std::error::Error for Fault {}

/// Returns a [`Fault`] unless the condition holds. Always evaluated.
///
/// ```
/// use catena_types::{Fault, invariant};
///
/// fn release(references: u32) -> Result<u32, Fault> {
///     invariant!(references > 0, "a released message was referenced", references = references);
///     Ok(references - 1)
/// }
/// assert!(release(0).is_err());
/// ```
#[macro_export]
macro_rules! invariant {
    ($condition:expr, $what:literal $(, $name:ident = $value:expr)* $(,)?) => {
        if !$condition {
            let fields: &[::std::string::String] =
                &[$(::std::format!(concat!(stringify!($name), "={:?}"), $value)),*];
            let detail = fields.join(" ");
            return ::std::result::Result::Err($crate::Fault::new($what, detail).into());
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u32) -> Result<(), Fault> {
        invariant!(value < 3, "values are small", value = value, limit = 3);
        Ok(())
    }

    #[test]
    fn a_fault_names_what_should_hold_and_what_did_not() {
        assert!(check(2).is_ok());
        let fault = check(7).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "invariant broken: values are small (value=7 limit=3)"
        );
    }
}
