//! Password files: a line `user:hash` per user. A line that is wrong in any way makes the whole
//! file wrong: a user who silently is not there, or has an empty password, is worse than a broker
//! that says so (CVE-2018-12551).

use std::collections::BTreeMap;
use std::path::Path;

use catena_mqtt::ReasonCode;

use super::password::{HashError, StoredPassword};
use super::{Applicant, Authenticator};
use crate::worker::Verdict;

/// The longest user name, in bytes: what fits in CONNECT.
const NAME_BYTES_MAX: usize = 65_535;

/// The users of a password file.
#[derive(Debug)]
pub struct PasswordFile {
    users: BTreeMap<String, StoredPassword>,
}

/// What is wrong with a password file.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// It cannot be read, or is not UTF-8.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is wrong. Its content is not shown: it may be a secret.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        #[source]
        problem: LineProblem,
    },
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// There is no colon.
    #[error("expected user:hash")]
    NoColon,
    /// Nothing before the colon, white space around it, or a control character in it.
    #[error("empty or malformed user name")]
    Name,
    /// The user has a line already.
    #[error("the user has a line before")]
    Duplicate,
    /// The hash.
    #[error(transparent)]
    Hash(#[from] HashError),
}

impl PasswordFile {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn load(path: &Path) -> Result<Self, PasswordFileError> {
        let text = std::fs::read_to_string(path).map_err(|source| PasswordFileError::Read {
            path: path.display().to_string(),
            source,
        })?;
        Self::parse(&text)
    }

    /// Reads the text of a file. Empty lines and lines that begin with `#` do not count.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, PasswordFileError> {
        let mut users = BTreeMap::new();
        for (line, content) in (1..).zip(text.lines()) {
            if content.trim().is_empty() || content.starts_with('#') {
                continue;
            }
            let wrong = |problem| PasswordFileError::Line { line, problem };
            let (name, password) = parse_line(content).map_err(wrong)?;
            if users.insert(name.to_owned(), password).is_some() {
                return Err(wrong(LineProblem::Duplicate));
            }
        }
        Ok(Self { users })
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.users.len()
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

fn parse_line(line: &str) -> Result<(&str, StoredPassword), LineProblem> {
    let (name, hash) = line.split_once(':').ok_or(LineProblem::NoColon)?;
    let is_plain = name.trim() == name && !name.chars().any(char::is_control);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !is_plain {
        return Err(LineProblem::Name);
    }
    Ok((name, StoredPassword::parse(hash)?))
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

    #[test]
    fn users_are_known_by_their_passwords() {
        let text = format!("# the line\n\nbob:{HASH}\r\nbø:b:{HASH}\n");
        assert!(PasswordFile::parse(&text).is_err(), "a colon ends the name");
        let file = PasswordFile::parse(&format!("# users\n\nbob:{HASH}\r\n")).unwrap();
        assert_eq!(file.users(), 1);
        assert!(file.verify("bob", b"battery staple"));
        assert!(!file.verify("bob", b"Battery staple"));
        assert!(!file.verify("Bob", b"battery staple"));
        assert!(!format!("{file:?}").contains("AAEC"), "no hashes in logs");
    }

    /// A13: no line is skipped, none gives an empty password.
    #[test]
    fn a_wrong_line_is_an_error_with_its_number() {
        let check = |line: &str, problem: LineProblem| {
            let text = format!("bob:{HASH}\n{line}\n");
            match PasswordFile::parse(&text) {
                Err(PasswordFileError::Line {
                    line: 2,
                    problem: found,
                }) => {
                    assert_eq!(found, problem, "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        };
        check("carl", LineProblem::NoColon);
        check(&format!(":{HASH}"), LineProblem::Name);
        check(&format!(" carl:{HASH}"), LineProblem::Name);
        check(&format!("ca\trl:{HASH}"), LineProblem::Name);
        check(&format!("bob:{HASH}"), LineProblem::Duplicate);
        check("carl:", LineProblem::Hash(HashError::UnknownForm));
        check("carl:plain text", LineProblem::Hash(HashError::UnknownForm));
        check(
            &format!("carl:{HASH} "),
            LineProblem::Hash(HashError::Encoding),
        );
        assert!(PasswordFile::load(Path::new("/nonexistent/users")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in "[a:$67\n# =]{0,60}") {
            let _ = PasswordFile::parse(&text);
        }
    }
}
