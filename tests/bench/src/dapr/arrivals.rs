//! What receives messages: an application beside a sidecar, or clients of the broker.

use std::sync::Arc;

use anyhow::Context;
use catena_sdk::{Client, Messages};
use catena_tests_dapr::Subscription;
use catena_tests_dapr::http::{Request, Response, Server};
use serde_json::Value;
use tokio::task::JoinSet;

use super::api::PUBSUB;
use super::cases::{CASES, Operation, Subject};
use super::tally::Tally;

/// Whoever receives, until this value is dropped.
#[derive(Debug)]
pub(super) enum Receiver {
    /// An application that a sidecar calls.
    Application(Server),
    /// A subscription each.
    Subscriptions {
        _client: Client,
        _tasks: JoinSet<()>,
    },
}

impl Receiver {
    /// An application that takes all messages.
    pub(super) fn application(subject: Subject, tally: &Arc<Tally>) -> anyhow::Result<Self> {
        let wanted = topics(subject).map(|topic| {
            let subscription = Subscription::new(PUBSUB, &topic, "messages");
            subscription.json().clone()
        });
        let wanted = Value::Array(wanted.collect());
        let tally = Arc::clone(tally);
        let handler = move |request: &Request| {
            Some(match request.target.as_str() {
                "/dapr/subscribe" => Response::json_of(&wanted),
                "/messages" => {
                    tally.arrive(&request.body);
                    Response::empty(200)
                }
                "/healthz" => Response::empty(200),
                _ => Response::empty(404),
            })
        };
        Ok(Self::Application(Server::start(0, Arc::new(handler))?))
    }

    /// A client of the broker with all subscriptions.
    pub(super) async fn subscriptions(broker: u16, tally: &Arc<Tally>) -> anyhow::Result<Self> {
        let client = Client::connect(&format!("mqtt://127.0.0.1:{broker}")).await?;
        let mut tasks = JoinSet::new();
        for topic in topics(Subject::Straight) {
            let messages = client.subscribe(topic.as_str()).await;
            let messages = messages.context("the broker grants no subscription")?;
            tasks.spawn(take(messages, Arc::clone(tally)));
        }
        Ok(Self::Subscriptions {
            _client: client,
            _tasks: tasks,
        })
    }

    /// The port of an application.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Application(server) => Some(server.port()),
            Self::Subscriptions { .. } => None,
        }
    }
}

async fn take(mut messages: Messages, tally: Arc<Tally>) {
    while let Some(message) = messages.next().await {
        tally.arrive(message.payload());
    }
}

/// The topics whose messages have to arrive.
fn topics(subject: Subject) -> impl Iterator<Item = String> {
    let cases = CASES.iter();
    let cases = cases.filter(|case| matches!(case.operation, Operation::Deliver(_)));
    cases.map(move |case| case.topic(subject))
}
