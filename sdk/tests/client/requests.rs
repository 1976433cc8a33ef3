//! Requests and their responses.

use std::time::Duration;

use catena_sdk::{Client, Error, Outcome, Publish, Reason, Requester};
use catena_sdk_testing::Broker;

use crate::proxy::Proxy;
use crate::{builder, connected, soon};

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

/// [MQTT-4.4.0-1]: what was not acknowledged is sent again.
#[tokio::test]
async fn a_request_comes_again_until_it_is_answered() {
    let broker = Broker::start().unwrap();
    let proxy = Proxy::start(broker.address()).await;
    let responder = builder(&proxy.url()).connect().await.unwrap();
    let mut requests = responder.requests("double").await.unwrap();
    let client = Client::connect(&broker.url()).await.unwrap();
    let requester = Requester::new(&client).await.unwrap();
    let asking = requester.request(("double", "1"), Duration::from_secs(20));
    let answering = async {
        drop(requests.next().await.unwrap());
        let mut events = responder.events();
        proxy.cut();
        assert!(connected(&mut events).await);
        let request = requests.next().await.unwrap();
        assert!(request.message().is_duplicate());
        let payload = request.payload().repeat(2);
        assert!(!request.reply(payload).await.unwrap().is_unheard());
    };
    let (response, ()) = soon(async { tokio::join!(asking, answering) }).await;
    assert_eq!(response.unwrap().payload(), "11");

    // What is no request is left out.
    client.publish(("double", "no request")).await.unwrap();
    let last = Publish::new("double", "3").response_topic("nobody");
    client.publish(last).await.unwrap();
    let request = soon(requests.next()).await.unwrap();
    assert_eq!(request.payload(), "3");
    assert!(request.reply("").await.unwrap().is_unheard());
}

#[tokio::test]
async fn whoever_asks_is_not_told_of_a_request_that_is_ignored() {
    let broker = Broker::start().unwrap();
    let client = Client::connect(&broker.url()).await.unwrap();
    let mut requests = client.requests("a").await.unwrap();
    let requester = Requester::new(&client).await.unwrap();
    let asking = requester.request(("a", "x"), Duration::from_millis(200));
    let ignoring = async { requests.next().await.unwrap().ignore() };
    let (response, ()) = soon(async { tokio::join!(asking, ignoring) }).await;
    assert!(matches!(response, Err(Error::TimedOut { .. })));
}
