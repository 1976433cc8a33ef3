//! What a client says about itself in CONNECT: version, name, session, will, properties.

use std::process;
use std::time::Duration;

use catena_mqtt::{Connect, ConnectProperties, Forwarded, Limits, Qos, Version, Will};
use clap::Args;

use super::failure::Failure;
use super::properties::{Packet, Properties, PropertyArgs};
use super::target::{Target, TargetArgs};

/// How a client introduces itself.
#[derive(Args, Clone, Debug)]
#[command(disable_help_flag = true, disable_version_flag = true)]
#[command(next_help_heading = "Session")]
pub struct SessionArgs {
    /// Where the broker is.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Version of MQTT
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "mqttv5")]
    #[arg(env = "CATENA_PROTOCOL_VERSION", value_parser = version)]
    #[arg(help_heading = "Session")]
    pub protocol_version: Version,
    /// Client identifier [default: the broker chooses; before MQTT 5 catena-PID]
    #[arg(short, long, env = "CATENA_ID", conflicts_with = "id_prefix")]
    #[arg(help_heading = "Session")]
    pub id: Option<String>,
    /// Make the client identifier of this and the process ID
    #[arg(short = 'I', long, env = "CATENA_ID_PREFIX", help_heading = "Session")]
    pub id_prefix: Option<String>,
    /// Seconds after which a silent client says that it is there; 0: never
    #[arg(short, long, value_name = "SECONDS", env = "CATENA_KEEPALIVE")]
    #[arg(default_value_t = 60, help_heading = "Session")]
    pub keepalive: u16,
    /// Continue the session of this client, and keep it afterwards
    #[arg(short = 'c', long = "disable-clean-session", help_heading = "Session")]
    pub keep_session: bool,
    /// Seconds for which the broker keeps the session; -1: for ever
    #[arg(short = 'x', value_name = "SECONDS", allow_hyphen_values = true)]
    #[arg(long = "session-expiry-interval", value_parser = expiry, help_heading = "Session")]
    pub session_expiry: Option<u32>,
    /// Topic of the will: what the broker publishes if the client is lost
    #[arg(long, value_name = "TOPIC", help_heading = "Session")]
    pub will_topic: Option<String>,
    /// Payload of the will
    #[arg(
        long,
        value_name = "TEXT",
        requires = "will_topic",
        help_heading = "Session"
    )]
    #[arg(allow_hyphen_values = true)]
    pub will_payload: Option<String>,
    /// QoS of the will
    #[arg(long, value_name = "QOS", default_value = "0", value_parser = qos)]
    #[arg(help_heading = "Session")]
    pub will_qos: Qos,
    /// Retain the will
    #[arg(long, requires = "will_topic", help_heading = "Session")]
    pub will_retain: bool,
    /// Properties of MQTT 5.
    #[command(flatten)]
    pub properties: PropertyArgs,
    /// Tell on standard error which packets come and go
    #[arg(short, long, help_heading = "Other")]
    pub debug: bool,
    /// Print no errors at run time
    #[arg(long, help_heading = "Other")]
    pub quiet: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help, help_heading = "Other")]
    pub help: Option<bool>,
}

/// Reads a version as mosquitto's clients spell it.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    match text {
        "mqttv5" | "5" => Ok(Version::V5),
        "mqttv311" | "311" | "4" => Ok(Version::V311),
        "mqttv31" | "31" | "3" => Ok(Version::V31),
        _ => Err("expected mqttv5, mqttv311, mqttv31, 5, 311 or 31".to_owned()),
    }
}

/// Reads a quality of service.
pub(crate) fn qos(text: &str) -> Result<Qos, String> {
    match text {
        "0" => Ok(Qos::AtMostOnce),
        "1" => Ok(Qos::AtLeastOnce),
        "2" => Ok(Qos::ExactlyOnce),
        _ => Err("expected 0, 1 or 2".to_owned()),
    }
}

