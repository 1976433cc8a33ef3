//! The world: nodes, a network, clients, and the agenda that drives them. First there are faults,
//! then everything heals and must come to rest; then everything is cleared, and nothing may be
//! left.

mod cleared;
mod clients;
mod healed;
mod node;

use std::collections::{BTreeMap, BTreeSet};

use catena_types::{Digest, Moment};

use crate::client::{Client, Scene};
use crate::invariants::Verdict;
use crate::model::{MessageId, Model};
use crate::mutations::Mutation;
use crate::network::{LinkId, Network, Seat, Way};
use crate::rng::Rng;
use crate::store::Player;
use crate::time::{Agenda, ms};
use crate::trace::Trace;
use crate::violation::Violation;
use crate::workload::{Profile, Script};

use node::Node;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The seed, of which everything else follows.
    pub seed: u64,
    /// Whether clients use the state store.
    pub store: bool,
    /// A planted bug.
    pub mutation: Option<Mutation>,
    /// Whether to keep the trace's text.
    pub traces: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What did not hold, if anything.
    pub violation: Option<Violation>,
    /// What happened.
    pub trace: Trace,
    /// How much happened.
    pub summary: Summary,
}

/// How much happened in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages published, wills included.
    pub messages: usize,
    /// Deliveries to applications.
    pub deliveries: usize,
    /// Connections opened.
    pub connections: usize,
    /// Sessions begun.
    pub sessions: usize,
    /// Requests to the state store.
    pub requests: usize,
    /// Those of them that were answered.
    pub answered: usize,
    /// Messages that a full queue dropped.
    pub dropped: u64,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// A worker takes a turn, if it is not done already.
    Turn(Seat),
    /// Bytes arrive, or their end.
    Arrive(LinkId, Way),
    /// One end of a cut connection notices.
    Notice(LinkId, Way),
    /// A client does what its script says.
    Act(usize),
    /// A client does what is due.
    Tend(usize),
}

/// The world of one run.
pub(crate) struct World {
    profile: Profile,
    agenda: Agenda<Event>,
    network: Network,
    nodes: Vec<Node>,
    clients: Vec<Client>,
    scripts: Vec<Script>,
    /// Connections that no client uses any more and that are not closed on the other side.
    retired: BTreeSet<LinkId>,
    /// The last words of connections: the will that they make void.
    goodbyes: BTreeMap<LinkId, Option<MessageId>>,
    /// Wills of connections that ended without a word.
    owed_wills: Vec<MessageId>,
    /// When clients look after themselves next.
    next_tend: Vec<Moment>,
    model: Model,
    trace: Trace,
    scheduler: Rng,
    places: Rng,
    is_calm: bool,
    /// No action is begun any more.
    is_quiet: bool,
    turns: u64,
    /// Whether nodes are validated after every turn.
    validates: bool,
}

/// Runs one world to its end.
pub fn run(run: Run) -> Outcome {
    let mut world = World::new(run);
    let violation = world.live().err();
    if let Some(violation) = &violation {
        let now = world.agenda.now();
        world.trace.line(now, format_args!("violated: {violation}"));
    }
    let summary = world.summary();
    Outcome {
        violation,
        trace: world.trace,
        summary,
    }
}

impl World {
    fn new(run: Run) -> Self {
        let seed = run.seed;
        let profile = if run.store {
            Profile::store(seed)
        } else {
            Profile::of(seed)
        };
        let clients = profile.clients.iter().enumerate();
        let mut clients: Vec<Client> = clients
            .map(|(index, traits)| Client::new(index, traits.clone(), seed))
            .collect();
        for (index, client) in clients.iter_mut().enumerate().filter(|_| run.store) {
            client.give_player(Player::new(seed, index));
        }
        let scripts = (0..profile.clients.len())
            .map(|index| Script::new(seed, index, &profile))
            .collect();
        Self {
            agenda: Agenda::new(),
            network: Network::new(seed, profile.weather),
            nodes: vec![Node::new(&profile, run)],
            clients,
            scripts,
            retired: BTreeSet::new(),
            goodbyes: BTreeMap::new(),
            owed_wills: Vec::new(),
            next_tend: vec![Moment::ZERO; profile.clients.len()],
            model: Model {
                queues_drop: profile.queue_max.is_some(),
                ..Model::default()
            },
            trace: Trace::new(run.traces),
            scheduler: Rng::new(seed, "scheduler"),
            places: Rng::new(seed, "places"),
            is_calm: false,
            is_quiet: false,
            turns: 0,
            validates: run.traces,
            profile,
        }
    }

