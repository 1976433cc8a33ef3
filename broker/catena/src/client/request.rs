//! `catena rr`: publishes a request and prints the response, with the letters of `mosquitto_rr`.

use std::time::Duration;

use catena_mqtt::{Limits, Packet, Property, Qos, SubscriptionOptions, topic};
use clap::Args;

use super::connection::Connection;
use super::failure::{Failure, TIMED_OUT};
use super::incoming::{Inbox, Message};
use super::message::{InFlight, Outgoing};
use super::output::{OutputArgs, Printer};
use super::payload::PayloadArgs;
use super::properties::Packet as Of;
use super::publish::seconds;
use super::runtime;
use super::session::{SessionArgs, qos};
use super::subscribe::{check_filter, judge, send_subscribe, timeout};
use super::target::Target;
use crate::clock;

/// Publish a request and print the response
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct RrArgs {
    /// Topic of the request
    #[arg(short, long, required_unless_present = "url")]
    pub topic: Option<String>,
    /// Topic of the response [default: one of the broker's, or catena/rr/ID]
    #[arg(short = 'e', long, value_name = "TOPIC", visible_alias = "response")]
    pub response_topic: Option<String>,
    /// What to publish.
    #[command(flatten)]
    pub payload: PayloadArgs,
    /// QoS of request and response
    #[arg(short, long, default_value = "0", value_parser = qos)]
    pub qos: Qos,
    /// Stop after this many seconds, connecting included
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Do not take a retained message for the response
    #[arg(short = 'R')]
    pub no_retained: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How to connect.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// Runs `catena rr` and tells what the process is to exit with.
#[must_use]
pub fn run(args: &RrArgs) -> u8 {
    runtime::run(request(args), args.session.quiet)
}

async fn request(args: &RrArgs) -> Result<(), Failure> {
    let topic = args.topic.clone();
    let topic = topic.or(Target::resolve(&args.session.target)?.topic);
    let Some(topic) = topic else {
        return Err(Failure::usage("no topic: add -t TOPIC"));
    };
    let Some(payload) = args.payload.single()? else {
        return Err(Failure::usage("a request is one message: use -s, not -l"));
    };
    if let Some(topic) = &args.response_topic {
        check_response_topic(topic)?;
    }
    let mut printer = Printer::new(&args.output, args.session.quiet)?;
    let mut is_late = std::pin::pin!(timeout(args.timeout));
    let mut connection = tokio::select! {
        connection = Connection::open(&args.session) => connection?,
        () = &mut is_late => return Err(Failure::unanswered()),
    };
    let response_topic = response_topic(args, &connection)?;
    let ended = tokio::select! {
        result = exchange(args, &mut connection, &topic, &response_topic, &payload) => result,
        () = runtime::interrupt() => Ok(None),
        () = &mut is_late => Err(Failure::new(TIMED_OUT, "timed out")),
    };
    match ended {
        Ok(Some(response)) => {
            printer.print(&response)?;
            printer.flush()?;
            connection.close().await
        }
        Ok(None) => connection.close().await,
        Err(failure) if failure.code == TIMED_OUT => connection.close().await.and(Err(failure)),
        Err(failure) => Err(failure),
    }
}

/// The response topic asked for, else one that no other requester has.
fn response_topic(args: &RrArgs, connection: &Connection) -> Result<String, Failure> {
    let broker = &connection.broker;
    let topic = match (&args.response_topic, &broker.response_information) {
        (Some(topic), _) => topic.clone(),
        (None, Some(base)) => format!("{}/{}", base.trim_end_matches('/'), unique()),
        (None, None) => format!("catena/rr/{}", unique()),
    };
    check_response_topic(&topic)?;
    Ok(topic)
}

/// Checks that the topic has no wildcards [MQTT-3.3.2-14] and can be subscribed to.
fn check_response_topic(topic: &str) -> Result<(), Failure> {
    topic::check(topic, &Limits::DEFAULT).map_err(|error| {
        Failure::usage(format!("cannot get responses at '{topic}': {}", error.what))
    })?;
    check_filter("subscribe to", topic).map(drop)
}

/// A word that differs from process to process.
pub(super) fn unique() -> String {
    format!("{:x}-{:x}", std::process::id(), clock::wall().as_nanos())
}

/// Subscribes, asks, and waits for the response.
async fn exchange(
    args: &RrArgs,
    connection: &mut Connection,
    topic: &str,
    response_topic: &str,
    payload: &[u8],
) -> Result<Option<Message>, Failure> {
    let filters = [response_topic.to_owned()];
    let options = SubscriptionOptions {
        qos: args.qos,
        ..SubscriptionOptions::default()
    };
    send_subscribe(connection, &filters, options)?;
    let mut forwarded = connection.properties.forwarded(Of::Publish)?;
    let given = connection.properties.text(Of::Publish, "correlation-data");
    let correlation = match given {
        Some(text) => text.to_owned(),
        None => unique(),
    };
    if given.is_none() {
        Property::CorrelationData(correlation.as_bytes()).encode(&mut forwarded)?;
    }
    if connection
        .properties
        .text(Of::Publish, "response-topic")
        .is_none()
    {
        Property::ResponseTopic(response_topic).encode(&mut forwarded)?;
    }
    let request = Outgoing {
        topic,
        payload,
        qos: args.qos,
        retain: false,
        expiry: connection.properties.message_expiry(Of::Publish),
        forwarded: &forwarded,
    };
    let mut inbox = Inbox::default();
    let mut in_flight = InFlight::default();
    let mut response = None;
    // The response may come before the request is acknowledged.
    while response.is_none() || !in_flight.is_empty() {
        let incoming = connection.next().await?;
        match incoming.packet(connection.version)? {
            Packet::SubAck(suback) => {
                judge(
                    &filters,
                    suback.codes.iter(),
                    suback.properties.reason_string,
                )?;
                in_flight.publish(connection, &request)?;
            }
            Packet::Publish(publish) => {
                let message = inbox.accept(connection, &publish)?;
                let fits = message.filter(|message| {
                    !(args.no_retained && message.retain) && answers(message, &correlation)
                });
                response = response.or(fits);
            }
            Packet::PubRel(ack) => inbox.release(connection, ack.packet_id)?,
            packet => in_flight.handle(connection, &packet)?,
        }
        if let Some(refusal) = in_flight.refusal.take() {
            return Err(refusal);
        }
    }
    Ok(response)
}

/// Whether a message answers the request. Responders that return no correlation data, as all do
/// before MQTT 5, are told by the response topic alone.
fn answers(message: &Message, correlation: &str) -> bool {
    let data = message.properties.correlation_data.as_deref();
    data.is_none_or(|data| data == correlation.as_bytes())
}