fn expiry(text: &str) -> Result<u32, String> {
    match text {
        "-1" | "∞" => Ok(u32::MAX),
        _ => text
            .parse()
            .map_err(|_| "expected seconds up to 4294967295, or -1 for ever".to_owned()),
    }
}

/// A checked introduction.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    pub(crate) version: Version,
    pub(crate) client_id: String,
    clean_start: bool,
    session_expiry: Option<u32>,
    keep_alive: u16,
    username: Option<String>,
    password: Option<String>,
    will: Option<WillText>,
    pub(crate) properties: Properties,
}

#[derive(Clone, Debug)]
struct WillText {
    topic: String,
    payload: String,
    qos: Qos,
    retain: bool,
    forwarded: Vec<u8>,
}

impl Introduction {
    /// Checks that the arguments fit together.
    pub(crate) fn resolve(args: &SessionArgs, target: &Target) -> Result<Self, Failure> {
        let version = args.protocol_version;
        let properties = args.properties.resolve()?;
        if !version.is_v5() && (!properties.is_empty() || args.session_expiry.is_some()) {
            return Err(Failure::usage("-D and -x need MQTT 5"));
        }
        let client_id = match (&args.id, &args.id_prefix) {
            (Some(id), _) => id.clone(),
            (None, Some(prefix)) => format!("{prefix}{}", process::id()),
            (None, None) if version.is_v5() => String::new(),
            (None, None) => format!("catena-{}", process::id()),
        };
        let asked = args.session_expiry.or(properties.session_expiry());
        let session_expiry = asked.or(args.keep_session.then_some(u32::MAX));
        if args.keep_session && args.id.is_none() && args.id_prefix.is_none() {
            return Err(Failure::usage(
                "a session that is kept needs a name: add -i or -I",
            ));
        }
        if !version.is_v5() && target.password.is_some() && target.username.is_none() {
            return Err(Failure::usage("before MQTT 5 a password needs a user name"));
        }
        let will = match &args.will_topic {
            Some(topic) => {
                catena_mqtt::topic::check(topic, &Limits::DEFAULT)
                    .map_err(|error| Failure::usage(format!("cannot use --will-topic: {error}")))?;
                Some(WillText {
                    topic: topic.clone(),
                    payload: args.will_payload.clone().unwrap_or_default(),
                    qos: args.will_qos,
                    retain: args.will_retain,
                    forwarded: properties.forwarded(Packet::Will)?,
                })
            }
            None => None,
        };
        Ok(Self {
            version,
            client_id,
            clean_start: !args.keep_session,
            session_expiry,
            keep_alive: args.keepalive,
            username: target.username.clone(),
            password: target.password.clone(),
            will,
            properties,
        })
    }

    /// Appends CONNECT.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let pairs = self.properties.user_properties(Packet::Connect);
        let mut properties = ConnectProperties {
            session_expiry: self.session_expiry,
            user_properties: pairs.as_slice().into(),
            ..ConnectProperties::default()
        };
        self.properties.fill_connect(&mut properties);
        let will = match &self.will {
            Some(will) => Some(Will {
                qos: will.qos,
                retain: will.retain,
                topic: &will.topic,
                delay_seconds: self.properties.will_delay(),
                message_expiry: self.properties.message_expiry(Packet::Will),
                forwarded: Forwarded::parse(&will.forwarded, &Limits::DEFAULT)?,
                payload: will.payload.as_bytes(),
            }),
            None => None,
        };
        let connect = Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: &self.client_id,
            properties,
            will,
            username: self.username.as_deref(),
            password: self.password.as_ref().map(String::as_bytes),
        };
        Ok(catena_mqtt::encode::connect(out, &connect)?)
    }

    /// After how long a silence PINGREQ is due. `None`: never.
    pub(crate) fn keep_alive(&self) -> Option<Duration> {
        (self.keep_alive > 0).then(|| Duration::from_secs(self.keep_alive.into()))
    }
}
