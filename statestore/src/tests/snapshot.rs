//! Snapshots: a store that began with one goes on like the one that wrote it.

use catena_types::{Reader, Truncated};
use proptest::prelude::*;

use super::steps::{Step, step};
use super::*;
use crate::Identity;

fn restore(bytes: &[u8]) -> Result<StateStore, Truncated> {
    let mut reader = Reader::new(bytes);
    let store = StateStore::restore(&mut reader)?;
    if reader.remaining() > 0 {
        Err(Truncated)
    } else {
        Ok(store)
    }
}

/// A store after these steps, with an answer or two.
fn after(steps: &[Step]) -> Harness {
    let mut harness = Harness::with(Settings {
        changes_max: 5,
        ..Settings::generous(42)
    });
    for (index, step) in steps.iter().enumerate() {
        if index % 7 == 0 {
            let until = Moment::from_nanos((harness.millis + 30) * 1_000_000);
            let correlation = [index as u8];
            let identity = Identity {
                correlation: &correlation,
                until,
                again: true,
            };
            let set = payload(&["DEL", "a"]);
            let request = Request {
                identity: Some(identity),
                ..Request::new(Client::new(1), Command::parse(&set).unwrap())
            };
            harness.request(&request);
        }
        harness.run(step);
    }
    harness
}

proptest! {
    #[test]
    fn a_restored_store_does_and_becomes_the_same(
        before in proptest::collection::vec(step(), 0..60),
        rest in proptest::collection::vec(step(), 0..40),
    ) {
        let mut one = after(&before);
        let mut bytes = Vec::new();
        one.store.snapshot(&mut bytes);
        let store = restore(&bytes).unwrap();
        prop_assert_eq!(store.validate(), Ok(()));
        prop_assert_eq!(store.digest(), one.store.digest());
        let mut other = Harness { store, millis: one.millis, out: Outbox::default() };
        for step in &rest {
            prop_assert_eq!(one.run(step), other.run(step), "{:?}", step);
        }
        prop_assert_eq!(one.store.digest(), other.store.digest());
        prop_assert_eq!(one.store.next_deadline(), other.store.next_deadline());
    }

    #[test]
    fn bytes_that_are_no_snapshot_are_refused_and_never_panic(
        steps in proptest::collection::vec(step(), 0..40),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let harness = after(&steps);
        let mut bytes = Vec::new();
        harness.store.snapshot(&mut bytes);
        let end = at.index(bytes.len());
        prop_assert!(restore(&bytes[..end]).is_err());
        bytes[end] = byte;
        // Some single bytes can be changed to another valid state; none may end in a panic.
        if let Ok(other) = restore(&bytes) {
            let mut again = Vec::new();
            other.snapshot(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}

#[test]
fn a_snapshot_does_not_show_in_which_order_keys_came_and_went() {
    let orders: [&[&str]; 2] = [&["a", "b", "c"], &["c", "x", "b", "a"]];
    let stores = orders.map(|keys| {
        let mut harness = Harness::new();
        for key in keys {
            harness.say_as(5, &["KEYNOTIFY", key]);
            harness.say_as(4, &["KEYNOTIFY", key]);
        }
        for client in [4, 5] {
            harness.say_as(client, &["KEYNOTIFY", "x", "STOP"]);
        }
        harness.store.digest()
    });
    assert_eq!(stores[0], stores[1]);
}
