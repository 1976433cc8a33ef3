//! The machine: takes entries in order and hands each to the part that it concerns.

use catena_types::{
    Digest, Digester, Entry, Fault, FrontendId, Generation, Machine, Moment, Reader,
    RoutingVersion, SessionId, Stamp, Truncated, Writer, invariant,
};

use crate::asks::Asks;
use crate::sessions::{ConnectionEnd, Inbound, Sessions};
use crate::store::Store;
use crate::topics::{AckRun, Topics};
use crate::{
    Ask, AttachmentIndex, Command, Held, Numbered, Origin, Outbox, Publish, Receiver, Reply,
    Request, Settings, Stats, What,
};

/// One partition.
#[derive(Debug)]
pub struct Partition {
    settings: Settings,
    time: Moment,
    stamp: Stamp,
    routing: RoutingVersion,
    asks: Asks,
    sessions: Sessions,
    topics: Topics,
    store: Store,
}

/// What a handler may touch besides its own part of the state.
pub(crate) struct Context<'a> {
    /// The partition's settings.
    pub(crate) settings: &'a Settings,
    /// Partition time of the entry being applied.
    pub(crate) time: Moment,
    /// The stamp of the entry being applied.
    pub(crate) stamp: Stamp,
    /// What is asked of other chains.
    pub(crate) asks: &'a mut Asks,
    /// Where consequences go.
    pub(crate) out: &'a mut Outbox,
}

