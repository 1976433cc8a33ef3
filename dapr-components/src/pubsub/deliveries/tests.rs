//! What happens to messages.

use super::*;

const RULES: Rules = Rules {
    in_flight_max: 2,
    redeliveries_max: 2,
    backoff_min: Duration::from_secs(1),
    backoff_max: Duration::from_secs(3),
    block_on_retry: false,
};

fn with(
    rules: Rules,
    streams: &[StreamNumber],
    messages: &[&'static str],
) -> Deliveries<&'static str> {
    let mut deliveries = Deliveries::new(rules);
    for stream in streams {
        deliveries.add_stream(*stream);
    }
    for message in messages {
        deliveries.take(*message);
    }
    deliveries
}

/// All that can be delivered now.
fn all(deliveries: &mut Deliveries<&'static str>) -> Vec<(StreamNumber, Number, &'static str)> {
    let next = || {
        deliveries
            .deliver()
            .map(|(stream, number, _, it)| (stream, number, *it))
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn a_stream_gets_messages_in_order_as_far_as_it_has_room() {
    let mut it = with(RULES, &[1], &["a", "b", "c"]);
    assert_eq!(all(&mut it), [(1, 0, "a"), (1, 1, "b")]);
    assert!(!it.wants_more());
    assert_eq!(it.acknowledge(1, 1), Some("b"));
    assert_eq!(all(&mut it), [(1, 2, "c")]);
    assert_eq!(it.unanswered(), 2);
    // Answers to what it does not have are nothing.
    assert_eq!(it.acknowledge(1, 1), None);
    assert_eq!(it.acknowledge(2, 0), None);
    assert_eq!(it.acknowledge(1, 0), Some("a"));
    assert!(it.wants_more());
}

#[test]
fn streams_take_turns() {
    let mut it = with(RULES, &[1, 2], &["a", "b", "c", "d", "e"]);
    let streams: Vec<_> = all(&mut it)
        .into_iter()
        .map(|(stream, ..)| stream)
        .collect();
    assert_eq!(streams, [1, 2, 1, 2]);
    it.acknowledge(2, 1);
    assert_eq!(all(&mut it), [(2, 4, "e")]);
}

#[test]
fn a_failed_message_comes_again_with_growing_pauses_and_is_given_up_in_the_end() {
    let mut it = with(RULES, &[1], &["a"]);
    let mut now = Instant::now();
    for seconds in [1, 2] {
        assert_eq!(all(&mut it).len(), 1);
        assert!(it.fail(now, 1, 0));
        assert!(all(&mut it).is_empty());
        let due = now + Duration::from_secs(seconds);
        assert_eq!(it.next_deadline(), Some(due));
        now = due;
        assert!(it.handle_timeout(now).is_empty());
    }
    assert_eq!(all(&mut it).len(), 1);
    assert!(it.fail(now, 1, 0));
    assert!(!it.fail(now, 1, 0), "it is not there any more");
    assert_eq!(it.handle_timeout(now + END_OF_STREAM), ["a"]);
    assert_eq!(it.next_deadline(), None);
}

#[test]
fn pauses_end_at_the_longest() {
    let rules = Rules {
        redeliveries_max: 100,
        ..RULES
    };
    let mut it = with(rules, &[1], &["a"]);
    let mut now = Instant::now();
    for _ in 0..50 {
        all(&mut it);
        it.fail(now, 1, 0);
        now = it.next_deadline().unwrap();
        it.handle_timeout(now);
    }
    all(&mut it);
    it.fail(now, 1, 0);
    assert_eq!(it.next_deadline(), Some(now + RULES.backoff_max));
}

#[test]
fn later_messages_pass_one_that_waits_unless_order_is_strict() {
    let now = Instant::now();
    let mut passing = with(RULES, &[1], &["a", "b", "c"]);
    all(&mut passing);
    passing.fail(now, 1, 0);
    assert_eq!(all(&mut passing), [(1, 2, "c")]);
    let strict = Rules {
        in_flight_max: 1,
        block_on_retry: true,
        ..RULES
    };
    let mut strict = with(strict, &[1], &["a", "b"]);
    all(&mut strict);
    strict.fail(now, 1, 0);
    assert!(all(&mut strict).is_empty() && !strict.wants_more());
    strict.handle_timeout(now + RULES.backoff_min);
    assert_eq!(all(&mut strict), [(1, 0, "a")]);
}

#[test]
fn what_a_stream_leaves_behind_goes_to_the_next_in_order() {
    let now = Instant::now();
    let mut it = with(RULES, &[1], &["a", "b", "c"]);
    all(&mut it);
    it.remove_stream(now, 1);
    assert!(all(&mut it).is_empty());
    it.add_stream(2);
    assert_eq!(all(&mut it), [(2, 0, "a"), (2, 1, "b")]);
}

#[test]
fn failures_right_before_the_end_of_a_stream_do_not_count() {
    let now = Instant::now();
    let none = Rules {
        redeliveries_max: 1,
        ..RULES
    };
    let mut it = with(none, &[1], &["a"]);
    all(&mut it);
    assert!(it.fail(now, 1, 0));
    it.remove_stream(now + Duration::from_millis(500), 1);
    it.add_stream(2);
    // At once, and with all redeliveries to come.
    assert_eq!(all(&mut it), [(2, 0, "a")]);
    it.fail(now, 2, 0);
    // One that is older counts.
    it.remove_stream(now + Duration::from_secs(2), 2);
    it.handle_timeout(now + Duration::from_secs(2));
    it.add_stream(3);
    // The last failure as little as others.
    all(&mut it);
    it.fail(now, 3, 0);
    it.remove_stream(now + Duration::from_millis(500), 3);
    it.add_stream(4);
    assert_eq!(all(&mut it), [(4, 0, "a")]);
    it.fail(now, 4, 0);
    assert_eq!(it.handle_timeout(now + END_OF_STREAM), ["a"]);
}

#[test]
fn strict_order_lets_one_message_go_at_a_time() {
    let delivery = Delivery {
        block_on_retry: true,
        ..Delivery::base(catena_sdk::Qos::AtLeastOnce, false)
    };
    let mut it = with(Rules::of(&delivery), &[1], &["a", "b"]);
    assert_eq!(all(&mut it), [(1, 0, "a")]);
    it.acknowledge(1, 0);
    assert_eq!(all(&mut it), [(1, 1, "b")]);
}

#[test]
fn nothing_is_delivered_while_paused_and_answers_are_taken() {
    let mut it = with(RULES, &[1], &["a", "b"]);
    it.deliver();
    it.set_paused(true);
    assert!(all(&mut it).is_empty() && !it.wants_more());
    assert_eq!(it.acknowledge(1, 0), Some("a"));
    it.set_paused(false);
    assert_eq!(all(&mut it), [(1, 1, "b")]);
    assert_eq!(it.clear(), ["b"]);
    assert_eq!(it.unanswered(), 0);
}

#[test]
fn what_stays_when_others_are_taken_out_has_failed_as_often() {
    let now = Instant::now();
    let mut it = with(RULES, &[1], &["a", "b"]);
    all(&mut it);
    it.fail(now, 1, 0);
    let later = now + 2 * END_OF_STREAM;
    it.remove_stream(later, 1);
    assert_eq!(it.extract(|message| *message == "b"), ["b"]);
    it.add_stream(2);
    it.handle_timeout(later);
    let (_, number, failures, message) = it.deliver().unwrap();
    assert_eq!((number, failures, *message), (0, 1, "a"));
    assert!(it.deliver().is_none());
}
