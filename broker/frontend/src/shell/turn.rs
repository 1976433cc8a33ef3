//! One worker's loop: the root future of its runtime. A turn reads what is ready, lets the worker
//! run, and sends what there is to be sent: one receive and one send per connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use catena_mqtt::ReasonCode;
use catena_transport::Port;
use catena_types::Moment;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep};

use super::accept::accept_all;
use super::admission::Permit;
use super::listener::{Listener, Terms};
use super::mailbox::{Arrival, Mailbox, Message};
use super::notes::Throttle;
use super::parting::Partings;
use super::read::{BUFFER_BYTES, Gathered};
use super::ready::ReadyWaker;
use super::service::Common;
use super::stream::{Layers, Socket};
use super::table::Table;
use crate::authn::Job;
use crate::worker::{Closing, Worker};

/// Bytes read in one turn after which partitions run and output is sent before more is read: a
/// receiver's output must not fill up only because nobody has sent it.
const TURN_BYTES: usize = 512 * 1024;

/// Rounds of running and sending in one turn; then sockets are looked at again.
const ROUNDS_MAX: usize = 8;

/// One connection.
pub(super) struct Entry {
    pub(super) socket: Socket,
    pub(super) layers: Option<Box<Layers>>,
    pub(super) waker: Waker,
    pub(super) listener: Arc<Listener>,
    pub(super) permit: Permit,
    /// Closing, and until when its output may take.
    pub(super) closing: Option<Moment>,
    /// The socket was full; it waits to be writable.
    pub(super) is_full: bool,
    /// Nothing was read yet.
    pub(super) is_new: bool,
}

/// A worker with its sockets.
pub(super) struct Turn<P> {
    pub(super) worker: Worker<P>,
    pub(super) common: Arc<Common>,
    pub(super) mailbox: Arc<Mailbox>,
    /// By slot.
    pub(super) entries: Table<Entry>,
    pub(super) buffer: Box<[u8]>,
    /// What stands in the buffer, connection by connection, and goes to the worker together.
    pub(super) gathered: Vec<Gathered>,
    /// For decrypted bytes; made when the first TLS connection comes.
    pub(super) scratch: Vec<u8>,
    ready: Vec<u32>,
    pub(super) dirty: Vec<u32>,
    pub(super) closing: Vec<Closing>,
    /// Closing connections with output left, and the earliest patience among them.
    pub(super) lingering: Vec<u32>,
    readable: Vec<u32>,
    timer: Pin<Box<Sleep>>,
    /// What the timer is set to.
    alarm: Moment,
    pub(super) strangers: Throttle,
    /// One task per listener, on the first worker.
    accepting: JoinSet<()>,
    pub(super) partings: Partings,
    /// Set at shutdown: when to give up on what is still open.
    pub(super) shutdown: Option<Moment>,
}

impl<P: Port> Turn<P> {
    pub(super) fn new(worker: Worker<P>, common: Arc<Common>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            worker,
            common,
            mailbox,
            entries: Table::new(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            gathered: Vec::new(),
            scratch: Vec::new(),
            ready: Vec::new(),
            dirty: Vec::new(),
            closing: Vec::new(),
            lingering: Vec::new(),
            readable: Vec::new(),
            timer: Box::pin(sleep(Duration::ZERO)),
            alarm: Moment::NEVER,
            strangers: Throttle::default(),
            accepting: JoinSet::new(),
            partings: Partings::default(),
            shutdown: None,
        }
    }

