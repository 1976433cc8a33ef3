//! Messages when the broker is away.
//!
//! It keeps everything in memory, and it is a cluster of one: what it had acknowledged and not yet
//! delivered goes with its process. What must hold is that streams and publishing go on when it is
//! back, without a restart of anything else, and that no call hangs meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use catena_tests_dapr::clock::Stopwatch;
use catena_tests_dapr::{App, Scene, Sidecar, Subscription, clock};
use serde_json::json;

use crate::setting::{PATIENCE, Setting};

/// More than the components wait for the broker before they say that it is away.
const ANSWER_MAX: Duration = Duration::from_secs(20);

fn numbers(app: &App) -> BTreeSet<u64> {
    let all = app.deliveries("orders").into_iter();
    all.filter_map(|one| one.data().as_u64()).collect()
}

/// Publishes numbers from `first` on until one of them is delivered, and gives the next number.
fn publish_until_delivered(sidecar: &Sidecar, app: &App, first: u64) -> anyhow::Result<u64> {
    let mut number = first;
    clock::until("a delivered message", PATIENCE, || {
        let asked = Stopwatch::start();
        let target = ("POST", "/v1.0/publish/pubsub/orders");
        let response = sidecar.ask_json(target, &json!(number))?;
        assert!(asked.elapsed() < ANSWER_MAX, "{response:?}");
        number += 1;
        Ok(numbers(app).range(first..).next().copied())
    })?;
    Ok(number)
}

#[test]
fn streams_go_on_when_the_broker_is_back() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let app = App::start(&[Subscription::new("pubsub", "orders", "orders")])?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        let mut next = publish_until_delivered(&sidecar, &app, 0)?;
        for _ in 0..2 {
            setting.restart_broker()?;
            next = publish_until_delivered(&sidecar, &app, next)?;
            let wanted: BTreeSet<_> = (next..next + 200).collect();
            for number in &wanted {
                let target = ("POST", "/v1.0/publish/pubsub/orders");
                sidecar.ask_json(target, &json!(number))?.expect(204)?;
            }
            clock::until("all messages after the outage", PATIENCE, || {
                Ok(wanted.is_subset(&numbers(&app)).then_some(()))
            })?;
            next += 200;
        }
        Ok(())
    })
}
