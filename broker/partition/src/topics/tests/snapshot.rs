//! Snapshots: equal logs give equal bytes, also on a replica that was restored on the way.

use catena_mqtt::Qos;
use catena_types::{Machine, Reader};
use proptest::prelude::*;

use super::harness::{Bench, message, settings};
use crate::{Partition, Phase, Publish, QueueLimit, QueueStrategy};

#[derive(Debug, Clone)]
enum Step {
    Publish {
        topic: usize,
        qos: u8,
        retain: bool,
        empty: bool,
        expires: bool,
    },
    Subscribe {
        session: u32,
        filter: usize,
        qos: u8,
        replay: bool,
    },
    Unsubscribe {
        session: u32,
        filter: usize,
    },
    End {
        session: u32,
    },
    Attach {
        session: u32,
    },
    Detach {
        session: u32,
        unsent: u64,
    },
    Ack {
        session: u32,
        from: u64,
        count: u32,
        received: bool,
    },
    Allow {
        bytes: u64,
    },
    Take,
    Later,
}

const TOPICS: [&str; 4] = ["a", "a/b", "a/c", "b"];
const FILTERS: [&str; 6] = ["a", "a/+", "#", "$share/g/a/#", "$share/h/b", "+/b"];

fn step() -> impl Strategy<Value = Step> {
    let flag = any::<bool>;
    let session = || 1..4u32;
    prop_oneof![
        6 => (0..4usize, 0..3u8, flag(), flag(), flag()).prop_map(
            |(topic, qos, retain, empty, expires)| {
                Step::Publish { topic, qos, retain, empty, expires }
            }
        ),
        3 => (session(), 0..6usize, 0..3u8, flag())
            .prop_map(|(session, filter, qos, replay)| {
                Step::Subscribe { session, filter, qos, replay }
            }),
        1 => (session(), 0..6usize)
            .prop_map(|(session, filter)| Step::Unsubscribe { session, filter }),
        1 => session().prop_map(|session| Step::End { session }),
        1 => session().prop_map(|session| Step::Attach { session }),
        1 => (session(), 0..12u64)
            .prop_map(|(session, unsent)| Step::Detach { session, unsent }),
        4 => (session(), 0..12u64, 1..4u32, flag())
            .prop_map(|(session, from, count, received)| {
                Step::Ack { session, from, count, received }
            }),
        1 => (0..2_000u64).prop_map(|bytes| Step::Allow { bytes }),
        2 => Just(Step::Take),
        1 => Just(Step::Later),
    ]
}

fn run(bench: &mut Bench, step: &Step) {
    let level = |qos: u8| Qos::try_from(qos).unwrap();
    match *step {
        Step::Publish {
            topic,
            qos,
            retain,
            empty,
            expires,
        } => {
            let payload = if empty { "" } else { "payload" };
            let expiry_seconds = expires.then_some(3);
            let publish = message(TOPICS[topic], payload, level(qos));
            bench.publish(&Publish {
                retain,
                expiry_seconds,
                ..publish
            });
        }
        Step::Subscribe {
            session,
            filter,
            qos,
            replay,
        } => {
            bench.subscribe(session, FILTERS[filter], level(qos), replay);
        }
        Step::Unsubscribe { session, filter } => bench.unsubscribe(session, FILTERS[filter]),
        Step::End { session } => bench.end(session),
        Step::Attach { session } => {
            if bench
                .table
                .iter()
                .any(|s| s.session == super::harness::session(session))
            {
                bench.attach(session, 1);
            }
        }
        Step::Detach { session, unsent } => bench.detach(session, 1, unsent),
        Step::Ack {
            session,
            from,
            count,
            received,
        } => {
            let phase = if received {
                Phase::Received
            } else {
                Phase::Complete
            };
            bench.ack(session, 1, from, count, phase);
        }
        Step::Allow { bytes } => {
            let held = crate::Held::Messages;
            bench.apply(crate::What::Allow { held, bytes });
        }
        Step::Take => {
            bench.take();
        }
        Step::Later => {
            bench.now = bench.now.plus_seconds(2);
            bench.apply(crate::What::Tick {
                wall: catena_hlc::Millis::default(),
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn restore_and_the_rest_give_the_same_digest(
        before in proptest::collection::vec(step(), 0..40),
        after in proptest::collection::vec(step(), 0..25),
        drop_oldest in any::<bool>(),
    ) {
        let mut settings = settings();
        if drop_oldest {
            settings.queue =
                QueueLimit { length_max: 3, bytes_max: 30, strategy: QueueStrategy::DropOldest };
        }
        let mut original = Bench::new(settings);
        before.iter().for_each(|step| run(&mut original, step));
        let mut copy = original.restored();
        for step in &after {
            run(&mut original, step);
            run(&mut copy, step);
            prop_assert_eq!(original.partition.digest(), copy.partition.digest(), "{:?}", step);
        }
    }

    #[test]
    fn damaged_snapshots_are_refused_or_read_but_never_panic(
        before in proptest::collection::vec(step(), 0..30),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bench = Bench::new(settings());
        before.iter().for_each(|step| run(&mut bench, step));
        let mut bytes = Vec::new();
        bench.partition.snapshot(&mut bytes);
        let end = at.index(bytes.len());
        prop_assert!(Partition::restore(&mut Reader::new(&bytes[..end])).is_err());
        bytes[end] = value;
        // Whatever it says, reading it ends.
        let _ = Partition::restore(&mut Reader::new(&bytes));
    }

    /// When every session has ended and nothing is retained, nothing is left.
    #[test]
    fn nothing_outlives_the_sessions(steps in proptest::collection::vec(step(), 0..60)) {
        let mut bench = Bench::new(settings());
        steps.iter().for_each(|step| run(&mut bench, step));
        for session in 1..4 {
            bench.end(session);
        }
        for topic in TOPICS {
            bench.publish(&Publish { retain: true, ..message(topic, "", Qos::AtMostOnce) });
        }
        bench.take();
        let stats = bench.partition.stats();
        prop_assert_eq!((stats.queued, stats.messages, stats.bytes), (0, 0, 0));
        prop_assert_eq!((stats.attachments, stats.share_groups, stats.retained), (0, 0, 0));
    }
}
