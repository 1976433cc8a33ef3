//! A password file: `user:hash`, one a line, with comments and blank lines kept where they are.

use std::collections::BTreeSet;

use super::hash;

/// A password file without faults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PasswordFile {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// A comment or nothing.
    Other(String),
    User {
        name: String,
        hash: String,
    },
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// From 1.
    pub(crate) line: u64,
    pub(crate) message: String,
}

impl PasswordFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Every line that is neither a user with a hash that can be verified, nor a comment.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let mut lines = Vec::new();
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        let pieces = bytes
            .strip_suffix(b"\n")
            .unwrap_or(bytes)
            .split(|byte| *byte == b'\n');
        let pieces = pieces.filter(|_| !bytes.is_empty());
        for (number, piece) in (1..).zip(pieces) {
            let line = Line::parse(piece).and_then(|line| match &line {
                Line::User { name, .. } if !names.insert(name.clone()) => Err(format!(
                    "the user {name:?} stands on an earlier line already"
                )),
                _ => Ok(line),
            });
            match line {
                Ok(line) => lines.push(line),
                Err(message) => problems.push(Problem {
                    line: number,
                    message,
                }),
            }
        }
        if problems.is_empty() {
            Ok(Self { lines })
        } else {
            Err(problems)
        }
    }

    /// Every user with its hash.
    pub(crate) fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| match line {
            Line::User { name, hash } => Some((name.as_str(), hash.as_str())),
            Line::Other(_) => None,
        })
    }

    /// The file as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Other(other) => text.push_str(other),
                Line::User { name, hash } => {
                    text.push_str(name);
                    text.push(':');
                    text.push_str(hash);
                }
            }
            text.push('\n');
        }
        text
    }

    /// Sets the hash of a user, new or not.
    pub(crate) fn insert(&mut self, user: &str, new: &str) {
        let existing = self.lines.iter_mut().find_map(|line| match line {
            Line::User { name, hash } if name == user => Some(hash),
            Line::User { .. } | Line::Other(_) => None,
        });
        match existing {
            Some(hash) => new.clone_into(hash),
            None => self.lines.push(Line::User {
                name: user.to_owned(),
                hash: new.to_owned(),
            }),
        }
    }

    /// Deletes a user; false if there is none of this name.
    pub(crate) fn remove(&mut self, user: &str) -> bool {
        let before = self.lines.len();
        self.lines
            .retain(|line| !matches!(line, Line::User { name, .. } if name == user));
        self.lines.len() < before
    }
}

impl Line {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim().is_empty() || text.starts_with('#') {
            return Ok(Self::Other(text.to_owned()));
        }
        let (name, hash) = text
            .split_once(':')
            .ok_or_else(|| "expected user:hash".to_owned())?;
        check_user(name)?;
        hash::check(hash)?;
        Ok(Self::User {
            name: name.to_owned(),
            hash: hash.to_owned(),
        })
    }
}

/// Whether this can be the name of a user in a password file.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check_user(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the user's name is empty".to_owned());
    }
    if name.len() > usize::from(u16::MAX) {
        return Err("the user's name is longer than 65535 bytes".to_owned());
    }
    if name.starts_with('#') || name.contains(':') || name.contains(char::is_control) {
        let message = "begins with # or has a colon or control character";
        return Err(format!("the user's name {name:?} {message}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$7$101$MTIzNDU2Nzg5MDEy$AQIDBAUGBwgJCgsMDQ4PEA==";

    #[test]
    fn comments_and_order_stay() {
        let text = format!("# users\n\nanna:{HASH}\n  \nbert:{HASH}\n");
        let mut file = PasswordFile::parse(text.as_bytes()).unwrap();
        assert_eq!(file.text(), text);
        file.insert("anna", "new");
        file.insert("carl", "third");
        assert!(file.remove("bert"));
        assert!(!file.remove("bert"));
        assert_eq!(file.text(), "# users\n\nanna:new\n  \ncarl:third\n");
    }

    #[test]
    fn an_empty_file_has_no_lines() {
        assert_eq!(PasswordFile::parse(b"").unwrap().text(), "");
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        check("anna", &[(1, "expected user:hash")]);
        check(":x", &[(1, "the user's name is empty")]);
        let plain = "expected a hash that `catena passwd` or mosquitto_passwd makes; \
                     passwords in plain text are refused";
        check("anna:secret", &[(1, plain)]);
        let twice = "the user \"anna\" stands on an earlier line already";
        check(&format!("anna:{HASH}\nanna:{HASH}"), &[(2, twice)]);
        check(
            &format!("#\nx\nanna:{HASH}\ny\n"),
            &[(2, "expected user:hash"), (4, "expected user:hash")],
        );
    }

    #[track_caller]
    fn check(text: &str, expected: &[(u64, &str)]) {
        let problems = PasswordFile::parse(text.as_bytes()).unwrap_err();
        let problems: Vec<_> = problems
            .iter()
            .map(|one| (one.line, &*one.message))
            .collect();
        assert_eq!(problems, expected);
    }
}
