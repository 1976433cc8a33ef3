//! Reads a `BrokerListener` document of any era into listeners, one for each port.
//!
//! What a port refers to is looked up later, when all documents are read.

use core::net::{IpAddr, SocketAddr};

use crate::broker::AnonymousAccess;
use crate::choice::choice;
use crate::defaults;
use crate::diagnose::Place;
use crate::envelope::{Document, Era};
use crate::fields::{Field, Fields, Report};
use crate::listener::address::{AddressRange, Endpoint, Port};
use crate::listener::{Access, AllowedOrigins, Listener, Protocol, ProxyMode, ProxyProtocol, tls};
use crate::names::{MaterialName, ResourceName};

choice! {
    /// How a listener is offered in a cluster.
    ServiceType {
        /// Inside the cluster.
        ClusterIp = "ClusterIp",
        /// Through a load balancer.
        LoadBalancer = "LoadBalancer",
        /// On a port of each node.
        NodePort = "NodePort",
    }
}

choice! {
    /// What a port says about clients without authentication.
    PortAnonymous {
        /// They may connect.
        Allowed = "Allowed",
        /// They may not.
        Refused = "Refused",
    }
}

/// A listener whose references are not looked up yet.
pub(crate) struct Unresolved {
    pub(crate) listener: Listener,
    pub(crate) authentication: Reference,
    /// What the port itself says about clients without authentication, and where.
    pub(crate) anonymous: Option<(AnonymousAccess, Place)>,
    /// Path of the port in its document, for diagnostics.
    pub(crate) path: String,
    /// Where the port stands.
    pub(crate) place: Place,
}

/// What a port says about authentication.
pub(crate) enum Reference {
    /// Nothing: an authentication document may name the listener, as in the seed era.
    Unsaid,
    /// That there is none, in so many words.
    Off,
    /// That a document that names the listener must exist.
    Needed(Place),
    /// Something that is no name, which is reported: the port is to have authentication.
    Wrong,
    /// The name of the document.
    To(ResourceName, Place),
}

/// The name of the Broker a listener document refers to, and its ports.
pub(crate) struct Read {
    pub(crate) broker: Option<(String, Place)>,
    pub(crate) listeners: Vec<Unresolved>,
}

/// Reads the document.
pub(crate) fn read(document: Document<'_>, report: &mut Report) -> Read {
    let mut listeners = Vec::new();
    let name = document.name;
    let Some(mut spec) = document.spec else {
        report.error(&document.place, "", "missing field \"spec\"");
        return Read {
            broker: None,
            listeners,
        };
    };
    let broker = spec.take("brokerRef").and_then(|field| {
        let place = field.place().clone();
        Some((field.text(report)?, place))
    });
    if let Some(field) = spec.take("serviceType") {
        field.choice::<ServiceType>(report);
        field.unused(report);
    }
    if let Some(field) = spec.take("serviceName") {
        field.parsed(report, MaterialName::EXPECTED, MaterialName::parse);
        field.unused(report);
    }
    let ports = match document.era {
        Era::Current => spec.required("ports", report),
        Era::Seed => spec.take("ports"),
    };
    match ports {
        Some(ports) => {
            let items = ports.items(report);
            if items.is_empty() {
                report.error(
                    ports.place(),
                    &ports.path,
                    "a listener needs at least one port",
                );
            }
            for item in items {
                if let Some(mut fields) = item.fields(report) {
                    listeners.extend(port(&name, &mut fields, report));
                    fields.finish(report);
                }
            }
        }
        None if document.era == Era::Seed => {
            spec.setting.push_str(".ports[0]");
            if let Some(mut found) = port(&name, &mut spec, report) {
                seed_authentication(&mut spec, &mut found, report);
                listeners.push(found);
            }
        }
        None => {}
    }
    spec.finish(report);
    Read { broker, listeners }
}

