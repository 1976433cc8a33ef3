//! The state store of a partition: what its sessions ask of it, where the answers go, and whom it
//! tells of changes.
//!
//! The store itself knows clients as numbers ([`Client`]). Here a number is a session, and what
//! the store says becomes a message: a response to whoever is subscribed to its topic, and a
//! notification straight to the session that asked for it. Both are queued by the entry that
//! brought them, notifications first, so that nothing overtakes what happened before it.

mod observers;
mod request;
mod respond;
mod scan;

#[cfg(test)]
mod tests;

use catena_hlc::Millis;
use catena_mqtt::{Qos, ReasonCode};
use catena_rpc::topics;
use catena_statestore::{Client, Identity, Now, Outbox as Told, StateStore};
use catena_store::{Command, Refusal, Registration, reply};
use catena_types::{Fault, Moment, Reader, SessionId, Truncated, Writer};

pub use request::StoreRequest;
pub use scan::scan_partition;

use crate::partition::Context;
use crate::topics::Topics;
use crate::{Asked, Numbered, Origin, OwnedPublish, Publish, Reply, Request, Settings, Stats};
use observers::Observers;

/// No session: responses and notifications are nobody's own publishes.
const NOBODY: SessionId = SessionId::from_packed(0);

/// The store and what ties it to sessions.
#[derive(Debug)]
pub(crate) struct Store {
    machine: StateStore,
    observers: Observers,
    /// Scratch: the payload of a reply, the properties of a message, its topic, notifications.
    payload: Vec<u8>,
    properties: Vec<u8>,
    topic: String,
    told: Told,
}

