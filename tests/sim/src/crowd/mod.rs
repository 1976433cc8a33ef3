//! The simulation's clients against a broker that is not simulated. Somebody else has the sockets
//! and the clock; here is what clients do, what they note in the model, and what must hold of it.
//!
//! ```text
//!               handle_due, handle_bytes, handle_end
//!   sockets ─────────────────────────────────────────▶ Crowd ──▶ model, invariants
//!      ▲                                                 │
//!      └──────────── output, orders ─────────────────────┘
//! ```
//! Time is real, so the same seed gives the same clients and wishes, but not the same run.

mod links;
mod phases;

use std::time::Duration;

use catena_types::Moment;

use crate::client::{Client, Farewell, Scene, Stage};
use crate::model::{MessageId, Model};
use crate::time::{Agenda, ms};
use crate::trace::Trace;
use crate::violation::Violation;
use crate::workload::{Action, BACKLOG_MAX, Profile, Script};

use links::Links;
pub use links::{LinkNumber, Order};

/// Clients that talk to a real broker.
#[derive(Debug)]
pub struct Crowd {
    profile: Profile,
    agenda: Agenda<Event>,
    clients: Vec<Client>,
    scripts: Vec<Script>,
    links: Links,
    /// Wills of connections that ended without a word.
    owed_wills: Vec<MessageId>,
    model: Model,
    trace: Trace,
    now: Moment,
    is_calm: bool,
}

/// What a client does when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// What its script says.
    Act(usize),
    /// What is due.
    Tend(usize),
}

/// How much has happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages published, wills included.
    pub messages: usize,
    /// Those that the broker has taken over.
    pub acknowledged: usize,
    /// Deliveries to applications.
    pub deliveries: usize,
    /// Connections opened.
    pub connections: usize,
    /// Sessions begun.
    pub sessions: usize,
}

impl Crowd {
    /// Clients that follow from the seed, and that begin at `now`.
    pub fn new(seed: u64, count: usize, now: Moment) -> Self {
        let profile = Profile::crowd(seed, count);
        let clients = profile.clients.iter().enumerate();
        let clients = clients
            .map(|(index, traits)| Client::new(index, traits.clone(), seed))
            .collect();
        let mut scripts: Vec<Script> = (0..count)
            .map(|index| Script::new(seed, index, &profile))
            .collect();
        let mut agenda = Agenda::new();
        agenda.skip_to(now);
        for (index, script) in scripts.iter_mut().enumerate() {
            agenda.after(script.pause(&profile), Event::Act(index));
            agenda.after(TENDING, Event::Tend(index));
        }
        Self {
            agenda,
            clients,
            scripts,
            links: Links::default(),
            owed_wills: Vec::new(),
            // Each worker reads the clock at its own time, and the system may hold one up.
            model: Model {
                skew_seconds: 1,
                ..Model::default()
            },
            trace: Trace::new(true),
            now,
            is_calm: false,
            profile,
        }
    }

    /// Lets clients do what is due at `now`.
    pub fn handle_due(&mut self, now: Moment) {
        self.now = now;
        while let Some(event) = self.agenda.next(now) {
            match event {
                Event::Act(client) => self.act(client),
                Event::Tend(client) => {
                    self.tend(client);
                    self.agenda.after(TENDING, Event::Tend(client));
                }
            }
        }
        self.agenda.skip_to(now);
    }

    /// Takes what came over a connection.
    ///
    /// # Errors
    /// An invariant that does not hold.
    pub fn handle_bytes(
        &mut self,
        now: Moment,
        link: LinkNumber,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        self.now = now;
        let Some(client) = self.user_of(link) else {
            return Ok(());
        };
        let (of, mut scene) = self.scene(client);
        of.handle_bytes(&mut scene, bytes)
    }

    /// A connection is over. `in_order` if the broker has closed its side, and not torn it down.
    pub fn handle_end(&mut self, now: Moment, link: LinkNumber, in_order: bool) {
        self.now = now;
        if let Some(client) = self.user_of(link) {
            self.owe_will(client);
            self.leave(client);
        }
        let Some(ended) = self.links.end(link) else {
            return;
        };
        // After DISCONNECT the will is void, but another connection of the client may have ended
        // this one before it was read.
        if let Some(will) = ended.goodbye.filter(|_| in_order && ended.is_last) {
            self.model.messages[will].is_forgotten = true;
        }
    }

    /// What has to be done with connections, in order; cleared by the call.
    pub fn orders(&mut self) -> Vec<Order> {
        self.links.take_orders()
    }

    /// Bytes that have to be sent over a connection; what is sent is to be removed.
    pub fn output(&mut self, link: LinkNumber) -> Option<&mut Vec<u8>> {
        let client = self.user_of(link)?;
        Some(&mut self.clients[client].output)
    }

