//! Byte streams between clients and workers: delayed, split, joined, stalled and cut, but within a
//! direction never reordered, as TCP would have it.

use std::collections::VecDeque;

use catena_types::Moment;

use crate::rng::Rng;
use crate::time::us;

/// A connection's number; never reused.
pub(crate) type LinkId = usize;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From the client.
    Up,
    /// To the client.
    Down,
}

/// A worker of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat {
    /// The node.
    pub(crate) node: usize,
    /// The worker on it.
    pub(crate) worker: usize,
}

/// How the network behaves: drawn from the seed, calm while the world heals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// The longest usual latency, in microseconds.
    pub(crate) latency_us_max: u64,
    /// The longest stall, in microseconds, and how many segments there are to one stall.
    pub(crate) stall_us_max: u64,
    /// One segment in so many is stalled.
    pub(crate) stall_one_in: u64,
    /// The largest segment, in bytes: small ones split packets.
    pub(crate) segment_bytes_max: u64,
    /// Bytes that one direction holds before its sender is told that it is full.
    pub(crate) window_bytes: usize,
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) const CALM: Self = Self {
        latency_us_max: 500,
        stall_us_max: 1,
        stall_one_in: 1_000_000,
        segment_bytes_max: 65_536,
        window_bytes: 65_536,
    };
}

/// All connections there ever were.
#[derive(Debug)]
pub(crate) struct Network {
    links: Vec<Link>,
    rng: Rng,
    /// How it behaves now.
    pub(crate) weather: Weather,
}

/// A connection between a client and a worker.
#[derive(Debug)]
pub(crate) struct Link {
    /// The client.
    pub(crate) client: usize,
    /// Where it leads.
    pub(crate) seat: Seat,
    /// Whether packets are lost on it: it is as good as gone, but its ends may not know.
    pub(crate) is_cut: bool,
    up: Pipe,
    down: Pipe,
}

#[derive(Debug, Default)]
struct Pipe {
    in_flight: VecDeque<Segment>,
    arrived: Vec<u8>,
    /// Bytes in flight and arrived.
    held: usize,
    /// When the last segment arrives.
    last: Moment,
    /// The sender has closed its side.
    is_ended: bool,
    /// The end has arrived.
    end_arrived: bool,
}

#[derive(Debug)]
struct Segment {
    at: Moment,
    bytes: Vec<u8>,
    is_end: bool,
}

