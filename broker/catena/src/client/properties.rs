//! `-D PACKET NAME VALUE`: the properties of MQTT 5 from the command line.

use std::num::{NonZeroU16, NonZeroU32};

use catena_mqtt::{ConnectProperties, Limits, Property, limits, topic};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::failure::Failure;

/// What was given with `-D`, one list of words per occurrence. Written by hand because a derived
/// argument cannot tell occurrences apart.
#[derive(Clone, Debug, Default)]
pub struct PropertyArgs {
    occurrences: Vec<Vec<String>>,
}

impl PropertyArgs {
    const ID: &'static str = "property";

    /// The properties by name, checked.
    pub(crate) fn resolve(&self) -> Result<Properties, Failure> {
        let mut found = Properties::default();
        for words in &self.occurrences {
            found.add(words).map_err(|what| {
                Failure::usage(format!("cannot use -D {}: {what}", words.join(" ")))
            })?;
        }
        Ok(found)
    }
}

impl Args for PropertyArgs {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new(Self::ID)
                .short('D')
                .long("property")
                .value_names(["PACKET", "NAME", "VALUE"])
                .num_args(3..=4)
                .action(ArgAction::Append)
                .help_heading("Session")
                .help(
                    "Property of MQTT 5, such as -D publish content-type text/plain or \
                     -D connect user-property NAME VALUE; may be repeated",
                ),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for PropertyArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if matches.value_source(Self::ID) == Some(ValueSource::CommandLine) {
            let occurrences = matches.get_occurrences::<String>(Self::ID);
            self.occurrences = occurrences
                .into_iter()
                .flatten()
                .map(|words| words.cloned().collect())
                .collect();
        }
        Ok(())
    }
}

/// The packets that can be given properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Connect,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Auth,
    Will,
}

const PACKETS: [(&str, Packet); 11] = [
    ("connect", Packet::Connect),
    ("publish", Packet::Publish),
    ("puback", Packet::PubAck),
    ("pubrec", Packet::PubRec),
    ("pubrel", Packet::PubRel),
    ("pubcomp", Packet::PubComp),
    ("subscribe", Packet::Subscribe),
    ("unsubscribe", Packet::Unsubscribe),
    ("disconnect", Packet::Disconnect),
    ("auth", Packet::Auth),
    ("will", Packet::Will),
];

/// What kind of value a property has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    /// The least and the highest value.
    Number(u32, u32),
    Text,
    /// A text without wildcards, as topic names are.
    Topic,
    Pair,
}

const SECONDS: Kind = Kind::Number(0, u32::MAX);
const MESSAGE: &[Packet] = &[Packet::Publish, Packet::Will];
const ANSWERS: &[Packet] = &[
    Packet::PubAck,
    Packet::PubRec,
    Packet::PubRel,
    Packet::PubComp,
    Packet::Disconnect,
    Packet::Auth,
];
const AUTH: &[Packet] = &[Packet::Connect, Packet::Auth];
const CONNECT: &[Packet] = &[Packet::Connect];

/// Which packets of a client may have which property (MQTT 5.0, section 2.2.2.2). An empty list
/// stands for all.
const TABLE: [(&str, Kind, &[Packet]); 18] = [
    ("payload-format-indicator", Kind::Flag, MESSAGE),
    ("message-expiry-interval", SECONDS, MESSAGE),
    ("content-type", Kind::Text, MESSAGE),
    ("response-topic", Kind::Topic, MESSAGE),
    ("correlation-data", Kind::Text, MESSAGE),
    (
        "subscription-identifier",
        Kind::Number(1, limits::VARIABLE_BYTE_INTEGER_MAX),
        &[Packet::Subscribe],
    ),
    (
        "session-expiry-interval",
        SECONDS,
        &[Packet::Connect, Packet::Disconnect],
    ),
    ("authentication-method", Kind::Text, AUTH),
    ("authentication-data", Kind::Text, AUTH),
    ("request-problem-information", Kind::Flag, CONNECT),
    ("will-delay-interval", SECONDS, &[Packet::Will]),
    ("request-response-information", Kind::Flag, CONNECT),
    ("reason-string", Kind::Text, ANSWERS),
    ("receive-maximum", Kind::Number(1, 65_535), CONNECT),
    ("topic-alias-maximum", Kind::Number(0, 65_535), CONNECT),
    ("topic-alias", Kind::Number(1, 65_535), &[Packet::Publish]),
    ("user-property", Kind::Pair, &[]),
    ("maximum-packet-size", Kind::Number(1, u32::MAX), CONNECT),
];

