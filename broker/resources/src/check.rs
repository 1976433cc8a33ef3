//! How documents fit together: references, ports, and who may connect without a password.

use crate::authentication::Authentication;
use crate::broker::{AnonymousAccess, BrokerSettings};
use crate::configuration::Documents;
use crate::defaults;
use crate::diagnose::{Diagnostic, Place, nearest, quoted};
use crate::envelope::Kind;
use crate::fields::Report;
use crate::listener::{Access, Reference, Unresolved};
use crate::names::ResourceName;

/// Reports a `brokerRef` to another Broker than the one that there is.
pub(crate) fn unknown_broker(
    found: &str,
    place: &Place,
    broker: &BrokerSettings,
    report: &mut Report,
) {
    let name = broker.name.as_str();
    let expected = format!("the name of the Broker, {}", quoted(name));
    report.push(Diagnostic::value(
        place,
        "spec.brokerRef",
        quoted(found),
        expected,
    ));
}

/// Who may connect to a port. Whatever is wrong is reported.
pub(crate) fn access(
    port: &Unresolved,
    documents: &Documents,
    password_file: Option<&Place>,
    broker: &BrokerSettings,
    report: &mut Report,
) -> Access {
    let named_by = named_by(port, documents);
    if named_by.len() > 1 {
        let names: Vec<&str> = named_by.iter().map(|one| one.name.as_str()).collect();
        let message = format!(
            "several BrokerAuthentications name it: {}",
            names.join(", ")
        );
        report.error(&port.place, &port.path, message);
    }
    let setting = format!("{}.authenticationRef", port.listener.setting);
    let named_by = named_by.first().map(|one| {
        let names = |(name, _): &&(ResourceName, Place)| *name == port.listener.name;
        if let Some((_, place)) = one.listeners.iter().find(names) {
            report
                .origins
                .entry(setting.clone())
                .or_insert_with(|| place.clone());
        }
        one.name.clone()
    });
    let name = match &port.authentication {
        Reference::To(name, place) => {
            if !documents.has(Kind::BrokerAuthentication, name) {
                unknown_authentication(port, name, place, documents, report);
            }
            Some(name.clone())
        }
        Reference::Needed(place) => {
            if named_by.is_none() {
                let message = format!("no BrokerAuthentication names {}", port.listener.name);
                report.error(place, "spec.authenticationEnabled", message);
                // One error is enough: the port is not open without authentication.
                return Access::Authenticated(port.listener.name.clone());
            }
            named_by
        }
        Reference::Wrong => return Access::Authenticated(port.listener.name.clone()),
        Reference::Unsaid => named_by,
        Reference::Off => None,
    };
    let name = match (name, password_file) {
        (None, Some(place)) => {
            report.origins.insert(setting, place.clone());
            Some(ResourceName::constant(defaults::PASSWORD_FILE_NAME))
        }
        (name, _) => name,
    };
    match name {
        Some(name) => {
            if let Some((AnonymousAccess::Allowed, place)) = &port.anonymous {
                let message = "contradicts the authentication of this port; remove one of them";
                report.error(place, &format!("{}.catena.anonymous", port.path), message);
            }
            Access::Authenticated(name)
        }
        None => {
            anonymous(port, broker, report);
            Access::Anonymous
        }
    }
}

/// The authentications that name the port's listener, as in the seed era.
fn named_by<'a>(port: &Unresolved, documents: &'a Documents) -> Vec<&'a Authentication> {
    let names = |one: &&Authentication| {
        one.listeners
            .iter()
            .any(|(name, _)| *name == port.listener.name)
    };
    documents.authentications.iter().filter(names).collect()
}

fn unknown_authentication(
    port: &Unresolved,
    name: &ResourceName,
    place: &Place,
    documents: &Documents,
    report: &mut Report,
) {
    let path = format!("{}.authenticationRef", port.path);
    let expected = "the name of a BrokerAuthentication document".to_owned();
    let near = nearest(name.as_str(), documents.names(Kind::BrokerAuthentication));
    let diagnostic = Diagnostic::value(place, &path, quoted(name.as_str()), expected);
    report.push(diagnostic.with_nearest(near));
}

/// Reports a port that is open to everybody where it may not be.
fn anonymous(port: &Unresolved, broker: &BrokerSettings, report: &mut Report) {
    let access = match (broker.anonymous, &port.anonymous) {
        // A port takes nothing back of what is refused everywhere.
        (AnonymousAccess::Refused, _) | (_, None) => broker.anonymous,
        (_, Some((access, _))) => *access,
    };
    let endpoint = &port.listener.endpoint;
    let message = match access {
        AnonymousAccess::Allowed => return,
        AnonymousAccess::Loopback if endpoint.is_local() => return,
        AnonymousAccess::Loopback => {
            // Whoever wrote a flag is helped by flags, whoever wrote a document by fields.
            let remedy = if port.place.is_document() {
                "give it an authenticationRef, or catena.bindAddress: localhost, or say \
                 catena.anonymous: Allowed"
            } else {
                "name users with --password-file, listen on 127.0.0.1, or let everybody in with \
                 --anonymous allowed"
            };
            format!(
                "{endpoint} can be reached from other hosts and has no authentication: {remedy}"
            )
        }
        AnonymousAccess::Refused => format!(
            "{endpoint} has no authentication, and anonymous access is refused: give it an \
             authenticationRef"
        ),
    };
    // A listener that nothing says is refused by what refuses it.
    let origin = report.origins.get("Broker.spec.catena.anonymous").cloned();
    let place = match (&port.listener.place, origin) {
        (None, Some(origin)) => origin,
        _ => port.place.clone(),
    };
    report.error(&place, &port.path, message);
}

/// Reports seed-era references to listeners that are not there.
pub(crate) fn listener_references(documents: &Documents, report: &mut Report) {
    for authentication in &documents.authentications {
        for (name, place) in &authentication.listeners {
            if documents.has(Kind::BrokerListener, name) {
                continue;
            }
            let expected = "the name of a BrokerListener document".to_owned();
            let near = nearest(name.as_str(), documents.names(Kind::BrokerListener));
            let found = quoted(name.as_str());
            let diagnostic = Diagnostic::value(place, "spec.listenerRef", found, expected);
            report.push(diagnostic.with_nearest(near));
        }
    }
}

/// Reports ports that cannot both be open.
pub(crate) fn collisions(ports: &[Unresolved], report: &mut Report) {
    for (index, port) in ports.iter().enumerate() {
        let mut earlier = ports.iter().take(index);
        let endpoint = &port.listener.endpoint;
        if let Some(other) = earlier.find(|other| other.listener.endpoint.collides(endpoint)) {
            let message = format!(
                "listens on {endpoint}, where {} listens already",
                other.place
            );
            report.error(&port.place, &port.path, message);
        }
    }
}
