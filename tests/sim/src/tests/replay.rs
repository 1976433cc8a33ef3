//! A seed says everything: two runs of it are the same, byte by byte.

use crate::{Mutation, Run, run};

#[track_caller]
fn check(seed: u64, store: bool, mutation: Option<Mutation>) {
    let run_it = || {
        run(Run {
            seed,
            store,
            mutation,
            traces: true,
        })
    };
    let (first, second) = (run_it(), run_it());
    assert!(first.trace.text().lines().count() > 100, "much happened");
    assert!(
        first.trace.text() == second.trace.text(),
        "seed {seed} differs from itself"
    );
    assert_eq!(first.digest(), second.digest());
    assert_eq!(first.summary, second.summary);
    assert_eq!(first.violation, second.violation);
}

#[test]
fn one_seed_twice_gives_the_same_trace() {
    check(1, false, None);
    check(14, false, None);
    check(1, true, None);
}

#[test]
fn a_violation_replays_exactly() {
    check(1, false, Some(Mutation::LoseDup));
    check(1, true, Some(Mutation::StaleRead));
}

#[test]
fn different_seeds_differ() {
    let digest = |seed, store| {
        let (mutation, traces) = (None, false);
        run(Run {
            seed,
            store,
            mutation,
            traces,
        })
        .digest()
    };
    assert_ne!(digest(1, false), digest(2, false));
    assert_ne!(digest(1, false), digest(1, true));
}
