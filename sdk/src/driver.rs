//! The task behind a client: makes connections, one after the other, and carries events between
//! them, the session and the handles. Must decide nothing about MQTT.

use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use rumqttc::v5::mqttbytes::v5 as wire;
use rumqttc::v5::{AsyncClient, ConnectionError, Event as WireEvent, EventLoop, StateError};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::backoff::Backoff;
use crate::builder::Options;
use crate::connection;
use crate::session::{Broken, Outgoing, Session, Shared, SubscribeAnswer};
use crate::{Error, Event, Reason, Subscribe};

/// What handles ask for, publishes apart.
pub(crate) enum Control {
    Subscribe {
        subscribe: Subscribe,
        lost: Arc<AtomicU64>,
        answer: SubscribeAnswer,
    },
    Close,
}

/// The task of a client.
pub(crate) struct Driver {
    options: Arc<Options>,
    session: Session,
    shared: Arc<Shared>,
    publishes: mpsc::Receiver<Outgoing>,
    control: mpsc::Receiver<Control>,
    events: broadcast::Sender<Event>,
    status: watch::Sender<Status>,
    ended: Arc<OnceLock<Error>>,
    /// Who waits for the first connection.
    first: Option<oneshot::Sender<Result<(), Error>>>,
    /// When to be gone, once somebody has asked for it.
    closing: Option<Instant>,
    all_handed_in: bool,
    said_goodbye: bool,
    /// The broker released a message that this process knows nothing of.
    all_releases: bool,
}

/// The other ends of a driver's channels.
pub(crate) struct Ends {
    pub(crate) publishes: mpsc::Receiver<Outgoing>,
    pub(crate) control: mpsc::Receiver<Control>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) ended: Arc<OnceLock<Error>>,
    pub(crate) first: Option<oneshot::Sender<Result<(), Error>>>,
}

/// Whether there is a connection.
#[derive(Clone, Debug)]
pub(crate) enum Status {
    /// Not yet, and no attempt has failed.
    Connecting,
    Up,
    /// Not now: how the last one, or the last attempt, has ended.
    Down(Error),
}

/// How a connection ended.
enum End {
    /// As somebody here wished.
    Closed,
    Lost(Error),
}

/// What to do next on a connection.
enum Step {
    Polled(Box<Result<WireEvent, ConnectionError>>),
    Publish(Option<Outgoing>),
    Control(Option<Control>),
    Woken,
    Due,
}

/// A connection that lived so long was good, and the next attempt is a first one.
const GOOD: std::time::Duration = std::time::Duration::from_secs(10);

impl Driver {
    pub(crate) fn new(options: Arc<Options>, shared: Arc<Shared>, ends: Ends) -> Self {
        let session = Session::new(
            Arc::clone(&options),
            Arc::clone(&shared),
            ends.events.clone(),
        );
        Self {
            options,
            session,
            shared,
            publishes: ends.publishes,
            control: ends.control,
            events: ends.events,
            status: ends.status,
            ended: ends.ended,
            first: ends.first,
            closing: None,
            all_handed_in: false,
            said_goodbye: false,
            all_releases: false,
        }
    }

    /// Runs until the client is closed, all handles are dropped, or the broker refuses for good.
    pub(crate) async fn run(mut self) {
        let (min, max) = self.options.backoff;
        let mut backoff = Backoff::new(min, max);
        let error = loop {
            let began = Instant::now();
            let error = match self.connection().await {
                End::Closed => break None,
                End::Lost(error) => error,
            };
            tracing::debug!(%error, "connection ended");
            let is_final = !self.options.keeps_trying
                && matches!(&error, Error::ConnectionRefused { reason } if !reason.is_retryable());
            self.status.send_replace(Status::Down(error.clone()));
            // Nobody may listen.
            let _ = self.events.send(Event::Disconnected {
                error: error.clone(),
            });
            if self.first.is_some() || is_final {
                break Some(error);
            }
            if began.elapsed() >= GOOD {
                backoff.reset();
            }
            if !self.pause(backoff.next()).await {
                break None;
            }
        };
        let told = error.clone().unwrap_or(Error::Closed);
        self.status.send_replace(Status::Down(told.clone()));
        // It is set here only.
        let _ = self.ended.set(told.clone());
        self.publishes.close();
        while let Ok(outgoing) = self.publishes.try_recv() {
            // Whoever asked may have stopped waiting.
            let _ = outgoing.answer.send(Err(told.clone()));
        }
        self.control.close();
        self.session.end(&told);
        // As above.
        let _ = self.events.send(Event::Ended {
            error: error.clone(),
        });
        if let Some(first) = self.first.take() {
            // As above.
            let _ = first.send(Err(told));
        }
    }

