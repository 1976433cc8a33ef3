//! The resource documents: `Broker`, `BrokerListener` and `BrokerAuthentication`, parsed and
//! checked.
//!
//! Texts go in, a [`Configuration`] comes out whose fields cannot be wrong, or every
//! [`Diagnostic`] there is to tell. Documents of all published API groups and versions are read;
//! what has changed its name since is taken under both names. What the published fields have no
//! place for stands under `spec.catena` of a Broker and `ports[].catena` of a BrokerListener.
//!
//! This crate never reads a file, the environment or a clock: the program hands in the texts
//! ([`Source`]) and what flags and environment say ([`Overrides`]), and reads the secrets that
//! the documents name ([`Configuration::materials`]).
//!
//! Start reading at `configuration.rs`; the fields are in `broker/`, `listener/` and
//! `authentication.rs`, the defaults in `defaults.rs`.
//!
//! ```
//! use catena_resources::{Source, parse};
//!
//! let text = "\
//! apiVersion: mqttbroker.iotoperations.azure.com/v1
//! kind: Broker
//! metadata: { name: default }
//! spec:
//!   memoryProfile: Low
//!   catena: { limits: { conections: 500 } }
//! ";
//! let mut source = Source { name: "broker.yaml".into(), text: text.into() };
//! let diagnostics = parse(&[source.clone()]).unwrap_err();
//! assert_eq!(
//!     diagnostics[0].render(),
//!     "broker.yaml:6:23: unknown field \"conections\" in spec.catena.limits; \
//!      did you mean \"connections\"?",
//! );
//!
//! source.text = text.replace("conections", "connections");
//! let configuration = parse(&[source]).unwrap();
//! assert_eq!(configuration.broker.limits.connections.to_u64(), 500);
//! assert_eq!(configuration.listeners[0].endpoint.to_string(), "localhost:1883");
//! ```

mod authentication;
mod bounded;
mod broker;
mod certificate;
mod check;
mod choice;
mod configuration;
mod defaults;
mod diagnose;
mod document;
mod envelope;
mod explain;
mod fields;
mod limits;
mod listener;
mod names;
mod overrides;
mod quantity;

pub use authentication::{Authentication, Method, PasswordSource};
pub use bounded::Bounded;
pub use broker::{
    Admin, AnonymousAccess, BrokerSettings, Cardinality, DiskBuffer, Limits, Log, LogFilter,
    LogFormat, MaximumQos, MemoryProfile, Partitions, Persistence, QueueStrategy, SelfCheck,
    SharedSubscriptionStrategy, StateStoreLimits, SubscriberQueue, SystemTopics, Traces, Workers,
};
pub use configuration::{Configuration, Source, parse, parse_with};
pub use diagnose::{Diagnostic, Place, PlaceKind, Severity};
pub use explain::{Origin, Setting};
pub use listener::{
    Access, AddressRange, AllowedOrigins, Endpoint, Listener, Port, Protocol, ProxyProtocol, Tls,
};
pub use names::{Material, MaterialKey, MaterialKind, MaterialName, ResourceName};
pub use overrides::{Overridden, Override, OverrideSource, Overrides};
