//! Every planted bug is found within a few seeds, by the invariant that is there for it.

use crate::{Mutation, Run, run};

/// Seeds tried for each bug.
const SEEDS_MAX: u64 = 40;

#[track_caller]
fn check(mutation: Mutation, invariants: &[&str]) {
    check_in(false, mutation, invariants);
}

/// As [`check`], in a world whose clients use the state store.
#[track_caller]
fn check_store(mutation: Mutation, invariants: &[&str]) {
    check_in(true, mutation, invariants);
}

#[track_caller]
fn check_in(store: bool, mutation: Mutation, invariants: &[&str]) {
    for seed in 1..=SEEDS_MAX {
        let outcome = run(Run {
            seed,
            store,
            mutation: Some(mutation),
            traces: false,
        });
        if let Some(violation) = outcome.violation
            && invariants.contains(&violation.invariant)
        {
            println!("{} found by seed {seed}: {violation}", mutation.name());
            return;
        }
    }
    panic!("{} not found within {SEEDS_MAX} seeds", mutation.name());
}

#[test]
fn an_ack_before_the_apply_is_found() {
    check(Mutation::AckBeforeApply, &["loss", "retained", "order"]);
}

#[test]
fn a_dropped_delivery_is_found() {
    check(Mutation::DropDelivery, &["loss"]);
}

#[test]
fn a_lost_dup_is_found() {
    check(Mutation::LoseDup, &["exactly_once"]);
}

#[test]
fn a_wrong_order_after_resume_is_found() {
    check(Mutation::ReorderAfterResume, &["order"]);
}

#[test]
fn a_wrong_order_of_publishes_is_found() {
    check(Mutation::ReorderPublishes, &["order"]);
}

#[test]
fn a_forgotten_ack_is_found() {
    check(Mutation::ForgetAck, &["exactly_once"]);
}

#[test]
fn a_forgotten_pubrec_is_found() {
    check(Mutation::ForgetReceived, &["answers"]);
}

#[test]
fn a_forgotten_detach_is_found() {
    check(Mutation::ForgetDetach, &["exactly_once"]);
}

#[test]
fn a_forgotten_attach_is_found() {
    check(Mutation::ForgetAttach, &["loss"]);
}

#[test]
fn a_forgotten_packet_id_is_found() {
    check(Mutation::ForgetPacketId, &["exactly_once"]);
}

#[test]
fn retained_messages_sent_twice_are_found() {
    check(Mutation::ReplayTwice, &["exactly_once"]);
}

#[test]
fn retained_messages_not_sent_are_found() {
    check(Mutation::ReplayNever, &["retained"]);
}

#[test]
fn two_connections_of_a_session_are_found() {
    check(Mutation::CloseEarly, &["one_connection"]);
}

#[test]
fn a_forgotten_unsubscribe_is_found() {
    check(Mutation::ForgetUnsubscribe, &["subscriptions"]);
}

#[test]
fn a_session_that_never_ends_is_found() {
    check(Mutation::ForgetDisconnect, &["leftovers"]);
}

#[test]
fn a_will_after_disconnect_is_found() {
    check(Mutation::PublishWill, &["wills"]);
}

#[test]
fn a_delivery_made_twice_is_found() {
    check(Mutation::DeliverTwice, &["exactly_once", "window"]);
}

#[test]
fn a_request_that_is_applied_twice_is_found() {
    check_store(Mutation::ApplyAgain, &["linear"]);
}

#[test]
fn a_condition_that_is_decided_in_front_of_the_apply_is_found() {
    check_store(Mutation::ConditionInFront, &["linear"]);
}

#[test]
fn an_answer_before_the_apply_is_found() {
    check_store(Mutation::AnswerBeforeApply, &["linear"]);
}

#[test]
fn a_stale_read_is_found() {
    check_store(Mutation::StaleRead, &["linear"]);
}

#[test]
fn a_value_that_stays_is_found() {
    check_store(Mutation::KeepForever, &["expiry"]);
}
