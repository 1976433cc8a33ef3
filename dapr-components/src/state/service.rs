//! The gRPC services of the state store.

use std::sync::Arc;

use catena_dapr_proto::v1 as proto;
use catena_sdk::Group;
use proto::queriable_state_store_server::{QueriableStateStore, QueriableStateStoreServer};
use proto::state_store_server::{StateStore, StateStoreServer};
use proto::transactional_state_store_server::{
    TransactionalStateStore, TransactionalStateStoreServer,
};
use proto::transactional_store_multi_max_size_server::{
    TransactionalStoreMultiMaxSize, TransactionalStoreMultiMaxSizeServer,
};
use tonic::{Request, Response, Status};

use super::bulk;
use super::failure::{Failure, Kind};
use super::instance::Instance;
use super::request;
use super::room::Room;
use super::transaction::Write;
use crate::instances::{Flavour, Instances};
use crate::server::{REQUEST_BYTES_MAX, Served};

/// The services of one socket.
#[derive(Clone, Debug)]
struct Services {
    instances: Arc<Instances<Instance>>,
    flavour: Flavour,
}

/// Puts the services onto a socket.
pub(crate) fn serve(instances: &Arc<Instances<Instance>>, flavour: Flavour, served: &mut Served) {
    let services = Services {
        instances: Arc::clone(instances),
        flavour,
    };
    let services = Arc::new(services);
    let store = StateStoreServer::from_arc(Arc::clone(&services));
    served.add(store.max_decoding_message_size(REQUEST_BYTES_MAX));
    let transactions = TransactionalStateStoreServer::from_arc(Arc::clone(&services));
    served.add(transactions.max_decoding_message_size(REQUEST_BYTES_MAX));
    let limits = TransactionalStoreMultiMaxSizeServer::from_arc(Arc::clone(&services));
    served.add(limits);
    served.add(QueriableStateStoreServer::from_arc(services));
}

impl Services {
    /// Does a call, and counts it, and whether it has failed. One that is under way keeps a
    /// process that ends from doing so.
    async fn counted<T>(
        &self,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<Response<T>, Status> {
        let metrics = &self.instances.context().metrics;
        metrics.state_calls.add();
        let done = call.await;
        if done.is_err() {
            metrics.state_errors.add();
        }
        done.map(Response::new)
    }
}

#[tonic::async_trait]
impl StateStore for Services {
    async fn init(
        &self,
        request: Request<proto::InitRequest>,
    ) -> Result<Response<proto::InitResponse>, Status> {
        let metadata = request.get_ref().metadata.clone().unwrap_or_default();
        let made = self
            .instances
            .init(&request, self.flavour, metadata.properties);
        made.await?;
        Ok(Response::new(proto::InitResponse {}))
    }

    async fn features(
        &self,
        request: Request<proto::FeaturesRequest>,
    ) -> Result<Response<proto::FeaturesResponse>, Status> {
        let instance = self.instances.find(&request).await?;
        let features = instance.features().map(str::to_owned).collect();
        Ok(Response::new(proto::FeaturesResponse { features }))
    }

    async fn delete(
        &self,
        request: Request<proto::DeleteRequest>,
    ) -> Result<Response<proto::DeleteResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let write = request::delete(request.into_inner(), instance.partition_by());
            written(&instance, write).await?;
            Ok(proto::DeleteResponse {})
        };
        self.counted(call).await
    }

    async fn get(
        &self,
        request: Request<proto::GetRequest>,
    ) -> Result<Response<proto::GetResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let proto::GetRequest { key, metadata, .. } = request.into_inner();
            let name = request::name(&key, &metadata, instance.partition_by());
            let name = name.map_err(Failure::into_status)?;
            let found = instance.operations(instance.deadline()).get(&name).await;
            let found = found.map_err(Failure::into_status)?;
            Ok(request::response_of(found))
        };
        self.counted(call).await
    }

    async fn set(
        &self,
        request: Request<proto::SetRequest>,
    ) -> Result<Response<proto::SetResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let write = request::set(request.into_inner(), instance.partition_by());
            written(&instance, write).await?;
            Ok(proto::SetResponse {})
        };
        self.counted(call).await
    }

    async fn ping(
        &self,
        request: Request<proto::PingRequest>,
    ) -> Result<Response<proto::PingResponse>, Status> {
        let instance = self.instances.find(&request).await?;
        match instance.why_down() {
            Some(failure) => Err(failure.into_status()),
            None => Ok(Response::new(proto::PingResponse {})),
        }
    }

    async fn bulk_delete(
        &self,
        request: Request<proto::BulkDeleteRequest>,
    ) -> Result<Response<proto::BulkDeleteResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let proto::BulkDeleteRequest { items, options } = request.into_inner();
            let parallelism = options.map_or(0, |options| options.parallelism);
            let by = instance.partition_by();
            let items = items
                .into_iter()
                .map(|item| (item.key.clone(), request::delete(item, by)));
            all_written(instance, items.collect(), parallelism).await?;
            Ok(proto::BulkDeleteResponse {})
        };
        self.counted(call).await
    }

    async fn bulk_get(
        &self,
        request: Request<proto::BulkGetRequest>,
    ) -> Result<Response<proto::BulkGetResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let proto::BulkGetRequest { items, options } = request.into_inner();
            let parallelism = options.map_or(0, |options| options.parallelism);
            let items = all_read(instance, items, parallelism).await?;
            Ok(proto::BulkGetResponse { items })
        };
        self.counted(call).await
    }

    async fn bulk_set(
        &self,
        request: Request<proto::BulkSetRequest>,
    ) -> Result<Response<proto::BulkSetResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let proto::BulkSetRequest { items, options } = request.into_inner();
            let parallelism = options.map_or(0, |options| options.parallelism);
            let by = instance.partition_by();
            let items = items
                .into_iter()
                .map(|item| (item.key.clone(), request::set(item, by)));
            all_written(instance, items.collect(), parallelism).await?;
            Ok(proto::BulkSetResponse {})
        };
        self.counted(call).await
    }
}

