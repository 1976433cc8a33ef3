//! From texts to a configuration: reads every document, then checks how they fit together.

use std::collections::BTreeMap;

use core::net::SocketAddr;

use crate::authentication::{self, Authentication, Method, PasswordSource};
use crate::broker::{self, BrokerSettings};
use crate::check;
use crate::defaults;
use crate::diagnose::{Diagnostic, Place, Severity};
use crate::document::{self, Entry, Node, Value};
use crate::envelope::{self, Kind};
use crate::fields::Report;
use crate::listener::{self, Endpoint, Listener, Reference, Unresolved};
use crate::names::{Material, ResourceName};
use crate::overrides::{Overridden, Overrides};

/// A text with the name under which diagnostics speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's name.
    pub name: String,
    /// What is in it: any number of YAML documents.
    pub text: String,
}

/// Everything that the documents, flags and environment say, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Configuration {
    /// What holds for the process as a whole.
    pub broker: BrokerSettings,
    /// Where clients connect; at least one.
    pub listeners: Vec<Listener>,
    /// How clients prove who they are.
    pub authentications: Vec<Authentication>,
    /// What is worth knowing and no error, such as fields without effect.
    pub notes: Vec<Diagnostic>,
    /// Where each setting that is not a default was set.
    pub(crate) origins: BTreeMap<String, Place>,
}

impl Configuration {
    pub(crate) fn new(broker: BrokerSettings, listeners: Vec<Listener>) -> Self {
        Self {
            broker,
            listeners,
            authentications: Vec::new(),
            notes: Vec::new(),
            origins: BTreeMap::new(),
        }
    }

    /// The authentication of this name. Those that listeners name exist.
    pub fn authentication(&self, name: &ResourceName) -> Option<&Authentication> {
        self.authentications
            .iter()
            .find(|authentication| authentication.name == *name)
    }

    /// The secrets and config maps that the program must read, each once.
    pub fn materials(&self) -> Vec<Material> {
        let tls = self
            .listeners
            .iter()
            .filter_map(|listener| listener.tls.as_ref());
        let tls = tls.flat_map(|tls| [tls.certificate_chain(), tls.private_key()]);
        let methods = self.authentications.iter().flat_map(|one| &one.methods);
        let passwords = methods.filter_map(|method| match method {
            Method::UsernamePassword(PasswordSource::Secret(material)) => Some(material.clone()),
            Method::UsernamePassword(PasswordSource::File { .. }) => None,
        });
        let mut materials: Vec<Material> = tls.chain(passwords).collect();
        materials.sort();
        materials.dedup();
        materials
    }
}

/// Reads documents. Without any, the result is [`Configuration::default`].
///
/// # Errors
///
/// Everything that is wrong, in the order of the sources; notes are among it.
pub fn parse(sources: &[Source]) -> Result<Configuration, Vec<Diagnostic>> {
    parse_with(sources, &Overrides::default())
}

/// Reads documents under what flags and the environment say.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with(
    sources: &[Source],
    overrides: &Overrides,
) -> Result<Configuration, Vec<Diagnostic>> {
    let mut report = Report::default();
    let mut nodes = Vec::new();
    for source in sources {
        match document::read(source) {
            Ok(documents) => nodes.extend(documents),
            Err(diagnostic) => report.push(*diagnostic),
        }
    }
    // What a text that cannot be read would say is unknown: no more can be said of the whole.
    let complete = !report.has_errors();
    lay_over(&mut nodes, overrides);
    let mut read = Documents::default();
    for node in &nodes {
        read.add(node, &mut report);
    }
    let configuration = assemble(read, overrides, complete, &mut report);
    let Report {
        mut diagnostics,
        origins,
    } = report;
    diagnostics.sort_by_key(|diagnostic| position(sources, &diagnostic.place));
    if diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
    {
        return Err(diagnostics);
    }
    Ok(Configuration {
        notes: diagnostics,
        origins,
        ..configuration
    })
}

/// Diagnostics are told in the order of the sources, then of the lines.
fn position(sources: &[Source], place: &Place) -> (usize, u64, u64) {
    let source = sources
        .iter()
        .position(|source| *source.name == *place.name);
    (source.unwrap_or(sources.len()), place.line, place.column)
}

/// Puts overrides into the Broker's document, or into one made for them.
fn lay_over(nodes: &mut Vec<Node>, overrides: &Overrides) {
    let Some(first) = overrides.broker.first() else {
        return;
    };
    let is_broker = |node: &&mut Node| {
        let Value::Mapping(entries) = &node.value else {
            return false;
        };
        let kind = entries.iter().find(|entry| entry.name == "kind");
        kind.and_then(|kind| kind.node.value.text())
            .is_some_and(|kind| kind.eq_ignore_ascii_case("Broker"))
    };
    if let Some(node) = nodes.iter_mut().find(is_broker) {
        return overrides.lay_over(node);
    }
    let place = first.source.place();
    let entry = |name: &str, text: &str| Entry {
        name: name.to_owned(),
        place: place.clone(),
        node: Node {
            place: place.clone(),
            value: Value::Text(text.to_owned()),
        },
    };
    let entries = vec![
        entry("apiVersion", envelope::API_VERSION),
        entry("kind", "Broker"),
    ];
    let mut node = Node {
        place: place.clone(),
        value: Value::Mapping(entries),
    };
    overrides.lay_over(&mut node);
    nodes.push(node);
}

