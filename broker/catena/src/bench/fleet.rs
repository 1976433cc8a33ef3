//! All connections of a run on one readiness loop, and how they are brought up.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use catena_mqtt::{
    ConnAck, Connect, ConnectProperties, Packet, PacketId, Qos, Subscribe, SubscriptionOptions,
    Version, encode,
};
use mio::{Events, Poll};

use super::args::BenchArgs;
use super::peer::{Peer, Progress};
use crate::client::{Failure, Place, Target, cannot_connect};
use crate::clock;

/// Filters in one SUBSCRIBE at most.
const FILTERS_MAX: usize = 100;

/// A connection as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) client_id: String,
    pub(crate) filters: Vec<String>,
    /// How long its session lasts without it. `None`: it begins and ends with the connection.
    pub(crate) session_expiry: Option<u32>,
}

/// A connection of which there is something to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) index: usize,
    pub(crate) is_readable: bool,
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    pub(crate) peers: Vec<Peer>,
    pub(crate) scratch: Vec<u8>,
    pub(crate) ready: Vec<Ready>,
    /// Connections that may have more than was read.
    again: Vec<usize>,
    target: Target,
    address: Address,
    version: Version,
    qos: Qos,
    receive_maximum: Option<NonZeroU16>,
    ping_every: Option<Duration>,
    pinged_at: Instant,
}

#[derive(Clone, Debug)]
enum Address {
    Ip(SocketAddr),
    Path(PathBuf),
}

/// How far a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Connecting,
    Introduced,
    /// So many SUBACKs are to come.
    Subscribing(usize),
    Ready,
    Failed(Failure),
}

/// How bringing up went.
#[derive(Debug)]
pub(crate) struct BroughtUp {
    /// How long each took, in order of readiness.
    pub(crate) took: Vec<Duration>,
    /// Why others are not there.
    pub(crate) failures: Vec<Failure>,
}

impl Fleet {
    pub(crate) fn new(args: &BenchArgs) -> Result<Self, Failure> {
        raise_file_limit();
        let target = Target::resolve(&args.target)?;
        let address = match &target.place {
            Place::Unix(path) => Address::Path(path.clone()),
            Place::Tcp { host, port } => {
                let found = (host.as_str(), *port).to_socket_addrs();
                let found = found.map_err(|error| cannot_connect(&target.place, &error))?;
                // As most brokers that listen on one of them do so on the older one.
                let mut found: Vec<_> = found.collect();
                found.sort_by_key(SocketAddr::is_ipv6);
                let first = found.first().copied();
                Address::Ip(first.ok_or_else(|| {
                    cannot_connect(&target.place, &io::ErrorKind::NotFound.into())
                })?)
            }
        };
        Ok(Self {
            poll: Poll::new().map_err(|error| no_loop(&error))?,
            events: Events::with_capacity(1_024),
            peers: Vec::new(),
            scratch: Vec::new(),
            ready: Vec::new(),
            again: Vec::new(),
            target,
            address,
            version: args.version,
            qos: args.qos,
            receive_maximum: args.receive_maximum,
            ping_every: None,
            pinged_at: clock::monotonic(),
        })
    }

