//! Publishers and subscribers at once: the loop of p2p, fan-in, fan-out, shared, latency and
//! wildcards.

mod measure;

use std::time::{Duration, Instant};

use catena_mqtt::Qos;
use hdrhistogram::Histogram;

use super::args::BenchArgs;
use super::fleet::{Fleet, Member};
use super::peer::Progress as Reading;
use super::plan::Plan;
use super::progress::Progress;
use super::report::Report;
use super::tally::{Arrival, Tally};
use super::wire::{self, Delivery, PUBACK, PUBCOMP, PUBREC, PUBREL, Stamp, Template};
use crate::client::Failure;
use crate::clock;
use measure::Window;

/// Bytes that wait to leave a connection above which its publisher pauses.
const PENDING_MAX: usize = 256 * 1_024;
/// Unacknowledged publishes of a connection at most: packet identifiers are not to meet again.
const IN_FLIGHT_MAX: u32 = 60_000;
/// Of messages in a closed loop, which differ little, one of so many (a power of two) is timed.
const SAMPLE_EVERY: u32 = 16;
/// How long to wait after the last message for one that comes twice.
const LINGER: Duration = Duration::from_millis(200);
/// The scheduler of the system wakes late: within this time of the next message, do not sleep.
const AWAKE: Duration = Duration::from_millis(2);
/// How long to wait for an event if nothing is due.
const TURN: Duration = Duration::from_millis(50);

/// A publisher.
#[derive(Debug)]
struct Publisher {
    templates: Vec<Template>,
    /// Which template is next.
    turn: usize,
    sent: u32,
    acknowledged: u32,
    delivered: u64,
    /// How many may be under way.
    window: u32,
    is_listed: bool,
}

/// A run.
#[derive(Debug)]
struct Traffic<'a> {
    args: &'a BenchArgs,
    fleet: Fleet,
    /// The first connections of the fleet.
    publishers: Vec<Publisher>,
    copies: u64,
    tally: Tally,
    histogram: Histogram<u64>,
    is_sampling: bool,
    /// Publishers that may have something to send.
    listed: Vec<usize>,
    sent: u64,
    /// Messages that the schedule of an open loop has brought.
    due: u64,
    acknowledged: u64,
    refused: u64,
    malformed: u64,
    closed: u64,
    began: Instant,
}

/// Runs a scenario.
pub(crate) fn run(args: &BenchArgs, tag: &str, report: &mut Report) -> Result<(), Failure> {
    let plan = Plan::new(args, &format!("catena-bench/{tag}"));
    let mut progress = Progress::new(args.scenario.name());
    let mut traffic = Traffic::assemble(args, &plan, tag, &mut progress)?;
    let warmed_up = traffic.until(&mut progress, args.warmup, None)?;
    let begin = traffic.window();
    traffic.is_sampling = true;
    let is_alive = warmed_up && traffic.until(&mut progress, args.duration, args.messages)?;
    let end = traffic.window();
    // Open loops tell the latency of the stragglers too: they were due within the time measured.
    traffic.is_sampling = args.open_rate().is_some();
    traffic.drain(&mut progress, is_alive)?;
    drop(progress);
    traffic.tell(&begin, &end, is_alive, report);
    traffic.fleet.dismiss(0, Duration::from_secs(1))
}

