//! `catena sub`: subscribes and prints what comes, with the letters of `mosquitto_sub`.

use std::time::Duration;

use catena_mqtt::{
    Filter, Packet, Publish, Qos, ReasonCode, RetainHandling, Subscribe, SubscriptionOptions,
    Unsubscribe, encode, topic,
};
use clap::Args;

use super::connection::Connection;
use super::failure::{Failure, PROTOCOL, TIMED_OUT, words};
use super::incoming::{Inbox, Message};
use super::message::{InFlight, Outgoing};
use super::output::{OutputArgs, Printer};
use super::properties::Packet as Of;
use super::publish::seconds;
use super::runtime;
use super::session::{SessionArgs, qos};
use super::target::Target;

/// Subscribe and print messages
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct SubArgs {
    /// Topic filter to subscribe to; may be repeated
    #[arg(short, long, value_name = "FILTER")]
    pub topic: Vec<String>,
    /// Topic filter to unsubscribe from after subscribing; may be repeated
    #[arg(short = 'U', long, value_name = "FILTER")]
    pub unsubscribe: Vec<String>,
    /// Highest QoS to receive with
    #[arg(short, long, default_value = "0", value_parser = qos)]
    pub qos: Qos,
    /// Stop after this many messages
    #[arg(short = 'C', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Stop after this many seconds, connecting included
    #[arg(short = 'W', value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
    /// Stop once the broker has acknowledged the subscriptions
    #[arg(short = 'E')]
    pub exit_after_subscribe: bool,
    /// Do not print messages whose topics match; may be repeated
    #[arg(short = 'T', long, value_name = "FILTER")]
    pub filter_out: Vec<String>,
    /// Do not print retained messages
    #[arg(short = 'R')]
    pub no_retained: bool,
    /// Print retained messages only, and stop at the first other
    #[arg(long, conflicts_with = "no_retained")]
    pub retained_only: bool,
    /// Have the broker forget each retained message that comes
    #[arg(long)]
    pub remove_retained: bool,
    /// Ask for the retain flag as it was published
    #[arg(long)]
    pub retain_as_published: bool,
    /// When to send retained messages: always, new (subscriptions only) or never
    #[arg(long, value_name = "WHEN", default_value = "always", value_parser = retain_handling)]
    pub retain_handling: RetainHandling,
    /// Do not receive what this client publishes
    #[arg(long)]
    pub no_local: bool,
    /// How to print.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How to connect.
    #[command(flatten)]
    pub session: SessionArgs,
}

fn retain_handling(text: &str) -> Result<RetainHandling, String> {
    match text {
        "always" | "0" => Ok(RetainHandling::Send),
        "new" | "1" => Ok(RetainHandling::SendIfNew),
        "never" | "2" => Ok(RetainHandling::DoNotSend),
        _ => Err("expected always, new or never".to_owned()),
    }
}

/// Runs `catena sub` and tells what the process is to exit with.
#[must_use]
pub fn run(args: &SubArgs) -> u8 {
    runtime::run(subscribe(args), args.session.quiet)
}

async fn subscribe(args: &SubArgs) -> Result<(), Failure> {
    let mut filters = args.topic.clone();
    filters.extend(Target::resolve(&args.session.target)?.topic);
    if filters.is_empty() && args.unsubscribe.is_empty() {
        return Err(Failure::usage("no topic filter: add -t FILTER"));
    }
    check_filters(args, &filters)?;
    let printer = Printer::new(&args.output, args.session.quiet)?;
    let mut interrupted = std::pin::pin!(runtime::interrupt());
    let mut is_late = std::pin::pin!(timeout(args.timeout));
    let mut connection = tokio::select! {
        connection = Connection::open(&args.session) => connection?,
        () = &mut interrupted => return Ok(()),
        () = &mut is_late => return Err(Failure::unanswered()),
    };
    let mut receiver = Receiver {
        args,
        filters,
        printer,
        inbox: Inbox::default(),
        in_flight: InFlight::default(),
        left: args.count,
        is_done: false,
    };
    let ended = tokio::select! {
        result = receiver.receive(&mut connection) => result,
        () = &mut interrupted => Ok(()),
        () = &mut is_late => Err(Failure::new(TIMED_OUT, "timed out")),
    };
    receiver.printer.flush()?;
    // A connection that failed cannot be closed politely; one that timed out can.
    match ended {
        Err(failure) if failure.code != TIMED_OUT => Err(failure),
        ended => connection.close().await.and(ended),
    }
}

