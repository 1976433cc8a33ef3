//! Snapshots: a replica that began with one goes on like the one that wrote it.

use catena_types::{Reader, Truncated};
use proptest::prelude::*;

use super::steps::{Frontends, step};
use super::*;

/// The sessions and asks that wrote this snapshot.
fn restore(settings: &Settings, bytes: &[u8]) -> Result<(Sessions, Asks), Truncated> {
    let mut reader = Reader::new(bytes);
    let asks = Asks::read(&mut reader)?;
    let sessions = Sessions::read(settings, &mut reader)?;
    if reader.remaining() > 0 {
        Err(Truncated)
    } else {
        Ok((sessions, asks))
    }
}

proptest! {
    #[test]
    fn a_restored_replica_does_and_becomes_the_same(
        before in proptest::collection::vec(step(), 0..60),
        after in proptest::collection::vec(step(), 0..40),
    ) {
        let mut one = Harness::new();
        let mut frontends = Frontends::default();
        for step in &before {
            frontends.run(&mut one, step);
        }
        let bytes = one.snapshot();
        let (sessions, asks) = restore(&one.settings, &bytes).unwrap();
        prop_assert_eq!(sessions.validate(&asks), Ok(()));
        let mut other = Harness { settings: one.settings, sessions, asks, now: one.now };
        prop_assert_eq!(&other.snapshot(), &bytes);
        let mut other_frontends = frontends.clone();
        for step in &after {
            let effects = frontends.run(&mut one, step);
            prop_assert_eq!(effects, other_frontends.run(&mut other, step));
        }
        prop_assert_eq!(one.snapshot(), other.snapshot());
        prop_assert_eq!(one.sessions.next_deadline(), other.sessions.next_deadline());
        prop_assert_eq!(one.asks.bytes(), other.asks.bytes());
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused_and_never_panic(
        steps in proptest::collection::vec(step(), 0..40),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut harness = Harness::new();
        let mut frontends = Frontends::default();
        for step in &steps {
            frontends.run(&mut harness, step);
        }
        let mut bytes = harness.snapshot();
        let end = at.index(bytes.len());
        prop_assert!(restore(&harness.settings, &bytes[..end]).is_err());
        bytes[end] = byte;
        // Some single bytes can be changed to another valid state; none may end in a panic.
        if let Ok((sessions, asks)) = restore(&harness.settings, &bytes) {
            let other = Harness { settings: harness.settings, sessions, asks, now: harness.now };
            prop_assert_eq!(other.snapshot(), bytes);
        }
    }
}

#[test]
fn a_snapshot_does_not_show_in_which_order_sessions_came_and_went() {
    let mut one = Harness::new();
    let mut other = Harness::with(Settings {
        hash_seed: 99,
        ..one.settings
    });
    for harness in [&mut one, &mut other] {
        let all = ["a", "b", "c", "d"].map(|id| harness.connected(&client(id)));
        harness.end(&all[1], WillFate::Forget, Some(0));
        harness.connected(&client("e"));
    }
    assert_eq!(
        one.snapshot(),
        other.snapshot(),
        "whatever the hash tables look like"
    );
}
