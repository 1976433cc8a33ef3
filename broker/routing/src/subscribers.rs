//! Who has a subscription with one filter, and with which options: 16 bytes for a single one.

use std::collections::BTreeMap;

use catena_mqtt::Qos;
use catena_types::SessionId;

use crate::SUBSCRIPTION_ID_MAX;
use crate::command::SubscriptionOptions;

/// Options and identifier of a subscription in 32 bits. They sort by identifier first.
///
/// ```text
/// 31              4      3          2       1 0
/// | identifier, or 0 | retain as | no    | QoS |
/// |                  | published | local |     |
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Terms(u32);

impl Terms {
    /// Nothing if the identifier is 0 or above the highest that the protocol has.
    pub(crate) fn new(options: SubscriptionOptions, subscription_id: Option<u32>) -> Option<Self> {
        let valid = subscription_id.is_none_or(|id| (1..=SUBSCRIPTION_ID_MAX).contains(&id));
        let qos = match options.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => 1,
            Qos::ExactlyOnce => 2,
        };
        let no_local = u32::from(options.no_local) << 2;
        let retain_as_published = u32::from(options.retain_as_published) << 3;
        let id = subscription_id.unwrap_or(0) << 4;
        valid.then_some(Self(id | retain_as_published | no_local | qos))
    }

    /// From the bits of [`Terms::bits`]; nothing if they are none.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        (bits & 3 != 3).then_some(Self(bits))
    }

    /// The packed form.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn qos(self) -> Qos {
        match self.0 & 3 {
            0 => Qos::AtMostOnce,
            1 => Qos::AtLeastOnce,
            _ => Qos::ExactlyOnce,
        }
    }

    pub(crate) fn no_local(self) -> bool {
        self.0 >> 2 & 1 == 1
    }

    pub(crate) fn retain_as_published(self) -> bool {
        self.0 >> 3 & 1 == 1
    }

    pub(crate) fn subscription_id(self) -> Option<u32> {
        let id = self.0 >> 4;
        (id != 0).then_some(id)
    }
}

/// Sessions with the terms of their subscription, by ascending session.
#[derive(Debug, Clone, Default)]
pub(crate) enum Subscribers {
    #[default]
    None,
    One(Terms, SessionId),
    /// At least two.
    Many(Box<Crowd>),
}

/// More than one subscriber. Boxed, so that the usual filter with a single one stays small.
#[derive(Debug, Clone)]
pub(crate) struct Crowd(BTreeMap<SessionId, Terms>);

impl Subscribers {
    /// Adds or replaces; returns the terms that were replaced.
    pub(crate) fn insert(&mut self, session: SessionId, terms: Terms) -> Option<Terms> {
        match self {
            Self::None => {
                *self = Self::One(terms, session);
                None
            }
            Self::One(old, only) if *only == session => Some(std::mem::replace(old, terms)),
            Self::One(old, only) => {
                let crowd = BTreeMap::from([(*only, *old), (session, terms)]);
                *self = Self::Many(Box::new(Crowd(crowd)));
                None
            }
            Self::Many(crowd) => crowd.0.insert(session, terms),
        }
    }

    /// Removes; returns the terms there were.
    pub(crate) fn remove(&mut self, session: SessionId) -> Option<Terms> {
        match self {
            Self::None => None,
            Self::One(_, only) if *only != session => None,
            Self::One(terms, _) => {
                let terms = *terms;
                *self = Self::None;
                Some(terms)
            }
            Self::Many(crowd) => {
                let removed = crowd.0.remove(&session);
                let last = (crowd.0.len() == 1).then(|| crowd.0.pop_first()).flatten();
                if let Some((session, terms)) = last {
                    *self = Self::One(terms, session);
                }
                removed
            }
        }
    }

    pub(crate) fn of(&self, session: SessionId) -> Option<Terms> {
        match self {
            Self::None => None,
            Self::One(terms, only) => (*only == session).then_some(*terms),
            Self::Many(crowd) => crowd.0.get(&session).copied(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// By ascending session.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, Terms)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(terms, session) => (Some((*session, *terms)), None),
            Self::Many(crowd) => (None, Some(&crowd.0)),
        };
        let many = many.into_iter().flatten();
        one.into_iter()
            .chain(many.map(|(session, terms)| (*session, *terms)))
    }
}

const _: () = assert!(size_of::<Subscribers>() <= 16);
