//! The outside of a resource document: which kind it is, of which era, and what it is called.

use crate::choice::{Choice, choice};
use crate::defaults;
use crate::diagnose::{Place, nearest, quoted};
use crate::document::Node;
use crate::fields::{Field, Fields, Report, one_of};
use crate::names::ResourceName;

choice! {
    /// The kinds of documents that are read.
    pub(crate) Kind {
        /// What holds for the process as a whole.
        Broker = "Broker",
        /// Where clients connect.
        BrokerListener = "BrokerListener",
        /// How clients prove who they are.
        BrokerAuthentication = "BrokerAuthentication",
    }
}

/// Whose field names a document uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// `mq.iotoperations.azure.com` and, before it, `az-edge.com`.
    Seed,
    /// `mqttbroker.iotoperations.azure.com`.
    Current,
}

/// Today's version.
pub(crate) const API_VERSION: &str = "mqttbroker.iotoperations.azure.com/v1";

const API_VERSIONS: [(&str, Era); 6] = [
    (API_VERSION, Era::Current),
    ("mqttbroker.iotoperations.azure.com/v1beta1", Era::Current),
    ("mq.iotoperations.azure.com/v1beta1", Era::Seed),
    ("az-edge.com/v1alpha4", Era::Seed),
    ("az-edge.com/v1alpha3", Era::Seed),
    ("az-edge.com/v1alpha2", Era::Seed),
];

/// What of `metadata` a cluster adds by itself.
const CLUSTER_METADATA: [&str; 12] = [
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "uid",
];

/// A document whose outside is right.
pub(crate) struct Document<'a> {
    pub(crate) kind: Kind,
    pub(crate) era: Era,
    pub(crate) name: ResourceName,
    /// Whether it says its name; if not, `name` is the default.
    pub(crate) is_named: bool,
    /// Where the name stands, or else the document.
    pub(crate) place: Place,
    /// What is in it; `None` if there is no `spec`.
    pub(crate) spec: Option<Fields<'a>>,
}

/// Opens a document. `None` if its kind or its version is not known.
pub(crate) fn open<'a>(node: &'a Node, report: &mut Report) -> Option<Document<'a>> {
    let mut fields = Field::root(node, "").fields(report)?;
    let era = era(&mut fields, report);
    let kind = kind(&mut fields, report);
    let spec = fields.take("spec");
    // Of a document of an unknown kind nothing more can be said.
    let (era, kind) = (era?, kind?);
    let name = name(&mut fields, kind, report);
    fields.skip(&["status"]);
    let place = fields.place.clone();
    fields.finish(report);
    let is_named = name.is_some();
    let (name, place) = name.unwrap_or_else(|| {
        let name = if era == Era::Seed {
            defaults::SEED_NAME
        } else {
            defaults::NAME
        };
        (ResourceName::constant(name), place)
    });
    let setting = match kind {
        Kind::Broker => "Broker.spec".to_owned(),
        Kind::BrokerListener | Kind::BrokerAuthentication => format!("{kind}/{name}.spec"),
    };
    let spec = spec.and_then(|spec| spec.named(setting).fields(report));
    Some(Document {
        kind,
        era,
        name,
        is_named,
        place,
        spec,
    })
}

fn era(fields: &mut Fields<'_>, report: &mut Report) -> Option<Era> {
    let field = fields.required("apiVersion", report)?;
    let text = field.node.value.text().unwrap_or_default();
    let mut versions = API_VERSIONS.iter();
    if let Some((_, era)) = versions.find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(*era);
    }
    field.refuse(
        report,
        one_of(API_VERSIONS.iter().map(|(name, _)| *name)).unwrap_or_default(),
    );
    None
}

fn kind(fields: &mut Fields<'_>, report: &mut Report) -> Option<Kind> {
    let field = fields.required("kind", report)?;
    let text = field.node.value.text().unwrap_or_default();
    let mut kinds = Kind::NAMES.iter();
    if let Some((_, kind)) = kinds.find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(*kind);
    }
    let later = [
        "BrokerAuthorization",
        "DiagnosticService",
        "BrokerDiagnostic",
    ];
    if let Some(known) = later.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        let message = match *known {
            "BrokerAuthorization" => {
                "BrokerAuthorization is not supported by this version, and to leave it out would \
                 allow what it is to forbid"
            }
            _ => "this kind is part of spec.diagnostics of the Broker since 2024; remove it",
        };
        report.error(field.place(), &field.path, message);
        return None;
    }
    let names = || Kind::NAMES.iter().map(|(name, _)| *name);
    let found = if text.is_empty() {
        "no text".to_owned()
    } else {
        quoted(text)
    };
    let mut diagnostic = crate::diagnose::Diagnostic::value(
        field.place(),
        &field.path,
        found,
        one_of(names()).unwrap_or_default(),
    );
    diagnostic.nearest = nearest(text, names()).map(str::to_owned);
    report.push(diagnostic);
    None
}

/// The resource's name, `None` if it has none or a wrong one (which is then reported).
///
/// A Broker may go without a name: there is only one of it.
fn name(fields: &mut Fields<'_>, kind: Kind, report: &mut Report) -> Option<(ResourceName, Place)> {
    let metadata = match kind {
        Kind::Broker => fields.take("metadata"),
        Kind::BrokerListener | Kind::BrokerAuthentication => fields.required("metadata", report),
    };
    let mut metadata = metadata?.fields(report)?;
    let field = match kind {
        Kind::Broker => metadata.take("name"),
        Kind::BrokerListener | Kind::BrokerAuthentication => metadata.required("name", report),
    };
    metadata.skip(&CLUSTER_METADATA);
    metadata.finish(report);
    let field = field?;
    let name = ResourceName::parse(field.node.value.text().unwrap_or_default());
    if name.is_none() {
        field.refuse(report, ResourceName::EXPECTED);
    }
    Some((name?, field.place().clone()))
}
