//! What a metric is: its name, kind, help and labels. Must never hold a value.

/// A metric whose samples carry exactly `LABELS` label values.
///
/// The number is part of the type, so that a sample with a label too few does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric<const LABELS: usize> {
    definition: Definition,
}

impl<const LABELS: usize> Metric<LABELS> {
    /// Defines a metric; used by the table only.
    pub(crate) const fn new(
        namespace: Namespace,
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str; LABELS],
        help: &'static str,
    ) -> Self {
        let definition = Definition {
            namespace,
            kind,
            name,
            labels,
            help,
        };
        Self { definition }
    }

    /// The metric without the number of its labels in the type.
    pub const fn definition(&self) -> Definition {
        self.definition
    }
}

/// Name, kind, help and labels of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// Whose naming rules it follows.
    pub namespace: Namespace,
    /// Counter or gauge.
    pub kind: Kind,
    /// Name without the prefix of its namespace.
    pub name: &'static str,
    /// Label names, without those that the namespace adds.
    pub labels: &'static [&'static str],
    /// One sentence with the unit.
    pub help: &'static str,
}

/// Whose naming rules a metric follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Namespace {
    /// Names that existing boards of the Azure IoT Operations broker read: `aio_broker_` (or, on
    /// request, `aio_mq_`) and a label `hostname`.
    Compatible,
    /// Our own names: `catena_`.
    Catena,
    /// Names that every Prometheus client library gives to a process; no prefix.
    Process,
}

/// How a value moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, but for a restart.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Kind {
    /// The word of the text exposition format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}
