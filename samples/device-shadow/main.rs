//! The shadow of a device: retained messages that say what the device should be and what it is,
//! also while it is away.
//!
//! `device-shadow device NAME [URL]` is a device. `device-shadow set NAME VALUE [URL]` says what
//! it should be, and waits until it is; `device-shadow show NAME [URL]` tells what is known of it.

use std::error::Error;
use std::time::Duration;

use catena_sdk::{Client, Messages, Publish};

type Done = Result<(), Box<dyn Error>>;

/// The topics of a device.
struct Shadow {
    desired: String,
    reported: String,
    online: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        ["device", name] => device(name, "mqtt://localhost:1883").await,
        ["device", name, url] => device(name, url).await,
        ["set", name, value] => set(name, value, "mqtt://localhost:1883").await,
        ["set", name, value, url] => set(name, value, url).await,
        ["show", name] => show(name, "mqtt://localhost:1883").await,
        ["show", name, url] => show(name, url).await,
        _ => Err("usage: device-shadow device|set|show NAME [VALUE] [URL]".into()),
    }
}

/// Does as it is told, and reports what it did. Its last will tells when it is gone.
async fn device(name: &str, url: &str) -> Done {
    let shadow = Shadow::of(name);
    let gone = Publish::new(shadow.online.as_str(), "no").retain();
    let client = Client::builder(url)
        .client_id(name)
        .will(gone, Duration::ZERO)
        .connect()
        .await?;
    // A new subscriber gets the retained message: what was desired while the device was away.
    let mut desired = client.subscribe(shadow.desired.as_str()).await?;
    let here = Publish::new(shadow.online.as_str(), "yes").retain();
    client.publish(here).await?;
    println!("{name} is here");
    while let Some(message) = desired.next().await {
        let value = message.payload().clone();
        println!("{name} is {} now", String::from_utf8_lossy(&value));
        let report = Publish::new(shadow.reported.as_str(), value).retain();
        client.publish(report).await?;
    }
    Err("the client has ended".into())
}

/// Says what a device should be, whether it is there or not, and waits until it is.
async fn set(name: &str, value: &str, url: &str) -> Done {
    let shadow = Shadow::of(name);
    let client = Client::connect(url).await?;
    let mut reported = client.subscribe(shadow.reported.as_str()).await?;
    let desire = Publish::new(shadow.desired.as_str(), value.to_owned()).retain();
    client.publish(desire).await?;
    println!("{name} is to be {value}");
    while next(&mut reported).await? != value {}
    println!("{name} is {value}");
    client.close().await;
    Ok(())
}

/// Tells what is known of a device, from retained messages alone.
async fn show(name: &str, url: &str) -> Done {
    let shadow = Shadow::of(name);
    let client = Client::connect(url).await?;
    for (what, topic) in [
        ("online", &shadow.online),
        ("desired", &shadow.desired),
        ("reported", &shadow.reported),
    ] {
        let mut messages = client.subscribe(topic.as_str()).await?;
        let known = tokio::time::timeout(Duration::from_millis(500), next(&mut messages)).await;
        match known {
            Ok(value) => println!("{what}: {}", value?),
            Err(_) => println!("{what}: unknown"),
        }
    }
    client.close().await;
    Ok(())
}

async fn next(messages: &mut Messages) -> Result<String, Box<dyn Error>> {
    let message = messages.next().await.ok_or("the client has ended")?;
    Ok(String::from_utf8_lossy(message.payload()).into_owned())
}

impl Shadow {
    fn of(name: &str) -> Self {
        Self {
            desired: format!("devices/{name}/desired"),
            reported: format!("devices/{name}/reported"),
            online: format!("devices/{name}/online"),
        }
    }
}
