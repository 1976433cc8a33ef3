//! What holds when processes die while messages flow.
//!
//! A broker that is killed forgets what it has acknowledged and not delivered: it keeps everything
//! in memory, and it is a cluster of one. Everything else may die without a loss.

use std::collections::BTreeSet;
use std::process::Command;
use std::thread;

use catena_tests_dapr::{Log, Mark, Process, Scene, Sidecar, clock, free_port};
use serde_json::{Value, json};

use crate::setting::{PATIENCE, Setting};

/// Messages that flow while one of the processes dies.
const COUNT: u32 = 10_000;

/// How many are published at once.
const BATCH: u32 = 100;

/// An application in a process of its own.
struct Receiver {
    port: u16,
    log: Log,
    process: Option<Process>,
}

impl Receiver {
    fn start(scene: &Scene) -> anyhow::Result<Self> {
        let mut receiver = Self {
            port: free_port()?,
            log: scene.log("application"),
            process: None,
        };
        receiver.restart()?;
        Ok(receiver)
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_dapr-test-app"));
        command.arg(self.port.to_string());
        command.args(["receive", "pubsub", "orders"]);
        let process = Process::start(command, &self.log)?;
        process.wait_line(&["ready"], PATIENCE)?;
        self.process = Some(process);
        Ok(())
    }

    /// The numbers that came, in all lives of the application.
    fn numbers(&self) -> BTreeSet<u32> {
        let lines = self.log.since(Mark::default());
        let numbers = lines
            .iter()
            .filter_map(|line| line.strip_prefix("received "));
        numbers.filter_map(|number| number.parse().ok()).collect()
    }

    fn wait(&self, count: usize) -> anyhow::Result<()> {
        clock::until(&format!("{count} messages"), PATIENCE * 3, || {
            Ok((self.numbers().len() >= count).then_some(()))
        })
    }
}

/// Publishes numbers, each until it is acknowledged, and gives how many were tried again.
fn publish(sidecar: &Sidecar, numbers: std::ops::Range<u32>) -> anyhow::Result<u32> {
    let mut again = 0;
    for first in numbers.step_by(usize::try_from(BATCH)?) {
        let entries: Vec<_> = (first..first + BATCH)
            .map(|number| {
                let id = number.to_string();
                json!({ "entryId": id, "event": number, "contentType": "application/json" })
            })
            .collect();
        let entries = Value::Array(entries);
        clock::until("an acknowledged batch", PATIENCE, || {
            let target = "/v1.0/publish/bulk/pubsub/orders";
            let response = sidecar.ask_json(("POST", target), &entries);
            let done = response.is_ok_and(|response| response.status == 204);
            again += u32::from(!done);
            Ok(done.then_some(()))
        })?;
    }
    Ok(again)
}

/// What there is to kill while messages flow.
struct Flow<'a, 'b> {
    setting: &'a mut Setting<'b>,
    receiver: &'a mut Receiver,
    shop: &'a Sidecar,
    process: &'a mut Process,
}

impl Flow<'_, '_> {
    fn restart_sidecar(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        *self.process = self.shop.start()?;
        Ok(())
    }
}

/// Publishes all numbers through one sidecar while `fault` does its work beside another, which has
/// the application; then all must have come.
fn while_messages_flow(
    fault: impl FnOnce(&mut Flow<'_, '_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let mut receiver = Receiver::start(scene)?;
        let shop = setting.sidecar("shop")?.with_app(receiver.port);
        let mut shop_process = shop.start()?;
        let source = setting.sidecar("source")?;
        let _source_process = source.start()?;
        thread::scope(|scope| {
            let publishing = scope.spawn(|| publish(&source, 0..COUNT));
            receiver.wait(1000)?;
            fault(&mut Flow {
                setting: &mut setting,
                receiver: &mut receiver,
                shop: &shop,
                process: &mut shop_process,
            })?;
            let published = publishing.join();
            published.map_err(|_| anyhow::anyhow!("the publisher panics"))??;
            receiver.wait(usize::try_from(COUNT)?)
        })
    })
}

#[test]
fn nothing_is_lost_when_the_application_is_killed() -> anyhow::Result<()> {
    while_messages_flow(|flow| {
        for wanted in [2000, 4000] {
            flow.receiver.restart()?;
            flow.receiver.wait(wanted)?;
        }
        Ok(())
    })
}

#[test]
fn nothing_is_lost_when_the_sidecar_is_killed() -> anyhow::Result<()> {
    while_messages_flow(|flow| {
        for wanted in [2000, 4000] {
            flow.restart_sidecar()?;
            flow.receiver.wait(wanted)?;
        }
        Ok(())
    })
}

/// A sidecar opens no stream again: it is started again, as it is where one pod holds both.
#[test]
fn nothing_is_lost_when_the_components_are_killed() -> anyhow::Result<()> {
    while_messages_flow(|flow| {
        flow.setting.restart_components()?;
        flow.restart_sidecar()?;
        flow.receiver.wait(4000)
    })
}

/// The publisher and the application each have a session, and one of them is back first: what is
/// published must not find nobody there.
#[test]
fn what_is_published_once_the_broker_was_killed_is_not_lost() -> anyhow::Result<()> {
    const KILLS: u32 = 4;
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let receiver = Receiver::start(scene)?;
        let shop = setting.sidecar("shop")?.with_app(receiver.port);
        let _shop_process = shop.start()?;
        let source = setting.sidecar("source")?;
        let _source_process = source.start()?;
        publish(&source, 0..BATCH)?;
        let numbers_of = |kill| kill * COUNT / KILLS..(kill + 1) * COUNT / KILLS;
        for kill in 0..KILLS {
            if let Some(broker) = setting.running_broker.take() {
                broker.kill()?;
            }
            // By then the pauses between attempts to connect differ.
            let target = ("POST", "/v1.0/publish/pubsub/others");
            assert!(source.ask_json(target, &json!(0))?.status >= 500);
            thread::scope(|scope| {
                let publishing = scope.spawn(|| publish(&source, numbers_of(kill)));
                setting.restart_broker()?;
                let published = publishing.join();
                published.map_err(|_| anyhow::anyhow!("the publisher panics"))?
            })?;
            clock::until("all that was published since", PATIENCE * 3, || {
                let numbers = receiver.numbers();
                let have_come = numbers_of(kill).all(|number| numbers.contains(&number));
                Ok(have_come.then_some(()))
            })?;
        }
        Ok(())
    })
}
