//! Inbound QoS 2: PUBLISH and PUBREL.

use catena_mqtt::ReasonCode;

use super::*;

const SUCCESS: Reply = Reply::Published(ReasonCode::Success);

/// Receives a message and has its topic answer.
#[track_caller]
fn exchange(harness: &mut Harness, of: &Connected, packet_id: u16, reason: ReasonCode) {
    let effects = harness.receive(3, of, packet_id);
    assert_eq!(replies_in(&effects), [], "PUBREC waits for the topic");
    let effects = harness.done(asks_in(&effects)[0], AskOutcome::Published(reason));
    check_replies(&effects, &[(3, Reply::Published(reason))]);
}

/// [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT3-4.3.3-2]: the whole exchange, twice.
#[test]
fn an_exchange_ends_with_its_release_and_frees_the_packet_id() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let effects = harness.receive(3, &connected, 5);
    let expected = Publish {
        qos: Qos::ExactlyOnce,
        publisher: connected.session,
        ..message("q/2")
    };
    let expected = Asked::Publish(OwnedPublish::copy(&expected));
    assert_eq!(*harness.asked(&effects)[0], expected);
    let outcome = AskOutcome::Published(ReasonCode::NoMatchingSubscribers);
    let effects = harness.done(asks_in(&effects)[0], outcome);
    let reply = Reply::Published(ReasonCode::NoMatchingSubscribers);
    check_replies(&effects, &[(3, reply)]);
    assert_eq!(harness.stats().half_finished, 1);
    check_replies(
        &harness.release(&connected, 5),
        &[(9, Reply::Released { known: true })],
    );
    check_replies(
        &harness.release(&connected, 5),
        &[(9, Reply::Released { known: false })],
    );
    assert_eq!(harness.stats().half_finished, 0);
    exchange(&mut harness, &connected, 5, ReasonCode::Success);
}

/// [MQTT-4.3.3-10] [MQTT3-4.3.3-2]: before PUBREL the same ID is the same message.
#[test]
fn a_message_that_is_sent_again_is_not_passed_on_again() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    exchange(&mut harness, &connected, 5, ReasonCode::Success);
    let effects = harness.receive(4, &connected, 5);
    assert_eq!(effects, [Effect::Reply(origin(4), SUCCESS)]);
    harness.lose(&connected);
    let resumed = harness.connected(&client("a"));
    let effects = harness.receive(6, &resumed, 5);
    assert_eq!(
        effects,
        [Effect::Reply(origin(6), SUCCESS)],
        "the exchange outlives a connection"
    );
    check_replies(
        &harness.release(&resumed, 5),
        &[(9, Reply::Released { known: true })],
    );
}

/// [MQTT-4.3.3-9]: a refused message is forgotten, so its ID stands for a new one.
#[test]
fn a_refused_message_leaves_its_packet_id_free() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    exchange(&mut harness, &connected, 5, ReasonCode::QuotaExceeded);
    assert_eq!(harness.stats().half_finished, 0);
    check_replies(
        &harness.release(&connected, 5),
        &[(9, Reply::Released { known: false })],
    );
    exchange(&mut harness, &connected, 5, ReasonCode::Success);
}

/// [MQTT-4.3.3-10]: the message is passed on once, and the newest connection gets the answer.
#[test]
fn a_message_sent_again_before_the_answer_is_answered_to_the_newest() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let ask = asks_in(&harness.receive(3, &connected, 5))[0];
    harness.lose(&connected);
    let resumed = harness.connected(&client("a"));
    let effects = harness.receive(4, &resumed, 5);
    assert_eq!(effects, [Effect::Reply(origin(3), Reply::Stale)]);
    let effects = harness.done(ask, AskOutcome::Published(ReasonCode::Success));
    assert_eq!(effects, [Effect::Reply(origin(4), SUCCESS)]);
}

#[test]
fn the_answer_may_come_while_the_session_is_offline() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let ask = asks_in(&harness.receive(3, &connected, 5))[0];
    harness.lose(&connected);
    harness.done(ask, AskOutcome::Published(ReasonCode::Success));
    let resumed = harness.connected(&client("a"));
    assert_eq!(
        harness.receive(4, &resumed, 5),
        [Effect::Reply(origin(4), SUCCESS)]
    );
}

