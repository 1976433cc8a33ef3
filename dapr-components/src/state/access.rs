//! The way to the store: whether there is one right now, and what the store can do.
//!
//! The SDK waits for a broker that is away for as long as it takes. A sidecar's call does not: it
//! gives a connection that has just broken a moment to come back, and then fails with the cause.

use std::sync::Arc;
use std::time::Duration;

use catena_sdk::{Client, Error, Event, Events, StateStore};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::failure::{Failure, Kind};
use crate::context::Context;
use crate::link;
use crate::metadata::Connection;

/// How long calls wait for a connection that has broken: longer than it takes to make a new one,
/// shorter than it takes to be impatient.
const GRACE: Duration = Duration::from_secs(1);

/// How long to wait before asking a store again that would not be asked; doubles each time.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// The way to the store of one client.
#[derive(Debug)]
pub(crate) struct Access {
    client: Client,
    timeout: Duration,
    status: watch::Receiver<Status>,
}

/// A store that has told what it can do.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) store: StateStore,
    pub(crate) abilities: Abilities,
}

/// What a store can do beyond the published protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// Changes that depend on a version.
    pub(crate) compares: bool,
    /// Several changes, all or none.
    pub(crate) groups: bool,
    /// Changes that depend on a key that stays absent.
    pub(crate) absences: bool,
    /// Tells how long an entry lives on.
    pub(crate) lifetimes: bool,
}

#[derive(Clone, Debug)]
struct Status {
    link: Link,
    ready: Option<Arc<Ready>>,
    /// Why the store cannot be asked although there is a connection.
    trouble: Option<Failure>,
}

#[derive(Clone, Debug)]
enum Link {
    Up,
    Down {
        since: Instant,
        why: Option<Failure>,
    },
    Ended {
        why: Option<Failure>,
    },
}

impl Access {
    /// Begins to ask for the store, in a task that ends with the client.
    pub(crate) fn start(
        client: Client,
        connection: Connection,
        timeout: Duration,
        context: &Context,
    ) -> Self {
        // In this order: a connection that is made in between is seen twice rather than never.
        let events = client.events();
        let status = Status {
            link: Link::of(&client, &connection),
            ready: None,
            trouble: None,
        };
        let (sender, receiver) = watch::channel(status);
        context.start(follow(
            (client.clone(), connection),
            timeout,
            events,
            sender,
        ));
        Self {
            client,
            timeout,
            status: receiver,
        }
    }

    /// How long a call may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Ends the client, and with it everything that waits.
    pub(crate) async fn close(&self) {
        self.client.close().await;
    }

    /// The store, once it can be asked.
    pub(crate) async fn ready(&self, deadline: Instant) -> Result<Arc<Ready>, Failure> {
        let mut status = self.status.clone();
        loop {
            let (failure, until) = match status.borrow_and_update().look() {
                Ok(ready) => return Ok(ready),
                Err(reason) => reason,
            };
            let until = until.map_or(deadline, |until| until.min(deadline));
            let changed = timeout_at(until, status.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(failure);
            }
        }
    }

    /// Why the store cannot be asked right now, if so.
    pub(crate) fn why_down(&self) -> Option<Failure> {
        let looked = self.status.borrow().look();
        looked.err().map(|(failure, _)| failure)
    }

    /// What the store can do; as long as it has not told, what ours can.
    pub(crate) fn abilities(&self) -> Abilities {
        let status = self.status.borrow();
        status
            .ready
            .as_ref()
            .map_or(Abilities::ALL, |ready| ready.abilities)
    }
}

impl Ready {
    /// Fails if the store knows no versions to compare.
    pub(crate) fn check_compares(&self) -> Result<(), Failure> {
        self.abilities.compares.then_some(()).ok_or_else(|| {
            let text = "this broker's state store cannot compare versions, so that there are no \
                ETags; it announces no feature `cas`";
            Failure::new(Kind::Unsupported, text)
        })
    }

    /// Fails if the store changes one entry at a time.
    pub(crate) fn check_groups(&self) -> Result<(), Failure> {
        self.abilities.groups.then_some(()).ok_or_else(|| {
            let text = "this broker's state store has no transactions; it announces no feature \
                `multi`";
            Failure::new(Kind::Unsupported, text)
        })
    }

    /// Fails if no group of the store can demand that a key does not exist and leave it so.
    pub(crate) fn check_absences(&self) -> Result<(), Failure> {
        self.abilities.absences.then_some(()).ok_or_else(|| {
            let text = "a transaction cannot demand, by first-write and delete, that a key does \
                not exist: this broker's state store announces no feature `absent`";
            Failure::new(Kind::Unsupported, text)
        })
    }
}

impl Abilities {
    const ALL: Self = Self {
        compares: true,
        groups: true,
        absences: true,
        lifetimes: true,
    };

    fn of(features: &[String]) -> Self {
        let has = |name: &str| features.iter().any(|feature| feature == name);
        Self {
            compares: has("cas"),
            groups: has("multi"),
            absences: has("absent"),
            lifetimes: has("pttl"),
        }
    }
}

