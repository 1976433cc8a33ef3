//! Digest and snapshot: what replicas compare and send each other.

use catena_types::{Digest, Machine, Reader, Truncated};
use proptest::prelude::*;

use super::*;

fn some_table() -> Routing {
    let mut routing = Routing::new(3);
    for number in 0..3 {
        for filter in ["a", "a/+", "$share/g/a/#", "$share/g/b", "#"] {
            subscribe_with(&mut routing, number, filter, QOS_1, Some(number + 1));
        }
    }
    end(&mut routing, 1);
    routing
}

fn snapshot(routing: &Routing) -> Vec<u8> {
    let mut bytes = Vec::new();
    routing.snapshot(&mut bytes);
    bytes
}

fn restore(bytes: &[u8]) -> Result<Routing, Truncated> {
    Routing::restore(&mut Reader::new(bytes))
}

#[test]
fn the_seed_is_not_seen() {
    let digest_with = |seed| -> Digest {
        let mut routing = Routing::new(seed);
        for number in 0..50 {
            subscribe(&mut routing, number % 7, &format!("{number}/+"));
        }
        end(&mut routing, 3);
        routing.digest()
    };
    assert_eq!(digest_with(1), digest_with(2));
}

#[test]
fn the_digest_tells_tables_apart() {
    let digest = |filter: &str, options, id| {
        let mut routing = Routing::new(1);
        subscribe_with(&mut routing, 1, filter, options, id);
        routing.digest()
    };
    let base = digest("a", QOS_1, Some(1));
    let no_local = SubscriptionOptions {
        no_local: true,
        ..QOS_1
    };
    assert_eq!(base, digest("a", QOS_1, Some(1)));
    assert_ne!(base, digest("b", QOS_1, Some(1)));
    assert_ne!(base, digest("a", no_local, Some(1)));
    assert_ne!(base, digest("a", QOS_1, Some(2)));
    assert_ne!(base, digest("$share/g/a", QOS_1, Some(1)));
}

#[test]
fn a_snapshot_is_the_same_whatever_way_led_there() {
    let mut left = Routing::new(1);
    let mut right = Routing::new(1);
    for filter in ["a/b/+", "a/+/c", "x", "#"] {
        subscribe(&mut left, 1, filter);
    }
    for filter in ["#", "x", "a/+/c", "a/b/+"] {
        subscribe(&mut right, 1, filter);
    }
    assert_eq!(snapshot(&left), snapshot(&right));
    assert_eq!(left.digest(), right.digest());
}

/// Fixed bytes of layout 1: changing the layout has to raise its number.
#[test]
fn the_layout_is_the_one_of_its_number() {
    let mut routing = Routing::new(3);
    subscribe_with(&mut routing, 1, "a/+", QOS_1, Some(5));
    let mut expected = vec![1];
    for number in [3u64, 1, 1, 0, 1] {
        expected.extend(number.to_le_bytes());
    }
    for number in [session(1).packed(), 1, 3] {
        expected.extend(number.to_le_bytes());
    }
    expected.extend(b"a/+");
    expected.extend((5u32 << 4 | 1).to_le_bytes());
    expected.extend(routing.digest().0.to_le_bytes());
    assert_eq!(snapshot(&routing), expected);
}

#[test]
fn no_part_of_a_snapshot_is_taken_for_one() {
    let bytes = snapshot(&some_table());
    assert!(restore(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(restore(&bytes[..end]).is_err(), "{end}");
    }
}

/// Whatever the bytes are, the answer is an error or a sound table, never a panic.
#[test]
fn damaged_snapshots_are_refused() {
    let original = some_table();
    let bytes = snapshot(&original);
    for place in 0..bytes.len() {
        for change in [1, 0x80, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[place] ^= change;
            if let Ok(restored) = restore(&damaged) {
                restored.validate().unwrap();
                // Only the seed may differ: it is no part of the state.
                assert_eq!(restored.digest(), original.digest());
                assert!((1..9).contains(&place), "{place}");
            }
        }
    }
}

proptest! {
    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut with_layout = vec![1];
        with_layout.extend(&bytes);
        prop_assert!(restore(&bytes).is_err());
        prop_assert!(restore(&with_layout).is_err());
    }
}
