//! Runs the samples against a broker, and kills them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test cannot have fails it"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use catena_sdk::{Client, Messages, StateStore};
use catena_sdk_testing::Broker;

const HELLO: &str = env!("CARGO_BIN_EXE_hello");
const HIGHLY_AVAILABLE: &str = env!("CARGO_BIN_EXE_highly-available");
const DEVICE_SHADOW: &str = env!("CARGO_BIN_EXE_device-shadow");

const SOON: Duration = Duration::from_secs(60);

/// A running sample. It is killed, as hard as can be, when this is dropped.
struct Sample {
    process: Child,
    lines: Receiver<String>,
}

impl Sample {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            for line in lines {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    fn wait_for(&self, wanted: &str) {
        while self.lines.recv_timeout(SOON).expect(wanted) != wanted {}
    }

    /// What it says until it ends, which has to be well.
    fn rest(mut self) -> Vec<String> {
        let lines = self.lines.iter().collect();
        assert!(self.process.wait().unwrap().success());
        lines
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

async fn next(messages: &mut Messages) -> String {
    let message = soon(messages.next()).await.unwrap();
    String::from_utf8(message.payload().to_vec()).unwrap()
}

#[test]
fn the_first_example_of_the_sdk_runs_as_it_is_printed() {
    let printed = include_str!("../../sdk/src/lib.rs").lines();
    let printed = printed.skip_while(|line| !line.starts_with("//! ```no_run"));
    let printed = printed.skip(1).take_while(|line| *line != "//! ```");
    let printed: Vec<&str> = printed
        .map(|line| line.trim_start_matches("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let sample = include_str!("../hello/main.rs").lines().skip(2);
    assert_eq!(printed, sample.collect::<Vec<_>>());

    let broker = Broker::start().unwrap();
    let said = Sample::start(HELLO, &[&broker.url()]).rest();
    assert_eq!(said, ["plant/line-1/temperature: 21.5"]);
}

#[tokio::test]
async fn instances_that_are_killed_lose_and_double_nothing() {
    const ORDERS: i64 = 300;
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let start = |name: &'static str| {
        let sample = Sample::start(HIGHLY_AVAILABLE, &[name, &url]);
        sample.wait_for(&format!("{name} is ready"));
        (name, sample)
    };
    let mut instances: BTreeMap<_, _> = ["packer-1", "packer-2", "packer-3"].map(start).into();
    let client = Client::connect(&url).await.unwrap();
    let mut totals = client.subscribe("packing/total").await.unwrap();
    for order in 0..ORDERS {
        let topic = format!("orders/{order}");
        let published = client.publish((topic, order.to_string())).await.unwrap();
        assert!(!published.is_unheard());
        // Two of them are killed at work, and come back.
        let killed = match order {
            100 => "packer-1",
            200 => "packer-2",
            _ => continue,
        };
        drop(instances.remove(killed));
        instances.extend([start(killed)]);
    }
    let wanted = ORDERS * (ORDERS - 1) / 2;
    while next(&mut totals).await != wanted.to_string() {}
    let store = StateStore::new(&client).await.unwrap();
    let done = soon(store.scan_prefix("{packing}/done/").collect()).await;
    assert_eq!(done.unwrap().len(), usize::try_from(ORDERS).unwrap());
    assert_eq!(store.increment("{packing}/total", 0).await.unwrap(), wanted);
}

#[tokio::test]
async fn a_device_is_known_and_told_what_to_be_while_it_is_away() {
    let broker = Broker::start().unwrap();
    let url = broker.url();
    let client = Client::connect(&url).await.unwrap();
    let setting = Sample::start(DEVICE_SHADOW, &["set", "lamp-1", "on", &url]);
    setting.wait_for("lamp-1 is to be on");
    let device = Sample::start(DEVICE_SHADOW, &["device", "lamp-1", &url]);
    device.wait_for("lamp-1 is on now");
    assert_eq!(setting.rest(), ["lamp-1 is on"]);

    let mut online = client.subscribe("devices/lamp-1/online").await.unwrap();
    assert_eq!(next(&mut online).await, "yes");
    drop(device);
    assert_eq!(next(&mut online).await, "no");
    let said = Sample::start(DEVICE_SHADOW, &["show", "lamp-1", &url]).rest();
    assert_eq!(said, ["online: no", "desired: on", "reported: on"]);
}
