//! Adds up what was ordered and keeps the sum as state, with the Dapr SDK for Rust.
//!
//! The sum is saved with the `ETag` that was read: of two ledgers at once, one is refused, and its
//! order comes again. The numbers of the orders are kept beside the sum, so that an order that
//! comes again counts once.

use std::collections::BTreeSet;
use std::error::Error;

use dapr::appcallback::{AppCallbackService, Handler, HandlerMethod};
use dapr::appcallback::{TopicEventRequest, TopicEventResponse};
use dapr::client::{StateOptions, TonicClientWithAuth};
use dapr::dapr::proto::common::v1::Etag;
use dapr::dapr::proto::common::v1::state_options::{StateConcurrency, StateConsistency};
use dapr::dapr::proto::runtime::v1::app_callback_server::AppCallbackServer;
use dapr::dapr::proto::runtime::v1::topic_event_response::TopicEventResponseStatus;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tonic::{Response, Status, transport::Server};

type Client = dapr::Client<TonicClientWithAuth>;

#[derive(Deserialize)]
struct Order {
    number: u64,
    price: u64,
}

#[derive(Default, Deserialize, Serialize)]
struct Ledger {
    sum: u64,
    numbers: BTreeSet<u64>,
}

/// Takes orders. The client is made when it is needed: the sidecar waits for this service first.
#[derive(Default)]
struct Orders(OnceCell<Client>);

#[tonic::async_trait]
impl HandlerMethod for Orders {
    async fn handler(
        &self,
        event: TopicEventRequest,
    ) -> Result<Response<TopicEventResponse>, Status> {
        let mut response = TopicEventResponse::default();
        match serde_json::from_slice(&event.data) {
            Ok(order) => {
                let client = self.0.get_or_try_init(Client::new).await.map_err(again)?;
                add(&mut client.clone(), &order).await.map_err(again)?;
            }
            // It will not get better by coming again.
            Err(_) => response.set_status(TopicEventResponseStatus::Drop),
        }
        Ok(Response::new(response))
    }
}

/// An answer for which Dapr hands the order over again.
fn again(error: impl ToString) -> Status {
    Status::unavailable(error.to_string())
}

async fn add(client: &mut Client, order: &Order) -> Result<(), Box<dyn Error + Send + Sync>> {
    let kept = client.get_state("statestore", "ledger", None).await?;
    let mut ledger = match kept.data.is_empty() {
        true => Ledger::default(),
        false => serde_json::from_slice(&kept.data)?,
    };
    if !ledger.numbers.insert(order.number) {
        return Ok(());
    }
    ledger.sum += order.price;
    let value = serde_json::to_vec(&ledger)?;
    let etag = (!kept.etag.is_empty()).then_some(Etag { value: kept.etag });
    let options = StateOptions {
        concurrency: StateConcurrency::ConcurrencyFirstWrite.into(),
        consistency: StateConsistency::ConsistencyStrong.into(),
    };
    client
        .save_state("statestore", "ledger", value, etag, None, Some(options))
        .await?;
    println!(
        "ledger: {} orders, {} in all",
        ledger.numbers.len(),
        ledger.sum
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::var("APP_PORT")?;
    let mut service = AppCallbackService::new();
    service.add_handler(Handler {
        pub_sub_name: "pubsub".to_owned(),
        topic: "orders".to_owned(),
        handler: Box::new(Orders::default()),
    });
    Server::builder()
        .add_service(AppCallbackServer::new(service))
        .serve(format!("127.0.0.1:{port}").parse()?)
        .await?;
    Ok(())
}
