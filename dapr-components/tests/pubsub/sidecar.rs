//! A sidecar as components see it: what daprd does to a socket, and no more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catena_dapr::discovery;
use catena_dapr::options::{Options, Run};
use catena_dapr::program;
use catena_dapr_proto::v1 as wire;
use catena_dapr_proto::v1::pub_sub_client::PubSubClient;
use clap::Parser as _;
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// Waits for something that has to come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what)
        .await
        .expect("it comes in time")
}

/// The component, in this process.
pub(crate) struct Component {
    folder: TempDir,
    arguments: Vec<String>,
    stop: Option<watch::Sender<u32>>,
    task: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Component {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let mut component = Self {
            folder: tempfile::tempdir().unwrap(),
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            stop: None,
            task: None,
        };
        component.restart().await;
        component
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("catena.sock")
    }

    /// Starts it once more, in the same folder.
    pub(crate) async fn restart(&mut self) {
        let arguments = self.arguments.iter().map(String::as_str);
        let run = run(arguments);
        let folder = self.folder.path().to_owned();
        let (stop, stopped) = watch::channel(0);
        let task = tokio::spawn(async move { program::serve(&run, &folder, stopped).await });
        (self.stop, self.task) = (Some(stop), Some(task));
        let socket = self.socket();
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        soon(async {
            while !socket.exists() {
                ticks.tick().await;
            }
        })
        .await;
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        if let Some(stop) = &self.stop {
            stop.send_replace(1);
        }
        let task = self.task.take().unwrap();
        soon(task).await.unwrap().unwrap();
    }

    /// Ends it as SIGKILL does, as far as that goes inside a process.
    pub(crate) async fn kill(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        assert!(soon(task).await.unwrap_err().is_cancelled());
        self.stop = None;
    }

    /// A sidecar with a resource of this name.
    pub(crate) async fn sidecar(&self, name: &str) -> Sidecar {
        Sidecar::connect(&self.socket(), Some(name)).await
    }
}

fn run<'a>(arguments: impl Iterator<Item = &'a str>) -> Run {
    let arguments = ["catena-dapr", "--drain", "5"].into_iter().chain(arguments);
    Options::try_parse_from(arguments).unwrap().run
}

/// One connection of a sidecar: for one resource.
#[derive(Clone)]
pub(crate) struct Sidecar {
    channel: Channel,
    name: Option<String>,
}