impl<'a> Traffic<'a> {
    fn assemble(
        args: &'a BenchArgs,
        plan: &Plan,
        tag: &str,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        let mut fleet = Fleet::new(args)?;
        let publishers = plan.topics.iter().enumerate().map(|(number, _)| Member {
            client_id: format!("cb{tag}p{number}"),
            filters: Vec::new(),
            session_expiry: None,
        });
        let subscribers = plan
            .filters
            .iter()
            .enumerate()
            .map(|(number, filters)| Member {
                client_id: format!("cb{tag}s{number}"),
                filters: filters.clone(),
                session_expiry: None,
            });
        let members: Vec<_> = publishers.chain(subscribers).collect();
        fleet.assemble(&members, args, |now, count| {
            progress.show(now, || format!("{count} of {} connected", members.len()));
        })?;
        let mut publishers = Vec::new();
        for (topics, peer) in plan.topics.iter().zip(&fleet.peers) {
            let bytes = args.payload as usize;
            let template =
                |topic: &String| Template::new(args.version, topic, args.qos, false, bytes);
            let templates = topics.iter().map(template).collect::<Result<_, _>>()?;
            let receive_maximum = match args.qos {
                Qos::AtMostOnce => u32::MAX,
                Qos::AtLeastOnce | Qos::ExactlyOnce => peer.receive_maximum.into(),
            };
            publishers.push(Publisher {
                templates,
                turn: 0,
                sent: 0,
                acknowledged: 0,
                delivered: 0,
                window: receive_maximum.min(IN_FLIGHT_MAX),
                is_listed: true,
            });
        }
        // Up to a minute, to three digits; what takes longer counts as a minute.
        let histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .map_err(|error| Failure::general(format!("cannot keep latencies: {error}")))?;
        Ok(Self {
            args,
            copies: plan.copies,
            tally: Tally::new(publishers.len(), plan.filters.len(), plan.order),
            listed: (0..publishers.len()).collect(),
            publishers,
            fleet,
            histogram,
            is_sampling: false,
            sent: 0,
            due: 0,
            acknowledged: 0,
            refused: 0,
            malformed: 0,
            closed: 0,
            began: clock::monotonic(),
        })
    }

    /// Publishes and receives for so long, or until so many are delivered. Tells whether the
    /// broker keeps up its part.
    fn until(
        &mut self,
        progress: &mut Progress,
        time: Duration,
        deliveries: Option<u32>,
    ) -> Result<bool, Failure> {
        let begin = clock::monotonic();
        let first = self.tally.counts().delivered;
        let mut last = (first, begin);
        loop {
            let now = clock::monotonic();
            let delivered = self.tally.counts().delivered;
            if delivered != last.0 {
                last = (delivered, now);
            }
            let is_stalled = self.expected() > delivered && now - last.1 > self.args.stall;
            if is_stalled || self.closed > 0 {
                return Ok(false);
            }
            let is_enough = deliveries.is_some_and(|most| delivered - first >= u64::from(most));
            if now - begin >= time || is_enough {
                return Ok(true);
            }
            let timeout = match self.args.open_rate() {
                Some(rate) => self.produce_on_time(rate),
                None => self.produce(),
            };
            self.flush_listed()?;
            self.fleet.wait(timeout)?;
            self.serve()?;
            progress.show(now, || self.text(delivered - first, now - begin));
        }
    }

    /// Publishes nothing more, and waits for what is under way and a little longer.
    fn drain(&mut self, progress: &mut Progress, is_alive: bool) -> Result<(), Failure> {
        // At QoS 0 what does not come soon will not come.
        let patience = match (is_alive, self.args.qos) {
            (false, _) => LINGER,
            (true, Qos::AtMostOnce) => Duration::from_secs(3).min(self.args.stall),
            (true, Qos::AtLeastOnce | Qos::ExactlyOnce) => self.args.stall,
        };
        let mut last = (self.tally.counts(), self.acknowledged, clock::monotonic());
        loop {
            let now = clock::monotonic();
            let counts = self.tally.counts();
            if (counts, self.acknowledged) != (last.0, last.1) {
                last = (counts, self.acknowledged, now);
            }
            let is_complete = counts.delivered >= self.expected()
                && (self.args.qos == Qos::AtMostOnce || self.acknowledged >= self.sent);
            let patience = if is_complete { LINGER } else { patience };
            if now - last.2 >= patience {
                return Ok(());
            }
            self.flush_listed()?;
            self.fleet.wait(TURN)?;
            self.serve()?;
            progress.show(now, || format!("waiting for {} more", self.lost()));
        }
    }

    /// Deliveries of everything that was sent.
    const fn expected(&self) -> u64 {
        self.sent * self.copies
    }

    const fn lost(&self) -> u64 {
        self.tally.lost(self.expected())
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(clock::monotonic().duration_since(self.began))
    }

