//! Publishing and subscribing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use catena_tests_dapr::http::Response;
use catena_tests_dapr::{App, Delivery, Mqtt, Scene, Sidecar, Subscription, clock};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde_json::{Value, json};

use crate::setting::{PATIENCE, Setting};

/// Publishes JSON, which becomes the data of a CloudEvent.
pub(crate) fn publish(sidecar: &Sidecar, topic: &str, data: &Value) -> anyhow::Result<()> {
    let target = format!("/v1.0/publish/pubsub/{topic}");
    sidecar.ask_json(("POST", &target), data)?.expect(204)?;
    Ok(())
}

fn datas(deliveries: &[Delivery]) -> Vec<Value> {
    deliveries.iter().map(|one| one.data().clone()).collect()
}

#[test]
fn an_event_keeps_what_it_says() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let app = App::start(&[Subscription::new("pubsub", "orders", "orders")])?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        publish(&sidecar, "orders", &json!({ "number": 7 }))?;
        let target = "/v1.0/publish/pubsub/orders?metadata.cloudevent.id=mine";
        let headers = [("content-type", "text/plain")];
        sidecar
            .ask(("POST", target), &headers, "grün".as_bytes())?
            .expect(204)?;
        let got = app.wait("orders", 2, PATIENCE)?;
        let first = &got[0].event;
        assert_eq!(first["data"], json!({ "number": 7 }));
        assert_eq!(first["topic"], "orders");
        assert_eq!(first["pubsubname"], "pubsub");
        assert_eq!(first["source"], "shop");
        assert_eq!(first["datacontenttype"], "application/json");
        let second = &got[1].event;
        assert_eq!(
            (&second["data"], &second["id"]),
            (&json!("grün"), &json!("mine"))
        );
        Ok(())
    })
}

#[test]
fn raw_bytes_stay_what_they_are() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let raw = Subscription::new("pubsub", "raw", "raw").with("rawPayload", "true");
        let app = App::start(&[raw])?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        device.subscribe("raw")?;

        let target = "/v1.0/publish/pubsub/raw?metadata.rawPayload=true";
        let headers = [("content-type", "application/octet-stream")];
        let bytes = [0, 1, 254, 255];
        sidecar
            .ask(("POST", target), &headers, &bytes)?
            .expect(204)?;
        let got = app.wait("raw", 1, PATIENCE)?;
        assert_eq!(got[0].event["data_base64"], "AAH+/w==");
        assert_eq!(device.message()?.payload.as_ref(), bytes);

        device.publish("raw", [9, 9], PublishProperties::default())?;
        let got = app.wait("raw", 2, PATIENCE)?;
        assert_eq!(got[1].event["data_base64"], "CQk=");
        assert_eq!(got[1].event["topic"], "raw");
        Ok(())
    })
}

/// Many at once, each acknowledged and each delivered.
#[test]
fn a_batch_is_delivered_whole() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let app = App::start(&[Subscription::new("pubsub", "orders", "orders")])?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        let entries: Vec<_> = (0..100)
            .map(|number| {
                let id = number.to_string();
                json!({ "entryId": id, "event": number, "contentType": "application/json" })
            })
            .collect();
        let target = "/v1.0/publish/bulk/pubsub/orders";
        sidecar
            .ask_json(("POST", target), &entries.into())?
            .expect(204)?;
        let got = app.wait("orders", 100, PATIENCE)?;
        let wanted: Vec<_> = (0..100).map(|number| json!(number)).collect();
        assert_eq!(datas(&got), wanted);
        Ok(())
    })
}

/// The broker itself ends what has a time to live: it is told of it.
#[test]
fn a_time_to_live_is_the_brokers() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        device.subscribe("orders")?;
        let target = "/v1.0/publish/pubsub/orders?metadata.ttlInSeconds=100&metadata.retain=true";
        sidecar.ask(("POST", target), &[], b"1")?.expect(204)?;
        let got = device.message()?;
        let expiry = got.properties.and_then(|all| all.message_expiry_interval);
        assert!(expiry.is_some_and(|seconds| (1..=100).contains(&seconds)));

        // Retained for a second; who comes later than that gets the next message first.
        let target = "/v1.0/publish/pubsub/orders?metadata.ttlInSeconds=1&metadata.retain=true";
        sidecar.ask(("POST", target), &[], b"2")?.expect(204)?;
        let asked = AtomicU32::new(0);
        clock::until("the end of a retained message", PATIENCE, || {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            let mut late = Mqtt::connect(setting.broker.port, &format!("late-{number}"))?;
            late.subscribe("orders")?;
            device.publish("orders", "next", PublishProperties::default())?;
            let first = late.message()?;
            Ok((first.payload == "next").then_some(()))
        })
    })
}

/// The broker lets line ends in user properties pass; others end the connection for them.
#[test]
fn a_dead_letter_keeps_what_its_properties_say() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let orders = Subscription::new("pubsub", "orders", "orders").with("rawPayload", "true");
        let orders = orders.with("onFailure", "drop");
        let app = App::answering(
            &[orders.with("deadLetterTopic", "graves")],
            Arc::new(|_| Some(Response::empty(500))),
        )?;
        let (_sidecar, _process) = setting.beside("shop", &app)?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        device.subscribe("graves")?;
        let notes = PublishProperties {
            user_properties: vec![("Note".to_owned(), "a\tb\n".to_owned())],
            ..PublishProperties::default()
        };
        device.publish("orders", "x", notes)?;
        let letter = device.message()?;
        assert_eq!(letter.payload.as_ref(), b"x");
        let properties = letter.properties.unwrap_or_default();
        let note = ("Note".to_owned(), "a%09b%0A".to_owned());
        assert_eq!(properties.user_properties[0], note);
        Ok(())
    })
}

