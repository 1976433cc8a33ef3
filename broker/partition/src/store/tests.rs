//! Requests to the state store of one partition, from the entry to what is lent.

use std::sync::Arc;

use catena_hlc::Millis;
use catena_mqtt::{Qos, ReasonCode};
use catena_store::Command;
use catena_types::Moment;

use super::StoreRequest;
use crate::topics::tests::harness::{Bench, attachment, session, settings};
use crate::{Asked, Effect, RecipientList, Reply, What};

const WALL: Millis = Millis::new(1_700_000_000_000);
const STAMP: &str = "1700000000000:0:c1";
const RESPONSES: &str = "responses/1";

fn payload(words: &[&str]) -> Vec<u8> {
    let mut payload = format!("*{}\r\n", words.len());
    for word in words {
        payload += &format!("${}\r\n{word}\r\n", word.len());
    }
    payload.into_bytes()
}

/// Asks as a head would, in the name of session 1 and a connection of it.
fn ask(bench: &mut Bench, generation: u32, correlation: &str, words: &[&str]) -> Vec<Effect> {
    let payload = payload(words);
    let attachment = attachment(generation);
    let request = StoreRequest {
        session: session(1),
        attachment,
        client_id: Some(Arc::from("c1")),
        command: Command::parse(&payload),
        timestamp: Some(STAMP.as_bytes()),
        fencing_token: None,
        persist: false,
        unsupported_version: None,
        response_topic: RESPONSES,
        correlation: correlation.as_bytes(),
        expiry_seconds: Some(10),
        again: correlation.starts_with("again"),
        random: 0,
    };
    let (session, generation) = (request.session, attachment.generation);
    if !bench.partition.is_attached(session, generation) {
        bench.apply(What::Attach {
            session,
            attachment,
        });
    }
    if !bench.partition.knows_recipients(RESPONSES) {
        let recipients = bench.list(RESPONSES);
        bench.apply(What::Recipients {
            topic: RESPONSES,
            recipients: &recipients,
        });
    }
    let wall = WALL;
    bench.apply(What::Store {
        request: &request,
        wall,
    })
}

fn responses(bench: &mut Bench) -> Vec<String> {
    let lines = bench.take().into_iter();
    lines.map(|line| line.replace("\r\n", "|")).collect()
}

/// A bench whose session 1 gets the responses.
fn bench() -> Bench {
    let mut bench = Bench::new(settings());
    bench.subscribe(1, RESPONSES, Qos::AtLeastOnce, false);
    bench
}

#[test]
fn a_request_is_answered_where_it_wants_it_and_acknowledged() {
    let mut bench = bench();
    let effects = ask(&mut bench, 1, "x", &["SET", "k", "v"]);
    let [Effect::Reply(_, Reply::Published(reason))] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(*reason, ReasonCode::Success);
    ask(&mut bench, 1, "y", &["GET", "k"]);
    assert_eq!(
        responses(&mut bench),
        ["1 responses/1=+OK|@1#0", "1 responses/1=$1|v|@1#1"]
    );
    bench.restored();
}

#[test]
fn a_request_that_comes_again_is_answered_again_and_not_applied() {
    let mut bench = bench();
    ask(&mut bench, 1, "again 1", &["SET", "k", "v", "NX"]);
    ask(&mut bench, 1, "again 1", &["SET", "k", "v", "NX"]);
    ask(&mut bench, 1, "again 2", &["SET", "k", "v", "NX"]);
    assert_eq!(
        responses(&mut bench),
        [
            "1 responses/1=+OK|@1#0",
            "1 responses/1=+OK|@1#1",
            "1 responses/1=:-1|@1#2"
        ]
    );
}

#[test]
fn who_observes_is_told_before_the_response_without_a_subscription() {
    let mut bench = bench();
    ask(&mut bench, 1, "x", &["KEYNOTIFY", "k"]);
    ask(&mut bench, 1, "y", &["SET", "k", "v"]);
    let lines = responses(&mut bench);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[1].contains("/6331/command/notify/6B=*4|$6|NOTIFY|$3|SET|$5|VALUE|$1|v|@1#1"),
        "{lines:?}"
    );
    assert!(lines[2].ends_with("=+OK|@1#2"), "{lines:?}");
    bench.restored();
}

