//! `catena pub`: publishes messages, with the letters of `mosquitto_pub`.

use std::time::Duration;

use catena_mqtt::Qos;
use clap::Args;

use super::connection::Connection;
use super::failure::Failure;
use super::message::{InFlight, Outgoing};
use super::payload::{PayloadArgs, Source};
use super::properties::Packet;
use super::runtime;
use super::session::{SessionArgs, qos};
use super::target::Target;

/// Publish messages
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct PubArgs {
    /// Topic to publish to; may be repeated
    #[arg(short, long, required_unless_present = "url")]
    pub topic: Vec<String>,
    /// What to publish.
    #[command(flatten)]
    pub payload: PayloadArgs,
    /// QoS to publish with
    #[arg(short, long, default_value = "0", value_parser = qos)]
    pub qos: Qos,
    /// Have the broker keep the message for later subscribers
    #[arg(short, long)]
    pub retain: bool,
    /// Publish the message this many times
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with = "stdin_line"
    )]
    pub repeat: u64,
    /// Seconds from the acknowledgement of one repetition to the next
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub repeat_delay: Duration,
    /// How to connect.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// Reads seconds, such as `0.5`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected seconds, such as 0.5".to_owned())
}

/// Runs `catena pub` and tells what the process is to exit with.
#[must_use]
pub fn run(args: &PubArgs) -> u8 {
    runtime::run(publish(args), args.session.quiet)
}

async fn publish(args: &PubArgs) -> Result<(), Failure> {
    let mut topics = args.topic.clone();
    topics.extend(Target::resolve(&args.session.target)?.topic);
    if topics.is_empty() {
        return Err(Failure::usage("no topic: add -t TOPIC"));
    }
    let single = args.payload.single()?;
    let mut connection = Connection::open(&args.session).await?;
    let mut source = match single {
        Some(payload) => Source::Repeated {
            payload,
            left: args.repeat,
            delay: args.repeat_delay,
            due: None,
        },
        None => Source::lines(),
    };
    let mut in_flight = InFlight::default();
    tokio::select! {
        result = send_all(args, &topics, &mut connection, &mut source, &mut in_flight) => result?,
        () = runtime::interrupt() => {}
    }
    connection.close().await?;
    in_flight.refusal.map_or(Ok(()), Err)
}

/// Publishes all there is and waits for the acknowledgements.
async fn send_all(
    args: &PubArgs,
    topics: &[String],
    connection: &mut Connection,
    source: &mut Source,
    in_flight: &mut InFlight,
) -> Result<(), Failure> {
    let forwarded = connection.properties.forwarded(Packet::Publish)?;
    let expiry = connection.properties.message_expiry(Packet::Publish);
    let mut has_more = true;
    while has_more || !in_flight.is_empty() {
        let may_send = has_more
            && in_flight.has_room(connection)
            && (in_flight.is_empty() || !source.is_paced());
        tokio::select! {
            biased;
            payload = source.next(), if may_send => match payload? {
                None => has_more = false,
                Some(payload) => for topic in topics {
                    in_flight.publish(connection, &Outgoing {
                        topic,
                        payload: &payload,
                        qos: args.qos,
                        retain: args.retain,
                        expiry,
                        forwarded: &forwarded,
                    })?;
                },
            },
            incoming = connection.step() => if let Some(incoming) = incoming? {
                let packet = incoming.packet(connection.version)?;
                in_flight.handle(connection, &packet)?;
            },
        }
    }
    connection.flush().await
}
