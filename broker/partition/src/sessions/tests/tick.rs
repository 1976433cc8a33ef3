//! Timers.

use super::super::tick::TIMERS_MAX;
use super::*;

#[test]
fn a_tick_does_what_is_due_and_nothing_else() {
    let mut harness = Harness::new();
    let short = harness.connected(&Connect {
        expiry_seconds: 5,
        ..client("short")
    });
    let long = harness.connected(&client_with_will("long", Some((7, "will"))));
    harness.lose(&short);
    harness.lose(&long);
    let start = harness.now;
    assert_eq!(
        harness.sessions.next_deadline(),
        Some(start.plus_seconds(5))
    );
    assert_eq!(harness.tick(), []);
    harness.pass(5);
    assert_eq!(
        (harness.stats().sessions, harness.stats().sessions_expired),
        (1, 1)
    );
    assert_eq!(
        harness.sessions.next_deadline(),
        Some(start.plus_seconds(7))
    );
    let effects = harness.pass(2);
    assert_eq!(harness.published(&effects), ["will"]);
    assert_eq!(
        harness.sessions.next_deadline(),
        Some(start.plus_seconds(3_600))
    );
}

#[test]
fn what_is_due_at_the_same_moment_goes_in_the_order_of_sessions() {
    let mut harness = Harness::new();
    let all = ["c", "a", "b"].map(|id| harness.connected(&client_with_will(id, Some((5, id)))));
    all.iter()
        .rev()
        .for_each(|connected| drop(harness.lose(connected)));
    let effects = harness.pass(5);
    assert_eq!(harness.published(&effects), ["c", "a", "b"]);
}

#[test]
fn a_storm_of_wills_is_spread_over_ticks() {
    let mut harness = Harness::new();
    let count = TIMERS_MAX + 10;
    let mut out = Outbox::default();
    for i in 0..count {
        let client_id = i.to_string();
        let mut ctx = Context {
            settings: &harness.settings,
            time: harness.now,
            stamp: Stamp::default(),
            asks: &mut harness.asks,
            out: &mut out,
        };
        let connect = client_with_will(&client_id, Some((5, "will")));
        harness
            .sessions
            .connect(&mut ctx, Origin::Nobody, &connect)
            .unwrap();
        let session = SessionId::new(PartitionId::new(3), 1, i as u32);
        let (generation, will) = (Generation::new(1), WillFate::Publish);
        let end = ConnectionEnd {
            session,
            generation,
            will,
            expiry_seconds: None,
        };
        harness
            .sessions
            .disconnect(&mut ctx, Origin::Nobody, end)
            .unwrap();
    }
    assert_eq!(out.effects, []);
    harness.now = harness.now.plus_seconds(5);
    assert_eq!(asks_in(&harness.tick()).len(), TIMERS_MAX);
    let due = harness.sessions.next_deadline().unwrap();
    assert!(due <= harness.now, "the rest is due at once");
    assert_eq!(asks_in(&harness.tick()).len(), 10);
    assert!(harness.sessions.next_deadline().unwrap() > harness.now);
}