    /// Makes a connection, and serves it until it ends. Where that may be, a broker that does not
    /// know the method of authentication is asked once more without it.
    async fn connection(&mut self) -> End {
        let unknown = match self.serve(true).await {
            End::Lost(error) if self.goes_without(&error) => error,
            end => return end,
        };
        tracing::warn!(
            "the broker does not know the method of authentication: connecting without it"
        );
        match self.serve(false).await {
            // It wants another method, and which one it does not know says more.
            End::Lost(Error::ConnectionRefused { .. }) if !self.is_up() => End::Lost(unknown),
            end => end,
        }
    }

    fn goes_without(&self, error: &Error) -> bool {
        let is_unknown = matches!(error, Error::ConnectionRefused { reason }
            if *reason == Reason::BAD_AUTHENTICATION_METHOD);
        self.options.authentication_is_optional && is_unknown && !self.is_up()
    }

    /// Whether the broker has taken the connection that was made last.
    fn is_up(&self) -> bool {
        matches!(*self.status.borrow(), Status::Up)
    }

    async fn serve(&mut self, authenticates: bool) -> End {
        let mut resume = self.session.resume(self.all_releases);
        resume.authenticates = authenticates;
        let (requests, mut event_loop) = match connection::open(&self.options, resume) {
            Ok(opened) => opened,
            Err(error) => {
                let why = error.to_string().into();
                return End::Lost(Error::Unreachable { why });
            }
        };
        self.said_goodbye = false;
        let end = loop {
            // The event loop is not polled beside a lock on it: what it has written by halves would
            // be lost if the future were dropped. So it lives until it has something to say.
            let step = {
                let mut poll = pin!(event_loop.poll());
                loop {
                    let step = self.step(poll.as_mut()).await;
                    match self.take(step) {
                        Ok(Some(polled)) => break Ok(polled),
                        Ok(None) => {}
                        Err(end) => break Err(end),
                    }
                }
            };
            let polled = match step {
                Ok(polled) => *polled,
                Err(end) => break end,
            };
            if let Some(end) = self.polled(polled, &mut event_loop, &requests) {
                break end;
            }
        };
        self.rest(&mut event_loop, &requests);
        self.session.handle_disconnect();
        match (end, self.session.take_farewell()) {
            (End::Lost(_), Some(reason)) => End::Lost(Error::ConnectionRefused { reason }),
            (end, _) => end,
        }
    }

    /// Waits for the next thing to do.
    async fn step(
        &mut self,
        poll: std::pin::Pin<&mut impl Future<Output = Result<WireEvent, ConnectionError>>>,
    ) -> Step {
        let due = match (self.session.next_deadline(), self.closing) {
            (Some(deadline), Some(closing)) => Some(deadline.min(closing)),
            (deadline, closing) => deadline.or(closing),
        };
        let has_room = self.session.has_room() && !self.all_handed_in;
        tokio::select! {
            polled = poll => Step::Polled(Box::new(polled)),
            outgoing = self.publishes.recv(), if has_room => Step::Publish(outgoing),
            control = self.control.recv(), if self.closing.is_none() => Step::Control(control),
            () = self.shared.woken() => Step::Woken,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Step::Due,
        }
    }

    /// Does one thing; gives back what the event loop said.
    fn take(&mut self, step: Step) -> Result<Option<Box<Result<WireEvent, ConnectionError>>>, End> {
        let done = match step {
            Step::Polled(polled) => return Ok(Some(polled)),
            Step::Publish(Some(outgoing)) => self.session.publish(outgoing),
            Step::Publish(None) => {
                self.all_handed_in = true;
                Ok(())
            }
            Step::Control(control) => self.control(control),
            Step::Woken => self.session.handle_wake(),
            Step::Due => {
                let now = Instant::now();
                if self.closing.is_some_and(|closing| closing <= now) {
                    return Err(End::Closed);
                }
                self.session.handle_timeout(now)
            }
        };
        done.and_then(|()| self.say_goodbye()).map_err(lost)?;
        if self.closing.is_some() && !self.session.is_connected() && self.nothing_waits() {
            return Err(End::Closed);
        }
        Ok(None)
    }

