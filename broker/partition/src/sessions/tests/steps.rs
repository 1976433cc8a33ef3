//! Random steps of a few clients, for the property tests.

use catena_mqtt::ReasonCode;
use catena_types::PartitionSet;
use proptest::prelude::*;

use super::*;

/// Few, so that they meet.
pub(super) const CLIENTS: [&str; 3] = ["a", "b", "c"];

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Connect {
        client: usize,
        clean_start: bool,
        expiry_seconds: u32,
        will_delay: Option<u32>,
    },
    Disconnect {
        client: usize,
        will: WillFate,
        expiry_seconds: Option<u32>,
    },
    Closed {
        client: usize,
    },
    Pass {
        seconds: u64,
    },
    /// Time passes, but the head logs something else before the tick.
    PassUnnoticed {
        seconds: u64,
    },
    Receive {
        client: usize,
        packet_id: u16,
    },
    Release {
        client: usize,
        packet_id: u16,
    },
    Subscribe {
        client: usize,
    },
    Unsubscribe {
        client: usize,
    },
    Range {
        client: usize,
        partition: u16,
    },
    Done {
        which: usize,
        refused: bool,
    },
}

/// Intervals that coincide now and then.
fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1u32..8, Just(u32::MAX)]
}

/// Connections only: what the reference model knows.
pub(super) fn connection_step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS.len();
    let will = prop_oneof![Just(WillFate::Forget), Just(WillFate::Publish)];
    prop_oneof![
        4 => (client.clone(), any::<bool>(), seconds(), proptest::option::of(seconds())).prop_map(
            |(client, clean_start, expiry_seconds, will_delay)| Step::Connect {
                client, clean_start, expiry_seconds, will_delay
            }
        ),
        3 => (client.clone(), will, proptest::option::weighted(0.2, seconds())).prop_map(
            |(client, will, expiry_seconds)| Step::Disconnect { client, will, expiry_seconds }
        ),
        3 => client.prop_map(|client| Step::Closed { client }),
        3 => (0u64..9).prop_map(|seconds| Step::Pass { seconds }),
        1 => (0u64..9).prop_map(|seconds| Step::PassUnnoticed { seconds }),
    ]
}

/// Everything.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS.len();
    let packet = (client.clone(), 1u16..4);
    prop_oneof![
        6 => connection_step(),
        2 => packet.clone().prop_map(|(client, packet_id)| Step::Receive { client, packet_id }),
        2 => packet.prop_map(|(client, packet_id)| Step::Release { client, packet_id }),
        1 => client.clone().prop_map(|client| Step::Subscribe { client }),
        1 => client.clone().prop_map(|client| Step::Unsubscribe { client }),
        1 => (client, 0u16..8).prop_map(|(client, partition)| Step::Range { client, partition }),
        4 => (0usize..4, any::<bool>()).prop_map(|(which, refused)| Step::Done { which, refused }),
    ]
}

/// What the clients' frontends know: each client's last answered connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Frontends {
    last: [Option<Connected>; CLIENTS.len()],
    requests: u64,
}

impl Frontends {
    /// The topic of the will that comes with this request.
    pub(super) fn will_topic(request: u64) -> String {
        format!("will/{request}")
    }

    /// Runs a step; the request number is one more each time.
    #[track_caller]
    pub(super) fn run(&mut self, harness: &mut Harness, step: &Step) -> Vec<Effect> {
        self.requests += 1;
        let number = self.requests;
        let effects = self.act(harness, step, number);
        for connected in effects
            .iter()
            .filter_map(|e| connected_in(std::slice::from_ref(e)))
        {
            let session = harness.sessions.table.find(connected.session).unwrap();
            let client = CLIENTS
                .iter()
                .position(|id| **id == *session.client_id)
                .unwrap();
            if let Some(last) = &self.last[client] {
                let newer = (connected.session, connected.generation);
                assert!(
                    newer > (last.session, last.generation),
                    "each connection is a new one"
                );
            }
            self.last[client] = Some(connected);
        }
        effects
    }

    #[track_caller]
    fn act(&mut self, harness: &mut Harness, step: &Step, number: u64) -> Vec<Effect> {
        let nobody = Connected {
            session: SessionId::new(PartitionId::new(3), 1, u32::MAX),
            generation: Generation::new(1),
            present: false,
            ranges: Box::default(),
            partitions: PartitionSet::EMPTY,
        };
        let last = |client: usize| self.last[client].clone().unwrap_or(nobody.clone());
        match *step {
            Step::Connect {
                client,
                clean_start,
                expiry_seconds,
                will_delay,
            } => {
                let topic = Self::will_topic(number);
                let connect = client_with_will(CLIENTS[client], will_delay.map(|d| (d, &*topic)));
                harness.connect(
                    number,
                    &Connect {
                        clean_start,
                        expiry_seconds,
                        ..connect
                    },
                )
            }
            Step::Disconnect {
                client,
                will,
                expiry_seconds,
            } => harness.end(&last(client), will, expiry_seconds),
            Step::Closed { client } => harness.closed(&last(client)),
            Step::Pass { seconds } => harness.pass(seconds),
            Step::PassUnnoticed { seconds } => {
                harness.now = harness.now.plus_seconds(seconds);
                Vec::new()
            }
            Step::Receive { client, packet_id } => {
                harness.receive(number, &last(client), packet_id)
            }
            Step::Release { client, packet_id } => harness.release(&last(client), packet_id),
            Step::Subscribe { client } => harness.subscribe(number, &last(client), &["x", "y"]),
            Step::Unsubscribe { client } => {
                let Connected {
                    session,
                    generation,
                    ..
                } = last(client);
                harness
                    .run(|s, ctx| s.unsubscribe(ctx, origin(number), session, generation, &["x"]))
            }
            Step::Range { client, partition } => {
                let Connected {
                    session,
                    generation,
                    ..
                } = last(client);
                let partition = PartitionId::new(partition);
                harness.run(|s, ctx| s.range(ctx, origin(number), session, generation, partition))
            }
            Step::Done { which, refused } => finish(harness, which, refused),
        }
    }
}

/// Has one of the open asks done, if there is any.
#[track_caller]
fn finish(harness: &mut Harness, which: usize, refused: bool) -> Vec<Effect> {
    let open: Vec<u64> = harness.asks.numbers().collect();
    let Some(number) = open.get(which % open.len().max(1)).copied() else {
        return Vec::new();
    };
    let what = harness.asks.find(number).unwrap().what.clone();
    let reason = if refused {
        ReasonCode::QuotaExceeded
    } else {
        ReasonCode::Success
    };
    let outcome = match &*what {
        Asked::Publish(_) => AskOutcome::Published(reason),
        Asked::Subscribe { .. } => {
            subscribe::subscribed(PartitionSet::first(if refused { 0 } else { 3 }))
        }
        Asked::Unsubscribe { .. } => AskOutcome::Unsubscribed {
            codes: [reason].into(),
        },
        Asked::EndSession { .. } => AskOutcome::Ended,
    };
    harness.done(number, outcome)
}