/// Reads the fields of one port, wherever they stand.
fn port(name: &ResourceName, fields: &mut Fields<'_>, report: &mut Report) -> Option<Unresolved> {
    let authentication = reference(fields.take("authenticationRef"), report);
    if let Some(field) = fields.take("authorizationRef") {
        unauthorized(&field, report);
    }
    if let Some(field) = fields.take("nodePort") {
        field.bounded::<30_000, 32_767>(report);
        field.unused(report);
    }
    let mut protocol = Protocol::Mqtt;
    if let Some(field) = fields.take("protocol") {
        field.set_choice(&mut protocol, report);
    }
    let tls = fields.take("tls").map(|field| tls::read(field, report));
    let mut own = fields.inner("catena", report);
    let endpoint = endpoint(fields, own.as_mut(), report);
    let mut found = Unresolved {
        listener: Listener {
            name: name.clone(),
            // The port is refused if this is not there; what else is wrong is still told.
            endpoint: endpoint
                .clone()
                .unwrap_or(Endpoint::Loopback(defaults::MQTT_PORT)),
            protocol,
            tls: tls.clone().flatten(),
            access: Access::Anonymous,
            proxy_protocol: ProxyProtocol::Off,
            allowed_origins: AllowedOrigins::Unsaid,
            connections: None,
            tls_handshake_timeout_seconds: defaults::TLS_HANDSHAKE_TIMEOUT_SECONDS,
            setting: fields.setting.clone(),
            place: Some(fields.place.clone()),
        },
        authentication,
        anonymous: None,
        path: fields.path.clone(),
        place: fields.place.clone(),
    };
    if let Some(own) = own {
        extension(own, &mut found, report);
    }
    // A port whose TLS cannot be read must not be open without it.
    let usable = endpoint.is_some() && tls != Some(None);
    usable.then_some(found)
}

fn reference(field: Option<Field<'_>>, report: &mut Report) -> Reference {
    let Some(field) = field else {
        return Reference::Unsaid;
    };
    match field.parsed(report, ResourceName::EXPECTED, ResourceName::parse) {
        Some(name) => Reference::To(name, field.place().clone()),
        None => Reference::Wrong,
    }
}

fn unauthorized(field: &Field<'_>, report: &mut Report) {
    let message = "authorization is not supported by this version, and to leave it out would \
                   allow what it is to forbid";
    report.error(field.place(), &field.path, message);
}

/// The switches of a seed-era listener.
fn seed_authentication(spec: &mut Fields<'_>, port: &mut Unresolved, report: &mut Report) {
    if let Some(field) = spec.take("authenticationEnabled") {
        match field.boolean(report) {
            Some(true) => port.authentication = Reference::Needed(field.place().clone()),
            Some(false) => port.authentication = Reference::Off,
            None => {}
        }
    }
    if let Some(field) = spec.take("authorizationEnabled")
        && field.boolean(report) == Some(true)
    {
        unauthorized(&field, report);
    }
}

/// Where the port listens. `None` if that cannot be told, which is then reported.
fn endpoint(
    fields: &mut Fields<'_>,
    own: Option<&mut Fields<'_>>,
    report: &mut Report,
) -> Option<Endpoint> {
    let (unix, bind) = match own {
        Some(own) => (own.take("unixSocket"), own.take("bindAddress")),
        None => (None, None),
    };
    if let Some(unix) = unix {
        for field in [fields.take("port"), bind].into_iter().flatten() {
            let message = "a Unix socket has neither port nor address; remove one of them";
            report.error(field.place(), &field.path, message);
        }
        // The longest path that the system's socket address has room for.
        let parse = |path: &str| {
            let valid = (1..=107).contains(&path.len()) && !path.contains('\0');
            valid.then(|| Endpoint::Unix(path.into()))
        };
        return unix.parsed(report, "a path of 1 to 107 bytes", parse);
    }
    let port: Option<Port> = fields.required("port", report)?.bounded(report);
    let Some(bind) = bind else {
        return Some(Endpoint::Everywhere(port?));
    };
    let parse = |text: &str| match text {
        "*" => Some(None),
        name if name.eq_ignore_ascii_case("localhost") => Some(Some(None)),
        address => Some(Some(Some(address.parse::<IpAddr>().ok()?))),
    };
    let expected = "an IP address, localhost, or * for every address";
    let address = bind.parsed(report, expected, parse)?;
    let port = port?;
    Some(match address {
        None => Endpoint::Everywhere(port),
        Some(None) => Endpoint::Loopback(port),
        Some(Some(address)) => Endpoint::Address(SocketAddr::new(address, port.to_u16())),
    })
}