#[test]
fn what_is_dropped_goes_to_the_dead_letters() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let orders = Subscription::new("pubsub", "orders", "orders");
        let app = App::answering(
            &[
                orders.with_dead_letters("graves"),
                Subscription::new("pubsub", "graves", "graves"),
            ],
            Arc::new(|delivery: &Delivery| {
                let dead = delivery.route == "orders" && delivery.data()["bad"] == true;
                let status = if dead { "DROP" } else { "SUCCESS" };
                Some(Response::json_of(&json!({ "status": status })))
            }),
        )?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        publish(&sidecar, "orders", &json!({ "bad": true }))?;
        publish(&sidecar, "orders", &json!({ "bad": false }))?;
        let dead = app.wait("graves", 1, PATIENCE)?;
        assert_eq!(dead[0].data(), &json!({ "bad": true }));
        let got = app.wait("orders", 2, PATIENCE)?;
        assert_eq!(got[1].data(), &json!({ "bad": false }));
        Ok(())
    })
}

/// What an application cannot take comes again to it, and to nobody else.
#[test]
fn what_fails_comes_again() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let tries = AtomicU32::new(0);
        let answer = move |delivery: &Delivery| {
            let fails = delivery.data() == 1 && tries.fetch_add(1, Ordering::Relaxed) < 2;
            Some(Response::empty(if fails { 500 } else { 200 }))
        };
        let orders = [Subscription::new("pubsub", "orders", "orders")];
        let app = App::answering(&orders, Arc::new(answer))?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        device.subscribe("#")?;
        publish(&sidecar, "orders", &json!(1))?;
        publish(&sidecar, "orders", &json!(2))?;
        let got = app.wait("orders", 4, PATIENCE)?;
        let mut counts = [0, 0];
        for one in &got {
            counts[usize::from(one.data() == 2)] += 1;
        }
        assert_eq!(counts, [3, 1]);
        // Others see each message once: nothing was published again.
        publish(&sidecar, "end", &json!(3))?;
        let seen: Vec<_> = (0..3)
            .map(|_| device.message())
            .collect::<anyhow::Result<_>>()?;
        assert_eq!(seen[2].topic, "end");
        Ok(())
    })
}

/// Members of a share group divide its messages among them.
#[test]
fn sidecars_share_a_subscription() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let jobs = [Subscription::new("pubsub", "$share/workers/jobs", "jobs")];
        let apps = [App::start(&jobs)?, App::start(&jobs)?];
        let (sidecar, _first) = setting.beside("first", &apps[0])?;
        let (_, _second) = setting.beside("second", &apps[1])?;
        for number in 0..40 {
            publish(&sidecar, "jobs", &json!(number))?;
        }
        let all = || apps.iter().flat_map(|app| app.deliveries("jobs"));
        clock::until("all shared messages", PATIENCE, || {
            Ok((all().count() >= 40).then_some(()))
        })?;
        let numbers: BTreeSet<_> = all().filter_map(|one| one.data().as_u64()).collect();
        assert_eq!((numbers.len(), all().count()), (40, 40));
        for app in &apps {
            assert!(!app.deliveries("jobs").is_empty(), "one gets nothing");
        }
        Ok(())
    })
}

/// Whoever subscribes with a wildcard is told the topic of each message.
#[test]
fn a_wildcard_gives_the_real_topic() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let wild = Subscription::new("pubsub", "plant/+/temperature", "wild");
        let app = App::start(&[wild.with("rawPayload", "true")])?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        let empty = PublishProperties::default;
        device.publish("plant/line 1/temperature", "21", empty())?;
        device.publish("plant/2/pressure", "1", empty())?;
        let target = "/v1.0/publish/pubsub/plant/2/temperature?metadata.rawPayload=true";
        sidecar.ask(("POST", target), &[], b"22")?.expect(204)?;
        let got = app.wait("wild", 2, PATIENCE)?;
        let topics: Vec<_> = got.iter().map(|one| one.event["topic"].clone()).collect();
        assert_eq!(topics, ["plant/line 1/temperature", "plant/2/temperature"]);
        Ok(())
    })
}

/// A message that no sidecar can be given is dropped and counted, and the next one arrives. One
/// that is larger still does not even come from the broker.
#[test]
fn a_message_that_is_too_large_hinders_no_other() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let raw = Subscription::new("pubsub", "raw", "raw").with("rawPayload", "true");
        let app = App::start(&[raw])?;
        let (_, _process) = setting.beside("shop", &app)?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        let empty = PublishProperties::default;
        for mebibytes in [5, 9] {
            device.publish("raw", vec![b'x'; mebibytes * 1024 * 1024], empty())?;
        }
        device.publish("raw", "small", empty())?;
        let got = app.wait("raw", 1, PATIENCE)?;
        assert_eq!(got[0].event["data_base64"], "c21hbGw=");
        assert_eq!(app.deliveries("raw").len(), 1);
        let dropped = "catena_dapr_dropped_large_total";
        assert_eq!(setting.components.counter(dropped)?, 1);
        Ok(())
    })
}
