//! A seed says everything: two runs of it are the same, byte by byte.

use crate::{Mutation, Run, run};

#[track_caller]
fn check(seed: u64, mutation: Option<Mutation>) {
    let run_it = || {
        run(Run {
            seed,
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
    check(1, None);
    check(14, None);
}

#[test]
fn a_violation_replays_exactly() {
    check(1, Some(Mutation::LoseDup));
}

#[test]
fn different_seeds_differ() {
    let digest = |seed| {
        let (mutation, traces) = (None, false);
        run(Run {
            seed,
            mutation,
            traces,
        })
        .digest()
    };
    assert_ne!(digest(1), digest(2));
}
