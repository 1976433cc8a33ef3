//! Planted bugs of the state store: what the port makes of requests and responses.

use std::collections::BTreeMap;

use catena_partition::{Request, RequestNumber, StoreRequest};
use catena_store::{Command, Set, SetCondition, Write};

use super::owned::OwnedDelivery;
use super::{HeldRequest, Instead, Meddler, Mutation, Place};

/// What a planted bug remembers of reads.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// The keys of reads under way, by correlation data.
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What was found there last: the properties of the response, and its payload.
    found: BTreeMap<Vec<u8>, (Vec<u8>, Vec<u8>)>,
}

impl Reads {
    fn note_request(&mut self, request: &StoreRequest<'_>) {
        if let Ok(Command::Get { key }) = request.command {
            self.keys.insert(request.correlation.to_vec(), key.to_vec());
        }
    }

    /// Whether the last read of a key found nothing.
    fn found_nothing(&self, key: &[u8]) -> bool {
        let found = self.found.get(key);
        found.is_some_and(|(_, payload)| payload == b"$-1\r\n")
    }
}

impl Meddler {
    /// As [`Meddler::instead`], for what is asked of the state store.
    pub(super) fn instead_of_store<'a>(
        &mut self,
        mutation: Mutation,
        (place, number): (Place, RequestNumber),
        request: &StoreRequest<'a>,
    ) -> Instead<'a> {
        self.reads.note_request(request);
        let set = match &request.command {
            Ok(Command::Write(Write::Set(set))) => Some(*set),
            _ => None,
        };
        match (mutation, set) {
            (Mutation::ApplyAgain, _) => {
                let mut request = Box::new(request.clone());
                request.again = false;
                Instead::Change(Request::Store(request))
            }
            (Mutation::ConditionInFront, Some(set))
                if set.condition == SetCondition::Absent && self.reads.found_nothing(set.key) =>
            {
                let condition = SetCondition::Always;
                changed(request, Set { condition, ..set })
            }
            (Mutation::AnswerBeforeApply, Some(set))
                if set.condition == SetCondition::Always && self.rng.one_in(4) =>
            {
                let held = HeldRequest::store(number, request);
                self.held.entry(place).or_default().push(held);
                let key = b"elsewhere";
                changed(request, Set { key, ..set })
            }
            (Mutation::KeepForever, Some(set)) => {
                let lifetime = None;
                changed(request, Set { lifetime, ..set })
            }
            _ => Instead::Pass,
        }
    }

    /// Sees a response, and may replace it by that of an earlier read.
    pub(super) fn meddle_with_response(&mut self, delivery: &mut OwnedDelivery) {
        let Some((properties, payload)) = delivery.response() else {
            return;
        };
        let (correlation, rest) = properties.split_at(CORRELATION_BYTES.min(properties.len()));
        let Some(key) = correlation.get(3..).and_then(|id| self.reads.keys.get(id)) else {
            return;
        };
        if self.mutation == Some(Mutation::StaleRead)
            && self.rng.one_in(4)
            && let Some((old_rest, old_payload)) = self.reads.found.get(key)
        {
            *properties = [correlation, old_rest].concat();
            payload.clone_from(old_payload);
            return;
        }
        let found = (rest.to_vec(), payload.clone());
        self.reads.found.insert(key.clone(), found);
    }
}

/// The correlation data of our clients, which comes first, as a property.
const CORRELATION_BYTES: usize = 1 + 2 + 16;

fn changed<'a>(request: &StoreRequest<'a>, set: Set<'a>) -> Instead<'a> {
    let mut request = Box::new(request.clone());
    request.command = Ok(Command::Write(Write::Set(set)));
    Instead::Change(Request::Store(request))
}