    /// Waits for events, at most for so long, and lists the connections in `ready`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<(), Failure> {
        let timeout = match self.again.is_empty() {
            true => timeout,
            false => Duration::ZERO,
        };
        self.keep_alive()?;
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(no_loop(&error));
            }
            _ => {}
        }
        self.ready.clear();
        self.ready.extend(self.again.drain(..).map(|index| Ready {
            index,
            is_readable: true,
        }));
        self.ready.extend(self.events.iter().map(|event| Ready {
            index: event.token().0,
            is_readable: event.is_readable() || event.is_read_closed() || event.is_error(),
        }));
        Ok(())
    }

    /// Remembers that a connection may have more.
    pub(crate) fn note(&mut self, index: usize, progress: Progress) {
        if progress == Progress::More {
            self.again.push(index);
        }
    }

    /// Connects all, `window` at a time, and has them subscribe. Those that fail are told.
    pub(crate) fn bring_up(
        &mut self,
        members: &[Member],
        window: usize,
        stall: Duration,
        mut watch: impl FnMut(Instant, usize),
    ) -> Result<BroughtUp, Failure> {
        let base = self.peers.len();
        let mut waiting: VecDeque<&Member> = members.iter().collect();
        let mut steps: Vec<(Step, Instant)> = Vec::with_capacity(members.len());
        let mut brought_up = BroughtUp {
            took: Vec::with_capacity(members.len()),
            failures: Vec::new(),
        };
        let mut progress_at = clock::monotonic();
        loop {
            let settled = brought_up.took.len() + brought_up.failures.len();
            if settled == members.len() {
                return Ok(brought_up);
            }
            let now = clock::monotonic();
            if now.duration_since(progress_at) > stall {
                let place = &self.target.place;
                return Err(cannot_connect(place, &io::ErrorKind::TimedOut.into()));
            }
            watch(now, brought_up.took.len());
            while steps.len() - settled < window {
                let Some(member) = waiting.pop_front() else {
                    break;
                };
                self.open(member)?;
                steps.push((Step::Connecting, now));
            }
            self.wait(Duration::from_millis(50))?;
            let ready = std::mem::take(&mut self.ready);
            for event in &ready {
                let Some(number) = event.index.checked_sub(base) else {
                    continue;
                };
                let (Some((step, began)), Some(member)) =
                    (steps.get_mut(number), members.get(number))
                else {
                    continue;
                };
                let before = step.clone();
                self.advance(event.index, member, step);
                if before == *step {
                    continue;
                }
                progress_at = clock::monotonic();
                match step {
                    Step::Ready => brought_up.took.push(progress_at.duration_since(*began)),
                    Step::Failed(failure) => brought_up.failures.push(failure.clone()),
                    Step::Connecting | Step::Introduced | Step::Subscribing(_) => {}
                }
            }
            self.ready = ready;
        }
    }

    /// Brings up all or fails.
    pub(crate) fn assemble(
        &mut self,
        members: &[Member],
        args: &BenchArgs,
        watch: impl FnMut(Instant, usize),
    ) -> Result<(), Failure> {
        let window = args.window.clamp(1, 100) as usize;
        let brought_up = self.bring_up(members, window, args.stall, watch)?;
        match brought_up.failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Says DISCONNECT on all connections from this one on, and waits for the broker to close
    /// them or for `patience` to end.
    pub(crate) fn dismiss(&mut self, from: usize, patience: Duration) -> Result<(), Failure> {
        let version = self.version;
        for peer in self.peers.iter_mut().skip(from).filter(|it| it.is_open) {
            let disconnect = catena_mqtt::Disconnect::new(catena_mqtt::ReasonCode::Success);
            encode::disconnect(&mut peer.out, version, &disconnect)?;
            peer.flush()?;
        }
        let end = clock::monotonic() + patience;
        while self.peers.iter().skip(from).any(|peer| peer.is_open) {
            let now = clock::monotonic();
            if now >= end {
                break;
            }
            self.wait(end.duration_since(now).min(Duration::from_millis(50)))?;
            self.serve_idle()?;
        }
        self.peers.truncate(from);
        self.again.clear();
        Ok(())
    }

    /// Lets time pass while nothing but answers to PINGREQ is expected.
    pub(crate) fn rest(&mut self, time: Duration) -> Result<(), Failure> {
        let end = clock::monotonic() + time;
        loop {
            let left = end.saturating_duration_since(clock::monotonic());
            if left.is_zero() {
                return Ok(());
            }
            self.wait(left)?;
            self.serve_idle()?;
        }
    }

    /// The connections that are open.
    pub(crate) fn open_count(&self) -> usize {
        self.peers.iter().filter(|peer| peer.is_open).count()
    }

    /// Reads and forgets.
    fn serve_idle(&mut self) -> Result<(), Failure> {
        let ready = std::mem::take(&mut self.ready);
        for event in &ready {
            if let Some(peer) = self.peers.get_mut(event.index) {
                let progress = peer.read(&mut self.scratch, |_, _, _| {})?;
                peer.flush()?;
                self.note(event.index, progress);
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn open(&mut self, member: &Member) -> Result<(), Failure> {
        let channel = self.target.channel()?;
        let number = self.peers.len();
        let opened = match &self.address {
            Address::Ip(address) => Peer::tcp(*address, channel),
            Address::Path(path) => Peer::unix(path, channel),
        };
        let place = &self.target.place;
        let mut peer = opened.map_err(|error| cannot_connect(place, &error))?;
        let connect = Connect {
            version: self.version,
            clean_start: member.session_expiry.is_none(),
            keep_alive: 0,
            client_id: &member.client_id,
            properties: ConnectProperties {
                session_expiry: member.session_expiry,
                receive_maximum: self.receive_maximum,
                ..ConnectProperties::default()
            },
            will: None,
            username: self.target.username.as_deref(),
            password: self.target.password.as_ref().map(String::as_bytes),
        };
        encode::connect(&mut peer.out, &connect)?;
        peer.register(self.poll.registry(), number)
            .map_err(|error| no_loop(&error))?;
        self.peers.push(peer);
        Ok(())
    }

    /// Takes a connection as far as it gets now.
    fn advance(&mut self, index: usize, member: &Member, step: &mut Step) {
        if let Err(failure) = self.try_advance(index, member, step) {
            if let Some(peer) = self.peers.get_mut(index) {
                peer.is_open = false;
            }
            *step = Step::Failed(failure);
        }
    }

    fn try_advance(
        &mut self,
        index: usize,
        member: &Member,
        step: &mut Step,
    ) -> Result<(), Failure> {
        let (version, qos) = (self.version, self.qos);
        let Some(peer) = self.peers.get_mut(index) else {
            return Ok(());
        };
        if *step == Step::Connecting {
            let place = &self.target.place;
            let connected = peer.connected();
            if !connected.map_err(|error| cannot_connect(place, &error))? {
                return Ok(());
            }
            *step = Step::Introduced;
        }
        peer.flush()?;
        let progress = peer.receive(&mut self.scratch)?;
        // What comes after the last answer is for others.
        while *step != Step::Ready
            && let Some((first_byte, body)) = peer.take()?
        {
            match (Packet::decode(version, first_byte, &body)?, &mut *step) {
                (Packet::ConnAck(connack), Step::Introduced) => {
                    *step = welcome(peer, version, qos, &connack, &member.filters)?;
                    if let Some(seconds @ 1..) = connack.properties.server_keep_alive {
                        let half = Duration::from_secs(seconds.into()) / 2;
                        self.ping_every = Some(self.ping_every.map_or(half, |it| it.min(half)));
                    }
                }
                (Packet::SubAck(suback), Step::Subscribing(left)) => {
                    if let Some(reason) = suback.codes.iter().find(|code| code.is_error()) {
                        let explanation = suback.properties.reason_string;
                        return Err(Failure::refused("a subscription", reason, explanation));
                    }
                    *left -= 1;
                    if *left == 0 {
                        *step = Step::Ready;
                    }
                }
                _ => {}
            }
        }
        peer.flush()?;
        let has_more = peer.has_kept();
        if *step != Step::Ready && progress == Progress::Closed {
            return Err(Failure::lost());
        }
        peer.shrink();
        self.note(index, if has_more { Progress::More } else { progress });
        Ok(())
    }

    /// Sends PINGREQ where the broker insists on a keep alive.
    fn keep_alive(&mut self) -> Result<(), Failure> {
        let Some(every) = self.ping_every else {
            return Ok(());
        };
        let now = clock::monotonic();
        if now.duration_since(self.pinged_at) < every {
            return Ok(());
        }
        self.pinged_at = now;
        for peer in self.peers.iter_mut().filter(|peer| peer.is_open) {
            encode::pingreq(&mut peer.out);
            peer.flush()?;
        }
        Ok(())
    }
}

/// Takes CONNACK and subscribes.
fn welcome(
    peer: &mut Peer,
    version: Version,
    qos: Qos,
    connack: &ConnAck<'_>,
    filters: &[String],
) -> Result<Step, Failure> {
    if connack.reason.is_error() {
        let explanation = connack.properties.reason_string;
        return Err(Failure::connection_refused(
            version,
            connack.reason,
            explanation,
        ));
    }
    if let Some(maximum) = connack.properties.receive_maximum {
        peer.receive_maximum = maximum.get();
    }
    Ok(match subscribe(&mut peer.out, version, qos, filters)? {
        0 => Step::Ready,
        count => Step::Subscribing(count),
    })
}

/// Appends SUBSCRIBEs for all filters and tells how many.
fn subscribe(
    out: &mut Vec<u8>,
    version: Version,
    qos: Qos,
    filters: &[String],
) -> Result<usize, Failure> {
    let options = SubscriptionOptions {
        qos,
        ..SubscriptionOptions::default()
    };
    let mut count = 0;
    for (filters, number) in filters.chunks(FILTERS_MAX).zip(1..=u16::MAX) {
        let list: Vec<_> = filters.iter().map(|it| (it.as_str(), options)).collect();
        let subscribe = Subscribe {
            packet_id: PacketId::new(number).unwrap_or(PacketId(std::num::NonZeroU16::MIN)),
            subscription_id: None,
            user_properties: catena_mqtt::UserProperties::EMPTY,
            filters: list.as_slice().into(),
        };
        encode::subscribe(out, version, &subscribe)?;
        count += 1;
    }
    Ok(count)
}

/// Allows as many open files as the system lets this process have.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Should it not be raised, opening too many connections says so.
    let _ = setrlimit(Resource::Nofile, raised);
}

fn no_loop(error: &io::Error) -> Failure {
    Failure::general(format!("cannot wait for connections: {error}"))
}
