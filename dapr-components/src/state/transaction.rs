//! A transaction as one group of the store: each key once, and conditions about what was before.
//!
//! A transaction is a sequence and may name a key several times; a group has no order and looks at
//! every condition first. What a later operation demands of a key that an earlier one has changed
//! is known without asking.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::etag::Condition;

/// A change of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// The key, as the sidecar knows it.
    pub(crate) key: String,
    /// The name under which the store keeps it.
    pub(crate) name: String,
    pub(crate) change: Change,
    /// What has to be true before.
    pub(crate) condition: Condition,
}

/// What becomes of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has this value, for so long or for ever.
    Set {
        value: Bytes,
        lifetime: Option<Duration>,
    },
    /// It does not exist.
    Delete,
}

/// A condition that cannot be met after what an earlier operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unmet {
    pub(crate) key: String,
    pub(crate) condition: Condition,
}

/// The same effect with each name once, in the order in which names come first.
pub(crate) fn fold(sequence: Vec<Write>) -> Result<Vec<Write>, Unmet> {
    let mut folded: Vec<Write> = Vec::with_capacity(sequence.len());
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for write in sequence {
        let earlier = places.get(&write.name).copied();
        match earlier.and_then(|place| folded.get_mut(place)) {
            Some(earlier) => follow(earlier, write)?,
            None => {
                places.insert(write.name.clone(), folded.len());
                folded.push(write);
            }
        }
    }
    Ok(folded)
}

impl Write {
    /// Whether it only demands that a key does not exist.
    pub(crate) fn only_demands_absence(&self) -> bool {
        self.change == Change::Delete && self.condition == Condition::Absent
    }
}

/// Whether the later write can be done is decided by the earlier one; what then is, by the later.
fn follow(earlier: &mut Write, later: Write) -> Result<(), Unmet> {
    let exists = matches!(earlier.change, Change::Set { .. });
    let is_met = match &later.condition {
        Condition::Always => true,
        Condition::Absent => !exists,
        // Nobody can know a version that is not given yet.
        Condition::Version(_) => false,
    };
    if !is_met {
        return Err(Unmet {
            key: later.key,
            condition: later.condition,
        });
    }
    earlier.change = later.change;
    Ok(())
}

#[cfg(test)]
mod tests {
    use catena_sdk::Version;
    use proptest::prelude::*;

    use super::*;

    fn version(counter: u64) -> Version {
        Version::parse(&format!("000000000000001:{counter:05}:StateStore")).unwrap()
    }

    fn write(name: &str, change: Change, condition: Condition) -> Write {
        Write {
            key: name.to_owned(),
            name: name.to_owned(),
            change,
            condition,
        }
    }

    fn set(name: &str, value: &'static str, condition: Condition) -> Write {
        let value = Bytes::from_static(value.as_bytes());
        let lifetime = None;
        write(name, Change::Set { value, lifetime }, condition)
    }

    fn delete(name: &str, condition: Condition) -> Write {
        write(name, Change::Delete, condition)
    }

    #[test]
    fn each_key_comes_once_with_its_first_condition_and_its_last_change() {
        use Condition::{Absent, Always};
        let known = || Condition::Version(version(1));
        for (sequence, folded) in [
            (vec![], vec![]),
            (
                vec![
                    set("a", "1", Always),
                    set("b", "2", Always),
                    delete("a", Always),
                ],
                vec![delete("a", Always), set("b", "2", Always)],
            ),
            (
                vec![delete("a", known()), set("a", "1", Absent)],
                vec![set("a", "1", known())],
            ),
            (
                vec![delete("a", Absent), set("a", "1", Always)],
                vec![set("a", "1", Absent)],
            ),
            (
                vec![set("a", "1", Absent), set("a", "2", Always)],
                vec![set("a", "2", Absent)],
            ),
            (
                vec![set("a", "1", Absent), delete("a", Always)],
                vec![delete("a", Absent)],
            ),
            (
                vec![set("a", "1", known()), delete("a", Always)],
                vec![delete("a", known())],
            ),
        ] {
            assert_eq!(fold(sequence), Ok(folded));
        }
    }

    #[test]
    fn what_cannot_be_met_after_an_earlier_operation_is_told_without_asking() {
        use Condition::{Absent, Always};
        let known = || Condition::Version(version(1));
        for (sequence, condition) in [
            (vec![set("a", "1", Always), set("a", "2", Absent)], Absent),
            (
                vec![set("a", "1", known()), set("a", "2", known())],
                known(),
            ),
            (vec![delete("a", Always), delete("a", known())], known()),
        ] {
            let key = "a".to_owned();
            assert_eq!(fold(sequence), Err(Unmet { key, condition }));
        }
    }

    /// Entries by name, each with the version of its value.
    type Entries = BTreeMap<String, (Bytes, u64)>;

    fn is_met(entries: &Entries, write: &Write) -> bool {
        let found = entries.get(&write.name).map(|(_, at)| *at);
        match &write.condition {
            Condition::Always => true,
            Condition::Absent => found.is_none(),
            Condition::Version(wanted) => found.is_some_and(|at| version(at) == *wanted),
        }
    }

    fn apply(entries: &mut Entries, write: &Write) {
        match &write.change {
            // No version that anybody asks for.
            Change::Set { value, .. } => {
                entries.insert(write.name.clone(), (value.clone(), 99));
            }
            Change::Delete => {
                entries.remove(&write.name);
            }
        }
    }

    /// One after the other, or nothing.
    fn sequentially(mut entries: Entries, writes: &[Write]) -> Option<Entries> {
        for write in writes {
            if !is_met(&entries, write) {
                return None;
            }
            apply(&mut entries, write);
        }
        Some(entries)
    }

    /// All conditions first, as the store does.
    fn at_once(mut entries: Entries, writes: &[Write]) -> Option<Entries> {
        if !writes.iter().all(|write| is_met(&entries, write)) {
            return None;
        }
        writes.iter().for_each(|write| apply(&mut entries, write));
        Some(entries)
    }

    fn any_write() -> impl Strategy<Value = Write> {
        let name = prop::sample::select(vec!["a", "b", "c"]);
        let value = prop::sample::select(vec![None, Some("1"), Some("2")]);
        let condition = prop::sample::select(vec![
            Condition::Always,
            Condition::Always,
            Condition::Absent,
            Condition::Version(version(1)),
        ]);
        (name, value, condition).prop_map(|(name, value, condition)| match value {
            Some(value) => set(name, value, condition),
            None => delete(name, condition),
        })
    }

    proptest! {
        #[test]
        fn a_group_does_what_the_sequence_does(
            sequence in prop::collection::vec(any_write(), 0..6),
            names in prop::collection::btree_set(prop::sample::select(vec!["a", "b"]), 0..2),
        ) {
            let value = Bytes::from_static(b"0");
            let entry = |name: &str| (name.to_owned(), (value.clone(), 1));
            let before: Entries = names.into_iter().map(entry).collect();
            let expected = sequentially(before.clone(), &sequence);
            match fold(sequence) {
                Ok(group) => prop_assert_eq!(at_once(before, &group), expected),
                Err(Unmet { .. }) => prop_assert_eq!(expected, None),
            }
        }
    }
}
