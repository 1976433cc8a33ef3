//! A state store as the sidecar's own code has it: what it sends, and how it reads answers.

use std::collections::HashMap;

use catena_dapr_proto::v1::state_options::{StateConcurrency, StateConsistency};
use catena_dapr_proto::v1::transactional_state_operation::Request as One;
use catena_dapr_proto::v1::{
    BulkDeleteRequest, BulkDeleteRequestOptions, BulkGetRequest, BulkGetRequestOptions,
    BulkSetRequest, BulkSetRequestOptions, BulkStateItem, DeleteRequest, Etag, FeaturesRequest,
    GetRequest, GetResponse, InitRequest, MetadataRequest, MultiMaxSizeRequest, PingRequest,
    QueryRequest, SetRequest, StateOptions, TransactionalStateOperation, TransactionalStateRequest,
    queriable_state_store_client::QueriableStateStoreClient, state_store_client::StateStoreClient,
    transactional_state_store_client::TransactionalStateStoreClient,
    transactional_store_multi_max_size_client::TransactionalStoreMultiMaxSizeClient,
};
use prost::Message as _;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::pb;

/// What the metadata `x-component-instance` says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Header {
    Name(&'static str),
    Empty,
    Absent,
}

/// One Component resource of a sidecar.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    channel: Channel,
    header: Header,
}

/// An error as the sidecar understands it.
#[derive(Debug)]
pub(crate) enum Failed {
    EtagMismatch(String),
    EtagInvalid(String),
    Kit {
        code: Code,
        http_code: u16,
        tag: String,
        text: String,
    },
    Other(Status),
}