/// Waits until the given time is over.
pub(crate) async fn timeout(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

/// Checks a filter before the broker has to. `purpose` is such as "subscribe to".
pub(crate) fn check_filter<'a>(purpose: &str, filter: &'a str) -> Result<Filter<'a>, Failure> {
    Filter::parse(filter)
        .map_err(|error| Failure::usage(format!("cannot {purpose} '{filter}': {}", error.what)))
}

/// Checks all filters, and that No Local is not asked for with a shared one [MQTT-3.8.3-4]. Before
/// MQTT 5 there is neither.
fn check_filters(args: &SubArgs, filters: &[String]) -> Result<(), Failure> {
    let is_no_local = args.no_local && args.session.protocol_version.is_v5();
    for filter in filters {
        let is_shared = check_filter("subscribe to", filter)?.share.is_some();
        if is_shared && is_no_local {
            return Err(Failure::usage(format!(
                "cannot subscribe to '{filter}': --no-local does not go with a shared subscription"
            )));
        }
    }
    for filter in &args.unsubscribe {
        check_filter("unsubscribe from", filter)?;
    }
    for filter in &args.filter_out {
        check_filter("leave out", filter)?;
    }
    Ok(())
}

struct Receiver<'a> {
    args: &'a SubArgs,
    filters: Vec<String>,
    printer: Printer,
    inbox: Inbox,
    in_flight: InFlight,
    left: Option<u64>,
    is_done: bool,
}

impl Receiver<'_> {
    async fn receive(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        let mut acknowledgements = 0;
        if !self.filters.is_empty() {
            let options = SubscriptionOptions {
                qos: self.args.qos,
                no_local: self.args.no_local,
                retain_as_published: self.args.retain_as_published,
                retain_handling: self.args.retain_handling,
            };
            send_subscribe(connection, &self.filters, options)?;
            acknowledgements += 1;
        }
        if !self.args.unsubscribe.is_empty() {
            send_unsubscribe(connection, &self.args.unsubscribe)?;
            acknowledgements += 1;
        }
        while !self.is_done && !self.printer.is_closed() {
            if !connection.has_packet() {
                self.printer.flush()?;
            }
            let incoming = connection.next().await?;
            match incoming.packet(connection.version)? {
                Packet::Publish(publish) => self.accept(connection, &publish)?,
                Packet::PubRel(ack) => self.inbox.release(connection, ack.packet_id)?,
                Packet::SubAck(suback) => {
                    let explanation = suback.properties.reason_string;
                    judge(&self.filters, suback.codes.iter(), explanation)?;
                    acknowledgements -= 1;
                }
                Packet::UnsubAck(_) => acknowledgements -= 1,
                packet => self.in_flight.handle(connection, &packet)?,
            }
            if self.args.exit_after_subscribe && acknowledgements == 0 {
                self.is_done = true;
            }
        }
        // Retained messages are being removed.
        while !self.in_flight.is_empty() {
            let incoming = connection.next().await?;
            let packet = incoming.packet(connection.version)?;
            self.in_flight.handle(connection, &packet)?;
        }
        Ok(())
    }

    fn accept(
        &mut self,
        connection: &mut Connection,
        publish: &Publish<'_>,
    ) -> Result<(), Failure> {
        let args = self.args;
        if args.retained_only && !publish.retain {
            self.is_done = true;
            return Ok(());
        }
        let Some(message) = self.inbox.accept(connection, publish)? else {
            return Ok(());
        };
        if self.is_filtered_out(&message.topic) {
            return Ok(());
        }
        if args.remove_retained && message.retain {
            self.remove(connection, &message)?;
        }
        if args.no_retained && message.retain {
            return Ok(());
        }
        self.printer.print(&message)?;
        if let Some(left) = &mut self.left {
            *left -= 1;
            self.is_done |= *left == 0;
        }
        Ok(())
    }

    fn is_filtered_out(&self, name: &str) -> bool {
        let mut filters = self.args.filter_out.iter();
        filters.any(|filter| topic::matches(filter, name))
    }

    /// Publishes an empty retained message, which the broker does not keep.
    fn remove(&mut self, connection: &mut Connection, message: &Message) -> Result<(), Failure> {
        // An empty one comes from such a removal.
        if message.payload.is_empty() {
            return Ok(());
        }
        let removal = Outgoing {
            topic: &message.topic,
            payload: &[],
            qos: Qos::AtLeastOnce,
            retain: true,
            expiry: None,
            forwarded: &[],
        };
        self.in_flight.publish(connection, &removal)
    }
}