    /// Fills the window of each publisher that may have room. Tells how long to wait.
    fn produce(&mut self) -> Duration {
        let due_ns = self.now_ns();
        for &index in &self.listed {
            let (Some(publisher), Some(peer)) = (
                self.publishers.get_mut(index),
                self.fleet.peers.get_mut(index),
            ) else {
                continue;
            };
            if peer.pending() > PENDING_MAX {
                continue;
            }
            let window = publisher.window.min(self.args.window);
            let room = window.saturating_sub(publisher.under_way(self.args.qos, self.copies));
            for _ in 0..room {
                publisher.publish(&mut peer.out, index, due_ns);
            }
            self.sent += u64::from(room);
        }
        TURN
    }

    /// Publishes what is due. Tells how long to wait for the next.
    fn produce_on_time(&mut self, rate: u32) -> Duration {
        let now_ns = self.now_ns();
        let publishers = self.publishers.len() as u64;
        loop {
            // 128 bits, since nanoseconds times messages outgrow 64 within minutes.
            let due_ns = u128::from(self.due) * 1_000_000_000 / u128::from(rate);
            let due_ns = u64::try_from(due_ns).unwrap_or(u64::MAX);
            if due_ns > now_ns {
                let left = Duration::from_nanos(due_ns - now_ns);
                return left.saturating_sub(AWAKE).min(TURN);
            }
            let index = usize::try_from(self.due % publishers).unwrap_or_default();
            let (Some(publisher), Some(peer)) = (
                self.publishers.get_mut(index),
                self.fleet.peers.get_mut(index),
            ) else {
                return TURN;
            };
            let is_full = self.args.qos != Qos::AtMostOnce
                && publisher.sent - publisher.acknowledged >= publisher.window;
            if is_full || peer.pending() > PENDING_MAX {
                // The message stays due, and its latency grows.
                return Duration::from_millis(1);
            }
            publisher.publish(&mut peer.out, index, due_ns);
            self.due += 1;
            self.sent += 1;
            self.list(index);
        }
    }

    /// Puts a publisher on the list of those that may send.
    #[inline]
    fn list(&mut self, index: usize) {
        if let Some(publisher) = self.publishers.get_mut(index)
            && !publisher.is_listed
        {
            publisher.is_listed = true;
            self.listed.push(index);
        }
    }

    fn flush_listed(&mut self) -> Result<(), Failure> {
        let mut listed = std::mem::take(&mut self.listed);
        for index in listed.drain(..) {
            if let Some(publisher) = self.publishers.get_mut(index) {
                publisher.is_listed = false;
            }
            if let Some(peer) = self.fleet.peers.get_mut(index) {
                let was_open = peer.is_open;
                peer.flush()?;
                self.closed += u64::from(was_open && !peer.is_open);
            }
        }
        self.listed = listed;
        Ok(())
    }

    /// Takes what has come.
    fn serve(&mut self) -> Result<(), Failure> {
        let ready = std::mem::take(&mut self.fleet.ready);
        for event in &ready {
            if event.index < self.publishers.len() {
                if event.is_readable {
                    self.take_acknowledgements(event.index)?;
                }
                self.list(event.index);
            } else {
                self.take_deliveries(event.index, event.is_readable)?;
            }
        }
        self.fleet.ready = ready;
        Ok(())
    }

    fn take_acknowledgements(&mut self, index: usize) -> Result<(), Failure> {
        let Some(peer) = self.fleet.peers.get_mut(index) else {
            return Ok(());
        };
        let was_open = peer.is_open;
        let mut done = 0;
        let mut refused = 0;
        let progress = peer.read(&mut self.fleet.scratch, |out, first_byte, body| {
            let Some((packet_id, reason)) = wire::acknowledged(body) else {
                return;
            };
            let is_refusal = reason >= 0x80;
            match first_byte {
                PUBREC if !is_refusal => wire::acknowledge(out, PUBREL, packet_id),
                PUBACK | PUBREC | PUBCOMP => {
                    done += 1;
                    refused += u64::from(is_refusal);
                }
                _ => {}
            }
        })?;
        self.closed += u64::from(was_open && progress == Reading::Closed);
        self.fleet.note(index, progress);
        if let Some(publisher) = self.publishers.get_mut(index) {
            publisher.acknowledged += done;
        }
        self.acknowledged += u64::from(done);
        self.refused += refused;
        Ok(())
    }

