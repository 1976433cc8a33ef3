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
    for mut part in parts(history) {
        part.sort_by_key(|operation| operation.begin);
        check_part(&part)?;
    }
    Ok(())
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

fn check_part(part: &[&Operation]) -> Result<(), Box<Violation>> {
    // Beginnings before ends of the same moment: they may have overlapped.
    let begins = (0..part.len()).map(|index| (part[index].begin, false, index));
    let is_known = |index: &usize| part[*index].answer.is_some();
    let ends = (0..part.len())
        .filter(is_known)
        .filter_map(|index| Some((part[index].end?, true, index)));
    let mut events: Vec<_> = begins.chain(ends).collect();
    events.sort_unstable();
    let mut under_way = BTreeSet::new();
    let mut possible = BTreeSet::from([Possibility::default()]);
    for (_, is_end, index) in events {
        if !is_end {
            under_way.insert(index);
            continue;
        }
        possible = let_happen(part, &under_way, possible, index);
        under_way.remove(&index);
        if possible.is_empty() {
            return Err(Box::new(Violation {
                operation: part[index].clone(),
                history: part.iter().map(|operation| (*operation).clone()).collect(),
            }));
        }
    }
    Ok(())
}

/// All possibilities in which `index` has happened.
fn let_happen<'h>(
    part: &[&'h Operation],
    under_way: &BTreeSet<usize>,
    possible: BTreeSet<Possibility<'h>>,
    index: usize,
) -> BTreeSet<Possibility<'h>> {
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
    done
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
    let mut found = vec![from.clone()];
    for (place, (key, step)) in operation.steps.iter().enumerate() {
        let cell = from.cells.get(&**key).unwrap_or(&empty);
        let mut next = Vec::new();
        for effect in cell.effects(step) {
            if effect.stops_group(step) {
                let fits = match &operation.answer {
                    None => true,
                    Some(answer) => *answer == Answer::UnmetAt(place),
                };
                if fits && !found.is_empty() {
                    return vec![from.clone()];
                }
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
    match operation.answer {
        None | Some(Answer::All(_)) => found,
        Some(_) => Vec::new(),
    }
}

fn with<'h>(from: &Possibility<'h>, key: &'h str, cell: Cell) -> Possibility<'h> {
    let mut after = from.clone();
    after.cells.insert(key, cell);
    after
}