impl Network {
    /// No connections.
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            links: Vec::new(),
            rng: Rng::new(seed, "network"),
            weather,
        }
    }

    /// Connects a client to a worker.
    pub(crate) fn open(&mut self, client: usize, seat: Seat) -> LinkId {
        self.links.push(Link {
            client,
            seat,
            is_cut: false,
            up: Pipe::default(),
            down: Pipe::default(),
        });
        self.links.len() - 1
    }

    /// How many connections there were.
    pub(crate) fn count(&self) -> usize {
        self.links.len()
    }

    /// A connection.
    pub(crate) fn link(&self, link: LinkId) -> &Link {
        &self.links[link]
    }

    /// Sends bytes as far as there is room; returns how many, and adds when they arrive.
    pub(crate) fn send(
        &mut self,
        now: Moment,
        (link, way): (LinkId, Way),
        bytes: &[u8],
        arrivals: &mut Vec<Moment>,
    ) -> usize {
        let weather = self.weather;
        let is_cut = self.links[link].is_cut;
        let pipe = self.links[link].pipe(way);
        if pipe.is_ended {
            // As a socket whose other end is gone: taken and lost.
            return bytes.len();
        }
        let room = weather.window_bytes.saturating_sub(pipe.held);
        let taken = room.min(bytes.len());
        if is_cut {
            pipe.held += taken;
            return taken;
        }
        let mut rest = &bytes[..taken];
        while !rest.is_empty() {
            let size = self.rng.between(1, weather.segment_bytes_max) as usize;
            let (segment, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            arrivals.push(self.dispatch(now, (link, way), segment.to_vec(), false));
        }
        taken
    }

    /// Closes one direction: what was sent still arrives. Returns when the end does.
    pub(crate) fn end(&mut self, now: Moment, link: LinkId, way: Way) -> Option<Moment> {
        let is_cut = self.links[link].is_cut;
        let pipe = self.links[link].pipe(way);
        if std::mem::replace(&mut pipe.is_ended, true) || is_cut {
            return None;
        }
        Some(self.dispatch(now, (link, way), Vec::new(), true))
    }

    fn dispatch(
        &mut self,
        now: Moment,
        (link, way): (LinkId, Way),
        bytes: Vec<u8>,
        is_end: bool,
    ) -> Moment {
        let weather = self.weather;
        let mut delay = self.rng.between(20, weather.latency_us_max);
        if self.rng.one_in(weather.stall_one_in) {
            delay += self.rng.below(weather.stall_us_max);
        }
        let pipe = self.links[link].pipe(way);
        let at = now.plus(us(delay)).max(pipe.last);
        pipe.last = at;
        pipe.held += bytes.len();
        pipe.in_flight.push_back(Segment { at, bytes, is_end });
        at
    }

    /// Lets what is due arrive.
    pub(crate) fn arrive(&mut self, now: Moment, link: LinkId, way: Way) {
        let pipe = self.links[link].pipe(way);
        while let Some(segment) = pipe.in_flight.front() {
            if segment.at > now {
                return;
            }
            pipe.arrived.extend_from_slice(&segment.bytes);
            pipe.end_arrived |= segment.is_end;
            pipe.in_flight.pop_front();
        }
    }

    /// Bytes that have arrived and were not taken.
    pub(crate) fn available(&self, link: LinkId, way: Way) -> usize {
        self.links[link].pipe_of(way).arrived.len()
    }

    /// Takes up to `count` bytes that have arrived.
    pub(crate) fn take(&mut self, link: LinkId, way: Way, count: usize) -> Vec<u8> {
        let pipe = self.links[link].pipe(way);
        let count = count.min(pipe.arrived.len());
        pipe.held -= count;
        pipe.arrived.drain(..count).collect()
    }

    /// Whether everything was taken and the other side has closed.
    pub(crate) fn is_over(&self, link: LinkId, way: Way) -> bool {
        let pipe = self.links[link].pipe_of(way);
        pipe.end_arrived && pipe.arrived.is_empty()
    }

    /// Whether anything is on its way in either direction.
    pub(crate) fn is_busy(&self, link: LinkId) -> bool {
        let link = &self.links[link];
        let busy = |pipe: &Pipe| !pipe.in_flight.is_empty() || !pipe.arrived.is_empty();
        !link.is_cut && (busy(&link.up) || busy(&link.down))
    }

    /// From now on nothing arrives; of what is in flight some may still have been lost before.
    pub(crate) fn cut(&mut self, link: LinkId) {
        let link = &mut self.links[link];
        if std::mem::replace(&mut link.is_cut, true) {
            return;
        }
        for pipe in [&mut link.up, &mut link.down] {
            let kept = self.rng.index(pipe.in_flight.len() + 1);
            pipe.in_flight.truncate(kept);
            pipe.in_flight.retain(|segment| !segment.is_end);
        }
    }
}

impl Link {
    fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    fn pipe_of(&self, way: Way) -> &Pipe {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAT: Seat = Seat { node: 0, worker: 0 };

    fn rough() -> Weather {
        Weather {
            segment_bytes_max: 3,
            latency_us_max: 10_000,
            window_bytes: 100,
            ..Weather::CALM
        }
    }

    #[test]
    fn bytes_arrive_split_and_in_order_and_the_end_after_them() {
        let mut network = Network::new(1, rough());
        let link = network.open(0, SEAT);
        let (mut arrivals, start) = (Vec::new(), Moment::from_nanos(5));
        let text = b"a rather long line of text";
        let sent = network.send(start, (link, Way::Up), text, &mut arrivals);
        assert_eq!(sent, text.len());
        assert!(arrivals.len() > 5 && arrivals.is_sorted());
        let end = network.end(start, link, Way::Up).unwrap();
        assert!(!network.is_over(link, Way::Up));
        let mut received = Vec::new();
        for at in arrivals {
            network.arrive(at, link, Way::Up);
            received.extend(network.take(link, Way::Up, 2));
        }
        network.arrive(end, link, Way::Up);
        received.extend(network.take(link, Way::Up, 100));
        assert_eq!(received, text);
        assert!(network.is_over(link, Way::Up));
    }

    #[test]
    fn a_full_window_takes_no_more_and_a_cut_loses_what_follows() {
        let mut network = Network::new(2, rough());
        let link = network.open(0, SEAT);
        let (mut arrivals, now) = (Vec::new(), Moment::from_nanos(5));
        let much = [7; 150];
        assert_eq!(
            network.send(now, (link, Way::Down), &much, &mut arrivals),
            100
        );
        assert_eq!(
            network.send(now, (link, Way::Down), &much, &mut arrivals),
            0
        );
        network.cut(link);
        network.arrive(Moment::NEVER, link, Way::Down);
        let before = network.available(link, Way::Down);
        assert!(before <= 100);
        network.send(now, (link, Way::Up), &much, &mut arrivals);
        network.arrive(Moment::NEVER, link, Way::Up);
        assert_eq!(network.available(link, Way::Up), 0);
    }
}