/// One property of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    packet: Packet,
    name: &'static str,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u32),
    Text(String),
    Pair(String, String),
}

/// The properties of all packets, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties(Vec<Given>);

impl Properties {
    fn add(&mut self, words: &[String]) -> Result<(), String> {
        let [packet_name, name, values @ ..] = words else {
            return Err("expected a packet, a name and a value".to_owned());
        };
        let lower = packet_name.to_lowercase();
        let packet = PACKETS.iter().find(|(name, _)| *name == lower);
        let Some((_, packet)) = packet.copied() else {
            return Err(format!(
                "{packet_name} is no packet that can be given properties"
            ));
        };
        let row = TABLE.iter().find(|(known, _, _)| known == name);
        let Some((name, kind, packets)) = row.copied() else {
            return Err(format!("there is no property {name}"));
        };
        if !packets.is_empty() && !packets.contains(&packet) {
            return Err(format!("{packet_name} has no property {name}"));
        }
        let value = match (kind, values) {
            (Kind::Pair, [first, second]) => Value::Pair(first.clone(), second.clone()),
            (Kind::Pair, _) => return Err("a user property has a name and a value".to_owned()),
            (_, [_, _, ..] | []) => return Err("expected one value".to_owned()),
            (Kind::Text, [text]) => Value::Text(text.clone()),
            (Kind::Topic, [text]) => {
                topic::check(text, &Limits::DEFAULT).map_err(|error| error.what)?;
                Value::Text(text.clone())
            }
            (Kind::Flag, [text]) => Value::Number(number(text, 0, 1)?),
            (Kind::Number(least, highest), [text]) => Value::Number(number(text, least, highest)?),
        };
        if kind != Kind::Pair && self.find(packet, name).is_some() {
            return Err("the property may be given only once".to_owned());
        }
        self.0.push(Given {
            packet,
            name,
            value,
        });
        Ok(())
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, packet: Packet, name: &str) -> Option<&Value> {
        let mut of_packet = self.0.iter().filter(|given| given.packet == packet);
        of_packet
            .find(|given| given.name == name)
            .map(|given| &given.value)
    }

    fn number(&self, packet: Packet, name: &str) -> Option<u32> {
        match self.find(packet, name)? {
            Value::Number(number) => Some(*number),
            Value::Text(_) | Value::Pair(..) => None,
        }
    }

    /// The text of a property.
    pub(crate) fn text(&self, packet: Packet, name: &str) -> Option<&str> {
        match self.find(packet, name)? {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Pair(..) => None,
        }
    }

    /// The user properties of a packet, in order.
    pub(crate) fn user_properties(&self, packet: Packet) -> Vec<(&str, &str)> {
        let of_packet = self.0.iter().filter(|given| given.packet == packet);
        of_packet
            .filter_map(|given| match &given.value {
                Value::Pair(name, value) => Some((name.as_str(), value.as_str())),
                Value::Number(_) | Value::Text(_) => None,
            })
            .collect()
    }