    fn control(&mut self, control: Option<Control>) -> Result<(), Broken> {
        match control {
            Some(Control::Subscribe {
                subscribe,
                lost,
                answer,
            }) => self.session.subscribe(subscribe, lost, answer),
            // All handles have gone.
            Some(Control::Close) | None => {
                self.publishes.close();
                self.control.close();
                self.closing = Some(Instant::now() + self.options.close_within);
                Ok(())
            }
        }
    }

    /// The event loop said something.
    fn polled(
        &mut self,
        polled: Result<WireEvent, ConnectionError>,
        event_loop: &mut EventLoop,
        requests: &AsyncClient,
    ) -> Option<End> {
        let event = match polled {
            Ok(event) => event,
            Err(error) => return Some(self.failed(&error, event_loop)),
        };
        let connected = matches!(&event, WireEvent::Incoming(wire::Packet::ConnAck(_)));
        // Of the broker's own, 0 means none; `rumqttc` would ask without a pause.
        if connected && event_loop.options.keep_alive().is_zero() {
            event_loop.options.set_keep_alive(self.options.keep_alive);
        }
        let state = &mut event_loop.state;
        let done = self.session.handle_event(event, state, requests);
        // Who is told of a connection may ask what became of the session.
        if connected {
            if let Some(first) = self.first.take() {
                // If nobody waits, the handles are gone as well.
                let _ = first.send(Ok(()));
            }
            self.status.send_replace(Status::Up);
        }
        if let Err(broken) = done.and_then(|()| self.say_goodbye()) {
            return Some(lost(broken));
        }
        self.session.goodbye_written().then_some(End::Closed)
    }

    /// Once everything is answered, a client that closes says goodbye.
    fn say_goodbye(&mut self) -> Result<(), Broken> {
        let is_done = self.all_handed_in && self.session.is_idle();
        if self.closing.is_none() || !is_done || self.said_goodbye {
            return Ok(());
        }
        self.said_goodbye = self.session.is_connected();
        // Streams that went with the last handle unsubscribe first.
        self.session.handle_wake()?;
        self.session.disconnect()
    }

    /// Whether everything that was published is answered.
    fn nothing_waits(&self) -> bool {
        self.session.is_idle() && self.publishes.is_empty()
    }

    fn failed(&mut self, error: &ConnectionError, event_loop: &EventLoop) -> End {
        let unsolicited = matches!(
            error,
            ConnectionError::MqttState(StateError::Unsolicited(_))
        );
        let last = event_loop.state.events.back();
        let release = matches!(last, Some(WireEvent::Incoming(wire::Packet::PubRel(_))));
        if unsolicited && release {
            // An earlier process acknowledged it. The broker asks again on the next connection,
            // which is told of all packet IDs.
            self.all_releases = true;
        }
        let error = match error {
            ConnectionError::ConnectionRefused(code) => Error::ConnectionRefused {
                reason: Reason::from(*code),
            },
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
                Error::ConnectionRefused {
                    reason: Reason::from(*reason_code),
                }
            }
            other => Error::Unreachable {
                why: other.to_string().into(),
            },
        };
        End::Lost(error)
    }

    /// Takes what the event loop had still to say when its connection broke.
    fn rest(&mut self, event_loop: &mut EventLoop, requests: &AsyncClient) {
        let events = std::mem::take(&mut event_loop.state.events);
        for event in events {
            let state = &mut event_loop.state;
            if self.session.handle_event(event, state, requests).is_err() {
                // The connection is gone anyway.
                return;
            }
        }
    }

    /// Waits for the time of the next attempt. Returns `false` if there shall be none.
    async fn pause(&mut self, delay: std::time::Duration) -> bool {
        let until = Instant::now() + delay;
        loop {
            if let Some(closing) = self.closing
                && (self.nothing_waits() || closing <= Instant::now())
            {
                return false;
            }
            let step = async {
                tokio::select! {
                    control = self.control.recv(), if self.closing.is_none() => {
                        Step::Control(control)
                    }
                    () = self.shared.woken() => Step::Woken,
                }
            };
            let done = match timeout_at(until, step).await {
                Err(_) => return true,
                Ok(Step::Control(control)) => self.control(control),
                Ok(_) => self.session.handle_wake(),
            };
            if done.is_err() {
                // Without a connection, nothing can break.
                return true;
            }
        }
    }
}

fn lost(Broken(why): Broken) -> End {
    End::Lost(Error::Unreachable { why: why.into() })
}