#[tonic::async_trait]
impl TransactionalStateStore for Services {
    async fn transact(
        &self,
        request: Request<proto::TransactionalStateRequest>,
    ) -> Result<Response<proto::TransactionalStateResponse>, Status> {
        let call = async {
            let instance = self.instances.find(&request).await?;
            let by = instance.partition_by();
            let writes = request::transaction(request.into_inner(), by);
            let writes = writes.map_err(Failure::into_kit_status)?;
            let operations = instance.operations(instance.deadline());
            let done = operations.transact(writes, by).await;
            done.map_err(Failure::into_kit_status)?;
            Ok(proto::TransactionalStateResponse {})
        };
        self.counted(call).await
    }
}

#[tonic::async_trait]
impl TransactionalStoreMultiMaxSize for Services {
    async fn multi_max_size(
        &self,
        _: Request<proto::MultiMaxSizeRequest>,
    ) -> Result<Response<proto::MultiMaxSizeResponse>, Status> {
        let max_size = i64::try_from(Group::WRITES_MAX).unwrap_or(i64::MAX);
        Ok(Response::new(proto::MultiMaxSizeResponse { max_size }))
    }
}

#[tonic::async_trait]
impl QueriableStateStore for Services {
    /// A sidecar asks whether or not `QUERY_API` is announced, and shows the application our words.
    async fn query(
        &self,
        _: Request<proto::QueryRequest>,
    ) -> Result<Response<proto::QueryResponse>, Status> {
        let text = "the state store keeps values as bytes that it does not look into, \
            so that it cannot be queried; use keys, or keep an index of your own";
        Err(Failure::new(Kind::Unsupported, text).into_kit_status())
    }
}

async fn written(instance: &Instance, write: Result<Write, Failure>) -> Result<(), Status> {
    let write = write.map_err(Failure::into_status)?;
    let done = instance.operations(instance.deadline()).write(write).await;
    done.map_err(Failure::into_status)
}

/// Writes all items, and tells of those that fail in one answer.
async fn all_written(
    instance: Arc<Instance>,
    items: Vec<(String, Result<Write, Failure>)>,
    parallelism: i64,
) -> Result<(), Status> {
    let keys: Vec<String> = items.iter().map(|(key, _)| key.clone()).collect();
    let deadline = instance.deadline();
    let results = bulk::each(
        items,
        |(key, _)| key,
        parallelism,
        move |(_, write)| {
            let instance = Arc::clone(&instance);
            async move { instance.operations(deadline).write(write?).await }
        },
    );
    let results = keys.into_iter().zip(results.await);
    let failed = results.filter_map(|(key, result)| Some((key, result.err()?)));
    match Failure::of_many(&failed.collect::<Vec<_>>()) {
        Some(failure) => Err(failure.into_status()),
        None => Ok(()),
    }
}

/// Reads all items, and tells of each whether it failed; but of a broker that is away, in one word.
/// What does not fit into one answer has failed.
async fn all_read(
    instance: Arc<Instance>,
    items: Vec<proto::GetRequest>,
    parallelism: i64,
) -> Result<Vec<proto::BulkStateItem>, Status> {
    let keys: Vec<String> = items.iter().map(|item| item.key.clone()).collect();
    let deadline = instance.deadline();
    let room = Arc::new(Room::beside(&items).map_err(Failure::into_status)?);
    let results = bulk::each(
        items,
        |item| &item.key,
        parallelism,
        move |item| {
            let (instance, room) = (Arc::clone(&instance), Arc::clone(&room));
            async move {
                let name = request::name(&item.key, &item.metadata, instance.partition_by())?;
                room.take(instance.operations(deadline).get(&name).await)
            }
        },
    );
    let results = results.await;
    let is_away = |result: &Result<_, Failure>| match result {
        Ok(_) => false,
        Err(failure) => failure.kind == Kind::Unavailable,
    };
    if results.iter().all(is_away)
        && let Some(Err(failure)) = results.first()
    {
        return Err(failure.clone().into_status());
    }
    let each = keys.into_iter().zip(results);
    Ok(each
        .map(|(key, read)| request::bulk_item(key, read))
        .collect())
}
