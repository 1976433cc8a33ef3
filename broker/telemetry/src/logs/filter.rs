//! Filter texts such as `debug,hyper=off`. Must never fall back silently: a filter that is not
//! understood would hide the lines that somebody asked for.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Which lines are written: a level for everything, and levels for parts of the program.
///
/// Parts are separated by commas: a level, or `target=level`. A target covers what is below it:
/// `catena_frontend` covers `catena_frontend::tls`. The longest match counts; of equal ones, the
/// last.
///
/// A library that warns of each client that errs is held to errors, so that clients cannot flood
/// the log; `debug` and `trace` for everything, or its own name, bring its lines back.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    targets: Targets,
}

impl Filter {
    /// The filter for the subscriber.
    pub(super) fn targets(&self) -> Targets {
        self.targets.clone()
    }
}

impl Default for Filter {
    /// `info`.
    fn default() -> Self {
        Self {
            text: "info".to_owned(),
            targets: with_default(LevelFilter::INFO),
        }
    }
}

impl FromStr for Filter {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        let mut default = LevelFilter::OFF;
        let mut named = Vec::new();
        let mut offset = 0;
        for part in text.split(',') {
            let word = Word::new(text, part, offset);
            match part.split_once('=') {
                None => default = word.level()?,
                Some((target, level)) => {
                    let level = Word::new(text, level, offset + target.len() + 1).level()?;
                    let target = Word::new(text, target, offset).target()?;
                    named.push((target, level));
                }
            }
            offset += part.len() + 1;
        }
        Ok(Self {
            text: text.to_owned(),
            targets: with_default(default).with_targets(named),
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// A level for everything, and for what [`QUIET`] names unless it asks for less or for details.
fn with_default(level: LevelFilter) -> Targets {
    let is_usual = LevelFilter::ERROR <= level && level <= LevelFilter::INFO;
    let quiet = if is_usual { LevelFilter::ERROR } else { level };
    let targets = QUIET.map(|target| (target, quiet));
    Targets::new().with_default(level).with_targets(targets)
}

/// What is wrong with a filter text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log filter `{text}`, character {position}: `{found}` {problem}")]
pub struct UsageError {
    /// The whole filter text.
    pub text: String,
    /// Place of the first wrong character, counted from 1.
    pub position: usize,
    /// The word that is wrong.
    pub found: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a word of a filter text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A level was expected; the nearest one is named if there is a near one.
    #[error("is no level{}; levels are off, error, warn, info, debug, trace", meant(.nearest))]
    Level {
        /// The level that was perhaps meant.
        nearest: Option<&'static str>,
    },
    /// A target was expected.
    #[error("names no part of the program; write it as in hyper=off or catena_frontend::tls=debug")]
    Target,
}

fn meant(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |level| format!(" (did you mean {level}?)"))
}

/// A trimmed word of a filter text that knows where it stands.
struct Word<'a> {
    text: &'a str,
    word: &'a str,
    offset: usize,
}

impl<'a> Word<'a> {
    /// `offset` counts bytes from the start of the text to the start of the untrimmed word.
    fn new(text: &'a str, untrimmed: &'a str, offset: usize) -> Self {
        let offset = offset + untrimmed.len() - untrimmed.trim_start().len();
        let word = untrimmed.trim();
        Self { text, word, offset }
    }

    fn level(&self) -> Result<LevelFilter, UsageError> {
        let known = LEVELS
            .iter()
            .find(|(name, _)| self.word.eq_ignore_ascii_case(name));
        let level = known.map(|(_, level)| *level);
        level.ok_or_else(|| {
            let nearest = nearest_level(self.word);
            self.error(Problem::Level { nearest })
        })
    }

    fn target(&self) -> Result<&'a str, UsageError> {
        let fits = |byte: u8| byte == b'_' || byte == b':' || byte.is_ascii_alphanumeric();
        if self.word.is_empty() || !self.word.bytes().all(fits) {
            return Err(self.error(Problem::Target));
        }
        Ok(self.word)
    }

    fn error(&self, problem: Problem) -> UsageError {
        let before = self.text.get(..self.offset).unwrap_or(self.text);
        UsageError {
            text: self.text.to_owned(),
            position: before.chars().count() + 1,
            found: self.word.to_owned(),
            problem,
        }
    }
}

/// The level at most two changed letters away, or the one that a known synonym means.
fn nearest_level(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == word);
    if let Some((_, level)) = synonym {
        return Some(level);
    }
    // Words of other lengths are far; this also bounds the work.
    if !(2..=7).contains(&word.len()) {
        return None;
    }
    let by_distance = LEVELS
        .iter()
        .map(|(level, _)| (distance(&word, level), *level));
    let (distance, level) = by_distance.min()?;
    (distance <= 2 && distance < level.len() - 1).then_some(level)
}

/// Levenshtein's distance: inserted, removed or replaced letters.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.bytes().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(right.bytes()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

/// Libraries whose warnings tell what clients do: `rustls` warns of each that sends an IP address
/// as a server name.
const QUIET: [&str; 1] = ["rustls"];

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Words that other programs use for a level.
const SYNONYMS: [(&str, &str); 6] = [
    ("warning", "warn"),
    ("notice", "info"),
    ("information", "info"),
    ("verbose", "debug"),
    ("none", "off"),
    ("fatal", "error"),
];

#[cfg(test)]
mod tests;
