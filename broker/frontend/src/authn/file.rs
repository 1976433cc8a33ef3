//! Password files: a line `user:hash` per user. A line that is wrong in any way makes the whole
//! file wrong: a user who silently is not there, or has an empty password, is worse than a broker
//! that says so (CVE-2018-12551).

use std::collections::BTreeMap;

use catena_mqtt::ReasonCode;

use super::password::{HashError, StoredPassword};
use super::{Applicant, Authenticator};
use crate::worker::Verdict;

/// The longest user name, in bytes: what fits in CONNECT.
const NAME_BYTES_MAX: usize = 65_535;

/// The users of a password file. The default has none, and so lets nobody in.
#[derive(Debug, Default)]
pub struct PasswordFile {
    users: BTreeMap<String, StoredPassword>,
}

/// A line of a password file that is wrong. Its content is not shown: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct LineError {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong.
    #[source]
    pub problem: LineProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// It is no text.
    #[error("is not UTF-8")]
    Encoding,
    /// There is no colon.
    #[error("expected user:hash")]
    NoColon,
    /// The user name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The user has a line already.
    #[error("the user stands on an earlier line already")]
    Duplicate,
    /// The hash.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// Why a text cannot be the name of a user in a password file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("the user's name is empty")]
    Empty,
    /// CONNECT has no room for it.
    #[error("the user's name is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// The file could not be read back as it was meant.
    #[error(
        "the user's name begins with #, begins or ends with white space, or has a colon or a \
         control character"
    )]
    Malformed,
}

impl PasswordFile {
    /// Reads the text of a file. Empty lines and lines that begin with `#` do not count.
    ///
    /// # Errors
    /// Everything that is wrong with it, and where.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<LineError>> {
        let mut users = BTreeMap::new();
        let mut errors = Vec::new();
        for (line, content) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let problem = match parse_line(content) {
                Ok(None) => continue,
                Ok(Some((name, _))) if users.contains_key(name) => LineProblem::Duplicate,
                Ok(Some((name, password))) => {
                    users.insert(name.to_owned(), password);
                    continue;
                }
                Err(problem) => problem,
            };
            errors.push(LineError { line, problem });
        }
        if errors.is_empty() {
            Ok(Self { users })
        } else {
            Err(errors)
        }
    }

    /// Whether the file may have a user of this name.
    ///
    /// # Errors
    /// Why not.
    pub fn check_name(name: &str) -> Result<(), NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        let has_reserved = name.contains(|letter: char| letter == ':' || letter.is_control());
        if has_reserved || name.starts_with('#') || name.trim() != name {
            return Err(NameError::Malformed);
        }
        Ok(())
    }

    fn verify(&self, name: &str, password: &[u8]) -> bool {
        match self.users.get(name) {
            Some(stored) => stored.matches(password),
            None => {
                // As long as for a user who exists, so that nobody learns who does.
                if let Some(decoy) = self.users.values().next() {
                    decoy.matches(password);
                }
                false
            }
        }
    }
}

/// `None` for a comment or an empty line.
fn parse_line(line: &[u8]) -> Result<Option<(&str, StoredPassword)>, LineProblem> {
    let line = std::str::from_utf8(line).map_err(|_| LineProblem::Encoding)?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, hash) = line.split_once(':').ok_or(LineProblem::NoColon)?;
    PasswordFile::check_name(name)?;
    Ok(Some((name, StoredPassword::parse(hash)?)))
}

impl Authenticator for PasswordFile {
    fn authenticate(&self, applicant: &Applicant<'_>) -> Verdict {
        let connect = applicant.connect;
        let (Some(name), Some(password)) = (&connect.username, &connect.password) else {
            return Verdict::Refused(ReasonCode::BadUserNameOrPassword);
        };
        if self.verify(name, password) {
            Verdict::Accepted
        } else {
            Verdict::Refused(ReasonCode::BadUserNameOrPassword)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = concat!(
        "$6$AAECAwQFBgcICQoL$ar+XH3NNTNOUpS6HxT7wJQ7ds+ZxqyYJ2zfKHmhw8h+qJlh3Mm",
        "HmNhRmlAxyoX090FBK4cSkvxTvZBcCvT6LMQ==",
    );

    fn parse(text: &str) -> Result<PasswordFile, Vec<LineError>> {
        PasswordFile::parse(text.as_bytes())
    }

    #[test]
    fn users_are_known_by_their_passwords() {
        let text = format!("# the line\n\nbob:{HASH}\r\nbø:b:{HASH}\n");
        assert!(parse(&text).is_err(), "a colon ends the name");
        let file = parse(&format!("# users\n\nbob:{HASH}\r\n")).unwrap();
        assert!(file.verify("bob", b"battery staple"));
        assert!(!file.verify("bob", b"Battery staple"));
        assert!(!file.verify("Bob", b"battery staple"));
        assert!(!format!("{file:?}").contains("AAEC"), "no hashes in logs");
    }

    #[test]
    fn a_file_without_users_lets_nobody_in() {
        for file in [
            PasswordFile::default(),
            parse("").unwrap(),
            parse("#").unwrap(),
        ] {
            assert!(!file.verify("bob", b"battery staple"));
            assert!(!file.verify("", b""));
        }
    }

    /// A13: no line is skipped, none gives an empty password.
    #[test]
    fn a_wrong_line_is_an_error_with_its_number() {
        let check = |line: &str, problem: LineProblem| {
            let errors = parse(&format!("bob:{HASH}\n{line}\n")).unwrap_err();
            assert_eq!(errors, [LineError { line: 2, problem }], "{line}");
        };
        let malformed = LineProblem::Name(NameError::Malformed);
        check("carl", LineProblem::NoColon);
        check(&format!(":{HASH}"), LineProblem::Name(NameError::Empty));
        check(&format!(" carl:{HASH}"), malformed);
        check(&format!("ca\trl:{HASH}"), malformed);
        check(&format!("bob:{HASH}"), LineProblem::Duplicate);
        check("carl:", LineProblem::Hash(HashError::UnknownForm));
        check("carl:plain text", LineProblem::Hash(HashError::UnknownForm));
        check(
            &format!("carl:{HASH} "),
            LineProblem::Hash(HashError::Encoding),
        );
        let errors = PasswordFile::parse(b"\xFF\n\ncarl\n").unwrap_err();
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            ["line 1: is not UTF-8", "line 3: expected user:hash"]
        );
    }

    #[test]
    fn names_that_a_file_cannot_hold_are_refused() {
        for name in ["anna", "b.ø", "a b", "a#"] {
            assert_eq!(PasswordFile::check_name(name), Ok(()), "{name}");
        }
        for name in ["#anna", "an:na", "an\nna", "anna "] {
            let refused = PasswordFile::check_name(name);
            assert_eq!(refused, Err(NameError::Malformed), "{name}");
        }
        assert_eq!(PasswordFile::check_name(""), Err(NameError::Empty));
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(PasswordFile::check_name(&long), Err(NameError::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[a:$67\n# =]{0,60}") {
            let _ = parse(&text);
        }
    }
}
