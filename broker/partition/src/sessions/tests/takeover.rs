//! CONNECT while another connection has the session.

use super::*;

/// Effects of the newcomer's CONNECT and of the old connection's end, with the old connection's
/// `Connected`.
#[track_caller]
fn take_over(
    old: &Connect<'_>,
    newcomer: &Connect<'_>,
) -> (Harness, Connected, Vec<Effect>, Vec<Effect>) {
    let mut harness = Harness::new();
    let first = harness.connected(old);
    let asked = harness.connect(3, newcomer);
    let answered = harness.closed(&first);
    (harness, first, asked, answered)
}

/// [MQTT-3.1.4-3] [MQTT3-3.1.4-2]: the old connection is closed before the new one gets CONNACK.
#[test]
fn the_answer_waits_until_the_old_connection_is_closed() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    let newcomer = Connect {
        frontend: FrontendId::new(2),
        connection: 22,
        ..client("a")
    };
    let effects = harness.connect(3, &newcomer);
    let (session, generation) = (first.session, first.generation);
    let notice = Notice::TakenOver {
        connection: 11,
        session,
        generation,
    };
    assert_eq!(notices_in(&effects), [(FrontendId::new(1), notice)]);
    assert_eq!(replies_in(&effects), []);
    // Until then the old connection still acts: its requests are answered.
    check_replies(
        &harness.release(&first, 1),
        &[(9, Reply::Released { known: false })],
    );
    let effects = harness.closed(&first);
    let second = connected_in(&effects).unwrap();
    assert!(second.present);
    assert_eq!(
        (second.session, second.generation),
        (first.session, Generation::new(2))
    );
    check_replies(
        &effects,
        &[(2, Reply::Done), (3, Reply::Connected(Box::new(second)))],
    );
    // Afterwards it does not.
    check_replies(&harness.release(&first, 1), &[(9, Reply::Stale)]);
}

#[test]
fn the_newest_of_three_wins_and_the_old_one_is_told_once() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    assert_eq!(
        notices_in(&harness.connect(3, &client_with_will("a", Some((0, "x"))))).len(),
        1
    );
    assert_eq!(harness.stats().wills, 1);
    let effects = harness.connect(4, &client("a"));
    check_replies(&effects, &[(3, Reply::Stale)]);
    assert_eq!(notices_in(&effects), []);
    assert_eq!(
        harness.stats().wills,
        0,
        "the replaced one never was the client's connection"
    );
    let effects = harness.closed(&first);
    let second = connected_in(&effects).unwrap();
    check_replies(
        &effects,
        &[(2, Reply::Done), (4, Reply::Connected(Box::new(second)))],
    );
    check_replies(&harness.closed(&first), &[(2, Reply::Done)]);
}

#[test]
fn an_old_connection_that_ends_by_itself_makes_way_too() {
    let mut harness = Harness::new();
    let first = harness.connected(&client_with_will("a", Some((0, "will"))));
    harness.connect(3, &client("a"));
    let effects = harness.end(&first, WillFate::Forget, None);
    assert!(connected_in(&effects).unwrap().present);
    assert_eq!(harness.published(&effects), [""; 0]);
    check_replies(&harness.closed(&first), &[(2, Reply::Done)]);
    assert_eq!(harness.stats().connected, 1);
}

#[test]
fn an_interval_from_the_last_disconnect_counts_for_who_waits() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    harness.connect(3, &client("a"));
    let effects = harness.end(&first, WillFate::Forget, Some(0));
    assert!(
        !connected_in(&effects).unwrap().present,
        "the session ended with its connection"
    );
}

/// [MQTT-3.1.3-9]: a newcomer that resumes cancels a will that waits.
#[test]
fn a_delayed_will_is_cancelled_by_the_newcomer() {
    let old = client_with_will("a", Some((1, "will")));
    let (mut harness, _, _, effects) = take_over(&old, &client("a"));
    assert!(connected_in(&effects).unwrap().present);
    assert_eq!(harness.published(&effects), [""; 0]);
    assert_eq!(harness.stats().wills, 0);
    assert_eq!(harness.pass(10_000), []);
}

/// [MQTT-3.1.2-8]: without a delay nothing cancels it.
#[test]
fn a_will_without_delay_is_published() {
    let old = client_with_will("a", Some((0, "will")));
    let (harness, _, _, effects) = take_over(&old, &client("a"));
    assert!(connected_in(&effects).unwrap().present);
    assert_eq!(harness.published(&effects), ["will"]);
}

/// [MQTT-3.1.2-8] [MQTT-3.1.2-4]: a session's end ends the delay.
#[test]
fn a_newcomer_with_clean_start_draws_the_will() {
    let old = client_with_will("a", Some((100, "will")));
    let clean = Connect {
        clean_start: true,
        ..client("a")
    };
    let (harness, first, _, effects) = take_over(&old, &clean);
    let second = connected_in(&effects).unwrap();
    assert!(!second.present && second.session != first.session);
    assert_eq!(harness.published(&effects), ["will"]);
    assert_eq!(harness.stats().sessions, 1);
}

/// [MQTT3-3.1.2-6] [MQTT-4.1.0-2]: the state of a session without interval is never reused.
#[test]
fn a_session_without_interval_ends_with_the_connection_taken_over() {
    let old = Connect {
        expiry_seconds: 0,
        ..client_with_will("a", Some((100, "will")))
    };
    let (harness, first, _, effects) = take_over(&old, &client("a"));
    let second = connected_in(&effects).unwrap();
    assert!(!second.present && second.session != first.session);
    assert_eq!(harness.published(&effects), ["will"]);
}

#[test]
fn the_newcomers_will_and_interval_are_its_own() {
    let newcomer = Connect {
        expiry_seconds: 5,
        ..client_with_will("a", Some((0, "new")))
    };
    let (mut harness, _, _, effects) =
        take_over(&client_with_will("a", Some((9, "old"))), &newcomer);
    let second = connected_in(&effects).unwrap();
    let effects = harness.lose(&second);
    assert_eq!(harness.published(&effects), ["new"]);
    harness.pass(5);
    assert_eq!(harness.stats().sessions, 0);
}