impl Store {
    /// An empty store.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::over(StateStore::new(settings.store), Observers::default())
    }

    fn over(machine: StateStore, observers: Observers) -> Self {
        Self {
            machine,
            observers,
            payload: Vec::new(),
            properties: Vec::new(),
            topic: String::new(),
            told: Told::default(),
        }
    }

    /// See [`StateStore::approach`].
    #[inline]
    pub(crate) fn approach(&self, requests: &[Numbered<'_>]) {
        let commands = requests
            .iter()
            .filter_map(|numbered| match &numbered.request {
                Request::Store(store) => store.command.as_ref().ok(),
                _ => None,
            });
        self.machine.approach(commands);
    }

    /// Bytes of entries, and how many may be.
    #[inline]
    pub(crate) fn memory(&self) -> (u64, u64) {
        self.machine.memory()
    }

    /// `Allow`.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.machine.allow(bytes);
    }

    /// Carries out a request: notifications, then the response, then the acknowledgement.
    pub(crate) fn apply(
        &mut self,
        context: &mut Context<'_>,
        topics: &mut Topics,
        (origin, wall): (Origin, Millis),
        request: &StoreRequest<'_>,
    ) -> Result<(), Fault> {
        let attachment = &request.attachment;
        if !topics.is_attached(request.session, attachment.generation) {
            // A newer connection has the session, or it has ended.
            context.out.reply(origin, Reply::Stale);
            return Ok(());
        }
        let time = context.time;
        self.payload.clear();
        self.told.clear();
        let version = match request.unsupported_version {
            Some(_) => None,
            None => self.carry_out(context, Now { time, wall }, request)?,
        };
        self.tell(context, topics)?;
        respond::properties(request, version, &mut self.properties);
        let response = Publish {
            topic: request.response_topic,
            qos: Qos::AtLeastOnce,
            retain: false,
            expiry_seconds: request.expiry_seconds,
            properties: [&self.properties, &[], &[]],
            payload: &self.payload,
            publisher: NOBODY,
            random: request.random,
        };
        if !topics.respond(context, &response)? {
            let asked = Asked::Publish(OwnedPublish::copy(&response));
            context.asks.push(asked, crate::Then::Nothing, context.out);
        }
        // Never 0x10: clients count every other code as a failed call.
        context
            .out
            .reply(origin, Reply::Published(ReasonCode::Success));
        Ok(())
    }

    /// Removes what has expired, and tells whom it concerns.
    pub(crate) fn tick(
        &mut self,
        context: &mut Context<'_>,
        topics: &mut Topics,
        wall: Millis,
    ) -> Result<(), Fault> {
        let time = context.time;
        self.told.clear();
        self.machine.tick(Now { time, wall }, &mut self.told)?;
        self.tell(context, topics)
    }

    /// When the next tick is due.
    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        self.machine.next_deadline()
    }

    /// Ends the registrations of connections and sessions that are no more.
    pub(crate) fn end(&mut self, left: &[SessionId], gone: &[SessionId]) {
        for &session in left {
            if self.observers.knows(session) {
                self.machine.disconnected(client(session));
            }
        }
        for &session in gone {
            if self.observers.remove(session) {
                self.machine.ended(client(session));
            }
        }
    }

    fn carry_out(
        &mut self,
        context: &Context<'_>,
        now: Now,
        request: &StoreRequest<'_>,
    ) -> Result<Option<catena_hlc::Version>, Fault> {
        let command = match request.command {
            Ok(Command::Scan(scan)) => {
                scan::page(
                    &self.machine,
                    context.settings,
                    now,
                    &scan,
                    &mut self.payload,
                );
                return Ok(None);
            }
            Ok(command) => command,
            Err(refusal) => {
                reply::refusal(&mut self.payload, refusal);
                return Ok(None);
            }
        };
        if let (Command::KeyNotify(notify), Some(client_id)) = (command, &request.client_id)
            && notify.registration != Registration::Stop
        {
            if !topics::is_observable(client_id, notify.key) {
                reply::refusal(&mut self.payload, Refusal::KeyNotObservable);
                return Ok(None);
            }
            self.observers.insert(request.session, client_id);
        }
        let lifetime = request.expiry_seconds.map(u64::from);
        let until = now.time.plus_seconds(lifetime.unwrap_or(ANSWER_SECONDS));
        let asked = catena_statestore::Request {
            client: client(request.session),
            command,
            timestamp: request.timestamp,
            fencing_token: request.fencing_token,
            persist: request.persist,
            identity: Some(Identity {
                correlation: request.correlation,
                until,
                again: request.again,
            }),
        };
        let answer = self
            .machine
            .apply(now, &asked, &mut self.payload, &mut self.told)?;
        Ok(answer.version)
    }

    /// Queues the notifications of this entry. Leaves the scratch for properties empty.
    fn tell(&mut self, context: &mut Context<'_>, topics: &mut Topics) -> Result<(), Fault> {
        for notified in self.told.iter() {
            let session = SessionId::from_packed(notified.client.number());
            let Some(client_id) = self.observers.client_id(session) else {
                continue;
            };
            // Checked when it was registered.
            if topics::notification(client_id, notified.key, &mut self.topic).is_err() {
                continue;
            }
            self.properties.clear();
            respond::timestamp(notified.version, &mut self.properties);
            let publish = Publish {
                topic: &self.topic,
                qos: Qos::AtLeastOnce,
                retain: false,
                expiry_seconds: None,
                properties: [&self.properties, &[], &[]],
                payload: notified.payload,
                publisher: NOBODY,
                random: 0,
            };
            topics.tell(context, session, &publish)?;
        }
        self.properties.clear();
        Ok(())
    }

    /// Adds its numbers.
    pub(crate) fn add_stats(&self, stats: &mut Stats) {
        stats.store = self.machine.stats();
    }

    /// Appends the replicated state.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        self.observers.write(writer);
        let mut machine = Vec::new();
        self.machine.snapshot(&mut machine);
        writer.bytes(&machine);
    }

    /// The store that wrote this, and its settings.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let observers = Observers::read(reader)?;
        let mut machine = Reader::new(reader.bytes()?);
        Ok(Self::over(StateStore::restore(&mut machine)?, observers))
    }

    /// The settings that it was made with.
    pub(crate) fn settings(&self) -> catena_statestore::Settings {
        *self.machine.settings()
    }

    /// Checks every documented invariant.
    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        self.machine.validate()
    }
}

/// How long the answer to a request without message expiry is kept, in seconds: such a request may
/// come again for ever, but hardly does later than a client reconnects.
const ANSWER_SECONDS: u64 = 60;

fn client(session: SessionId) -> Client {
    Client::new(session.packed())
}
