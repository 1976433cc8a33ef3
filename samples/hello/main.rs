//! Subscribes, publishes, and shows what comes.

use catena_sdk::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), catena_sdk::Error> {
    let url = std::env::args().nth(1);
    let url = url.as_deref().unwrap_or("mqtt://localhost:1883");

    let client = Client::connect(url).await?;
    let mut messages = client.subscribe("plant/+/temperature").await?;

    client.publish(("plant/line-1/temperature", "21.5")).await?;

    if let Some(message) = messages.next().await {
        let payload = String::from_utf8_lossy(message.payload());
        println!("{}: {payload}", message.topic());
    }
    client.close().await;
    Ok(())
}
