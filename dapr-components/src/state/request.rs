//! Requests of a sidecar as changes of entries, and entries as its answers.

use std::collections::HashMap;

use catena_dapr_proto::v1::state_options::StateConcurrency;
use catena_dapr_proto::v1::transactional_state_operation::Request as Operation;
use catena_dapr_proto::v1::{
    BulkStateItem, DeleteRequest, Etag, GetResponse, SetRequest, StateOptions,
    TransactionalStateRequest,
};

use super::etag::{Condition, EtagError};
use super::failure::{Failure, Kind};
use super::keys::{self, PartitionBy};
use super::operations::Found;
use super::transaction::{Change, Write};
use super::{room, ttl};

/// The metadata item that says which keys belong together.
const PARTITION_KEY: &str = "partitionKey";

/// The name of a key that comes with this metadata.
pub(crate) fn name(
    key: &str,
    metadata: &HashMap<String, String>,
    by: PartitionBy,
) -> Result<String, Failure> {
    named(key, metadata.get(PARTITION_KEY).map(String::as_str), by)
}

/// A set.
pub(crate) fn set(request: SetRequest, by: PartitionBy) -> Result<Write, Failure> {
    let partition_key = request.metadata.get(PARTITION_KEY).cloned();
    set_in(request, partition_key.as_deref(), by)
}

/// A delete.
pub(crate) fn delete(request: DeleteRequest, by: PartitionBy) -> Result<Write, Failure> {
    let partition_key = request.metadata.get(PARTITION_KEY).cloned();
    delete_in(request, partition_key.as_deref(), by)
}

/// All of a transaction, in its order. An operation without `partitionKey` has that of the
/// transaction.
pub(crate) fn transaction(
    request: TransactionalStateRequest,
    by: PartitionBy,
) -> Result<Vec<Write>, Failure> {
    let whole = request.metadata.get(PARTITION_KEY);
    let own = |metadata: &HashMap<String, String>| {
        let own = metadata.get(PARTITION_KEY).filter(|own| !own.is_empty());
        own.or(whole).cloned()
    };
    let operations = request.operations.into_iter();
    let writes = operations.map(|operation| match operation.request {
        Some(Operation::Set(request)) => {
            let partition_key = own(&request.metadata);
            set_in(request, partition_key.as_deref(), by)
        }
        Some(Operation::Delete(request)) => {
            let partition_key = own(&request.metadata);
            delete_in(request, partition_key.as_deref(), by)
        }
        None => Err(Failure::new(
            Kind::Invalid,
            "an operation is neither set nor delete",
        )),
    });
    writes.collect()
}

/// The answer to a get: without ETag there is no entry.
pub(crate) fn response_of(found: Option<Found>) -> GetResponse {
    let Some(found) = found else {
        return GetResponse::default();
    };
    GetResponse {
        data: found.value,
        etag: found.etag.map(|value| Etag { value }),
        metadata: about(found.expire_time),
        content_type: String::new(),
    }
}

/// An item of the answer to a bulk get.
pub(crate) fn bulk_item(key: String, read: Result<Option<Found>, Failure>) -> BulkStateItem {
    let mut item = BulkStateItem {
        key,
        ..BulkStateItem::default()
    };
    match read {
        Ok(None) => {}
        Ok(Some(found)) => {
            item.data = found.value;
            item.etag = found.etag.map(|value| Etag { value });
            item.metadata = about(found.expire_time);
        }
        Err(failure) => item.error = failure.text,
    }
    item
}

fn about(expire_time: Option<String>) -> HashMap<String, String> {
    let item = expire_time.map(|time| (ttl::TTL_EXPIRE_TIME.to_owned(), time));
    item.into_iter().collect()
}

fn set_in(
    request: SetRequest,
    partition_key: Option<&str>,
    by: PartitionBy,
) -> Result<Write, Failure> {
    room::check(&request.key, &request.value)?;
    let change = Change::Set {
        value: request.value,
        lifetime: ttl::lifetime(&request.metadata)?,
    };
    let on = (&request.etag, &request.options);
    write(request.key, (partition_key, by), on, change)
}

fn delete_in(
    request: DeleteRequest,
    partition_key: Option<&str>,
    by: PartitionBy,
) -> Result<Write, Failure> {
    let on = (&request.etag, &request.options);
    write(request.key, (partition_key, by), on, Change::Delete)
}

fn write(
    key: String,
    (partition_key, by): (Option<&str>, PartitionBy),
    (etag, options): (&Option<Etag>, &Option<StateOptions>),
    change: Change,
) -> Result<Write, Failure> {
    Ok(Write {
        name: named(&key, partition_key, by)?,
        condition: condition(&key, etag.as_ref(), options.as_ref())?,
        change,
        key,
    })
}

fn named(key: &str, partition_key: Option<&str>, by: PartitionBy) -> Result<String, Failure> {
    if key.is_empty() {
        return Err(Failure::new(Kind::Invalid, "the key is empty"));
    }
    Ok(keys::name(key, partition_key, by).into_owned())
}

fn condition(
    key: &str,
    etag: Option<&Etag>,
    options: Option<&StateOptions>,
) -> Result<Condition, Failure> {
    let etag = etag.map(|etag| &*etag.value);
    let is_first_write =
        options.is_some_and(|it| it.concurrency() == StateConcurrency::ConcurrencyFirstWrite);
    let told = |error: EtagError| Failure::etag(error, key);
    Condition::read(etag, is_first_write).map_err(told)
}
