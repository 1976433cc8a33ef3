//! Requests of the state store in bytes, and responses from bytes.

use catena_hlc::{Millis, Stamp, Version};
use catena_linear::{Answer, Operation, Step};
use catena_mqtt::{Forwarded, Property};
use catena_rpc::{ResponseHeaders, Status, names};
use catena_store::{
    Answer as Told, Command, Delete, DeleteCondition, GroupResult, Increment, Lifetime, Reply, Set,
    SetCondition, Write, encode_group,
};

use crate::model::RequestNumber;

/// The payload of a request.
pub(crate) fn payload(operation: &Operation, lifetime_ms: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    let lifetime = lifetime_ms.and_then(Lifetime::from_millis);
    let writes = operation.steps.iter();
    let writes: Vec<Write<'_>> = writes
        .filter_map(|(key, step)| write(key.as_bytes(), step, lifetime))
        .collect();
    match (writes.as_slice(), operation.steps.first()) {
        (writes, _) if operation.is_group => encode_group(&mut out, writes),
        ([write], _) => write.encode(&mut out),
        (_, Some((key, _))) => {
            let key = key.as_bytes();
            Command::Get { key }.encode(&mut out);
        }
        _ => {}
    }
    out
}

fn write<'a>(key: &'a [u8], step: &'a Step, lifetime: Option<Lifetime>) -> Option<Write<'a>> {
    let set = |value: &'a Vec<u8>, condition| {
        Some(Write::Set(Set {
            key,
            value,
            condition,
            lifetime,
        }))
    };
    let delete = |condition| Some(Write::Delete(Delete { key, condition }));
    match step {
        Step::Get => None,
        Step::Set(value) => set(value, SetCondition::Always),
        Step::SetIfAbsent(value) => set(value, SetCondition::Absent),
        Step::SetIfAbsentOrEqual(value) => set(value, SetCondition::AbsentOrEqual),
        Step::SetIfVersion(known, value) => set(value, SetCondition::Version(version(*known))),
        Step::Delete => delete(DeleteCondition::Always),
        Step::DeleteIfEqual(value) => delete(DeleteCondition::Value(value)),
        Step::DeleteIfVersion(known) => delete(DeleteCondition::Version(version(*known))),
        Step::Add(by) => Some(Write::Increment(Increment { key, by: *by })),
    }
}

/// The correlation data of a request: 16 bytes, as every client of the protocol sends.
fn correlation(number: RequestNumber) -> [u8; 16] {
    (number as u128).to_be_bytes()
}

/// The properties of a request, as they stand in PUBLISH.
pub(crate) fn properties(number: RequestNumber, topic: &str, wall: Millis) -> Vec<u8> {
    let stamp = Stamp {
        wall,
        counter: 0,
        node: "client",
    };
    let stamp = stamp.to_string();
    let all = [
        Property::ResponseTopic(topic),
        Property::CorrelationData(&correlation(number)),
        Property::UserProperty(names::TIMESTAMP, &stamp),
    ];
    let mut out = Vec::new();
    for property in all {
        let encoded = property.encode(&mut out);
        debug_assert!(encoded.is_ok(), "{property:?}");
    }
    out
}

/// A response as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    /// The request that it answers.
    pub(crate) number: RequestNumber,
    version: Option<Version>,
    payload: Vec<u8>,
}

impl Response {
    /// Reads a message on a response topic; `None` if no caller could make anything of it.
    pub(crate) fn read(forwarded: &Forwarded<'_>, payload: &[u8]) -> Option<Self> {
        let mut user = Vec::new();
        let mut number = None;
        for property in forwarded.iter() {
            match property {
                Property::CorrelationData(bytes) => {
                    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
                    number = RequestNumber::try_from(u128::from_be_bytes(bytes)).ok();
                }
                Property::UserProperty(name, value) => user.push((name, value)),
                _ => {}
            }
        }
        let headers = ResponseHeaders::read(user);
        if headers.status() != Some(Status::Ok) {
            return None;
        }
        let stamp = headers.stamp().ok()?;
        let version = match stamp {
            Some(stamp) => Some(Version::of_stamp(&stamp, catena_store::NODE)?),
            None => None,
        };
        Some(Self {
            number: number?,
            version,
            payload: payload.to_vec(),
        })
    }

    /// What it means for the request; `None` if such a request cannot have such a response.
    pub(crate) fn answer(&self, operation: &Operation) -> Option<Answer> {
        if operation.is_group {
            return self.group();
        }
        let (_, step) = operation.steps.first()?;
        let reply = Reply::parse(&self.payload).ok()?;
        match (step, reply) {
            (Step::Get, Reply::Null) => Some(Answer::Value(None)),
            (Step::Get, Reply::Value(value)) => {
                Some(Answer::Value(Some((value.to_vec(), plain(self.version?)))))
            }
            (Step::Add(_), Reply::Number(sum)) => Some(Answer::Sum(sum, plain(self.version?))),
            (Step::Get | Step::Add(_), _) => None,
            (_, reply) => simple(reply, self.version),
        }
    }

    fn group(&self) -> Option<Answer> {
        match GroupResult::parse(&self.payload).ok()? {
            Told::Done(GroupResult::Unmet(index)) => Some(Answer::UnmetAt(index)),
            Told::Done(GroupResult::Applied(results)) => {
                let answers = results
                    .iter()
                    .map(|(reply, version)| simple(reply, version));
                Some(Answer::All(answers.collect::<Option<_>>()?))
            }
            Told::Refused(_) => None,
        }
    }
}

/// What a write that is no sum comes to.
fn simple(reply: Reply<'_>, version: Option<Version>) -> Option<Answer> {
    match reply {
        Reply::Ok => Some(Answer::Set(plain(version?))),
        Reply::Number(1) => Some(Answer::Deleted),
        Reply::Number(0) => Some(Answer::Absent),
        Reply::Number(catena_store::reply::NOT_APPLIED) => Some(Answer::Unmet),
        Reply::Number(_) | Reply::Value(_) | Reply::Null | Reply::Refused(_) => None,
    }
}

fn version((wall, counter): catena_linear::Version) -> Version {
    Version::new(Millis::new(wall), counter)
}

fn plain(version: Version) -> catena_linear::Version {
    (version.wall().number(), version.counter())
}