impl Link {
    fn of(client: &Client, connection: &Connection) -> Self {
        if client.is_connected() {
            return Self::Up;
        }
        let trouble = client.trouble();
        Self::Down {
            since: Instant::now(),
            why: trouble.map(|error| explained(connection, &error)),
        }
    }
}

impl Status {
    /// The store, or why it cannot be asked, and until when that may change by itself; `None` if
    /// nobody knows.
    fn look(&self) -> Result<Arc<Ready>, (Failure, Option<Instant>)> {
        match (&self.link, &self.ready, &self.trouble) {
            (Link::Ended { why }, _, _) => Err((ended(why.as_ref()), Some(Instant::now()))),
            (Link::Down { since, why }, _, _) => Err((down(why.as_ref()), Some(*since + GRACE))),
            (Link::Up, Some(ready), _) => Ok(Arc::clone(ready)),
            (Link::Up, None, Some(trouble)) => Err((trouble.clone(), Some(Instant::now()))),
            (Link::Up, None, None) => {
                let text = "there is a connection to the broker, but its state store has not \
                    answered yet";
                Err((Failure::new(Kind::Unavailable, text), None))
            }
        }
    }
}

fn down(why: Option<&Failure>) -> Failure {
    let yet = || {
        let text = "there is no connection to the broker yet";
        Failure::new(Kind::Unavailable, text)
    };
    why.cloned().unwrap_or_else(yet)
}

fn ended(why: Option<&Failure>) -> Failure {
    let replaced = || {
        let text = "the component instance was replaced or ended";
        Failure::new(Kind::Unavailable, text)
    };
    why.cloned().unwrap_or_else(replaced)
}

/// The cause, and what to look at. It is tried again; an application should know what the broker
/// says.
fn explained(connection: &Connection, error: &Error) -> Failure {
    let kind = match Failure::from(error.clone()).kind {
        // What was under way is told otherwise.
        Kind::NoAnswer => Kind::Unavailable,
        kind => kind,
    };
    let why = link::explain(connection, error);
    let text = format!("there is no connection to the broker: {}", why.message());
    Failure::new(kind, text)
}

/// Keeps the status as it is, until the client ends.
async fn follow(
    (client, connection): (Client, Connection),
    timeout: Duration,
    mut events: Events,
    status: watch::Sender<Status>,
) {
    let prepare = || Box::pin(prepare(&client, timeout, &status));
    let mut preparing = Some(prepare());
    loop {
        let prepared = async {
            match &mut preparing {
                Some(preparing) => preparing.await,
                None => std::future::pending().await,
            }
        };
        let event = tokio::select! {
            () = prepared => {
                preparing = None;
                continue;
            }
            event = events.next() => event,
        };
        let link = match event {
            Some(Event::Connected { .. }) => Link::Up,
            Some(Event::Disconnected { error }) => Link::Down {
                since: Instant::now(),
                why: Some(explained(&connection, &error)),
            },
            // Responses have nowhere to go until the store is asked anew.
            Some(Event::SubscriptionLost { reason, .. }) => {
                let error = Error::Refused { reason, text: None };
                status.send_modify(|status| status.lose(error));
                preparing = Some(prepare());
                continue;
            }
            Some(Event::Ended { error }) => Link::Ended {
                why: error.map(|error| explained(&connection, &error)),
            },
            Some(_) => continue,
            None => break,
        };
        status.send_modify(|status| status.update(link));
    }
    status.send_modify(|status| status.update(Link::Ended { why: None }));
}

impl Status {
    /// The store does not answer any more.
    fn lose(&mut self, error: Error) {
        self.ready = None;
        self.trouble = Some(error.into());
    }

    /// A connection that is tried again and again is down since it broke, and what has ended
    /// remains so.
    fn update(&mut self, link: Link) {
        self.link = match (&self.link, link) {
            (Link::Ended { why: Some(why) }, _) => Link::Ended {
                why: Some(why.clone()),
            },
            (Link::Down { since, .. }, Link::Down { why, .. }) => Link::Down { since: *since, why },
            (_, link) => link,
        };
    }
}

/// Asks the store what it can do, until it answers.
async fn prepare(client: &Client, timeout: Duration, status: &watch::Sender<Status>) {
    let mut delay = RETRY.0;
    loop {
        match ask(client, timeout).await {
            Ok(ready) => {
                let ready = Some(Arc::new(ready));
                status.send_modify(|status| {
                    status.ready = ready;
                    status.trouble = None;
                });
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the state store cannot be asked");
                let trouble = Failure::from(error);
                // Who does not answer may do so yet: that is worth waiting for.
                let trouble = (trouble.kind != Kind::NoAnswer).then_some(trouble);
                status.send_modify(|status| status.trouble = trouble);
            }
        }
        sleep(delay).await;
        delay = (delay * 2).min(RETRY.1);
    }
}

async fn ask(client: &Client, timeout: Duration) -> Result<Ready, Error> {
    let store = StateStore::new(client).await?.timeout(timeout);
    let abilities = Abilities::of(&store.features().await?);
    if abilities != Abilities::ALL {
        tracing::warn!(
            ?abilities,
            "the state store does not announce all that ours can do"
        );
    }
    Ok(Ready { store, abilities })
}