impl Partition {
    /// An empty partition.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            time: Moment::ZERO,
            stamp: Stamp::default(),
            routing: RoutingVersion::default(),
            asks: Asks::default(),
            sessions: Sessions::new(&settings),
            topics: Topics::new(&settings),
            store: Store::new(&settings),
        }
    }

    /// Fetches from memory what requests that come next will ask of the state store.
    #[inline]
    pub fn approach(&self, requests: &[Numbered<'_>]) {
        self.store.approach(requests);
    }

    /// Bytes held, and how many may be, by the partition's accounting.
    #[inline]
    pub fn memory(&self, held: Held) -> (u64, u64) {
        match held {
            Held::Messages => (self.topics.bytes(), self.topics.allowed()),
            Held::Entries => self.store.memory(),
        }
    }

    /// Whether the log already has the topic's recipients by the newest routing it names.
    pub fn knows_recipients(&mut self, topic: &str) -> bool {
        self.topics.knows_recipients(topic)
    }

    /// A topic whose recipients should be forgotten, if more are kept than allowed.
    pub fn forgettable(&mut self) -> Option<Box<str>> {
        self.topics.forgettable(&self.settings)
    }

    /// Pushes a QoS 0 message without RETAIN to whoever is attached: at the tail, unreplicated.
    /// `false` if it must be a command instead, so that it does not overtake a retained replay.
    pub fn push(&mut self, publish: &Publish<'_>, now: Moment) -> bool {
        self.topics.push(&self.settings, publish, now)
    }

    /// Lends the frontend what it may take, oldest first per session, until all is taken or its
    /// receivers say [`crate::Taken::NotNow`].
    ///
    /// # Errors
    /// A [`Fault`] if the partition's own bookkeeping is broken.
    pub fn take(
        &mut self,
        frontend: FrontendId,
        receiver: &mut impl Receiver,
    ) -> Result<(), Fault> {
        self.topics.take(frontend, receiver)
    }

    /// Lets a frontend take again from a queue that had answered [`crate::Taken::NotNow`].
    pub fn resume(&mut self, attachment: AttachmentIndex, session: SessionId) {
        self.topics.resume(attachment, session);
    }

    /// The frontends that something waits for, each once; cleared by the call.
    pub fn woken(&mut self, each: impl FnMut(FrontendId)) {
        self.topics.woken(each);
    }

    /// The routing version that the log has reached.
    pub fn routing_version(&self) -> RoutingVersion {
        self.routing
    }

    /// Whether this connection of a session is attached here.
    pub fn is_attached(&mut self, session: SessionId, generation: Generation) -> bool {
        self.topics.is_attached(session, generation)
    }

    /// An ask that is not done yet.
    pub fn ask(&self, number: u64) -> Option<&Ask> {
        self.asks.find(number)
    }

    /// All asks that are not done, ascending: a new tail sends them again.
    pub fn open_asks(&self) -> impl Iterator<Item = u64> + '_ {
        self.asks.numbers()
    }

    /// When the next `Tick` is due.
    pub fn next_deadline(&self) -> Option<Moment> {
        let all = [
            self.sessions.next_deadline(),
            self.topics.next_deadline(),
            self.store.next_deadline(),
        ];
        all.into_iter().flatten().min()
    }

    /// Partition time: that of the last entry.
    pub fn time(&self) -> Moment {
        self.time
    }

    /// Numbers for metrics.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            asks: self.asks.numbers().count() as u64,
            ..Stats::default()
        };
        self.sessions.add_stats(&mut stats);
        self.topics.add_stats(&mut stats);
        self.store.add_stats(&mut stats);
        stats
    }

    /// Checks every documented invariant of the state.
    ///
    /// # Errors
    /// The first [`Fault`] found.
    #[cfg(any(test, feature = "validate"))]
    pub fn validate(&self) -> Result<(), Fault> {
        self.sessions.validate(&self.asks)?;
        self.topics.validate(&self.settings)?;
        self.store.validate()
    }

    fn carry_out(&mut self, command: Command<'_>, out: &mut Outbox) -> Result<(), Fault> {
        let Command { origin, what } = command;
        match what {
            What::Request(request) => self.parts(out).request(origin, request),
            What::Publish(publish) => {
                let mut parts = self.parts(out);
                parts.topics.publish(&mut parts.context, origin, publish)
            }
            What::Recipients { topic, recipients } => {
                self.topics.recipients(&self.settings, topic, recipients)
            }
            What::Forget { topic } => self.topics.forget(topic),
            What::Routing { version, changes } => {
                invariant!(
                    version >= self.routing,
                    "routing versions rise",
                    last = self.routing
                );
                self.routing = version;
                let mut parts = self.parts(out);
                parts.topics.routing(&mut parts.context, changes)
            }
            What::Done { ask, outcome } => {
                let ask = self.asks.finish(ask)?;
                let mut parts = self.parts(out);
                parts.sessions.done(&mut parts.context, &ask, outcome)
            }
            What::Attach {
                session,
                attachment,
            } => {
                let mut parts = self.parts(out);
                parts.topics.attach(&mut parts.context, session, attachment)
            }
            What::Store { request, wall } => {
                let mut parts = self.parts(out);
                let context = &mut parts.context;
                parts
                    .store
                    .apply(context, parts.topics, (origin, wall), request)
            }
            What::Allow { held, bytes } => {
                match held {
                    Held::Messages => self.topics.allow(bytes),
                    Held::Entries => self.store.allow(bytes),
                }
                Ok(())
            }
            What::Tick { wall } => {
                let mut parts = self.parts(out);
                parts.sessions.tick(&mut parts.context)?;
                parts.topics.tick(&mut parts.context)?;
                parts.store.tick(&mut parts.context, parts.topics, wall)
            }
        }
    }

    fn parts<'a>(&'a mut self, out: &'a mut Outbox) -> Parts<'a> {
        let context = Context {
            settings: &self.settings,
            time: self.time,
            stamp: self.stamp,
            asks: &mut self.asks,
            out,
        };
        Parts {
            context,
            sessions: &mut self.sessions,
            topics: &mut self.topics,
            store: &mut self.store,
        }
    }
}

/// The state, taken apart for one entry.
struct Parts<'a> {
    context: Context<'a>,
    sessions: &'a mut Sessions,
    topics: &'a mut Topics,
    store: &'a mut Store,
}

