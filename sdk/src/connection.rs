//! One connection by way of `rumqttc`, and what it takes to make that keep the standard.
//!
//! Each connection has an event loop of its own, made from what the session has to remember: the
//! one of `rumqttc`, used again, would send unanswered publishes without DUP and in the order of
//! their packet IDs, drop what waits when the session is lost, and end each connection at a PUBREL
//! of the one before. What remains: it takes no notice of a DISCONNECT that is a reason code and
//! nothing else, so that a session taken over may look like a connection that broke.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5 as wire;
use rumqttc::v5::{AsyncClient, EventLoop, MqttOptions, MqttState, Request};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};

use crate::builder::{Credentials, Options, Password};
use crate::publish::whole_seconds;
use crate::url::Scheme;

/// What a new connection takes over from the session.
#[derive(Debug, Default)]
pub(crate) struct Resume {
    /// The first connection may start clean.
    pub(crate) clean_start: bool,
    /// PUBLISH and PUBREL that are sent again, if the broker still has the session.
    pub(crate) again: VecDeque<Request>,
    /// Packet IDs of messages at QoS 2 whose PUBREL has not come.
    pub(crate) releasing: Vec<u16>,
    /// Whether to name the method of authentication, if there is one.
    pub(crate) authenticates: bool,
}

/// Space in the channel to the event loop for requests other than acknowledgements. What waits
/// beyond that waits in the session.
pub(crate) const REQUESTS_MAX: usize = 64;

/// The number of packet IDs in use. The more, the rarer one comes round that is still taken; each
/// costs the event loop the size of a packet.
pub(crate) fn packet_ids(options: &Options) -> u16 {
    options.in_flight_max.saturating_mul(4).max(64)
}

/// A connection that is made when the event loop is polled first.
///
/// # Errors
///
/// What is to authenticate the client cannot be read.
pub(crate) fn open(options: &Options, resume: Resume) -> io::Result<(AsyncClient, EventLoop)> {
    // All acknowledgements that can be due find room as well.
    let capacity = REQUESTS_MAX + usize::from(options.receive_max);
    let mqtt = mqtt_options(options, &resume)?;
    let (requests, mut event_loop) = AsyncClient::new(mqtt, capacity);
    for packet_id in resume.releasing {
        // The event loop takes no PUBREL without having seen PUBLISH.
        let mut publish = wire::Publish::new("-", QoS::ExactlyOnce, "", None);
        publish.pkid = packet_id;
        // It never refuses a publish.
        let _ = event_loop
            .state
            .handle_incoming_packet(wire::Packet::Publish(publish));
    }
    event_loop.state.events.clear();
    event_loop.pending = resume.again;
    Ok((requests, event_loop))
}

/// Lets the event loop use all packet IDs, whatever Receive Maximum the broker has: the session
/// keeps to that. Else the few IDs come round while some are taken.
pub(crate) fn use_all_packet_ids(state: &mut MqttState) {
    let properties = wire::ConnAckProperties {
        session_expiry_interval: None,
        receive_max: Some(u16::MAX),
        max_qos: None,
        retain_available: None,
        max_packet_size: None,
        assigned_client_identifier: None,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: None,
        shared_subscription_available: None,
        server_keep_alive: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    };
    let connack = wire::ConnAck {
        session_present: false,
        code: wire::ConnectReturnCode::Success,
        properties: Some(properties),
    };
    // It never refuses a success.
    let _ = state.handle_incoming_packet(wire::Packet::ConnAck(connack));
    state.events.pop_back();
}

fn mqtt_options(options: &Options, resume: &Resume) -> io::Result<MqttOptions> {
    let url = &options.url;
    let host = match url.scheme {
        Scheme::Tcp => url.bracketed(),
        // Also the name in the certificate, which has no brackets.
        Scheme::Tls | Scheme::Unix => url.host.clone(),
        Scheme::WebSocket => format!("ws://{}:{}{}", url.bracketed(), url.port, url.path),
        Scheme::SecureWebSocket => format!("wss://{}:{}{}", url.bracketed(), url.port, url.path),
    };
    let mut mqtt = MqttOptions::new(options.client_id.as_str(), host, url.port);
    let tls = || options.tls.clone().map(TlsConfiguration::Rustls);
    let transport = match url.scheme {
        Scheme::Tcp => Some(Transport::Tcp),
        Scheme::Unix => Some(Transport::unix()),
        Scheme::WebSocket => Some(Transport::Ws),
        Scheme::Tls => tls().map(Transport::Tls),
        Scheme::SecureWebSocket => tls().map(Transport::Wss),
    };
    // Options have settings for the schemes that need them.
    mqtt.set_transport(transport.unwrap_or(Transport::Tcp));
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    let timeout = whole_seconds(options.connect_timeout).max(1).into();
    network.set_connection_timeout(timeout);
    mqtt.set_network_options(network);
    mqtt.set_connection_timeout(timeout);
    mqtt.set_keep_alive(options.keep_alive);
    mqtt.set_clean_start(resume.clean_start);
    mqtt.set_manual_acks(true);
    mqtt.set_outgoing_inflight_upper_limit(packet_ids(options));
    let mut properties = wire::ConnectProperties::new();
    properties.session_expiry_interval = Some(whole_seconds(options.session_expiry));
    properties.receive_maximum = Some(options.receive_max);
    properties.max_packet_size = Some(options.packet_bytes_max);
    properties.user_properties = options.user_properties.clone();
    let authentication = options.authentication.as_ref();
    if let Some(authentication) = authentication.filter(|_| resume.authenticates) {
        properties.authentication_method = Some(authentication.method.clone());
        properties.authentication_data = Some(content(&authentication.file)?);
    }
    mqtt.set_connect_properties(properties);
    if let Some(credentials) = &options.credentials {
        mqtt.set_credentials(credentials.user.as_str(), password(credentials)?);
    }
    if let Some((will, delay)) = &options.will {
        let packet = will.packet();
        let of_publish = packet.properties.unwrap_or_default();
        let properties = wire::LastWillProperties {
            delay_interval: Some(whole_seconds(*delay)),
            payload_format_indicator: of_publish.payload_format_indicator,
            message_expiry_interval: of_publish.message_expiry_interval,
            content_type: of_publish.content_type,
            response_topic: of_publish.response_topic,
            correlation_data: of_publish.correlation_data,
            user_properties: of_publish.user_properties,
        };
        let will = wire::LastWill::new(
            will.topic.as_str(),
            packet.payload,
            packet.qos,
            packet.retain,
            Some(properties),
        );
        mqtt.set_last_will(will);
    }
    Ok(mqtt)
}

fn password(credentials: &Credentials) -> io::Result<String> {
    match &credentials.password {
        Password::Text(text) => Ok(text.clone()),
        Password::File(path) => {
            let text = String::from_utf8(content(path)?.into());
            text.map_err(|_| unreadable(path, &io::ErrorKind::InvalidData.into()))
        }
    }
}

/// The content of a file, without the line end that editors leave.
fn content(path: &Path) -> io::Result<Bytes> {
    let mut content = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    content.truncate(content.trim_ascii_end().len());
    Ok(content.into())
}

fn unreadable(path: &Path, error: &io::Error) -> io::Error {
    let text = format!("cannot read {}: {error}", path.display());
    io::Error::new(error.kind(), text)
}
