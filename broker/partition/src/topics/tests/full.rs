//! What the memory pool above its mark means for connections, and what is left when all is gone.

use catena_mqtt::{Qos, ReasonCode};
use catena_types::FrontendId;

use super::harness::{Bench, message, settings};
use crate::{Connect, Effect, Publish, Reply, Request, What};

fn connect(bench: &mut Bench, client_id: &str, clean_start: bool) -> Result<bool, ReasonCode> {
    let connect = Connect {
        client_id,
        clean_start,
        expiry_seconds: 60,
        frontend: FrontendId::new(0),
        connection: 1,
        will: None,
    };
    let effects = bench.apply(What::Request(&Request::Connect(Box::new(connect))));
    match effects.as_slice() {
        [Effect::Reply(_, Reply::Connected(connected)), ..] => Ok(connected.present),
        [Effect::Reply(_, Reply::ConnectRefused(reason))] => Err(*reason),
        other => panic!("unexpected effects {other:?}"),
    }
}

/// Publishes are refused there, so who comes to publish or to subscribe is told at once.
#[test]
fn above_the_mark_new_sessions_are_refused_and_counted() {
    let mut settings = settings();
    settings.memory_bytes_max = 1_000;
    let mut bench = Bench::new(settings);
    let retained = Publish {
        retain: true,
        ..message("a", "x", Qos::AtLeastOnce)
    };
    assert_eq!(connect(&mut bench, "old", false), Ok(false));
    while bench.publish(&retained_on(
        &retained,
        &format!("{:03}", bench.partition.stats().retained),
    )) != ReasonCode::QuotaExceeded
    {}
    let refused = bench.partition.stats().refused_memory;
    assert_eq!(
        connect(&mut bench, "new", false),
        Err(ReasonCode::QuotaExceeded)
    );
    assert_eq!(bench.partition.stats().refused_memory, refused + 1);
    assert_eq!(bench.partition.stats().sessions, 1);
    bench.publish(&Publish {
        payload: b"",
        ..retained_on(&retained, "000")
    });
    assert_eq!(connect(&mut bench, "new", false), Ok(false));
}

fn retained_on<'a>(publish: &Publish<'a>, topic: &'a str) -> Publish<'a> {
    Publish { topic, ..*publish }
}

#[test]
fn a_topic_that_is_cleared_is_forgotten() {
    let mut bench = Bench::new(settings());
    bench.subscribe(1, "#", Qos::AtMostOnce, false);
    for payload in ["x", ""] {
        for number in 0..100 {
            let topic = format!("a/{number}");
            bench.publish(&Publish {
                retain: true,
                ..message(&topic, payload, Qos::AtLeastOnce)
            });
        }
        bench.take();
    }
    let stats = bench.partition.stats();
    assert_eq!((stats.topics, stats.messages, stats.bytes), (0, 0, 0));
}