/// What the documents say, before it is fitted together.
#[derive(Default)]
pub(crate) struct Documents {
    broker: Option<(BrokerSettings, Place)>,
    /// Each with the name of the Broker that it says it belongs to.
    broker_references: Vec<(String, Place)>,
    listeners: Vec<Unresolved>,
    pub(crate) authentications: Vec<Authentication>,
    /// Where each resource of each name stands.
    names: BTreeMap<(Kind, ResourceName), Place>,
}

impl Documents {
    fn add(&mut self, node: &Node, report: &mut Report) {
        let Some(document) = envelope::open(node, report) else {
            return;
        };
        let (kind, place) = (document.kind, document.place.clone());
        let key = (kind, document.name.clone());
        if document.is_named
            && let Some(earlier) = self.names.get(&key)
        {
            let message = format!("a {kind} of this name stands at {earlier} already");
            return report.error(&place, "metadata.name", message);
        }
        self.names.insert(key, place.clone());
        match kind {
            Kind::Broker => {
                if let Some((_, earlier)) = &self.broker {
                    let message = format!("there is one Broker only, and one at {earlier} already");
                    return report.error(&place, "", message);
                }
                self.broker = Some((broker::read(document, report), place));
            }
            Kind::BrokerListener => {
                let read = listener::read(document, report);
                self.broker_references.extend(read.broker);
                self.listeners.extend(read.listeners);
            }
            Kind::BrokerAuthentication => {
                self.authentications
                    .extend(authentication::read(document, report));
            }
        }
    }

    /// Whether there is a document of this kind and name, usable or not.
    pub(crate) fn has(&self, kind: Kind, name: &ResourceName) -> bool {
        self.names.contains_key(&(kind, name.clone()))
    }

    /// The names of all documents of this kind.
    pub(crate) fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.names
            .keys()
            .filter(move |(of, _)| *of == kind)
            .map(|(_, name)| name.as_str())
    }
}

/// Fits the documents together.
fn assemble(
    mut documents: Documents,
    overrides: &Overrides,
    complete: bool,
    report: &mut Report,
) -> Configuration {
    let broker = documents.broker.take();
    if let Some((broker, place)) = &broker
        && place.is_document()
    {
        for (name, place) in &documents.broker_references {
            if name != broker.name.as_str() {
                check::unknown_broker(name, place, broker, report);
            }
        }
    }
    let broker = broker.map_or_else(defaults::broker, |(broker, _)| broker);
    let mut ports = std::mem::take(&mut documents.listeners);
    match &overrides.listen {
        Some(listen) => ports = listening(listen, report),
        None if ports.is_empty() && documents.names(Kind::BrokerListener).next().is_none() => {
            ports = vec![Unresolved::of(
                defaults::listener(),
                Place::start_of("the defaults"),
            )];
        }
        None => {}
    }
    if let Some(file) = &overrides.password_file {
        documents.authentications.push(password_file(file, report));
    }
    let password_file = overrides
        .password_file
        .as_ref()
        .map(|file| file.source.place());
    if complete {
        for port in &mut ports {
            port.listener.access =
                check::access(port, &documents, password_file.as_ref(), &broker, report);
        }
        check::listener_references(&documents, report);
    }
    check::collisions(&ports, report);
    let listeners = ports.into_iter().map(|port| port.listener).collect();
    Configuration {
        authentications: documents.authentications,
        ..Configuration::new(broker, listeners)
    }
}

/// The listeners that a flag gives.
fn listening(listen: &Overridden<Vec<SocketAddr>>, report: &mut Report) -> Vec<Unresolved> {
    let place = listen.source.place();
    if listen.value.is_empty() {
        report.error(&place, "", "needs at least one address");
    }
    let port = |(index, address): (usize, &SocketAddr)| {
        let setting = format!("BrokerListener/default.spec.ports[{index}]");
        report
            .origins
            .insert(format!("{setting}.port"), place.clone());
        report
            .origins
            .insert(format!("{setting}.catena.bindAddress"), place.clone());
        let listener = Listener {
            endpoint: Endpoint::Address(*address),
            setting,
            place: Some(place.clone()),
            ..defaults::listener()
        };
        Unresolved::of(listener, place.clone())
    };
    listen.value.iter().enumerate().map(port).collect()
}

/// The authentication that a flag gives.
fn password_file(file: &Overridden<String>, report: &mut Report) -> Authentication {
    let place = file.source.place();
    let name = ResourceName::constant(defaults::PASSWORD_FILE_NAME);
    let setting = format!("BrokerAuthentication/{name}.spec");
    let path = "authenticationMethods[0].usernamePasswordSettings.file";
    report
        .origins
        .insert(format!("{setting}.{path}"), place.clone());
    let source = PasswordSource::File {
        path: (&file.value).into(),
        named_in: None,
    };
    Authentication {
        name,
        methods: vec![Method::UsernamePassword(source)],
        place,
        listeners: Vec::new(),
        setting,
    }
}

impl Unresolved {
    /// A listener of which no document says anything.
    fn of(listener: Listener, place: Place) -> Self {
        let authentication = Reference::Unsaid;
        Self {
            listener,
            authentication,
            anonymous: None,
            path: String::new(),
            place,
        }
    }
}
