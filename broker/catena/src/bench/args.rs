//! The arguments of `catena bench`.

use std::num::NonZeroU16;
use std::time::Duration;

use catena_mqtt::{Qos, Version};
use clap::{Args, ValueEnum};

use crate::client::{Failure, TargetArgs, seconds};

/// Load a broker and measure it
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(
    after_help = "Exit codes: 0 nothing was lost or doubled, 1 something was or the \
    broker could not be used, 2 wrong flags"
)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub scenario: Scenario,
    /// Publishers; clients that ask (state, state-expiry) [default: 50; 1 in fan-out]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    pub publishers: Option<u32>,
    /// Subscribers [default: 1 in fan-in, 200 in fan-out, 5 in shared, else as many as publishers]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    pub subscribers: Option<u32>,
    /// Connections (connect) or persistent sessions (offline) [default: 1000; 10]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    pub connections: Option<u32>,
    /// Wildcard filters (wildcards)
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = positive)]
    pub filters: u32,
    /// Keys of the state store (state, state-expiry) [default: 10000; 1000000]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    pub keys: Option<u32>,
    /// What is asked of the state store (state)
    #[arg(long, value_enum, default_value = "mixed")]
    pub mix: Mix,
    /// Seconds from the first key to the moment at which all expire (state-expiry)
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub expire_after: Duration,
    /// Bytes of payload, at least 16; of values of the state store
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u32).range(16..=16_777_216))]
    pub payload: u32,
    /// QoS to publish and subscribe with
    #[arg(short, long, default_value = "1", value_parser = crate::client::qos)]
    pub qos: Qos,
    /// Version of MQTT: 3, 4 or 5, or as catena pub takes it
    #[arg(
        short = 'V',
        long = "protocol",
        value_name = "VERSION",
        default_value = "5"
    )]
    #[arg(value_parser = crate::client::version)]
    pub version: Version,
    /// Messages a second of all publishers together, sent on time whatever the broker does
    /// [default: as fast as --window allows; 5000 in latency, 1000 in state-expiry]
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub rate: Option<u32>,
    /// Messages or requests of a publisher under way at most; connections being opened at most
    /// (connect)
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = positive)]
    pub window: u32,
    /// Messages of QoS 1 and 2 that a subscriber lets be on their way to it, 1 to 65535 (MQTT 5)
    /// [default: 65535]
    #[arg(long, value_name = "COUNT")]
    pub receive_maximum: Option<NonZeroU16>,
    /// Seconds to measure
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub duration: Duration,
    /// Seconds before that
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub warmup: Duration,
    /// Stop measuring after this many deliveries; messages to store (offline, retained)
    /// [default: 100000 to store]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    pub messages: Option<u32>,
    /// Seconds without progress after which the broker is given up
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub stall: Duration,
    /// Process of the broker on this machine, to tell its processor time and memory; may be
    /// repeated
    #[arg(long, value_name = "PID")]
    pub pid: Vec<u32>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the broker is.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help, help_heading = "Other")]
    pub help: Option<bool>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Each publisher has a topic and a subscriber of its own
    P2p,
    /// Many publishers, few subscribers that get everything
    FanIn,
    /// Few publishers, many subscribers that get everything
    FanOut,
    /// Many publishers, a group of subscribers that share everything
    Shared,
    /// As p2p, at a fixed rate
    Latency,
    /// Open connections, each with a subscription, and keep them idle
    Connect,
    /// Queue messages for sessions that are away, then deliver them
    Offline,
    /// Store retained messages, then read them all
    Retained,
    /// Many wildcard filters, each message matching one of them
    Wildcards,
    /// Clients that set and get keys of the state store
    State,
    /// Keys that expire all at once, and how long a client waits meanwhile
    StateExpiry,
}

/// What is asked of the state store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mix {
    /// Set values
    Set,
    /// Get values
    Get,
    /// Get nine times of ten, else set
    Mixed,
}

impl Scenario {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P2p => "p2p",
            Self::FanIn => "fan-in",
            Self::FanOut => "fan-out",
            Self::Shared => "shared",
            Self::Latency => "latency",
            Self::Connect => "connect",
            Self::Offline => "offline",
            Self::Retained => "retained",
            Self::Wildcards => "wildcards",
            Self::State => "state",
            Self::StateExpiry => "state-expiry",
        }
    }
}

impl BenchArgs {
    /// The number of publishers.
    pub(crate) fn publisher_count(&self) -> usize {
        let default = match self.scenario {
            Scenario::FanOut | Scenario::Offline | Scenario::Retained => 1,
            _ => 50,
        };
        self.publishers.unwrap_or(default) as usize
    }

    /// The number of subscribers.
    pub(crate) fn subscriber_count(&self) -> usize {
        let default = match self.scenario {
            Scenario::FanIn => 1,
            Scenario::FanOut => 200,
            Scenario::Shared => 5,
            _ => {
                return self
                    .subscribers
                    .map_or(self.publisher_count(), |it| it as usize);
            }
        };
        self.subscribers.unwrap_or(default) as usize
    }

    /// The number of messages to store.
    pub(crate) fn stored_count(&self) -> u32 {
        self.messages.unwrap_or(100_000)
    }

    /// The number of keys of the state store.
    pub(crate) fn key_count(&self) -> u32 {
        let default = match self.scenario {
            Scenario::StateExpiry => 1_000_000,
            _ => 10_000,
        };
        self.keys.unwrap_or(default)
    }

    /// The rate of an open loop.
    pub(crate) fn open_rate(&self) -> Option<u32> {
        match self.scenario {
            Scenario::Latency => Some(self.rate.unwrap_or(5_000)),
            Scenario::StateExpiry => Some(self.rate.unwrap_or(1_000)),
            _ => self.rate,
        }
    }

    /// Refuses what does not fit together.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let pairs = matches!(self.scenario, Scenario::P2p | Scenario::Latency);
        if pairs && self.subscriber_count() != self.publisher_count() {
            return Err(Failure::usage(format!(
                "{} has a subscriber for each publisher: leave --subscribers out",
                self.scenario.name()
            )));
        }
        if self.receive_maximum.is_some() && self.version != Version::V5 {
            return Err(Failure::usage("--receive-maximum needs MQTT 5"));
        }
        let asks = matches!(self.scenario, Scenario::State | Scenario::StateExpiry);
        if asks && self.version != Version::V5 {
            return Err(Failure::usage("the state store needs MQTT 5"));
        }
        let stores = matches!(self.scenario, Scenario::Offline | Scenario::Retained);
        if stores && self.rate.is_some() {
            return Err(Failure::usage(
                "what is stored is stored as fast as possible: no --rate",
            ));
        }
        Ok(())
    }
}

fn positive(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("expected a number from 1 to 4294967295".to_owned()),
    }
}
