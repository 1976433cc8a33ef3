//! One key: what is there, and what may come of a step.

use crate::{Answer, Step, Version};

/// What is known of a key in one possible order of things.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Cell {
    value: Option<Vec<u8>>,
    /// The version of the value; unknown if nobody was told.
    version: Option<Version>,
    /// The highest version that anybody was told, also of a value that is gone.
    floor: Version,
}

/// What a step comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Reads.
    Read,
    /// Sets this value.
    Put(Vec<u8>),
    /// Adds up to this.
    Sum(i64),
    /// Removes what is there.
    Remove,
    /// The condition is not met.
    Unmet,
    /// There is nothing to compare or remove.
    Absent,
}

impl Effect {
    /// Whether a group with this step is not done.
    pub(crate) fn stops_group(&self, step: &Step) -> bool {
        match self {
            Self::Unmet => true,
            Self::Absent => *step != Step::Delete,
            Self::Read | Self::Put(_) | Self::Sum(_) | Self::Remove => false,
        }
    }
}

impl Cell {
    /// What a step may come to: two things where it depends on a version that is not known.
    pub(crate) fn effects(&self, step: &Step) -> Vec<Effect> {
        let set = |value: &Vec<u8>| Effect::Put(value.clone());
        let one = match (step, &self.value) {
            (Step::Get, _) => Effect::Read,
            (Step::Set(value), _)
            | (Step::SetIfAbsent(value) | Step::SetIfAbsentOrEqual(value), None) => set(value),
            (Step::SetIfAbsentOrEqual(value), Some(found)) if found == value => set(value),
            (Step::SetIfAbsent(_) | Step::SetIfAbsentOrEqual(_), Some(_)) => Effect::Unmet,
            (
                Step::Delete
                | Step::DeleteIfEqual(_)
                | Step::SetIfVersion(..)
                | Step::DeleteIfVersion(_),
                None,
            ) => Effect::Absent,
            (Step::Delete, Some(_)) => Effect::Remove,
            (Step::DeleteIfEqual(value), Some(found)) if found == value => Effect::Remove,
            (Step::DeleteIfEqual(_), Some(_)) => Effect::Unmet,
            (Step::SetIfVersion(version, value), Some(_)) => {
                return self.compared(*version, set(value));
            }
            (Step::DeleteIfVersion(version), Some(_)) => {
                return self.compared(*version, Effect::Remove);
            }
            (Step::Add(more), found) => {
                let text = found.as_deref().unwrap_or(b"0");
                let number = std::str::from_utf8(text)
                    .ok()
                    .and_then(|t| t.parse::<i64>().ok());
                Effect::Sum(number.unwrap_or_default().wrapping_add(*more))
            }
        };
        vec![one]
    }

    fn compared(&self, version: Version, met: Effect) -> Vec<Effect> {
        match self.version {
            Some(known) if known == version => vec![met],
            Some(_) => vec![Effect::Unmet],
            // One that was known before is not the one of a later value.
            None if version <= self.floor => vec![Effect::Unmet],
            None => vec![met, Effect::Unmet],
        }
    }

    /// The key after an effect, if the answer fits.
    pub(crate) fn after(&self, effect: &Effect, answer: Option<&Answer>) -> Option<Self> {
        match (effect, answer) {
            (Effect::Read | Effect::Unmet | Effect::Absent, None)
            | (Effect::Unmet, Some(Answer::Unmet))
            | (Effect::Absent, Some(Answer::Absent)) => Some(self.clone()),
            (Effect::Read, Some(Answer::Value(found))) => self.read(found.as_ref()),
            (Effect::Put(value), None) => Some(self.put(value.clone(), None)),
            (Effect::Put(value), Some(Answer::Set(version))) => self.set(value.clone(), *version),
            (Effect::Sum(sum), None) => Some(self.put(sum.to_string().into_bytes(), None)),
            (Effect::Sum(sum), Some(Answer::Sum(told, version))) if sum == told => {
                self.set(sum.to_string().into_bytes(), *version)
            }
            (Effect::Remove, None | Some(Answer::Deleted)) => Some(Self {
                value: None,
                version: None,
                floor: self.floor,
            }),
            _ => None,
        }
    }

    fn read(&self, found: Option<&(Vec<u8>, Version)>) -> Option<Self> {
        let Some((value, version)) = found else {
            return self.value.is_none().then(|| self.clone());
        };
        if self.value.as_ref() != Some(value) {
            return None;
        }
        match self.version {
            Some(known) => (known == *version).then(|| self.clone()),
            // Now it is known.
            None => self.set(value.clone(), *version),
        }
    }

    /// Versions grow.
    fn set(&self, value: Vec<u8>, version: Version) -> Option<Self> {
        (version > self.floor).then(|| self.put(value, Some(version)))
    }

    fn put(&self, value: Vec<u8>, version: Option<Version>) -> Self {
        Self {
            value: Some(value),
            version,
            floor: version.unwrap_or(self.floor),
        }
    }
}