impl Sidecar {
    pub(crate) async fn connect(socket: &Path, name: Option<&str>) -> Self {
        let channel = soon(discovery::dial(socket)).await.unwrap();
        Self {
            channel,
            name: name.map(str::to_owned),
        }
    }

    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(name) = &self.name {
            let name = name.parse().unwrap();
            request.metadata_mut().insert("x-component-instance", name);
        }
        request
    }

    /// Of all it receives, gRPC's default of 4 MiB is the most.
    pub(crate) fn client(&self) -> PubSubClient<Channel> {
        PubSubClient::new(self.channel.clone())
    }

    /// Init, and then Features, as a sidecar does.
    pub(crate) async fn init(&self, pairs: &[(&str, &str)]) -> Result<Vec<String>, Status> {
        let metadata = wire::MetadataRequest {
            properties: map(pairs),
        };
        let request = self.request(wire::PubSubInitRequest {
            metadata: Some(metadata),
        });
        soon(self.client().init(request)).await?;
        let request = self.request(wire::FeaturesRequest {});
        let features = soon(self.client().features(request)).await?;
        Ok(features.into_inner().features)
    }

    pub(crate) async fn publish(&self, topic: &str, data: &str) -> Result<(), Status> {
        self.publish_with(topic, data, &[]).await
    }

    pub(crate) async fn publish_with(
        &self,
        topic: &str,
        data: &str,
        pairs: &[(&str, &str)],
    ) -> Result<(), Status> {
        let request = self.request(wire::PublishRequest {
            data: data.to_owned().into(),
            topic: topic.to_owned(),
            metadata: map(pairs),
            ..wire::PublishRequest::default()
        });
        soon(self.client().publish(request)).await.map(|_| ())
    }

    pub(crate) async fn bulk_publish(
        &self,
        topic: &str,
        entries: Vec<wire::BulkMessageEntry>,
    ) -> Result<Vec<wire::BulkPublishResponseFailedEntry>, Status> {
        let request = self.request(wire::BulkPublishRequest {
            entries,
            topic: topic.to_owned(),
            ..wire::BulkPublishRequest::default()
        });
        let response = soon(self.client().bulk_publish(request)).await?;
        Ok(response.into_inner().failed_entries)
    }

    pub(crate) async fn ping(&self) -> Result<(), Status> {
        let request = self.request(wire::PingRequest {});
        soon(self.client().ping(request)).await.map(|_| ())
    }

    pub(crate) async fn pause(&self) {
        let request = self.request(wire::PauseRequest {});
        soon(self.client().pause(request)).await.unwrap();
    }

    pub(crate) async fn resume(&self) {
        let request = self.request(wire::ResumeRequest {});
        soon(self.client().resume(request)).await.unwrap();
    }

    pub(crate) async fn pull(&self, topic: &str) -> Pull {
        self.pull_with(topic, &[]).await
    }

    /// Opens a stream. That it is subscribed at the broker takes a moment more.
    pub(crate) async fn pull_with(&self, topic: &str, pairs: &[(&str, &str)]) -> Pull {
        let (answers, receiver) = mpsc::channel(64);
        let topic = wire::Topic {
            name: topic.to_owned(),
            metadata: map(pairs),
        };
        let first = wire::PullMessagesRequest {
            topic: Some(topic),
            ..wire::PullMessagesRequest::default()
        };
        answers.send(first).await.unwrap();
        let request = self.request(ReceiverStream::new(receiver));
        let messages = soon(self.client().pull_messages(request)).await.unwrap();
        Pull {
            answers,
            messages: messages.into_inner(),
        }
    }
}

/// A stream of messages. Dropping it cancels it.
pub(crate) struct Pull {
    answers: mpsc::Sender<wire::PullMessagesRequest>,
    messages: Streaming<wire::PullMessagesResponse>,
}

impl Pull {
    /// The next message.
    pub(crate) async fn next(&mut self) -> wire::PullMessagesResponse {
        soon(self.messages.message())
            .await
            .unwrap()
            .expect("the stream goes on")
    }

    /// The payload of the next message, which is taken.
    pub(crate) async fn take(&mut self) -> String {
        let message = self.next().await;
        self.acknowledge(&message).await;
        text(&message)
    }

    pub(crate) async fn acknowledge(&self, message: &wire::PullMessagesResponse) {
        self.answer(&message.id, None).await;
    }

    pub(crate) async fn fail(&self, message: &wire::PullMessagesResponse) {
        let message_text = "the application says no".to_owned();
        let error = wire::AckMessageError {
            message: message_text,
        };
        self.answer(&message.id, Some(error)).await;
    }

    pub(crate) async fn answer(&self, id: &str, error: Option<wire::AckMessageError>) {
        let answer = wire::PullMessagesRequest {
            topic: None,
            ack_message_id: id.to_owned(),
            ack_error: error,
        };
        self.answers.send(answer).await.unwrap();
    }

    /// Says that no more answers come, and returns how the stream ends.
    pub(crate) async fn half_close(self) -> Result<(), Status> {
        let Self {
            answers,
            mut messages,
        } = self;
        drop(answers);
        soon(async {
            while messages.message().await?.is_some() {}
            Ok(())
        })
        .await
    }

    /// How the stream ends.
    pub(crate) async fn end(&mut self) -> Status {
        soon(async {
            loop {
                match self.messages.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Status::ok("ended"),
                    Err(status) => return status,
                }
            }
        })
        .await
    }
}

pub(crate) fn text(message: &wire::PullMessagesResponse) -> String {
    String::from_utf8(message.data.to_vec()).unwrap()
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