/// Reads the rest of `catena`.
fn extension(mut own: Fields<'_>, found: &mut Unresolved, report: &mut Report) {
    let listener = &mut found.listener;
    if let Some(field) = own.take("anonymous")
        && let Some(anonymous) = field.choice(report)
    {
        let access = match anonymous {
            PortAnonymous::Allowed => AnonymousAccess::Allowed,
            PortAnonymous::Refused => AnonymousAccess::Refused,
        };
        found.anonymous = Some((access, field.place().clone()));
    }
    if let Some(field) = own.take("maxConnections") {
        field.set_some(&mut listener.connections, report);
    }
    if let Some(field) = own.take("tlsHandshakeTimeoutSeconds") {
        field.set(&mut listener.tls_handshake_timeout_seconds, report);
    }
    if let Some(field) = own.take("allowedOrigins") {
        listener.allowed_origins = allowed_origins(&field, listener.protocol, report);
    }
    let mode = own.take("proxyProtocol");
    let sources = own.take("trustedSources");
    listener.proxy_protocol = proxy_protocol(mode.as_ref(), sources.as_ref(), report);
    if let (Endpoint::Unix(_), Some(mode)) = (&listener.endpoint, &mode)
        && listener.proxy_protocol != ProxyProtocol::Off
    {
        let message = "needs a port: a Unix socket tells no source to trust";
        report.error(mode.place(), &mode.path, message);
    }
    own.finish(report);
}

fn allowed_origins(field: &Field<'_>, protocol: Protocol, report: &mut Report) -> AllowedOrigins {
    if protocol != Protocol::WebSockets {
        let message = "needs protocol WebSockets: only browsers tell an origin";
        report.error(field.place(), &field.path, message);
    }
    let parse = |text: &str| {
        let (scheme, host) = text.split_once("://").unwrap_or_default();
        let is_site = !scheme.is_empty() && !host.is_empty() && !host.contains('/');
        (is_site || text == "*").then(|| text.to_owned())
    };
    let expected = "a scheme and a host such as https://plant.example, without a path, or *";
    let mut listed = Vec::new();
    for item in field.items(report) {
        listed.extend(item.parsed(report, expected, parse));
    }
    if listed.iter().any(|one| one == "*") {
        AllowedOrigins::Any
    } else {
        AllowedOrigins::Listed(listed)
    }
}

fn proxy_protocol(
    mode: Option<&Field<'_>>,
    sources: Option<&Field<'_>>,
    report: &mut Report,
) -> ProxyProtocol {
    let mut ranges = Vec::new();
    let expected = "an IP address, or a range such as 10.0.0.0/8";
    for item in sources.map(|field| field.items(report)).unwrap_or_default() {
        ranges.extend(item.parsed(report, expected, AddressRange::parse));
    }
    let Some(field) = mode else {
        if let Some(field) = sources {
            report.error(
                field.place(),
                &field.path,
                "has no effect without proxyProtocol",
            );
        }
        return ProxyProtocol::Off;
    };
    let Some(mode) = field.choice(report) else {
        return ProxyProtocol::Off;
    };
    if mode != ProxyMode::Off && sources.is_none_or(|sources| sources.items(report).is_empty()) {
        let message = "needs trustedSources beside it: whoever may send the header may pretend \
                       to be anybody";
        report.error(field.place(), &field.path, message);
    }
    match mode {
        ProxyMode::Off => ProxyProtocol::Off,
        ProxyMode::Optional => ProxyProtocol::Optional(ranges),
        ProxyMode::Required => ProxyProtocol::Required(ranges),
    }
}
