//! Histories that can have happened, and planted ones that cannot.

use crate::Step::{
    Add, Delete, DeleteIfEqual, DeleteIfVersion, Get, Set, SetIfAbsent, SetIfAbsentOrEqual,
    SetIfVersion,
};
use crate::{Answer, Operation, Step, check};

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn done(client: usize, begin: u64, end: u64, step: Step, answer: Answer) -> Operation {
    Operation::single(client, (begin, Some(end)), "k", step).answered(answer)
}

fn lost(client: usize, begin: u64, step: Step) -> Operation {
    Operation::single(client, (begin, None), "k", step)
}

fn set(begin: u64, end: u64, value: &str, version: u64) -> Operation {
    done(0, begin, end, Set(bytes(value)), Answer::Set((version, 0)))
}

fn got(begin: u64, end: u64, value: &str, version: u64) -> Operation {
    let found = Some((bytes(value), (version, 0)));
    done(1, begin, end, Get, Answer::Value(found))
}

fn missed(begin: u64, end: u64) -> Operation {
    done(1, begin, end, Get, Answer::Value(None))
}

#[test]
fn what_happens_one_after_the_other_is_fine() {
    let history = [
        missed(1, 2),
        set(3, 4, "a", 1),
        got(5, 6, "a", 1),
        done(0, 7, 8, SetIfAbsent(bytes("b")), Answer::Unmet),
        done(
            0,
            9,
            10,
            SetIfAbsentOrEqual(bytes("a")),
            Answer::Set((2, 0)),
        ),
        done(0, 11, 12, SetIfVersion((1, 0), bytes("c")), Answer::Unmet),
        done(
            0,
            13,
            14,
            SetIfVersion((2, 0), bytes("c")),
            Answer::Set((3, 0)),
        ),
        done(0, 15, 16, DeleteIfEqual(bytes("a")), Answer::Unmet),
        done(0, 17, 18, DeleteIfEqual(bytes("c")), Answer::Deleted),
        done(0, 19, 20, DeleteIfVersion((3, 0)), Answer::Absent),
        done(0, 21, 22, Add(5), Answer::Sum(5, (4, 0))),
        done(0, 23, 24, Add(-2), Answer::Sum(3, (5, 0))),
        done(0, 25, 26, Delete, Answer::Deleted),
        done(0, 27, 28, Delete, Answer::Absent),
    ];
    assert_eq!(check(&history), Ok(()));
}

#[test]
fn what_overlaps_may_happen_in_either_order() {
    let writes = [set(1, 10, "a", 1), set(2, 9, "b", 2)];
    let in_order = [&writes[..], &[got(3, 4, "a", 1), got(5, 6, "b", 2)]].concat();
    assert_eq!(check(&in_order), Ok(()));
    let backwards = [&writes[..], &[got(3, 4, "b", 2), got(5, 6, "a", 1)]].concat();
    assert!(check(&backwards).is_err());
}

#[test]
fn a_stale_read_is_found() {
    let history = [set(1, 2, "a", 1), set(3, 4, "b", 2), got(5, 6, "a", 1)];
    let violation = check(&history).unwrap_err();
    assert_eq!(violation.operation, history[2]);
    assert!(violation.to_string().contains("no order of things"));
}

#[test]
fn a_lost_update_is_found() {
    let add =
        |begin, end, sum, version| done(0, begin, end, Add(1), Answer::Sum(sum, (version, 0)));
    assert_eq!(check(&[add(1, 10, 1, 1), add(2, 9, 2, 2)]), Ok(()));
    assert!(check(&[add(1, 10, 1, 1), add(2, 9, 1, 2)]).is_err());
    // Also if only a read afterwards shows it.
    assert!(check(&[set(1, 2, "a", 1), set(3, 4, "b", 2), missed(5, 6)]).is_err());
}

#[test]
fn a_lock_won_twice_is_found() {
    let take = |client, begin, end, version| {
        let step = SetIfAbsent(format!("{client}").into_bytes());
        done(client, begin, end, step, Answer::Set((version, 0)))
    };
    let refused = done(2, 1, 10, SetIfAbsent(bytes("2")), Answer::Unmet);
    assert_eq!(check(&[take(1, 1, 10, 1), refused.clone()]), Ok(()));
    assert!(check(&[take(1, 1, 10, 1), take(2, 1, 10, 2)]).is_err());
    assert!(check(&[refused]).is_err(), "refused by nobody");
    let between = done(1, 1, 10, Delete, Answer::Deleted);
    assert_eq!(
        check(&[take(1, 1, 10, 1), between, take(2, 1, 10, 2)]),
        Ok(())
    );
}

#[test]
fn a_version_that_falls_is_found() {
    assert!(check(&[set(1, 2, "a", 5), set(3, 4, "b", 4)]).is_err());
    assert!(check(&[set(1, 2, "a", 5), set(3, 4, "a", 5)]).is_err());
    let deleted = done(0, 3, 4, Delete, Answer::Deleted);
    assert!(check(&[set(1, 2, "a", 5), deleted, set(5, 6, "b", 4)]).is_err());
    assert!(check(&[set(1, 2, "a", 5), got(3, 4, "a", 6)]).is_err());
}

