//! An application of a test: it subscribes, keeps what it gets, and answers as it is told.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::bail;
use serde_json::{Value, json};

use crate::clock::Deadline;
use crate::http::{Request, Response, Server};

/// A subscription that the application asks its sidecar for.
#[derive(Clone, Debug)]
pub struct Subscription(Value);

/// What came for a subscription.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The topic or filter that was subscribed to, which is the path of the request.
    pub route: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The CloudEvent.
    pub event: Value,
}

/// What the application answers to a delivery.
pub type Answer = dyn Fn(&Delivery) -> Option<Response> + Send + Sync;

/// A running application.
#[derive(Debug)]
pub struct App {
    server: Server,
    inbox: Arc<Inbox>,
}

#[derive(Debug, Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    more: Condvar,
}

impl Subscription {
    /// To a topic or filter of a component, at the route `/NAME`.
    #[must_use]
    pub fn new(component: &str, topic: &str, name: &str) -> Self {
        let route = format!("/{name}");
        Self(json!({ "pubsubname": component, "topic": topic, "route": route }))
    }

    /// With metadata.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0["metadata"][name] = value.into();
        self
    }

    /// With a topic for what the application does not take.
    #[must_use]
    pub fn with_dead_letters(mut self, topic: &str) -> Self {
        self.0["deadLetterTopic"] = topic.into();
        self
    }

    /// As a sidecar wants to be told.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }
}

impl Delivery {
    /// The data of the event.
    #[must_use]
    pub fn data(&self) -> &Value {
        &self.event["data"]
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(one, _)| one == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

impl App {
    /// Starts an application that takes everything.
    ///
    /// # Errors
    ///
    /// Whatever hinders it.
    pub fn start(subscriptions: &[Subscription]) -> anyhow::Result<Self> {
        Self::answering(subscriptions, Arc::new(|_| Some(Response::empty(200))))
    }

    /// Starts an application that answers with a function; none cuts the connection.
    ///
    /// # Errors
    ///
    /// Whatever hinders it.
    pub fn answering(subscriptions: &[Subscription], answer: Arc<Answer>) -> anyhow::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let keeping = Arc::clone(&inbox);
        let wanted = subscriptions.iter().map(|one| one.0.clone()).collect();
        let wanted = Value::Array(wanted);
        let handler = move |request: &Request| match request.target.as_str() {
            "/dapr/subscribe" => Some(Response::json_of(&wanted)),
            "/healthz" => Some(Response::empty(200)),
            _ if request.method != "POST" => Some(Response::empty(404)),
            route => {
                let delivery = Delivery {
                    route: route.trim_start_matches('/').to_owned(),
                    headers: request.headers.clone(),
                    event: request.json(),
                };
                keeping.add(delivery.clone());
                answer(&delivery)
            }
        };
        let server = Server::start(0, Arc::new(handler))?;
        Ok(Self { server, inbox })
    }

    /// Where it serves.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// All that came for a subscription, in order.
    #[must_use]
    pub fn deliveries(&self, route: &str) -> Vec<Delivery> {
        let all = self.inbox.deliveries();
        let ours = all.iter().filter(|one| one.route == route);
        ours.cloned().collect()
    }

    /// Waits until `count` have come for a subscription, and gives all of them.
    ///
    /// # Errors
    ///
    /// That there are fewer in time, and what they are.
    pub fn wait(
        &self,
        route: &str,
        count: usize,
        patience: Duration,
    ) -> anyhow::Result<Vec<Delivery>> {
        let deadline = Deadline::after(patience);
        let mut all = self.inbox.deliveries();
        loop {
            let ours: Vec<_> = all.iter().filter(|one| one.route == route).collect();
            if ours.len() >= count {
                return Ok(ours.into_iter().cloned().collect());
            }
            if deadline.is_over() {
                let found: Vec<_> = ours.iter().map(|one| one.event.to_string()).collect();
                bail!("{count} for {route} within {patience:?}: there are {found:?}");
            }
            let waited = self.inbox.more.wait_timeout(all, deadline.left());
            all = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Inbox {
    fn add(&self, delivery: Delivery) {
        self.deliveries().push(delivery);
        self.more.notify_all();
    }

    fn deliveries(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
