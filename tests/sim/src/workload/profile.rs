//! What one seed's world is like: how many of everything, and how rough it gets.

use catena_mqtt::Version;
use catena_partition::{QueueStrategy, ShareStrategy};
use catena_types::Placement;

use crate::client::Traits;
use crate::network::Weather;
use crate::rng::Rng;

/// One seed's world.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Workers of the node.
    pub(crate) workers: usize,
    /// Where keys live.
    pub(crate) placement: Placement,
    /// What the clients are like.
    pub(crate) clients: Vec<Traits>,
    /// How the network behaves until the world heals.
    pub(crate) weather: Weather,
    /// How long there are faults, in milliseconds.
    pub(crate) fault_ms: u64,
    /// The mean time between two actions of a client, in milliseconds.
    pub(crate) pause_ms: u64,
    /// How much more often than usual connections suffer.
    pub(crate) roughness: u64,
    /// The largest payload, in bytes.
    pub(crate) payload_bytes_max: u64,
    /// What the broker takes unacknowledged from a client.
    pub(crate) receive_maximum: u16,
    /// Bytes for messages, and as many for entries of the state store: so few that partitions come
    /// for more, so many that none is refused.
    pub(crate) memory_bytes: u64,
    /// The limit of delivery queues, in messages.
    pub(crate) queue_max: Option<u64>,
    /// How share groups spread their messages.
    pub(crate) share_strategy: ShareStrategy,
    /// Whether clients use the state store.
    pub(crate) store: bool,
    /// What happens to a full queue.
    pub(crate) queue_strategy: QueueStrategy,
}

impl Profile {
    /// The world of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "profile");
        let workers = rng.between(1, 3) as usize;
        let placement = placement(*rng.pick(&[1, 2, 4, 8]), seed);
        let count = rng.between(3, 7) as usize;
        let clients = (0..count).map(|index| traits(index, &mut rng)).collect();
        let weather = Weather {
            latency_us_max: *rng.pick(&[1_000, 20_000, 200_000]),
            stall_us_max: 3_000_000,
            stall_one_in: *rng.pick(&[50, 1_000]),
            segment_bytes_max: *rng.pick(&[7, 100, 2_000, 65_536]),
            window_bytes: *rng.pick(&[500, 8_000, 100_000]),
        };
        let queue_max = rng.one_in(8).then(|| rng.between(3, 20));
        let is_bulky = rng.one_in(12);
        Self {
            workers,
            placement,
            clients,
            weather,
            fault_ms: rng.between(5_000, 25_000),
            pause_ms: *rng.pick(&[60, 200, 600]),
            roughness: *rng.pick(&[0, 1, 1, 3]),
            payload_bytes_max: if is_bulky { 40_000 } else { 60 },
            memory_bytes: if is_bulky { 100_000_000 } else { 1_000_000 },
            receive_maximum: *rng.pick(&[1, 3, 65_535, 65_535]),
            queue_strategy: match queue_max {
                Some(_) => QueueStrategy::DropOldest,
                None => QueueStrategy::None,
            },
            queue_max,
            store: false,
            share_strategy: *rng.pick(&[
                ShareStrategy::RoundRobin,
                ShareStrategy::Random,
                ShareStrategy::Sticky,
                ShareStrategy::HashTopic,
                ShareStrategy::HashClient,
            ]),
        }
    }

    /// The world of a seed in which clients use the state store: they speak MQTT 5.0, and hear
    /// every response unless their session ends.
    pub(crate) fn store(seed: u64) -> Self {
        let mut profile = Self::of(seed);
        let mut rng = Rng::new(seed, "store");
        for traits in &mut profile.clients {
            traits.version = Version::V5;
            traits.expiry_seconds = *rng.pick(&[6, 10_000, 10_000, u32::MAX]);
        }
        Self {
            store: true,
            pause_ms: *rng.pick(&[30, 60, 200]),
            queue_max: None,
            queue_strategy: QueueStrategy::None,
            ..profile
        }
    }

    /// So many clients of a seed, against a broker with its own settings and a real network.
    pub(crate) fn crowd(seed: u64, count: usize) -> Self {
        let mut rng = Rng::new(seed, "crowd");
        Self {
            clients: (0..count).map(|index| traits(index, &mut rng)).collect(),
            queue_max: None,
            ..Self::of(seed)
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the caller's counts are constants, and allowed"
)]
fn placement(partitions: u16, seed: u64) -> Placement {
    Placement::new(partitions, seed).expect("1 to 256 partitions")
}

fn traits(index: usize, rng: &mut Rng) -> Traits {
    let version = *rng.pick(&[Version::V5, Version::V5, Version::V311]);
    let is_v5 = version.is_v5();
    let expiry_seconds = if is_v5 {
        *rng.pick(&[0, 2, 6, 10_000, 10_000, u32::MAX])
    } else {
        *rng.pick(&[0, u32::MAX, u32::MAX])
    };
    Traits {
        id: format!("client-{index}"),
        version,
        expiry_seconds,
        keep_alive: *rng.pick(&[0, 3, 10, 60]),
        receive_maximum: if is_v5 {
            *rng.pick(&[1, 2, 5, 65_535])
        } else {
            u16::MAX
        },
        alias_max: if is_v5 { *rng.pick(&[0, 0, 2, 10]) } else { 0 },
        will_delay: match rng.below(4) {
            0 => Some(0),
            1 if is_v5 => Some(rng.between(1, 4) as u32),
            _ => None,
        },
        tardy_percent: *rng.pick(&[0, 10, 40]),
    }
}
