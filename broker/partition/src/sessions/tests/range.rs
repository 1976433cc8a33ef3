//! Ranges of packet IDs.

use super::*;

#[track_caller]
fn check(harness: &mut Harness, of: &Connected, partition: u16, expected: Option<u16>) {
    let partition = PartitionId::new(partition);
    let (session, generation) = (of.session, of.generation);
    let effects = harness.run(|s, ctx| s.range(ctx, origin(4), session, generation, partition));
    let reply = expected.map_or(Reply::Stale, |place| Reply::Ranged { partition, place });
    check_replies(&effects, &[(4, reply)]);
}

#[test]
fn places_go_by_first_use_and_stay() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    check(&mut harness, &connected, 5, Some(0));
    check(&mut harness, &connected, 2, Some(1));
    check(&mut harness, &connected, 5, Some(0));
    check(&mut harness, &connected, 7, Some(2));
    check(&mut harness, &connected, 8, None);
    check(
        &mut harness,
        &Connected {
            generation: Generation::new(9),
            ..connected.clone()
        },
        5,
        None,
    );
    harness.lose(&connected);
    check(&mut harness, &connected, 5, None);
    let resumed = harness.connected(&client("a"));
    assert_eq!(&*resumed.ranges, [5, 2, 7].map(PartitionId::new));
    check(&mut harness, &resumed, 2, Some(1));
    check(&mut harness, &resumed, 0, Some(3));
}
