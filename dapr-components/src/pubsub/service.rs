//! The gRPC service over the instances.

use std::sync::Arc;

use catena_dapr_proto::v1 as wire;
use catena_dapr_proto::v1::pub_sub_server::{PubSub, PubSubServer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::instances::{Flavour, Instances};
use crate::server::{REQUEST_BYTES_MAX, Served};

use super::Instance;
use super::opening::Opening;
use super::stream::{End, Sender};

/// What the component can do, in the words that a sidecar knows.
pub const FEATURES: [&str; 4] = [
    "MESSAGE_TTL",
    "SUBSCRIBE_WILDCARDS",
    "BULK_PUBSUB",
    "BULK_SUBSCRIBE_IMMEDIATE",
];

/// More than a stream may have unanswered.
const STREAM_LEN_MAX: usize = 4096 + 1;

#[derive(Clone, Debug)]
struct Service {
    instances: Arc<Instances<Instance>>,
    flavour: Flavour,
}

/// Puts the service onto a socket.
pub fn serve(instances: &Arc<Instances<Instance>>, flavour: Flavour, served: &mut Served) {
    let service = Service {
        instances: Arc::clone(instances),
        flavour,
    };
    served.add(PubSubServer::new(service).max_decoding_message_size(REQUEST_BYTES_MAX));
}

#[tonic::async_trait]
impl PubSub for Service {
    async fn init(
        &self,
        mut request: Request<wire::PubSubInitRequest>,
    ) -> Result<Response<wire::PubSubInitResponse>, Status> {
        let metadata = request.get_mut().metadata.take().unwrap_or_default();
        let properties = metadata.properties;
        self.instances
            .init(&request, self.flavour, properties)
            .await?;
        Ok(Response::new(wire::PubSubInitResponse {}))
    }

    async fn features(
        &self,
        _: Request<wire::FeaturesRequest>,
    ) -> Result<Response<wire::FeaturesResponse>, Status> {
        let features = FEATURES.map(str::to_owned).to_vec();
        Ok(Response::new(wire::FeaturesResponse { features }))
    }

    async fn publish(
        &self,
        request: Request<wire::PublishRequest>,
    ) -> Result<Response<wire::PublishResponse>, Status> {
        let instance = self.instances.find(&request).await?;
        let wire::PublishRequest {
            data,
            topic,
            metadata,
            content_type,
            ..
        } = request.into_inner();
        instance
            .publisher()
            .publish(&topic, data, &content_type, metadata)
            .await?;
        Ok(Response::new(wire::PublishResponse {}))
    }

    async fn bulk_publish(
        &self,
        request: Request<wire::BulkPublishRequest>,
    ) -> Result<Response<wire::BulkPublishResponse>, Status> {
        let instance = self.instances.find(&request).await?;
        let publisher = instance.publisher();
        let failed_entries = publisher.bulk_publish(request.into_inner()).await?;
        Ok(Response::new(wire::BulkPublishResponse { failed_entries }))
    }

    type PullMessagesStream = ReceiverStream<Result<wire::PullMessagesResponse, Status>>;

    async fn pull_messages(
        &self,
        request: Request<Streaming<wire::PullMessagesRequest>>,
    ) -> Result<Response<Self::PullMessagesStream>, Status> {
        let instance = self.instances.find(&request).await?;
        // Not in the task: what the sidecar publishes next may be served before that.
        let opening = instance.publisher().begin_stream();
        let (sender, receiver) = mpsc::channel(STREAM_LEN_MAX);
        let requests = request.into_inner();
        // The stream is there at once: who waits for it before sending a topic gets no further.
        self.instances.context().start(async move {
            if let Err(status) = pull(&instance, requests, (sender.clone(), opening)).await {
                // It may be gone.
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn pause(
        &self,
        request: Request<wire::PauseRequest>,
    ) -> Result<Response<wire::PauseResponse>, Status> {
        self.instances.find(&request).await?.hold_back();
        Ok(Response::new(wire::PauseResponse {}))
    }

    async fn resume(
        &self,
        request: Request<wire::ResumeRequest>,
    ) -> Result<Response<wire::ResumeResponse>, Status> {
        self.instances.find(&request).await?.resume();
        Ok(Response::new(wire::ResumeResponse {}))
    }

    async fn ping(
        &self,
        request: Request<wire::PingRequest>,
    ) -> Result<Response<wire::PingResponse>, Status> {
        self.instances.find(&request).await?.ping()?;
        Ok(Response::new(wire::PingResponse {}))
    }
}

/// Takes the requests of a stream until it is over: half-closed, cancelled, or broken.
async fn pull(
    instance: &Instance,
    mut requests: Streaming<wire::PullMessagesRequest>,
    (sender, opening): (Sender, Opening),
) -> Result<(), Status> {
    let Ok(Some(first)) = requests.message().await else {
        return Ok(());
    };
    let Some(topic) = first.topic else {
        return Err(Status::invalid_argument(
            "the first request of the stream names no topic",
        ));
    };
    let stream = instance
        .open_stream(&topic.name, topic.metadata, (sender.clone(), opening))
        .await?;
    let end = loop {
        let request = tokio::select! {
            // Of a sidecar that is gone, both are told.
            biased;
            request = requests.message() => request,
            () = sender.closed() => break End::Closed,
        };
        let request = match request {
            Ok(Some(request)) => request,
            Ok(None) => break End::Closed,
            Err(status) if status.code() == Code::Cancelled => break End::Closed,
            Err(_) => break End::Cut,
        };
        let error = request.ack_error.map(|error| error.message);
        if !request.ack_message_id.is_empty()
            && !stream.answer(&request.ack_message_id, error).await
        {
            break End::Closed;
        }
    };
    stream.end(end).await;
    Ok(())
}