#[test]
fn registrations_end_with_the_connection() {
    for takes_over in [false, true] {
        let mut bench = bench();
        ask(&mut bench, 1, "x", &["KEYNOTIFY", "k"]);
        if takes_over {
            bench.attach(1, 2);
        } else {
            bench.detach(1, 1, 0);
        }
        ask(&mut bench, 2, "y", &["SET", "k", "v"]);
        let lines = responses(&mut bench);
        assert!(
            lines.iter().all(|line| !line.contains("notify")),
            "{lines:?}"
        );
    }
}

#[test]
fn what_expires_is_told_at_once() {
    let mut bench = bench();
    ask(&mut bench, 1, "x", &["KEYNOTIFY", "k"]);
    ask(&mut bench, 1, "y", &["SET", "k", "v", "PX", "500"]);
    responses(&mut bench);
    let due = bench.partition.next_deadline().unwrap();
    bench.now = Moment::from_nanos(500_000_002);
    assert!(due <= bench.now);
    bench.apply(What::Tick { wall: WALL });
    let lines = responses(&mut bench);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("=*2|$6|NOTIFY|$6|DELETE|@1"), "{lines:?}");
    assert_eq!(bench.partition.stats().store.keys, 0);
}

#[test]
fn a_request_of_an_older_connection_is_stale() {
    let mut bench = bench();
    bench.attach(1, 5);
    let effects = ask(&mut bench, 3, "x", &["SET", "k", "v"]);
    assert!(
        matches!(effects.as_slice(), [Effect::Reply(_, Reply::Stale)]),
        "{effects:?}"
    );
    assert_eq!(bench.partition.stats().store.keys, 0);
}

#[test]
fn who_is_not_known_here_is_reached_through_the_topics_own_partition() {
    let mut bench = bench();
    let mut recipients: RecipientList = bench.list(RESPONSES);
    let mut stranger = recipients.recipients[0];
    stranger.session = session(9);
    recipients.recipients.push(stranger);
    bench.apply(What::Recipients {
        topic: RESPONSES,
        recipients: &recipients,
    });
    ask(&mut bench, 1, "x", &["SET", "k", "v"]);
    assert!(responses(&mut bench).is_empty());
    let number = bench.partition.open_asks().next().unwrap();
    match &*bench.partition.ask(number).unwrap().what {
        Asked::Publish(publish) => {
            assert_eq!(
                (&*publish.topic, &*publish.payload),
                (RESPONSES, &b"+OK\r\n"[..])
            );
        }
        other => panic!("{other:?}"),
    }
    bench.restored();
}

#[test]
fn a_later_subscription_makes_old_matches_stale() {
    let mut bench = bench();
    ask(&mut bench, 1, "x", &["GET", "k"]);
    assert!(bench.partition.knows_recipients(RESPONSES));
    // Of another topic: but nothing tells this partition of changes that concern RESPONSES.
    bench.subscribe(2, "other", Qos::AtLeastOnce, false);
    assert!(!bench.partition.knows_recipients(RESPONSES));
}

#[test]
fn a_scan_goes_on_in_the_next_partition() {
    let mut bench = bench();
    ask(&mut bench, 1, "x", &["SCAN", "*"]);
    assert_eq!(
        responses(&mut bench),
        ["1 responses/1=*2|*0|$2|\0\u{1}|@1#0"]
    );
    ask(&mut bench, 1, "y", &["SCAN", "*", "\0\u{1}"]);
    let lines = responses(&mut bench);
    assert!(lines[0].contains("-ERR syntax error"), "{lines:?}");
}

#[test]
fn nothing_of_a_session_outlives_it() {
    let mut bench = bench();
    ask(&mut bench, 1, "x", &["KEYNOTIFY", "k", "RESUME"]);
    bench.detach(1, 1, 0);
    assert_eq!(bench.partition.stats().store.registrations, 1);
    bench.end(1);
    assert_eq!(bench.partition.stats().store.registrations, 0);
    assert_eq!(bench.partition.stats().attachments, 0);
}
