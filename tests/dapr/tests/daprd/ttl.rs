//! Messages whose time to live ends while nobody is there to take them.

use std::time::Duration;

use catena_tests_dapr::clock::Stopwatch;
use catena_tests_dapr::{App, Mqtt, Scene, Subscription, clock};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde_json::json;

use crate::setting::{PATIENCE, Setting};

const TTL_SECONDS: u32 = 1;

/// Waits until what has just been published is over.
fn wait_for_the_end() -> anyhow::Result<()> {
    let published = Stopwatch::start();
    let ttl = Duration::from_secs((TTL_SECONDS + 1).into());
    clock::until("the end of a time to live", PATIENCE, || {
        Ok((published.elapsed() > ttl).then_some(()))
    })
}

/// The application is away, and what comes for it waits in `catena-dapr`; then that is away as
/// well, and it waits at the broker.
#[test]
fn what_has_a_time_to_live_is_not_there_for_who_comes_later() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let orders = Subscription::new("pubsub", "orders", "orders");
        let app = App::start(&[orders.with("rawPayload", "true")])?;
        let shop = setting.sidecar("shop")?.with_app(app.port());
        let mut shop_process = shop.start()?;
        let source = setting.sidecar("source")?;
        let source_process = source.start()?;
        let publish = |ttl: u32, data: u32| {
            let ttl = format!("metadata.rawPayload=true&metadata.ttlInSeconds={ttl}");
            let target = format!("/v1.0/publish/pubsub/orders?{ttl}");
            source
                .ask_json(("POST", &target), &json!(data))?
                .expect(204)
        };
        // What a sidecar has not passed on when it is killed would come once more.
        let taken = |setting: &Setting<'_>, count: u64| {
            clock::until("an acknowledged message", PATIENCE, || {
                let acknowledged = "catena_dapr_acknowledged_total";
                let found = setting.components.counter(acknowledged)?;
                Ok((found >= count).then_some(()))
            })
        };
        publish(100, 1)?;
        taken(&setting, 1)?;

        shop_process.kill()?;
        publish(TTL_SECONDS, 2)?;
        publish(100, 3)?;
        wait_for_the_end()?;
        shop_process = shop.start()?;
        taken(&setting, 2)?;

        shop_process.kill()?;
        drop(source_process);
        if let Some(mut components) = setting.running_components.take() {
            components.kill()?;
        }
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        for (ttl, data) in [(TTL_SECONDS, "4"), (100, "5")] {
            let properties = PublishProperties {
                message_expiry_interval: Some(ttl),
                ..PublishProperties::default()
            };
            device.publish("orders", data, properties)?;
        }
        wait_for_the_end()?;
        setting.restart_components()?;
        let _process = shop.start()?;
        app.wait("orders", 3, PATIENCE)?;
        // Raw payloads are wrapped as base64: 1, 3 and 5.
        let got = app.deliveries("orders");
        let got = got.iter().map(|one| one.event["data_base64"].clone());
        assert_eq!(got.collect::<Vec<_>>(), ["MQ==", "Mw==", "NQ=="]);
        Ok(())
    })
}
