//! The end of a connection: wills and expiry intervals.

use super::*;

/// [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT3-3.1.2-8] [MQTT3-3.1.2-10]: the will is
/// published once when the connection ends without DISCONNECT, as it was given.
#[test]
fn a_lost_connection_publishes_its_will_once() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client_with_will("a", Some((0, "will"))));
    let bytes = harness.stats().will_bytes;
    assert!(harness.stats().wills == 1 && bytes > 0);
    let effects = harness.lose(&connected);
    check_replies(&effects, &[(1, Reply::Done)]);
    let expected = Publish {
        publisher: connected.session,
        ..message("will")
    };
    let expected = Asked::Publish(OwnedPublish::copy(&expected));
    assert_eq!(
        *harness.asked(&effects)[0],
        expected,
        "QoS, RETAIN and properties are kept"
    );
    assert_eq!((harness.stats().wills, harness.stats().will_bytes), (0, 0));
    assert_eq!(harness.pass(10_000), []);
}

/// [MQTT-3.14.4-3] [MQTT3-3.14.4-3] [MQTT-3.1.2-10]: DISCONNECT with 0x00 deletes the will.
#[test]
fn a_normal_end_forgets_the_will() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client_with_will("a", Some((0, "will"))));
    let effects = harness.end(&connected, WillFate::Forget, None);
    assert_eq!(effects, [Effect::Reply(origin(1), Reply::Done)]);
    assert_eq!(harness.pass(10_000), []);
    assert_eq!((harness.stats().wills, harness.stats().will_bytes), (0, 0));
}

/// [MQTT-3.1.2-8]: after the delay, or when the session ends, whichever is first.
#[test]
fn a_delayed_will_waits_for_its_delay_or_the_end_of_the_session() {
    for (delay, expiry, seconds) in [(10, 3_600, 10), (10, 5, 5), (10, 10, 10), (9, u32::MAX, 9)] {
        let mut harness = Harness::new();
        let will = client_with_will("a", Some((delay, "will")));
        let connected = harness.connected(&Connect {
            expiry_seconds: expiry,
            ..will
        });
        let effects = harness.lose(&connected);
        assert_eq!(harness.published(&effects), [""; 0]);
        let effects = harness.pass(seconds - 1);
        assert_eq!(harness.published(&effects), [""; 0], "not before {seconds}");
        let effects = harness.pass(1);
        assert_eq!(harness.published(&effects), ["will"], "at {seconds}");
        assert_eq!(harness.stats().wills, 0);
    }
}

/// [MQTT-3.1.3-9]: a connection before the delay has passed cancels the will; one after does not.
#[test]
fn a_will_is_cancelled_by_a_connection_before_its_delay_has_passed() {
    for (seconds, published) in [(9, false), (10, true)] {
        let mut harness = Harness::new();
        let connected = harness.connected(&client_with_will("a", Some((10, "will"))));
        harness.lose(&connected);
        // The head may log a CONNECT before the tick that is due as well.
        harness.now = harness.now.plus_seconds(seconds);
        let effects = harness.connect(3, &client("a"));
        assert!(connected_in(&effects).unwrap().present);
        assert_eq!(
            !harness.published(&effects).is_empty(),
            published,
            "after {seconds} s"
        );
        assert_eq!(harness.stats().wills, 0);
    }
}

/// [MQTT-4.1.0-2] [MQTT3-3.1.2-6]: no interval, no session without a connection.
#[test]
fn a_session_without_interval_ends_with_its_connection() {
    let mut harness = Harness::new();
    let will = client_with_will("a", Some((100, "will")));
    let connected = harness.connected(&Connect {
        expiry_seconds: 0,
        ..will
    });
    harness.subscribe(3, &connected, &["x"]);
    assert_eq!(harness.stats().persistent, 0);
    let effects = harness.lose(&connected);
    assert_eq!(harness.published(&effects), ["will"]);
    assert_eq!(harness.ended(&effects), [connected.session]);
    let stats = harness.stats();
    assert_eq!(
        (stats.sessions, stats.connected, stats.sessions_expired),
        (0, 0, 0)
    );
    assert!(!harness.connected(&client("a")).present);
}

/// [MQTT-3.1.2-23]: DISCONNECT may give another interval.
#[test]
fn disconnect_may_change_the_interval() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    assert_eq!(harness.stats().persistent, 1);
    harness.end(&connected, WillFate::Forget, Some(5));
    harness.pass(4);
    assert_eq!(harness.stats().sessions, 1);
    harness.pass(1);
    assert_eq!(
        (harness.stats().sessions, harness.stats().sessions_expired),
        (0, 1)
    );
    let connected = harness.connected(&client("a"));
    harness.end(&connected, WillFate::Forget, Some(0));
    assert_eq!(
        (harness.stats().sessions, harness.stats().persistent),
        (0, 0)
    );
}

#[test]
fn the_longest_interval_never_ends() {
    let mut harness = Harness::new();
    let connected = harness.connected(&Connect {
        expiry_seconds: u32::MAX,
        ..client("a")
    });
    harness.lose(&connected);
    assert_eq!(harness.sessions.next_deadline(), None);
    harness.pass(u64::from(u32::MAX) * 2);
    assert!(harness.connected(&client("a")).present);
}

#[test]
fn an_end_of_no_consequence_is_done() {
    let mut harness = Harness::new();
    let first = harness.connected(&client_with_will("a", Some((5, "will"))));
    let unknown = Connected {
        session: SessionId::from_packed(99),
        ..first.clone()
    };
    check_replies(&harness.lose(&unknown), &[(1, Reply::Done)]);
    check_replies(&harness.closed(&unknown), &[(2, Reply::Done)]);
    harness.lose(&first);
    // Again, with another fate: the will stays as it was decided.
    check_replies(
        &harness.end(&first, WillFate::Forget, Some(0)),
        &[(1, Reply::Done)],
    );
    assert_eq!((harness.stats().sessions, harness.stats().wills), (1, 1));
    harness.connected(&client("a"));
    check_replies(&harness.lose(&first), &[(1, Reply::Done)]);
    assert_eq!(
        harness.stats().connected,
        1,
        "an old connection does not end the new one"
    );
}

/// [MQTT-4.1.0-1] [MQTT3-4.1.0-2]: state stays while the connection is open, however long.
#[test]
fn a_connected_session_has_no_timer() {
    let mut harness = Harness::new();
    let will = client_with_will("a", Some((1, "will")));
    let connected = harness.connected(&Connect {
        expiry_seconds: 1,
        ..will
    });
    assert_eq!(harness.pass(1_000_000), []);
    check_replies(
        &harness.release(&connected, 1),
        &[(9, Reply::Released { known: false })],
    );
    assert_eq!(harness.stats().wills, 1);
}