impl Parts<'_> {
    /// Requests about topics; the others go on to the sessions.
    fn request(mut self, origin: Origin, request: &Request<'_>) -> Result<(), Fault> {
        let context = &mut self.context;
        match *request {
            Request::Publish(ref publish) => self.topics.publish(context, origin, publish),
            Request::Attach {
                session,
                attachment,
            } => {
                self.topics.attach_known(context, session, attachment)?;
                context.out.reply(origin, Reply::Done);
                Ok(())
            }
            Request::Detach {
                session,
                generation,
                first_unsent,
            } => {
                self.topics
                    .detach(context, session, generation, first_unsent)?;
                context.out.reply(origin, Reply::Done);
                Ok(())
            }
            Request::Ack {
                session,
                generation,
                attachment,
                from,
                count,
                phase,
            } => {
                let run = AckRun {
                    session,
                    generation,
                    attachment,
                    from,
                    count,
                    phase,
                };
                let current = self.topics.ack(context, &run)?;
                context
                    .out
                    .reply(origin, if current { Reply::Done } else { Reply::Stale });
                Ok(())
            }
            ref other => self.session_request(origin, other),
        }
    }

    fn session_request(mut self, origin: Origin, request: &Request<'_>) -> Result<(), Fault> {
        let (context, sessions) = (&mut self.context, self.sessions);
        match *request {
            Request::Connect(ref connect) => {
                // Who has a session here already may be the one who takes what fills the pool.
                let is_new = !sessions.knows(connect.client_id);
                if is_new && self.topics.is_full() {
                    sessions.refuse_for_memory(context, origin);
                    return Ok(());
                }
                sessions.connect(context, origin, connect)
            }
            Request::Disconnect {
                session,
                generation,
                will,
                expiry_seconds,
            } => {
                let end = ConnectionEnd {
                    session,
                    generation,
                    will,
                    expiry_seconds,
                };
                sessions.disconnect(context, origin, end)
            }
            Request::Closed {
                session,
                generation,
            } => sessions.closed(context, origin, session, generation),
            Request::Range {
                session,
                generation,
                partition,
            } => sessions.range(context, origin, session, generation, partition),
            Request::Subscribe(ref subscribe) => sessions.subscribe(context, origin, subscribe),
            Request::Unsubscribe {
                session,
                generation,
                ref filters,
            } => sessions.unsubscribe(context, origin, session, generation, filters),
            Request::Receive {
                session,
                generation,
                packet_id,
                ref publish,
            } => {
                let key = Inbound::new(session, generation, packet_id);
                sessions.receive(context, origin, key, publish)
            }
            Request::Release {
                session,
                generation,
                packet_id,
            } => {
                let key = Inbound::new(session, generation, packet_id);
                sessions.release(context, origin, key)
            }
            // The head adds its wall time to a `Store`.
            Request::Publish(_)
            | Request::Store(_)
            | Request::Attach { .. }
            | Request::Detach { .. }
            | Request::Ack { .. } => Err(Fault::new("topics keep their requests", String::new())),
        }
    }
}

impl Machine for Partition {
    type Command<'a> = Command<'a>;
    type Outbox = Outbox;

    fn apply(&mut self, entry: Entry<Command<'_>>, out: &mut Outbox) -> Result<(), Fault> {
        invariant!(
            entry.time >= self.time,
            "partition time never falls",
            last = self.time
        );
        self.time = entry.time;
        self.stamp = entry.stamp;
        let result = self.carry_out(entry.command, out);
        if !(self.topics.left.is_empty() && self.topics.gone.is_empty()) {
            self.store.end(&self.topics.left, &self.topics.gone);
            self.topics.left.clear();
            self.topics.gone.clear();
        }
        result
    }

    fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        self.snapshot(&mut bytes);
        let mut digester = Digester::new();
        digester.bytes(&bytes);
        digester.finish()
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        self.settings.write(&mut writer);
        writer.u64(self.time.nanos());
        writer.u64(self.stamp.number());
        writer.u64(self.routing.number());
        self.asks.write(&mut writer);
        self.sessions.write(&mut writer);
        self.topics.write(&mut writer);
        self.store.write(&mut writer);
    }

    fn restore(reader: &mut Reader<'_>) -> Result<Self, Truncated> {
        let mut settings = Settings::read(reader)?;
        let time = Moment::from_nanos(reader.u64()?);
        let stamp = Stamp::new(reader.u64()?);
        let routing = RoutingVersion::new(reader.u64()?);
        let asks = Asks::read(reader)?;
        let sessions = Sessions::read(&settings, reader)?;
        let topics = Topics::read(&settings, reader)?;
        let store = Store::read(reader)?;
        settings.store = store.settings();
        Ok(Self {
            settings,
            time,
            stamp,
            routing,
            asks,
            sessions,
            topics,
            store,
        })
    }
}