    /// Whether what comes over a connection is to be read now: some clients are slow.
    pub fn reads(&self, link: LinkNumber) -> bool {
        let Some(client) = self.user_of(link) else {
            return true;
        };
        self.is_calm || self.clients[client].paused_until <= self.now
    }

    /// What happened so far, line by line.
    pub fn trace(&self) -> &str {
        self.trace.text()
    }

    /// How much has happened so far.
    pub fn tally(&self) -> Tally {
        let sessions = &self.model.sessions;
        let copies = sessions.iter().flat_map(|one| one.received.values());
        Tally {
            messages: self.model.messages.len(),
            acknowledged: self
                .model
                .messages
                .iter()
                .filter(|m| m.acked.is_some())
                .count(),
            deliveries: copies.map(Vec::len).sum(),
            connections: self.links.opened(),
            sessions: sessions.len(),
        }
    }

    /// The client that uses a connection, if it has not left it.
    fn user_of(&self, link: LinkNumber) -> Option<usize> {
        let client = self.links.client_of(link)?;
        (self.clients[client].link == Some(link.0)).then_some(client)
    }

    fn scene(&mut self, client: usize) -> (&mut Client, Scene<'_>) {
        let scene = Scene {
            now: self.now,
            model: &mut self.model,
            trace: &mut self.trace,
            is_calm: self.is_calm,
        };
        (&mut self.clients[client], scene)
    }

    fn act(&mut self, client: usize) {
        if self.is_calm {
            return;
        }
        let action = match self.clients[client].stage {
            Stage::Offline => self.scripts[client].offline(),
            Stage::Connecting => Action::Idle,
            Stage::Connected => self.scripts[client].connected(&self.profile),
        };
        self.perform(client, action);
        let pause = self.scripts[client].pause(&self.profile);
        self.agenda.after(pause, Event::Act(client));
    }

    fn perform(&mut self, client: usize, action: Action) {
        match action {
            // A crowd uses no state store.
            Action::Idle | Action::Call => {}
            Action::Connect { clean } => self.connect(client, clean),
            Action::Publish(terms) => {
                let (of, mut scene) = self.scene(client);
                if of.backlog.len() < BACKLOG_MAX {
                    of.backlog.extend(terms);
                }
                of.publish_backlog(&mut scene);
            }
            Action::Subscribe(filters, id) => {
                let (of, mut scene) = self.scene(client);
                of.subscribe(&mut scene, &filters, id);
            }
            Action::Unsubscribe(filters) => {
                let (of, mut scene) = self.scene(client);
                of.unsubscribe(&mut scene, &filters);
            }
            Action::Pause(pause) => self.clients[client].paused_until = self.now.plus(pause),
            Action::Disconnect(farewell) => self.disconnect(client, farewell),
            Action::Hang => self.hang_up(client, Order::Close),
            Action::Cut => self.hang_up(client, Order::Reset),
            // The old connection is left to itself: the broker has to close it.
            Action::Again { clean } => self.connect(client, clean),
            Action::Restart => {
                self.hang_up(client, Order::Close);
                let (of, mut scene) = self.scene(client);
                of.forget(&mut scene);
            }
        }
    }

    fn connect(&mut self, client: usize, clean: bool) {
        let link = self.links.open(client);
        let (of, mut scene) = self.scene(client);
        of.connect(&mut scene, link.0, clean);
    }

    fn disconnect(&mut self, client: usize, farewell: Farewell) {
        let Some(link) = self.clients[client].link.map(LinkNumber) else {
            return;
        };
        let (of, mut scene) = self.scene(client);
        let will = of.disconnect(&mut scene, farewell);
        let bytes = std::mem::take(&mut self.clients[client].output);
        self.links.finish(link, bytes, will);
        self.leave(client);
    }

    /// Ends a connection without a word.
    fn hang_up(&mut self, client: usize, how: fn(LinkNumber) -> Order) {
        if let Some(link) = self.clients[client].link.map(LinkNumber) {
            self.owe_will(client);
            self.links.abandon(link, how);
        }
        self.leave(client);
    }

    fn leave(&mut self, client: usize) {
        let (of, mut scene) = self.scene(client);
        of.leave(&mut scene);
    }

    /// The will of a connection that ends without a word has to be published, if it has no delay in
    /// which the client might come back.
    fn owe_will(&mut self, client: usize) {
        let of = &self.clients[client];
        if of.traits.will_delay == Some(0)
            && let Some(will) = of.standing_will()
        {
            self.owed_wills.push(will);
        }
    }

    fn tend(&mut self, client: usize) {
        let (of, mut scene) = self.scene(client);
        if !of.tend(&mut scene) {
            self.hang_up(client, Order::Reset);
        }
    }
}

/// From one look of a client after itself to the next.
const TENDING: Duration = ms(50);
