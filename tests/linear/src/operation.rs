//! What clients do and what they are told.

/// A version: wall time and counter.
pub type Version = (u64, u64);

/// What is done with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `GET`
    Get,
    /// `SET`
    Set(Vec<u8>),
    /// `SET … NX`
    SetIfAbsent(Vec<u8>),
    /// `SET … NEX`
    SetIfAbsentOrEqual(Vec<u8>),
    /// `DEL`
    Delete,
    /// `VDEL`
    DeleteIfEqual(Vec<u8>),
    /// `CAS`
    SetIfVersion(Version, Vec<u8>),
    /// `CAD`
    DeleteIfVersion(Version),
    /// `INCRBY`
    Add(i64),
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// What was read: a value and its version, or nothing.
    Value(Option<(Vec<u8>, Version)>),
    /// Set, with this version.
    Set(Version),
    /// Added up to this, with this version.
    Sum(i64, Version),
    /// Deleted.
    Deleted,
    /// A condition was not met.
    Unmet,
    /// There is no such key.
    Absent,
    /// Each write of a group was done.
    All(Vec<Answer>),
    /// The condition of this write of a group was not met, and nothing was done.
    UnmetAt(usize),
}

/// One request: what it does, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Who asks.
    pub client: usize,
    /// When it was first sent; any numbers that grow.
    pub begin: u64,
    /// When its answer came, or from when on it cannot happen any more.
    pub end: Option<u64>,
    /// Keys and what is done with them; several at once are a group.
    pub steps: Vec<(String, Step)>,
    /// Whether these steps are a group, also if there is one only.
    pub is_group: bool,
    /// The answer. Without one, it may have happened or not.
    pub answer: Option<Answer>,
}

impl Operation {
    /// An operation on one key, without an answer yet. `span` is begin and end.
    #[must_use]
    pub fn single(client: usize, span: (u64, Option<u64>), key: &str, step: Step) -> Self {
        Self {
            client,
            begin: span.0,
            end: span.1,
            steps: vec![(key.to_owned(), step)],
            is_group: false,
            answer: None,
        }
    }

    /// A group of writes, without an answer yet.
    #[must_use]
    pub fn group(client: usize, span: (u64, Option<u64>), steps: Vec<(String, Step)>) -> Self {
        Self {
            client,
            begin: span.0,
            end: span.1,
            steps,
            is_group: true,
            answer: None,
        }
    }

    /// The operation with its answer.
    #[must_use]
    pub fn answered(self, answer: Answer) -> Self {
        Self {
            answer: Some(answer),
            ..self
        }
    }
}
