//! Our own SDK against the program, over each transport.

use std::time::Duration;

use anyhow::{Context, ensure};
use catena_interop::{Broker, Transport};
use catena_sdk::{Client, Error, Publish, Qos, Requester, StateStore, Subscribe, Tls};

/// Longer than this nothing takes, on any machine.
const SOON: Duration = Duration::from_secs(60);
/// More than one record of TLS and one frame of a WebSocket.
const BYTES: usize = 100_000;

/// Connects over a transport.
async fn connect(broker: &Broker, transport: Transport) -> anyhow::Result<Client> {
    let listener = broker.listener(transport)?;
    let port = listener.port;
    let url = match transport {
        Transport::Tcp => format!("mqtt://localhost:{port}"),
        Transport::Tls => format!("mqtts://localhost:{port}"),
        Transport::WebSocket => format!("ws://localhost:{port}/mqtt"),
        Transport::SecureWebSocket => format!("wss://localhost:{port}/mqtt"),
    };
    let mut builder = Client::builder(&url);
    if transport.is_tls() {
        builder = builder.tls(Tls::authority_file(&listener.authority)?);
    }
    Ok(builder.connect().await?)
}

/// Messages at each quality of service, a request and its response, and the state store.
async fn works(client: &Client) -> anyhow::Result<()> {
    let subscribe = Subscribe::to("a/#").qos(Qos::ExactlyOnce);
    let mut messages = client.subscribe(subscribe).await?;
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let publish = Publish::new("a/b", "x".repeat(BYTES)).qos(qos);
        client.publish(publish).await?;
        let message = messages.next().await.context("the stream has ended")?;
        ensure!((message.qos(), message.payload().len()) == (qos, BYTES));
    }

    let mut requests = client.subscribe("double").await?;
    let requester = Requester::new(client).await?;
    let answering = async {
        let request = requests.next().await.context("the stream has ended")?;
        let payload = request.payload().repeat(2);
        client.publish(request.response(payload)?).await?;
        anyhow::Ok(())
    };
    let asking = requester.request(("double", "ab"), SOON);
    let (response, answered) = tokio::join!(asking, answering);
    answered?;
    ensure!(response?.payload() == "abab");

    let store = StateStore::new(client).await?;
    store.set("key", "x".repeat(BYTES)).await?;
    let entry = store.get("key").await?.context("the key is gone")?;
    ensure!(entry.value.len() == BYTES);
    Ok(())
}

async fn works_over(transport: Transport) -> anyhow::Result<()> {
    let broker = Broker::start()?;
    let work = async {
        let client = connect(&broker, transport).await?;
        works(&client).await?;
        client.close().await;
        anyhow::Ok(())
    };
    tokio::time::timeout(SOON, work).await?
}

#[tokio::test]
async fn the_sdk_works_over_tcp() -> anyhow::Result<()> {
    works_over(Transport::Tcp).await
}

#[tokio::test]
async fn the_sdk_works_over_tls() -> anyhow::Result<()> {
    works_over(Transport::Tls).await
}

#[tokio::test]
async fn the_sdk_works_over_a_websocket() -> anyhow::Result<()> {
    works_over(Transport::WebSocket).await
}

#[tokio::test]
async fn the_sdk_works_over_a_websocket_in_tls() -> anyhow::Result<()> {
    works_over(Transport::SecureWebSocket).await
}

#[tokio::test]
async fn a_certificate_of_nobody_known_is_refused() -> anyhow::Result<()> {
    let broker = Broker::start()?;
    let listener = broker.listener(Transport::SecureWebSocket)?;
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let distrusting = Tls::authority(other.cert.pem().as_bytes())?;
    let url = format!("wss://localhost:{}/mqtt", listener.port);
    let connecting = Client::builder(&url).tls(distrusting).connect();
    let error = tokio::time::timeout(SOON, connecting).await?;
    ensure!(matches!(error, Err(Error::Unreachable { .. })), "{error:?}");
    Ok(())
}
