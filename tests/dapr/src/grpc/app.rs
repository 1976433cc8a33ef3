//! An application that a sidecar calls by gRPC: it subscribes, keeps what it gets, and answers as
//! it is told.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::wire::app_callback_server::{AppCallback, AppCallbackServer};
use super::wire::topic_event_response::TopicEventResponseStatus;
use super::wire::{
    Empty, ListInputBindingsResponse, ListTopicSubscriptionsResponse, TopicEventRequest,
    TopicEventResponse, TopicSubscription,
};
use crate::clock;

/// What the application answers to an event.
type Answer = dyn Fn(&TopicEventRequest) -> TopicEventResponseStatus + Send + Sync;

/// A running application, which ends with this value.
#[derive(Debug)]
pub struct GrpcApp {
    port: u16,
    shared: Arc<Shared>,
    _end: oneshot::Sender<()>,
}

struct Shared {
    subscriptions: Vec<TopicSubscription>,
    answer: Box<Answer>,
    events: Mutex<Vec<TopicEventRequest>>,
}

impl GrpcApp {
    /// Starts an application that answers with a function.
    ///
    /// # Errors
    ///
    /// Whatever hinders it.
    pub fn answering(
        subscriptions: Vec<TopicSubscription>,
        answer: impl Fn(&TopicEventRequest) -> TopicEventResponseStatus + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot serve")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            subscriptions,
            answer: Box::new(answer),
            events: Mutex::default(),
        });
        let served = AppCallbackServer::from_arc(Arc::clone(&shared));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener);
                let Ok(incoming) = listener.map(TcpListenerStream::new) else {
                    return;
                };
                let server = Server::builder().add_service(served);
                tokio::select! {
                    // Whoever waits for events sees that none come.
                    _ = server.serve_with_incoming(incoming) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self {
            port,
            shared,
            _end: end,
        })
    }

    /// Where it serves.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until `count` events have come, and gives all there are.
    ///
    /// # Errors
    ///
    /// That there are fewer in time.
    pub fn wait(&self, count: usize, patience: Duration) -> anyhow::Result<Vec<TopicEventRequest>> {
        clock::until(&format!("{count} events"), patience, || {
            let events = self.shared.events();
            Ok((events.len() >= count).then(|| events.clone()))
        })
    }
}

impl Shared {
    fn events(&self) -> MutexGuard<'_, Vec<TopicEventRequest>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl AppCallback for Shared {
    async fn list_topic_subscriptions(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<ListTopicSubscriptionsResponse>, Status> {
        let subscriptions = self.subscriptions.clone();
        Ok(Response::new(ListTopicSubscriptionsResponse {
            subscriptions,
        }))
    }

    async fn on_topic_event(
        &self,
        request: Request<TopicEventRequest>,
    ) -> Result<Response<TopicEventResponse>, Status> {
        let event = request.into_inner();
        let status = (self.answer)(&event).into();
        self.events().push(event);
        Ok(Response::new(TopicEventResponse { status }))
    }

    async fn list_input_bindings(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<ListInputBindingsResponse>, Status> {
        Ok(Response::new(ListInputBindingsResponse::default()))
    }
}