    /// One turn. Ready when everything is closed after a shutdown.
    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let signal = Arc::clone(&self.mailbox.signal);
        signal.lower(cx.waker());
        let now = (self.common.clock)();
        let mut ready = std::mem::take(&mut self.ready);
        signal.take_ready(&mut ready);
        while let Some(message) = self.mailbox.take() {
            self.handle_message(now, message);
        }
        let mut budget = TURN_BYTES;
        for slot in ready.drain(..) {
            let count = self.read(now, slot);
            budget = budget.saturating_sub(count);
            if budget == 0 {
                self.feed_gathered(now);
                self.run_and_send(now);
                budget = TURN_BYTES;
            }
        }
        self.feed_gathered(now);
        self.ready = ready;
        if self.worker.next_deadline() <= now {
            self.worker.handle_timeouts(now);
        }
        if !self.lingering.is_empty() {
            self.give_up(now);
        }
        self.run_and_send(now);
        let parted = self.partings.poll_all(cx).is_ready();
        // Partitions that still owe answers by then are not waited for.
        if self
            .shutdown
            .is_some_and(|until| (self.worker.clients() == 0 && parted) || until <= now)
        {
            return Poll::Ready(());
        }
        self.set_timer(now, cx);
        Poll::Pending
    }

    fn handle_message(&mut self, now: Moment, message: Message) {
        match message {
            Message::Arrival(arrival, _permit) => {
                if self.shutdown.is_none()
                    && let Err(error) = self.open(now, *arrival)
                {
                    tracing::debug!(%error, "connection lost while opened");
                }
            }
            Message::Verdict(authentication, verdict) => {
                self.worker
                    .handle_authenticated(now, authentication, verdict);
            }
            Message::Listen(listener) => {
                let common = Arc::clone(&self.common);
                // Finished ones make room.
                while self.accepting.try_join_next().is_some() {}
                self.accepting.spawn_local(accept_all(listener, common));
            }
            Message::Stats(answer) => {
                // Whoever asked may not wait any more.
                let _ = answer.send(self.worker.stats().clone());
            }
            Message::ShutDown => {
                self.shutdown = Some(now.plus(self.common.shutdown_timeout));
                self.worker
                    .shut_down(ReasonCode::ServerShuttingDown, "server shutting down");
            }
        }
    }

    fn open(&mut self, now: Moment, arrival: Arrival) -> io::Result<()> {
        let Arrival {
            socket,
            layers,
            mut early,
            listener,
            permit,
        } = arrival;
        let socket = socket.register()?;
        let slot = self.worker.open(now, &listener.terms().rules);
        let signal = Arc::clone(&self.mailbox.signal);
        let waker = Waker::from(Arc::new(ReadyWaker { signal, slot }));
        if layers.is_none() {
            self.worker.take_apart(slot);
        }
        if layers.as_ref().is_some_and(|layers| layers.tls.is_some()) {
            self.scratch.resize(BUFFER_BYTES, 0);
        }
        listener.count_opened();
        let is_new = early.is_empty();
        let (closing, is_full) = (None, false);
        let entry = Entry {
            socket,
            layers,
            waker,
            listener,
            permit,
            closing,
            is_full,
            is_new,
        };
        self.entries.put(slot, entry);
        if !early.is_empty() {
            self.take_early(now, slot, &mut early);
        }
        self.mailbox.signal.push_ready(slot);
        Ok(())
    }

    /// Bytes that came with the handshake: decrypted, but still in frames.
    fn take_early(&mut self, now: Moment, slot: u32, early: &mut [u8]) {
        let entry = self.entries.at_mut(slot);
        let framing = entry.and_then(|entry| entry.layers.as_deref_mut()?.websocket.as_mut());
        let worker = &mut self.worker;
        let result = match framing {
            Some(framing) => {
                framing.handle_bytes(early, |payload| worker.handle_bytes(now, slot, payload))
            }
            None => {
                worker.handle_bytes(now, slot, early);
                Ok(())
            }
        };
        if let Err(error) = result {
            self.end(slot, &error.into());
        }
    }

    /// Lets partitions run and sends what comes of it, until both have nothing left to do.
    fn run_and_send(&mut self, now: Moment) {
        for _ in 0..ROUNDS_MAX {
            let has_more = self.worker.run(now);
            self.submit_authentications();
            self.worker.take_readable(&mut self.readable);
            for slot in self.readable.drain(..) {
                self.mailbox.signal.push_ready(slot);
            }
            self.send_all(now);
            self.close_all(now);
            if !has_more && !self.worker.has_work() {
                return;
            }
        }
        self.mailbox.signal.raise();
    }

    fn submit_authentications(&mut self) {
        for authentication in self.worker.take_authentications() {
            let Some(entry) = self.entries.at(authentication.slot) else {
                continue;
            };
            let terms: Arc<Terms> = entry.listener.terms();
            // The listener may have been changed to let everybody in meanwhile; then there is
            // nobody to ask, and the client comes again.
            let Some(authenticator) = terms.authenticator() else {
                let verdict = crate::worker::Verdict::Refused(ReasonCode::ServerUnavailable);
                self.mailbox.send(Message::Verdict(authentication, verdict));
                continue;
            };
            self.common.pool.submit(Job {
                authenticator: Arc::clone(authenticator),
                authentication,
                address: entry.permit.address,
                certificates: certificates(entry),
                mailbox: Arc::clone(&self.mailbox),
            });
        }
    }

    /// Sees to it that a turn comes when something is due.
    fn set_timer(&mut self, now: Moment, cx: &mut Context<'_>) {
        let lingering = self
            .lingering
            .iter()
            .filter_map(|slot| self.entries.at(*slot)?.closing);
        let due = lingering
            .chain([self.worker.next_deadline()])
            .chain(self.shutdown)
            .min();
        loop {
            match due {
                None => self.alarm = Moment::NEVER,
                Some(due) if due < self.alarm => {
                    self.alarm = due;
                    // Never early: the runtime's timers count in milliseconds.
                    let wait = due.since(now) + Duration::from_millis(1);
                    self.timer.as_mut().reset(Instant::now() + wait);
                }
                Some(_) => {}
            }
            if self.alarm == Moment::NEVER || self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.alarm = Moment::NEVER;
            if due.is_some_and(|due| due <= now) {
                // It came due while this turn was under way.
                self.mailbox.signal.raise();
                return;
            }
        }
    }
}

fn certificates(entry: &Entry) -> Vec<Vec<u8>> {
    let tls = entry.layers.as_ref().and_then(|layers| layers.tls.as_ref());
    let chain = tls
        .and_then(|tls| tls.peer_certificates())
        .unwrap_or_default();
    chain
        .iter()
        .map(|certificate| certificate.as_ref().to_vec())
        .collect()
}