    fn take_deliveries(&mut self, index: usize, is_readable: bool) -> Result<(), Failure> {
        let now_ns = self.now_ns();
        let version = self.args.version;
        let sample_mask = match self.args.open_rate() {
            Some(_) => 0,
            None => SAMPLE_EVERY - 1,
        };
        let subscriber = index - self.publishers.len();
        let Some(peer) = self.fleet.peers.get_mut(index) else {
            return Ok(());
        };
        let was_open = peer.is_open;
        if is_readable {
            let progress = peer.read(&mut self.fleet.scratch, |out, first_byte, body| {
                if first_byte >> 4 != 3 {
                    if let (PUBREL, Some((id, _))) = (first_byte, wire::acknowledged(body)) {
                        wire::acknowledge(out, PUBCOMP, id);
                    }
                    return;
                }
                let Some(delivery) = Delivery::read(version, first_byte, body) else {
                    self.malformed += 1;
                    return;
                };
                match delivery.qos {
                    0 => {}
                    1 => wire::acknowledge(out, PUBACK, delivery.packet_id),
                    _ => wire::acknowledge(out, PUBREC, delivery.packet_id),
                }
                let stamp = Stamp::read(delivery.payload).unwrap_or(Stamp::FOREIGN);
                let number = stamp.publisher as usize;
                let publisher = self.publishers.get_mut(number);
                let sent = publisher.as_ref().map_or(0, |publisher| publisher.sent);
                let arrival = self.tally.arrive(subscriber, number, stamp.sequence, sent);
                if !matches!(arrival, Arrival::New | Arrival::Late) {
                    return;
                }
                if let Some(publisher) = publisher {
                    publisher.delivered += 1;
                    if !publisher.is_listed {
                        publisher.is_listed = true;
                        self.listed.push(number);
                    }
                }
                if self.is_sampling && stamp.sequence & sample_mask == 0 {
                    let latency = now_ns.saturating_sub(stamp.due_ns);
                    self.histogram.saturating_record(latency);
                }
            })?;
            self.closed += u64::from(was_open && progress == Reading::Closed);
            self.fleet.note(index, progress);
        }
        if let Some(peer) = self.fleet.peers.get_mut(index) {
            peer.flush()?;
        }
        Ok(())
    }

    fn window(&self) -> Window {
        Window::now(self.args, self.tally.counts(), self.sent)
    }

    /// The progress line.
    fn text(&self, delivered: u64, time: Duration) -> String {
        let rate = super::report::per_second(delivered, time).unwrap_or_default();
        let seconds = time.as_secs_f64();
        format!(
            "{seconds:.1} s, {rate:.0} messages/s, {} under way",
            self.lost()
        )
    }
}

impl Publisher {
    /// Messages that are sent and not yet delivered to all, or not acknowledged.
    fn under_way(&self, qos: Qos, copies: u64) -> u32 {
        let delivered = u32::try_from(self.delivered / copies.max(1)).unwrap_or(u32::MAX);
        let done = match qos {
            Qos::AtMostOnce => delivered,
            Qos::AtLeastOnce | Qos::ExactlyOnce => delivered.min(self.acknowledged),
        };
        self.sent - done.min(self.sent)
    }

    #[inline]
    fn publish(&mut self, out: &mut Vec<u8>, index: usize, due_ns: u64) {
        if let Some(template) = self.templates.get(self.turn) {
            let stamp = Stamp {
                due_ns,
                publisher: u32::try_from(index).unwrap_or(u32::MAX),
                sequence: self.sent,
            };
            template.put(out, stamp);
        }
        self.sent += 1;
        self.turn += 1;
        if self.turn == self.templates.len() {
            self.turn = 0;
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