/// Metadata of a request.
pub(crate) fn metadata<const N: usize>(items: [(&str, &str); N]) -> HashMap<String, String> {
    let items = items.into_iter();
    items.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

pub(crate) fn set(key: &str, value: impl Into<Vec<u8>>) -> SetRequest {
    SetRequest {
        key: key.to_owned(),
        value: value.into().into(),
        options: Some(StateOptions::default()),
        ..SetRequest::default()
    }
}

pub(crate) fn delete(key: &str) -> DeleteRequest {
    DeleteRequest {
        key: key.to_owned(),
        options: Some(StateOptions::default()),
        ..DeleteRequest::default()
    }
}

pub(crate) fn get(key: &str) -> GetRequest {
    GetRequest {
        key: key.to_owned(),
        ..GetRequest::default()
    }
}

pub(crate) fn etag(value: &str) -> Option<Etag> {
    let value = value.to_owned();
    Some(Etag { value })
}

/// First write, strong.
pub(crate) fn first_write() -> Option<StateOptions> {
    Some(StateOptions {
        concurrency: StateConcurrency::ConcurrencyFirstWrite.into(),
        consistency: StateConsistency::ConsistencyStrong.into(),
    })
}

/// An operation of a transaction.
pub(crate) fn one(request: impl Into<Operation>) -> TransactionalStateOperation {
    let Operation(request) = request.into();
    TransactionalStateOperation {
        request: Some(request),
    }
}

pub(crate) struct Operation(One);

impl From<SetRequest> for Operation {
    fn from(request: SetRequest) -> Self {
        Self(One::Set(request))
    }
}

impl From<DeleteRequest> for Operation {
    fn from(request: DeleteRequest) -> Self {
        Self(One::Delete(request))
    }
}

impl Store {
    pub(crate) fn new(channel: Channel, header: Header) -> Self {
        Self { channel, header }
    }

    /// Init and Features, as the sidecar calls them one after the other.
    pub(crate) async fn init(
        &self,
        properties: HashMap<String, String>,
    ) -> Result<Vec<String>, Status> {
        let metadata = Some(MetadataRequest { properties });
        self.client()
            .init(self.request(InitRequest { metadata }))
            .await?;
        self.features().await
    }

    pub(crate) async fn features(&self) -> Result<Vec<String>, Status> {
        let asked = self
            .client()
            .features(self.request(FeaturesRequest {}))
            .await;
        Ok(asked?.into_inner().features)
    }

    pub(crate) async fn ping(&self) -> Result<(), Failed> {
        let asked = self.client().ping(self.request(PingRequest {})).await;
        asked.map(drop).map_err(kit_only)
    }

    pub(crate) async fn get(&self, request: GetRequest) -> Result<GetResponse, Failed> {
        let asked = self.client().get(self.request(request)).await;
        Ok(asked.map_err(kit_only)?.into_inner())
    }

    pub(crate) async fn set(&self, request: SetRequest) -> Result<(), Failed> {
        let asked = self.client().set(self.request(request)).await;
        asked.map(drop).map_err(kit_or_etag)
    }

    pub(crate) async fn delete(&self, request: DeleteRequest) -> Result<(), Failed> {
        let asked = self.client().delete(self.request(request)).await;
        asked.map(drop).map_err(kit_or_etag)
    }

    pub(crate) async fn bulk_get(
        &self,
        items: Vec<GetRequest>,
        parallelism: i64,
    ) -> Result<Vec<BulkStateItem>, Failed> {
        let options = Some(BulkGetRequestOptions { parallelism });
        let request = self.request(BulkGetRequest { items, options });
        let asked = self.client().bulk_get(request).await;
        Ok(asked.map_err(kit_only)?.into_inner().items)
    }

    pub(crate) async fn bulk_set(&self, items: Vec<SetRequest>) -> Result<(), Failed> {
        let options = Some(BulkSetRequestOptions { parallelism: 0 });
        let request = self.request(BulkSetRequest { items, options });
        let asked = self.client().bulk_set(request).await;
        asked.map(drop).map_err(kit_or_etag)
    }

    pub(crate) async fn bulk_delete(&self, items: Vec<DeleteRequest>) -> Result<(), Failed> {
        let options = Some(BulkDeleteRequestOptions { parallelism: 0 });
        let request = self.request(BulkDeleteRequest { items, options });
        let asked = self.client().bulk_delete(request).await;
        asked.map(drop).map_err(kit_or_etag)
    }

    pub(crate) async fn transact(
        &self,
        operations: Vec<TransactionalStateOperation>,
        metadata: HashMap<String, String>,
    ) -> Result<(), Failed> {
        let request = self.request(TransactionalStateRequest {
            operations,
            metadata,
        });
        let mut client = TransactionalStateStoreClient::new(self.channel.clone());
        client.transact(request).await.map(drop).map_err(kit_only)
    }

    pub(crate) async fn multi_max_size(&self) -> Result<i64, Status> {
        let mut client = TransactionalStoreMultiMaxSizeClient::new(self.channel.clone());
        let asked = client.multi_max_size(self.request(MultiMaxSizeRequest {}));
        Ok(asked.await?.into_inner().max_size)
    }

    pub(crate) async fn query(&self) -> Result<(), Failed> {
        let mut client = QueriableStateStoreClient::new(self.channel.clone());
        let asked = client.query(self.request(QueryRequest::default())).await;
        asked.map(drop).map_err(kit_only)
    }

    /// The value of a key; `None` as the sidecar has it, which knows no empty values.
    pub(crate) async fn value(&self, key: &str) -> Option<Vec<u8>> {
        let found = self.get(get(key)).await.unwrap();
        (!found.data.is_empty()).then_some(found.data.to_vec())
    }

    /// The ETag of a key that is there.
    pub(crate) async fn etag(&self, key: &str) -> String {
        let found = self.get(get(key)).await.unwrap();
        let etag = found.etag.unwrap().value;
        assert!(!etag.is_empty());
        etag
    }

    fn client(&self) -> StateStoreClient<Channel> {
        StateStoreClient::new(self.channel.clone())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let name = match self.header {
            Header::Name(name) => name,
            Header::Empty => "",
            Header::Absent => return request,
        };
        let name = name.parse().unwrap();
        request.metadata_mut().insert("x-component-instance", name);
        request
    }
}

/// As for Get, BulkGet, Query and Multi.
fn kit_only(status: Status) -> Failed {
    kit(&status).unwrap_or(Failed::Other(status))
}

/// As for Set, Delete and their bulk forms: the kit form comes first.
fn kit_or_etag(status: Status) -> Failed {
    if let Some(failed) = kit(&status) {
        return failed;
    }
    match (status.code(), violation(&status)) {
        (Code::FailedPrecondition, Some(text)) => Failed::EtagMismatch(text),
        (Code::InvalidArgument, Some(text)) => Failed::EtagInvalid(text),
        _ => Failed::Other(status),
    }
}

/// The one detail of a status; a status whose codes differ has none.
fn detail(status: &Status) -> Option<prost_types::Any> {
    if status.details().is_empty() {
        return None;
    }
    let inner = pb::Status::decode(status.details()).ok()?;
    assert_eq!(inner.code, i32::from(status.code()), "the codes differ");
    let [detail] = <[_; 1]>::try_from(inner.details).ok()?;
    Some(detail)
}

fn violation(status: &Status) -> Option<String> {
    let detail = detail(status)?;
    if detail.type_url != "type.googleapis.com/google.rpc.BadRequest" {
        return None;
    }
    let request = pb::BadRequest::decode(&*detail.value).ok()?;
    let [violation] = <[_; 1]>::try_from(request.field_violations).ok()?;
    (violation.field == "etag").then_some(violation.description)
}

fn kit(status: &Status) -> Option<Failed> {
    let detail = detail(status)?;
    if detail.type_url != "type.googleapis.com/google.rpc.ErrorInfo" {
        return None;
    }
    let info = pb::ErrorInfo::decode(&*detail.value).ok()?;
    if info.metadata.get("kit_error")? != "true" {
        return None;
    }
    Some(Failed::Kit {
        code: status.code(),
        http_code: info.metadata.get("http_code")?.parse().ok()?,
        tag: info.metadata.get("tag")?.clone(),
        text: status.message().to_owned(),
    })
}

impl Failed {
    /// What an application reads.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::EtagMismatch(text) | Self::EtagInvalid(text) | Self::Kit { text, .. } => text,
            Self::Other(status) => status.message(),
        }
    }

    /// The word of a kit error.
    pub(crate) fn tag(&self) -> Option<&str> {
        match self {
            Self::Kit { tag, .. } => Some(tag),
            _ => None,
        }
    }

    /// The HTTP code of a kit error.
    #[track_caller]
    pub(crate) fn http_code(&self) -> u16 {
        match self {
            Self::Kit { http_code, .. } => *http_code,
            other => panic!("no kit error: {other:?}"),
        }
    }

    pub(crate) fn is_mismatch(&self) -> bool {
        matches!(self, Self::EtagMismatch(_))
    }
}