    fn live(&mut self) -> Verdict {
        for client in 0..self.clients.len() {
            let pause = self.scripts[client].pause(&self.profile);
            self.agenda.after(pause, Event::Act(client));
            self.agenda.after(ms(700), Event::Tend(client));
        }
        for seat in self.seats() {
            self.wake_soon(seat);
        }
        let end = self.agenda.now().plus(ms(self.profile.fault_ms));
        self.run_until(end)?;
        self.check_nodes(true)?;
        self.heal()?;
        self.clear()
    }

    /// Lets things happen until a moment.
    fn run_until(&mut self, until: Moment) -> Verdict {
        while let Some(event) = self.agenda.next(until) {
            self.handle(event)?;
        }
        self.agenda.skip_to(until);
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Verdict {
        match event {
            Event::Turn(seat) => self.turn(seat),
            Event::Arrive(link, way) => self.arrive(link, way),
            Event::Notice(link, way) => self.notice(link, way),
            Event::Act(client) => self.act(client),
            Event::Tend(client) => self.tend(client),
        }
    }

    fn arrive(&mut self, link: LinkId, way: Way) -> Verdict {
        self.network.arrive(self.agenda.now(), link, way);
        match way {
            Way::Up => {
                let seat = self.network.link(link).seat;
                self.nodes[seat.node].seats[seat.worker].note_ready(link);
                self.wake_soon(seat);
                Ok(())
            }
            Way::Down => self.read(link),
        }
    }

    /// Sends bytes and notes when they arrive; returns how many were taken.
    fn send(&mut self, link: LinkId, way: Way, bytes: &[u8]) -> usize {
        let mut arrivals = Vec::new();
        let now = self.agenda.now();
        let taken = self.network.send(now, (link, way), bytes, &mut arrivals);
        for at in arrivals {
            self.agenda.at(at, Event::Arrive(link, way));
        }
        taken
    }

    /// Closes one direction.
    fn end(&mut self, link: LinkId, way: Way) {
        let now = self.agenda.now();
        if let Some(at) = self.network.end(now, link, way) {
            self.agenda.at(at, Event::Arrive(link, way));
        }
    }

    /// Checks the nodes after a turn: always what passed the port; their own invariants, which cost
    /// more than the turn, at some turns, and at all of them when somebody wants to know exactly.
    fn check_turn(&mut self) -> Verdict {
        self.turns += 1;
        if self.validates || self.turns.is_multiple_of(VALIDATE_EVERY) {
            return self.check_nodes(false);
        }
        self.nodes.iter().try_for_each(Node::verdict)
    }

    /// Checks what nodes say about themselves, and that snapshots hold everything.
    fn check_nodes(&self, snapshots: bool) -> Verdict {
        let now = self.agenda.now();
        for node in &self.nodes {
            node.validate(now)?;
            if snapshots {
                node.check_replicas(self.profile.placement.partitions(), now)?;
            }
        }
        Ok(())
    }

    fn seats(&self) -> Vec<Seat> {
        let nodes = self.nodes.iter().enumerate();
        let seats = nodes
            .flat_map(|(node, of)| (0..of.seats.len()).map(move |worker| Seat { node, worker }));
        seats.collect()
    }

    /// A client, and what it may touch.
    fn scene(&mut self, client: usize) -> (&mut Client, Scene<'_>) {
        let scene = Scene {
            now: self.agenda.now(),
            model: &mut self.model,
            trace: &mut self.trace,
            is_calm: self.is_calm,
        };
        (&mut self.clients[client], scene)
    }

    fn summary(&self) -> Summary {
        let copies = |session: &crate::model::Session| -> usize {
            session.received.values().map(Vec::len).sum()
        };
        let requests = &self.model.history.requests;
        Summary {
            messages: self.model.messages.len(),
            deliveries: self.model.sessions.iter().map(copies).sum(),
            connections: self.network.count(),
            sessions: self.model.sessions.len(),
            requests: requests.len(),
            answered: requests
                .iter()
                .filter(|asked| asked.answered.is_some())
                .count(),
            dropped: self.nodes.iter().map(Node::dropped).sum(),
        }
    }
}

impl Outcome {
    /// The hash of the trace.
    pub fn digest(&self) -> Digest {
        self.trace.digest()
    }
}

/// Turns from one validation of all state to the next.
const VALIDATE_EVERY: u64 = 5;
