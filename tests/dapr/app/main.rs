//! An application in a process of its own, for tests that kill it.
//!
//! `dapr-test-app PORT receive COMPONENT TOPIC` subscribes and writes a line for each message, then
//! takes it. `dapr-test-app PORT count SIDECAR` hosts counters, each an actor.

mod counter;

use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use catena_tests_dapr::Subscription;
use catena_tests_dapr::http::{Handler, Request, Response, Server};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let [port, rest @ ..] = arguments.as_slice() else {
        bail!("no port")
    };
    let handler: Arc<Handler> = match rest {
        ["receive", component, topic] => receive(component, topic),
        ["count", sidecar] => {
            let sidecar = sidecar.parse().context("the port of the sidecar")?;
            Arc::new(move |request| Some(counter::answer(sidecar, request)))
        }
        _ => bail!("neither receive nor count"),
    };
    let _server = Server::start(port.parse().context("the port")?, handler)?;
    println!("ready");
    loop {
        thread::park();
    }
}

fn receive(component: &str, topic: &str) -> Arc<Handler> {
    let wanted = json!([Subscription::new(component, topic, "messages").json()]);
    Arc::new(move |request: &Request| {
        Some(match request.target.as_str() {
            "/dapr/subscribe" => Response::json_of(&wanted),
            "/messages" => {
                println!("received {}", request.json()["data"]);
                Response::empty(200)
            }
            _ => Response::empty(404),
        })
    })
}
