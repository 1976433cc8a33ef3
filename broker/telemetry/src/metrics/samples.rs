//! What the sources told during one scrape. Must never outlive it.

use std::collections::BTreeMap;

use super::definition::{Definition, Metric};

/// The samples of one scrape, in a stable order.
#[derive(Debug, Default)]
pub struct Samples {
    families: BTreeMap<&'static str, Family>,
}

impl Samples {
    /// Adds `value` to the sample of this metric with these label values (in the order of the
    /// definition). Sources that tell the same sample are summed: workers, for example.
    pub fn add<const LABELS: usize>(
        &mut self,
        metric: &Metric<LABELS>,
        labels: [&str; LABELS],
        value: impl Into<Value>,
    ) {
        let definition = metric.definition();
        let family = self.families.entry(definition.name).or_insert(Family {
            definition,
            rows: BTreeMap::new(),
        });
        let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
        let row = family.rows.entry(labels).or_insert(Value::Whole(0));
        *row = row.plus(value.into());
    }

    /// The families, by name.
    pub(super) fn into_families(self) -> impl Iterator<Item = Family> {
        self.families.into_values()
    }
}

/// One metric and its samples by label values.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) definition: Definition,
    pub(super) rows: BTreeMap<Vec<String>, Value>,
}

/// A number as the exposition format knows them. Whole numbers stay exact up to 2^64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Whole(u64),
    /// A measure: seconds, a percentage.
    Real(f64),
}

impl Value {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => Self::Whole(left.wrapping_add(right)),
            (left, right) => Self::Real(left.as_f64() + right.as_f64()),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a count beside a measure is shown, not counted on"
    )]
    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }
}

impl From<u64> for Value {
    fn from(whole: u64) -> Self {
        Self::Whole(whole)
    }
}

impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(real)
    }
}