#[test]
fn the_end_of_a_session_answers_who_waits_and_a_late_outcome_is_harmless() {
    let mut harness = Harness::new();
    let connected = harness.connected(&Connect {
        expiry_seconds: 0,
        ..client("a")
    });
    let ask = asks_in(&harness.receive(3, &connected, 5))[0];
    let effects = harness.lose(&connected);
    check_replies(&effects, &[(1, Reply::Done), (3, Reply::Stale)]);
    let again = harness.connected(&client("a"));
    let second = asks_in(&harness.receive(4, &again, 5))[0];
    assert_eq!(
        harness.done(ask, AskOutcome::Published(ReasonCode::QuotaExceeded)),
        []
    );
    let effects = harness.done(second, AskOutcome::Published(ReasonCode::Success));
    check_replies(&effects, &[(4, SUCCESS)]);
}

#[test]
fn a_release_before_the_topic_has_the_message_releases_nothing() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    let ask = asks_in(&harness.receive(3, &connected, 5))[0];
    check_replies(
        &harness.release(&connected, 5),
        &[(9, Reply::Released { known: false })],
    );
    let effects = harness.done(ask, AskOutcome::Published(ReasonCode::Success));
    check_replies(&effects, &[(3, SUCCESS)]);
}

#[test]
fn half_finished_exchanges_are_limited_per_session() {
    let mut settings = Harness::new().settings;
    settings.half_finished_max = 2;
    let mut harness = Harness::with(settings);
    let first = harness.connected(&client("a"));
    let second = harness.connected(&client("b"));
    exchange(&mut harness, &first, 1, ReasonCode::Success);
    harness.receive(3, &first, 2);
    let effects = harness.receive(4, &first, 3);
    let refused = Reply::Published(ReasonCode::QuotaExceeded);
    assert_eq!(effects, [Effect::Reply(origin(4), refused)]);
    exchange(&mut harness, &second, 1, ReasonCode::Success);
    harness.release(&first, 1);
    exchange(&mut harness, &first, 3, ReasonCode::Success);
    assert_eq!(harness.stats().half_finished, 3);
}

#[test]
fn messages_on_their_way_are_limited_by_memory() {
    let mut settings = Harness::new().settings;
    settings.memory_bytes_max = 100;
    let mut harness = Harness::with(settings);
    let connected = harness.connected(&client("a"));
    let ask = asks_in(&harness.receive(3, &connected, 1))[0];
    let effects = harness.receive(4, &connected, 2);
    let refused = Reply::Published(ReasonCode::QuotaExceeded);
    assert_eq!(effects, [Effect::Reply(origin(4), refused)]);
    assert_eq!(harness.stats().refused_memory, 1);
    harness.done(ask, AskOutcome::Published(ReasonCode::Success));
    exchange(&mut harness, &connected, 2, ReasonCode::Success);
}

#[test]
fn old_connections_neither_publish_nor_release() {
    let mut harness = Harness::new();
    let first = harness.connected(&client("a"));
    exchange(&mut harness, &first, 5, ReasonCode::Success);
    harness.lose(&first);
    assert_eq!(
        harness.receive(3, &first, 6),
        [Effect::Reply(origin(3), Reply::Stale)]
    );
    let resumed = harness.connected(&client("a"));
    assert_eq!(
        harness.receive(3, &first, 6),
        [Effect::Reply(origin(3), Reply::Stale)]
    );
    check_replies(&harness.release(&first, 5), &[(9, Reply::Stale)]);
    check_replies(
        &harness.release(&resumed, 5),
        &[(9, Reply::Released { known: true })],
    );
}

#[test]
fn a_session_between_exchanges_keeps_no_memory_for_them() {
    let mut harness = Harness::new();
    let connected = harness.connected(&client("a"));
    exchange(&mut harness, &connected, 5, ReasonCode::Success);
    harness.release(&connected, 5);
    let session = harness.sessions.table.find(connected.session).unwrap();
    assert!(session.half_finished.is_none());
}
