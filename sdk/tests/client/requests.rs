//! Requests and their responses.

use std::time::Duration;

use catena_sdk::{Client, Error, Outcome, Reason, Requester};
use catena_sdk_testing::Broker;

use crate::soon;

#[tokio::test]
async fn each_request_gets_its_own_response() {
    let broker = Broker::start().unwrap();
    let client = Client::connect(&broker.url()).await.unwrap();
    let mut requests = client.subscribe("double").await.unwrap();
    let requester = Requester::new(&client).await.unwrap();
    let answering = async {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(requests.next().await.unwrap());
        }
        // In another order than they came.
        for request in all.into_iter().rev() {
            let payload = request.payload().repeat(2);
            let response = request.response(payload).unwrap();
            client.publish(response).await.unwrap();
        }
    };
    let ask = async |payload: &'static str| {
        let asked = requester.request(("double", payload), Duration::from_secs(10));
        asked.await.unwrap().payload().clone()
    };
    let (one, two, three, ()) =
        soon(async { tokio::join!(ask("1"), ask("2"), ask("3"), answering) }).await;
    assert_eq!(
        (&*one, &*two, &*three),
        (&b"11"[..], &b"22"[..], &b"33"[..])
    );
}

#[tokio::test]
async fn no_response_is_told_apart_from_nobody_there() {
    let broker = Broker::start().unwrap();
    let client = Client::connect(&broker.url()).await.unwrap();
    let requester = Requester::new(&client).await.unwrap();
    let timeout = Duration::from_millis(50);
    let error = requester.request(("a", "x"), Duration::from_secs(10)).await;
    let Err(Error::Refused { reason, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(reason, Reason::NO_MATCHING_SUBSCRIBERS);

    let mut requests = client.subscribe("a").await.unwrap();
    let error = requester.request(("a", "x"), timeout).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { after } if after == timeout));
    assert!(error.is_retryable() && error.outcome() == Outcome::Unknown);
    // It carries for how long somebody waits.
    let request = soon(requests.next()).await.unwrap();
    assert_eq!(request.properties().expiry, Some(Duration::from_secs(1)));
}