/// Sends SUBSCRIBE with the properties given for it.
pub(crate) fn send_subscribe(
    connection: &mut Connection,
    filters: &[String],
    options: SubscriptionOptions,
) -> Result<(), Failure> {
    let packet_id = connection.next_packet_id();
    let pairs = connection.properties.user_properties(Of::Subscribe);
    let list: Vec<_> = filters
        .iter()
        .map(|filter| (filter.as_str(), options))
        .collect();
    let subscribe = Subscribe {
        packet_id,
        subscription_id: connection.properties.subscription_id(),
        user_properties: pairs.as_slice().into(),
        filters: list.as_slice().into(),
    };
    let mut packet = Vec::new();
    encode::subscribe(&mut packet, connection.version, &subscribe)?;
    let details = format!("(packet {packet_id}, {})", filters.join(", "));
    connection.tell("sends SUBSCRIBE", &details);
    connection.send(&packet)
}

fn send_unsubscribe(connection: &mut Connection, filters: &[String]) -> Result<(), Failure> {
    let packet_id = connection.next_packet_id();
    let pairs = connection.properties.user_properties(Of::Unsubscribe);
    let list: Vec<_> = filters.iter().map(String::as_str).collect();
    let unsubscribe = Unsubscribe {
        packet_id,
        user_properties: pairs.as_slice().into(),
        filters: list.as_slice().into(),
    };
    let mut packet = Vec::new();
    encode::unsubscribe(&mut packet, connection.version, &unsubscribe)?;
    connection.tell("sends UNSUBSCRIBE", &format!("(packet {packet_id})"));
    connection.send(&packet)
}

/// Fails if the broker refused a subscription.
pub(crate) fn judge(
    filters: &[String],
    codes: impl Iterator<Item = ReasonCode>,
    explanation: Option<&str>,
) -> Result<(), Failure> {
    let mut refused = Vec::new();
    let mut answers = 0;
    for (filter, code) in filters.iter().zip(codes) {
        answers += 1;
        if code.is_error() {
            refused.push((filter, code));
        }
    }
    if answers < filters.len() {
        return Err(Failure::new(
            PROTOCOL,
            "the broker did not answer for every topic filter",
        ));
    }
    match refused.as_slice() {
        [] => Ok(()),
        [(filter, code), ..] if refused.len() == filters.len() => {
            let what = format!("the subscription to '{filter}'");
            Err(Failure::refused(&what, *code, explanation))
        }
        // As with mosquitto's client, what was granted is served.
        some => {
            for (filter, code) in some {
                eprintln!("warning: the broker refused '{filter}': {}", words(*code));
            }
            Ok(())
        }
    }
}