    /// The properties of a message that the broker passes on, as bytes.
    pub(crate) fn forwarded(&self, packet: Packet) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        for given in self.0.iter().filter(|given| given.packet == packet) {
            let property = match (given.name, &given.value) {
                ("payload-format-indicator", Value::Number(number)) => {
                    Property::PayloadFormatIndicator(*number == 1)
                }
                ("content-type", Value::Text(text)) => Property::ContentType(text),
                ("response-topic", Value::Text(text)) => Property::ResponseTopic(text),
                ("correlation-data", Value::Text(text)) => {
                    Property::CorrelationData(text.as_bytes())
                }
                (_, Value::Pair(name, value)) => Property::UserProperty(name, value),
                _ => continue,
            };
            property.encode(&mut out)?;
        }
        Ok(out)
    }

    /// The lifetime of a message, in seconds.
    pub(crate) fn message_expiry(&self, packet: Packet) -> Option<u32> {
        self.number(packet, "message-expiry-interval")
    }

    /// How long the will waits, in seconds.
    pub(crate) fn will_delay(&self) -> u32 {
        self.number(Packet::Will, "will-delay-interval")
            .unwrap_or_default()
    }

    /// The topic alias to set with a publish.
    pub(crate) fn topic_alias(&self) -> Option<NonZeroU16> {
        let number = self.number(Packet::Publish, "topic-alias")?;
        NonZeroU16::new(u16::try_from(number).ok()?)
    }

    /// The number of the subscriptions.
    pub(crate) fn subscription_id(&self) -> Option<u32> {
        self.number(Packet::Subscribe, "subscription-identifier")
    }

    /// The session expiry asked for with CONNECT, in seconds.
    pub(crate) fn session_expiry(&self) -> Option<u32> {
        self.number(Packet::Connect, "session-expiry-interval")
    }

    /// The session expiry that DISCONNECT sets, in seconds.
    pub(crate) fn final_session_expiry(&self) -> Option<u32> {
        self.number(Packet::Disconnect, "session-expiry-interval")
    }

    /// Sets what was given for CONNECT, but for session expiry and user properties.
    pub(crate) fn fill_connect<'a>(&'a self, properties: &mut ConnectProperties<'a>) {
        let number = |name| self.number(Packet::Connect, name);
        let small = |name| number(name).and_then(|number| u16::try_from(number).ok());
        properties.receive_maximum = small("receive-maximum").and_then(NonZeroU16::new);
        properties.maximum_packet_size = number("maximum-packet-size").and_then(NonZeroU32::new);
        properties.topic_alias_maximum = small("topic-alias-maximum").unwrap_or_default();
        properties.request_response_information = number("request-response-information") == Some(1);
        properties.request_problem_information = number("request-problem-information") != Some(0);
        properties.authentication_method = self.text(Packet::Connect, "authentication-method");
        properties.authentication_data = self
            .text(Packet::Connect, "authentication-data")
            .map(str::as_bytes);
    }
}

fn number(text: &str, least: u32, highest: u32) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if (least..=highest).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {least} to {highest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Properties, String> {
        let mut properties = Properties::default();
        for occurrence in line.split(" -D ") {
            let words: Vec<_> = occurrence.split(' ').map(str::to_owned).collect();
            properties.add(&words)?;
        }
        Ok(properties)
    }

    #[track_caller]
    fn check_refused(line: &str, what: &str) {
        let error = parse(line).unwrap_err();
        assert!(error.contains(what), "{error}");
    }

    #[test]
    fn every_property_is_taken_by_its_packets_only() {
        for (name, kind, packets) in TABLE {
            let value = match kind {
                Kind::Flag | Kind::Number(..) => "1",
                Kind::Text | Kind::Topic => "text",
                Kind::Pair => "name value",
            };
            for (packet_name, packet) in PACKETS {
                let taken = parse(&format!("{packet_name} {name} {value}")).is_ok();
                let expected = packets.is_empty() || packets.contains(&packet);
                assert_eq!(taken, expected, "{packet_name} {name}");
            }
        }
    }

    #[test]
    fn wrong_properties_are_told() {
        check_refused("publish content-type", "one value");
        check_refused("publish content-type a b", "one value");
        check_refused("publish user-property a", "name and a value");
        check_refused("publish colour blue", "no property colour");
        check_refused("publish response-topic a/+", "wildcard");
        check_refused("will response-topic #", "wildcard");
        check_refused("pingreq user-property a b", "no packet");
        check_refused("connect receive-maximum 0", "from 1 to 65535");
        check_refused("publish payload-format-indicator 2", "from 0 to 1");
        check_refused("will will-delay-interval x", "from 0 to 4294967295");
        check_refused(
            "publish content-type a -D publish content-type b",
            "only once",
        );
    }

    #[test]
    fn packets_may_be_written_in_capitals_and_user_properties_repeat_in_order() {
        let properties = parse(
            "PUBLISH user-property a 1 -D publish user-property a 2 -D will user-property b 3",
        )
        .unwrap();
        let pairs = properties.user_properties(Packet::Publish);
        assert_eq!(pairs, [("a", "1"), ("a", "2")]);
    }

    #[test]
    fn forwarded_properties_keep_their_order() {
        let line = "publish user-property a 1 -D publish content-type t -D publish topic-alias 3";
        let properties = parse(line).unwrap();
        assert_eq!(
            properties.forwarded(Packet::Publish).unwrap(),
            b"\x26\x00\x01a\x00\x011\x03\x00\x01t"
        );
        assert_eq!(properties.topic_alias().map(NonZeroU16::get), Some(3));
    }
}