#[test]
fn what_has_no_answer_may_have_happened_or_not() {
    let lost_set = lost(2, 3, Set(bytes("b")));
    let base = [set(1, 2, "a", 1), lost_set];
    for reads in [
        vec![got(4, 5, "a", 1)],
        vec![got(4, 5, "b", 2)],
        vec![got(4, 5, "a", 1), got(6, 7, "b", 2), got(8, 9, "b", 2)],
    ] {
        let history = [&base[..], &reads].concat();
        assert_eq!(check(&history), Ok(()), "{reads:?}");
    }
    // But not twice, not before it was asked, and what was read stays known.
    for reads in [
        vec![got(4, 5, "b", 2), got(6, 7, "a", 1)],
        vec![got(1, 2, "b", 2)],
        vec![got(4, 5, "b", 2), got(6, 7, "b", 3)],
    ] {
        let history = [&base[..], &reads].concat();
        assert!(check(&history).is_err(), "{reads:?}");
    }
}

#[test]
fn comparing_with_a_version_that_nobody_was_told() {
    let base = [set(1, 2, "a", 1), lost(2, 3, Set(bytes("b")))];
    let cas = |version: u64, answer| done(0, 5, 6, SetIfVersion((version, 0), bytes("c")), answer);
    for one in [
        cas(1, Answer::Set((4, 0))),
        cas(1, Answer::Unmet),
        cas(3, Answer::Unmet),
        cas(3, Answer::Set((4, 0))),
    ] {
        let history = [&base[..], std::slice::from_ref(&one)].concat();
        assert_eq!(check(&history), Ok(()), "{one:?}");
    }
}

fn group(begin: u64, end: u64, steps: &[(&str, Step)], answer: Answer) -> Operation {
    let steps = steps
        .iter()
        .map(|(key, step)| ((*key).to_owned(), step.clone()));
    Operation::group(3, (begin, Some(end)), steps.collect()).answered(answer)
}

#[test]
fn groups_happen_at_once() {
    let both = [("k", Set(bytes("x"))), ("l", Set(bytes("y")))];
    let all = Answer::All(vec![Answer::Set((1, 0)), Answer::Set((2, 0))]);
    let write = group(1, 10, &both, all);
    let read_l = |begin, end, found: Option<(Vec<u8>, (u64, u64))>| {
        Operation::single(4, (begin, Some(end)), "l", Get).answered(Answer::Value(found))
    };
    let seen = Some((bytes("y"), (2, 0)));
    let fine = [write.clone(), got(2, 3, "x", 1), read_l(4, 5, seen)];
    assert_eq!(check(&fine), Ok(()));
    let half = [write, got(2, 3, "x", 1), read_l(4, 5, None)];
    assert!(check(&half).is_err(), "half of a group");
}

#[test]
fn a_group_stops_at_the_first_condition_that_is_not_met() {
    let steps = [
        ("k", SetIfAbsent(bytes("x"))),
        ("l", DeleteIfEqual(bytes("y"))),
        ("m", Delete),
    ];
    let at = |index| group(3, 4, &steps, Answer::UnmetAt(index));
    assert_eq!(check(&[at(1)]), Ok(()));
    assert!(check(&[at(0)]).is_err());
    assert!(
        check(&[at(2)]).is_err(),
        "deleting what is not there stops nothing"
    );
    assert_eq!(check(&[set(1, 2, "a", 1), at(0)]), Ok(()));
    assert!(check(&[set(1, 2, "a", 1), at(1)]).is_err());
    // Nothing was done.
    assert_eq!(check(&[at(1), missed(5, 6)]), Ok(()));
    assert!(check(&[at(1), got(5, 6, "x", 1)]).is_err());
}

#[test]
fn keys_without_a_tie_are_looked_at_one_by_one() {
    let mut history = Vec::new();
    for key in 0..200 {
        for client in 0..3 {
            let step = Set(vec![client]);
            let operation =
                Operation::single(client.into(), (1, Some(1_000)), &format!("{key}"), step);
            history.push(operation.answered(Answer::Set((u64::from(client) + 1, 0))));
        }
    }
    assert_eq!(check(&history), Ok(()));
}

/// A group without an answer that compares with a version that nobody was told may have been done
/// as well as not.
#[test]
fn a_lost_group_in_doubt_may_have_happened_or_not() {
    let lost_set = lost(0, 1, Set(bytes("a")));
    let steps = vec![
        ("k".to_owned(), SetIfVersion((5, 0), bytes("b"))),
        ("l".to_owned(), Set(bytes("c"))),
    ];
    let group = Operation::group(1, (2, None), steps);
    let read = |value: &str| {
        let found = Some((bytes(value), (9, 0)));
        Operation::single(2, (3, Some(4)), "k", Get).answered(Answer::Value(found))
    };
    for value in ["a", "b"] {
        let history = [lost_set.clone(), group.clone(), read(value)];
        assert_eq!(check(&history), Ok(()), "{value}");
    }
}

/// What cannot happen any more may have happened before, or never.
#[test]
fn what_is_given_up_happens_before_that_or_never() {
    let given_up = Operation::single(0, (1, Some(4)), "k", Set(bytes("a")));
    let (early, late) = (got(2, 3, "a", 7), got(5, 6, "a", 7));
    assert_eq!(check(&[given_up.clone(), missed(5, 6)]), Ok(()));
    assert_eq!(check(&[given_up.clone(), early, late.clone()]), Ok(()));
    assert_eq!(check(&[given_up.clone(), late.clone()]), Ok(()));
    assert!(check(&[given_up, missed(5, 6), got(7, 8, "a", 7)]).is_err());
}

#[test]
fn what_is_too_much_to_look_at_is_told() {
    let lost: Vec<_> = (0..10)
        .map(|client| lost(client, 1, Set(client.to_string().into_bytes())))
        .collect();
    let history = [lost, vec![got(2, 3, "1", 7)]].concat();
    assert_eq!(crate::check_within(&history, 100), Ok(false));
    assert_eq!(crate::check_within(&history[..3], 100), Ok(true));
}
