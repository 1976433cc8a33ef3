//! The search: event by event, with every order of things that is still possible.
//!
//! An operation takes effect at its end at the latest. So at each end all that is under way is
//! tried before it in every order, as far as it takes to let this one happen; what leads to the
//! same is looked at once. Keys that no group ties together are looked at one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::cell::Cell;
use crate::{Answer, Operation};

/// Why a history is not linearizable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The first operation, in the order of ends, that no order of things allows.
    pub operation: Operation,
    /// All operations on its keys, in the order of beginnings.
    pub history: Vec<Operation>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no order of things allows {:?}, after:", self.operation)?;
        let before = self.history.iter();
        let end = self.operation.end.unwrap_or(u64::MAX);
        for operation in before.filter(|operation| operation.begin <= end) {
            writeln!(f, "  {operation:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}

/// Checks a history, in any order.
///
/// # Errors
/// [`Violation`] if it is not linearizable.
pub fn check(history: &[Operation]) -> Result<(), Box<Violation>> {
    check_within(history, usize::MAX).map(|_| ())
}

/// As [`check`], but gives up on keys for which more than so many orders of things are possible at
/// a time. Whether it looked at all of them.
///
/// # Errors
/// [`Violation`] if the history is not linearizable.
pub fn check_within(
    history: &[Operation],
    possibilities_max: usize,
) -> Result<bool, Box<Violation>> {
    let mut is_complete = true;
    for mut part in parts(history) {
        part.sort_by_key(|operation| operation.begin);
        is_complete &= check_part(&part, possibilities_max)?;
    }
    Ok(is_complete)
}

/// Operations that share keys, directly or by others.
fn parts(history: &[Operation]) -> Vec<Vec<&Operation>> {
    // The part of a key is the smallest key that it is tied to, found by following.
    let mut tied: BTreeMap<&str, &str> = BTreeMap::new();
    fn root<'k>(tied: &BTreeMap<&'k str, &'k str>, mut key: &'k str) -> &'k str {
        while let Some(next) = tied.get(key).filter(|next| **next != key) {
            key = next;
        }
        key
    }
    for operation in history {
        for (key, _) in &operation.steps {
            let (first, other) = (root(&tied, &operation.steps[0].0), root(&tied, key));
            let (low, high) = (first.min(other), first.max(other));
            tied.insert(high, low);
        }
    }
    let mut parts: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in history {
        if let Some((key, _)) = operation.steps.first() {
            parts.entry(root(&tied, key)).or_default().push(operation);
        }
    }
    parts.into_values().collect()
}

/// What is there, and which of the operations under way have happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Possibility<'h> {
    happened: BTreeSet<usize>,
    cells: BTreeMap<&'h str, Cell>,
}

fn check_part(part: &[&Operation], possibilities_max: usize) -> Result<bool, Box<Violation>> {
    // Beginnings before ends of the same moment: they may have overlapped.
    let begins = (0..part.len()).map(|index| (part[index].begin, false, index));
    let ends = (0..part.len()).filter_map(|index| Some((part[index].end?, true, index)));
    let mut events: Vec<_> = begins.chain(ends).collect();
    events.sort_unstable();
    let mut under_way = BTreeSet::new();
    let mut possible = BTreeSet::from([Possibility::default()]);
    for (_, is_end, index) in events {
        if !is_end {
            under_way.insert(index);
            continue;
        }
        // Without an answer it may as well not have happened, but does not any more.
        let without = part[index].answer.is_none().then(|| possible.clone());
        let Some(mut happened) = let_happen(part, &under_way, (possible, index), possibilities_max)
        else {
            return Ok(false);
        };
        let without = without.unwrap_or_default().into_iter();
        happened.extend(without.filter(|one| !one.happened.contains(&index)));
        possible = happened;
        under_way.remove(&index);
        if possible.is_empty() {
            return Err(Box::new(Violation {
                operation: part[index].clone(),
                history: part.iter().map(|operation| (*operation).clone()).collect(),
            }));
        }
    }
    Ok(true)
}

/// All possibilities in which `index` has happened; `None` if there are too many.
fn let_happen<'h>(
    part: &[&'h Operation],
    under_way: &BTreeSet<usize>,
    (possible, index): (BTreeSet<Possibility<'h>>, usize),
    possibilities_max: usize,
) -> Option<BTreeSet<Possibility<'h>>> {
    let mut done = BTreeSet::new();
    let mut open: Vec<Possibility<'h>> = possible.iter().cloned().collect();
    let mut seen = possible;
    while let Some(possibility) = open.pop() {
        if possibility.happened.contains(&index) {
            let mut possibility = possibility;
            possibility.happened.remove(&index);
            done.insert(possibility);
            continue;
        }
        if seen.len() > possibilities_max {
            return None;
        }
        for &next in under_way.difference(&possibility.happened) {
            for mut after in happen(part[next], &possibility) {
                after.happened.insert(next);
                if !seen.contains(&after) {
                    seen.insert(after.clone());
                    open.push(after);
                }
            }
        }
    }
    Some(done)
}

/// What may come of an operation.
fn happen<'h>(operation: &'h Operation, from: &Possibility<'h>) -> Vec<Possibility<'h>> {
    let empty = Cell::default();
    if !operation.is_group {
        let [(key, step)] = operation.steps.as_slice() else {
            return Vec::new();
        };
        let cell = from.cells.get(&**key).unwrap_or(&empty);
        let after = cell.effects(step);
        let after = after
            .iter()
            .filter_map(|effect| cell.after(effect, operation.answer.as_ref()));
        return after.map(|cell| with(from, key, cell)).collect();
    }
    // All conditions are looked at before anything is done; each key is written once.
    let (mut found, mut stopped) = (vec![from.clone()], false);
    for (place, (key, step)) in operation.steps.iter().enumerate() {
        let cell = from.cells.get(&**key).unwrap_or(&empty);
        let mut next = Vec::new();
        for effect in cell.effects(step) {
            if effect.stops_group(step) {
                let fits = match &operation.answer {
                    None => true,
                    Some(answer) => *answer == Answer::UnmetAt(place),
                };
                stopped |= fits && !found.is_empty();
                continue;
            }
            let answer = match &operation.answer {
                None => None,
                Some(Answer::All(answers)) => match answers.get(place) {
                    Some(answer) => Some(answer),
                    None => continue,
                },
                // Stopped by a later write: this one would have been done.
                Some(Answer::UnmetAt(_)) => None,
                Some(_) => continue,
            };
            if let Some(cell) = cell.after(&effect, answer) {
                next.extend(found.iter().map(|one| with(one, key, cell.clone())));
            }
        }
        found = next;
    }
    if !matches!(operation.answer, None | Some(Answer::All(_))) {
        found.clear();
    }
    // Nothing was done: the group may have stopped at any write whose condition is in doubt.
    found.extend(stopped.then(|| from.clone()));
    found
}

fn with<'h>(from: &Possibility<'h>, key: &'h str, cell: Cell) -> Possibility<'h> {
    let mut after = from.clone();
    after.cells.insert(key, cell);
    after
}
