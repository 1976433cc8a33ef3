//! Streams of events that an application without a port opens at its sidecar.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use catena_tests_dapr::grpc::EventStream;
use catena_tests_dapr::grpc::wire::topic_event_response::TopicEventResponseStatus as Status;
use catena_tests_dapr::grpc::wire::{SubscribeTopicEventsRequestInitialAlpha1, TopicEventRequest};
use catena_tests_dapr::{Mqtt, Release, Scene, Sidecar, clock};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use serde_json::json;

use crate::pubsub::publish;
use crate::setting::{PATIENCE, Setting, pubsub};

fn wanted(topic: &str) -> SubscribeTopicEventsRequestInitialAlpha1 {
    SubscribeTopicEventsRequestInitialAlpha1 {
        pubsub_name: "pubsub".to_owned(),
        topic: topic.to_owned(),
        ..SubscribeTopicEventsRequestInitialAlpha1::default()
    }
}

/// A stream whose application takes everything.
fn taking(sidecar: &Sidecar, topic: &str) -> anyhow::Result<EventStream> {
    EventStream::open(sidecar.grpc_port(), wanted(topic), |_| {
        Some(Status::Success)
    })
}

/// A stream whose application answers nothing by itself.
fn silent(sidecar: &Sidecar, topic: &str) -> anyhow::Result<EventStream> {
    EventStream::open(sidecar.grpc_port(), wanted(topic), |_| None)
}

fn number(event: &TopicEventRequest) -> Option<u64> {
    serde_json::from_slice(&event.data).ok()
}

/// The numbers that have come, in order of arrival.
fn numbers(stream: &EventStream) -> Vec<u64> {
    stream.events().iter().filter_map(number).collect()
}

fn publish_all(sidecar: &Sidecar, mut numbers: impl Iterator<Item = u64>) -> anyhow::Result<()> {
    numbers.try_for_each(|number| publish(sidecar, "orders", &json!(number)))
}

/// Publishes one number after the other, the first being 0, until `done`; gives how many.
fn publish_until(sidecar: &Sidecar, done: impl Fn() -> bool) -> anyhow::Result<u64> {
    let mut count = 0;
    clock::until("enough events", PATIENCE, || {
        publish_all(sidecar, count..count + 1)?;
        count += 1;
        Ok(done().then_some(()))
    })?;
    Ok(count)
}

fn each_event_comes_once(release: Release) -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar_of(release, "shop", &setting.resources)?;
        let _process = sidecar.start()?;
        let stream = taking(&sidecar, "orders")?;
        publish_all(&sidecar, 0..50)?;
        let got = stream.wait(50, PATIENCE)?;
        let first = &got[0];
        assert_eq!((&*first.topic, &*first.source), ("orders", "shop"));
        assert_eq!(first.pubsub_name, "pubsub");
        assert_eq!(first.data_content_type, "application/json");
        // All answers reach the component, and whatever came twice would be there before the last.
        let counter = |name| setting.components.counter(name);
        clock::until("50 acknowledgements", PATIENCE, || {
            let acknowledged = counter("catena_dapr_acknowledged_total")?;
            Ok((acknowledged >= 50).then_some(()))
        })?;
        publish_all(&sidecar, 50..51)?;
        stream.wait(51, PATIENCE)?;
        assert_eq!(numbers(&stream), (0..51).collect::<Vec<_>>());
        assert_eq!(counter("catena_dapr_failed_total")?, 0);
        Ok(())
    })
}

#[test]
fn each_event_comes_once_with_1_18() -> anyhow::Result<()> {
    each_event_comes_once(Release::V1_18)
}

#[test]
fn each_event_comes_once_with_1_16() -> anyhow::Result<()> {
    each_event_comes_once(Release::V1_16)
}

/// What an application wants later comes again, what it does not want does not.
#[test]
fn what_is_to_be_retried_comes_again() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let tries = AtomicU32::new(0);
        let stream = EventStream::open(sidecar.grpc_port(), wanted("orders"), move |event| {
            Some(match number(event) {
                Some(0) if tries.fetch_add(1, Ordering::Relaxed) < 2 => Status::Retry,
                Some(1) => Status::Drop,
                _ => Status::Success,
            })
        })?;
        publish_all(&sidecar, 0..3)?;
        stream.wait(5, PATIENCE)?;
        publish_all(&sidecar, 3..4)?;
        stream.wait(6, PATIENCE)?;
        let mut got = numbers(&stream);
        got.sort_unstable();
        assert_eq!(got, [0, 0, 0, 1, 2, 3]);
        Ok(())
    })
}

#[test]
fn what_is_dropped_goes_to_the_dead_letters_of_the_stream() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let mut orders = wanted("orders");
        orders.dead_letter_topic = Some("graves".to_owned());
        let stream = EventStream::open(sidecar.grpc_port(), orders, |event| {
            let is_bad = number(event) == Some(0);
            Some(if is_bad {
                Status::Drop
            } else {
                Status::Success
            })
        })?;
        let graves = taking(&sidecar, "graves")?;
        publish_all(&sidecar, 0..2)?;
        graves.wait(1, PATIENCE)?;
        stream.wait(2, PATIENCE)?;
        assert_eq!((numbers(&graves), numbers(&stream)), (vec![0], vec![0, 1]));
        Ok(())
    })
}

/// Streams of one topic compete, also when one application opens both.
#[test]
fn two_streams_of_a_topic_divide_its_events() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let streams = [taking(&sidecar, "orders")?, taking(&sidecar, "orders")?];
        let all = || streams.iter().flat_map(numbers);
        let both = || !streams.iter().any(|one| one.events().is_empty());
        let count = publish_until(&sidecar, both)? + 40;
        publish_all(&sidecar, count - 40..count)?;
        clock::until("all events", PATIENCE, || {
            Ok((all().count() >= usize::try_from(count)?).then_some(()))
        })?;
        let mut got: Vec<_> = all().collect();
        got.sort_unstable();
        assert_eq!(got, (0..count).collect::<Vec<_>>());
        Ok(())
    })
}

/// What the one had and did not answer is for the other.
#[test]
fn the_end_of_one_stream_leaves_all_to_the_other() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let stays = taking(&sidecar, "orders")?;
        let goes = silent(&sidecar, "orders")?;
        let has_one = || !goes.events().is_empty();
        let count = publish_until(&sidecar, has_one)?;
        // Some more wait behind the one that is not answered.
        let more = count + 6;
        publish_all(&sidecar, count..more)?;
        drop(goes);
        publish_all(&sidecar, more..more + 1)?;
        stays.wait(usize::try_from(more + 1)?, PATIENCE)?;
        let mut got = numbers(&stays);
        got.sort_unstable();
        assert_eq!(got, (0..=more).collect::<Vec<_>>());
        Ok(())
    })
}

/// Without a stream events wait, and come to the next one.
#[test]
fn a_later_stream_gets_what_came_in_between() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let first = silent(&sidecar, "orders")?;
        publish_all(&sidecar, 0..3)?;
        first.wait(1, PATIENCE)?;
        drop(first);
        publish_all(&sidecar, 3..6)?;
        let second = taking(&sidecar, "orders")?;
        second.wait(6, PATIENCE)?;
        let mut got = numbers(&second);
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2, 3, 4, 5]);
        Ok(())
    })
}

/// The broker has forgotten the event; the component has not.
#[test]
fn a_stream_goes_on_when_the_broker_is_back() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let stream = silent(&sidecar, "orders")?;
        publish_all(&sidecar, 0..1)?;
        let first = stream.wait(1, PATIENCE)?;
        setting.restart_broker()?;
        stream.answer(&first[0], Status::Retry)?;
        let again = stream.wait(2, PATIENCE)?;
        assert_eq!(numbers(&stream), [0, 0]);
        stream.answer(&again[1], Status::Success)?;
        clock::until("an event of the new broker", PATIENCE, || {
            let target = ("POST", "/v1.0/publish/pubsub/orders");
            sidecar.ask_json(target, &json!(1))?;
            Ok((stream.events().len() > 2).then_some(()))
        })?;
        assert_eq!(numbers(&stream)[2], 1);
        Ok(())
    })
}

/// A sidecar does not tell the application that the component is gone, and does not connect the
/// stream again; a new stream gets everything, with the sidecar that is there.
#[test]
fn a_new_stream_gets_all_when_the_components_are_killed() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        setting.running_components = None;
        let kept = scene.folder("kept")?.display().to_string();
        setting.components = setting.components.with(&["--remember", &kept]);
        setting.running_components = Some(setting.components.start()?);
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let old = silent(&sidecar, "orders")?;
        publish_all(&sidecar, 0..4)?;
        old.wait(1, PATIENCE)?;
        setting.restart_components()?;
        clock::until("a publish", PATIENCE, || {
            Ok(publish_all(&sidecar, 4..5).ok())
        })?;
        let new = taking(&sidecar, "orders")?;
        new.wait(5, PATIENCE)?;
        publish_all(&sidecar, 5..6)?;
        new.wait(6, PATIENCE)?;
        assert_eq!(numbers(&new), [0, 1, 2, 3, 4, 5]);
        assert!(old.is_open());
        assert_eq!(numbers(&old), [0]);
        Ok(())
    })
}

/// Also where the end of a stream ends the subscription: who is killed does not end it.
#[test]
fn a_stream_that_is_opened_again_gets_all_when_the_sidecar_is_killed() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let mut process = sidecar.start()?;
        let mut ending = wanted("orders");
        ending.metadata = [("unsubscribeOnClose".to_owned(), "true".to_owned())].into();
        let old = EventStream::open(sidecar.grpc_port(), ending, |_| None)?;
        publish_all(&sidecar, 0..4)?;
        old.wait(1, PATIENCE)?;
        process.kill()?;
        old.wait_end(PATIENCE)?;
        let _process = sidecar.start()?;
        let new = taking(&sidecar, "orders")?;
        publish_all(&sidecar, 4..5)?;
        new.wait(5, PATIENCE)?;
        assert_eq!(numbers(&new), [0, 1, 2, 3, 4]);
        Ok(())
    })
}

/// A sidecar looks for a stream by the topic of a message: it has to be that of the stream.
#[test]
fn wildcards_and_groups_work_with_the_topic_of_the_stream() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let group = pubsub("group", setting.broker.port).with("consumerID", "group");
        group
            .with("shareGroup", "workers")
            .write(scene, "resources")?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let mut in_group = wanted("plant/1");
        in_group.pubsub_name = "group".to_owned();
        let named = ["plant/+", "$share/others/plant/1"].map(|topic| {
            let mut initial = wanted(topic);
            initial.metadata = [("topicName".to_owned(), "subscription".to_owned())].into();
            initial
        });
        for initial in named.into_iter().chain([in_group]) {
            let topic = initial.topic.clone();
            let port = sidecar.grpc_port();
            let stream = EventStream::open(port, initial, |_| Some(Status::Success))?;
            // Nobody says when the subscription is there, and publishes take another connection.
            let got = clock::until("an event", PATIENCE, || {
                publish(&sidecar, "plant/1", &json!(1))?;
                Ok(stream.events().into_iter().next())
            })?;
            assert_eq!((got.topic.clone(), number(&got)), (topic, Some(1)));
        }
        Ok(())
    })
}

/// What a replica has in hand when it closes its stream goes to the others, and so does what comes
/// then. That the replica has another stream does not matter.
#[test]
fn a_closed_stream_leaves_its_share_to_other_sidecars() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let of_group = |name: &str| {
            let group = pubsub("group", setting.broker.port).with("consumerID", "workers");
            let group = group.with("clientId", name);
            let folder = { group.with("sharedSubscription", "true") }.write(scene, name)?;
            setting.sidecar_of(Release::V1_18, name, &folder)
        };
        let stream = |sidecar: &Sidecar, topic: &str, status: Option<Status>| {
            let mut initial = wanted(topic);
            initial.pubsub_name = "group".to_owned();
            EventStream::open(sidecar.grpc_port(), initial, move |_| status)
        };
        let (one, two) = (of_group("one")?, of_group("two")?);
        let (_one_process, _two_process) = (one.start()?, two.start()?);
        let _other_topic = stream(&one, "others", Some(Status::Success))?;
        let leaving = stream(&one, "orders", None)?;
        let staying = stream(&two, "orders", Some(Status::Success))?;
        let mut device = Mqtt::connect(setting.broker.port, "device")?;
        let mut publish = |numbers: std::ops::Range<u64>| {
            numbers.into_iter().try_for_each(|number| {
                let event = json!({ "specversion": "1.0", "id": "1", "source": "device",
                    "type": "number", "datacontenttype": "application/json", "data": number });
                let empty = PublishProperties::default();
                device.publish("orders", event.to_string(), empty)
            })
        };
        clock::until("events for both", PATIENCE, || {
            publish(0..1)?;
            let both = [&leaving, &staying].map(|stream| !stream.events().is_empty());
            Ok((both == [true; 2]).then_some(()))
        })?;
        publish(1..40)?;
        drop(leaving);
        publish(40..80)?;
        clock::until("all events at one sidecar", PATIENCE / 2, || {
            let came: BTreeSet<_> = numbers(&staying).into_iter().collect();
            Ok((1..80).all(|number| came.contains(&number)).then_some(()))
        })
    })
}

/// An application that opens its stream with other settings has those, at the same sidecar.
#[test]
fn a_later_stream_has_settings_of_its_own() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let mut dropping = wanted("orders");
        dropping.metadata = [("onFailure".to_owned(), "drop".to_owned())].into();
        let first = EventStream::open(sidecar.grpc_port(), dropping, |_| Some(Status::Retry))?;
        publish_all(&sidecar, 0..1)?;
        clock::until("a dropped event", PATIENCE, || {
            let dropped = setting
                .components
                .counter("catena_dapr_dropped_failed_total")?;
            Ok((dropped == 1).then_some(()))
        })?;
        assert_eq!(numbers(&first), [0]);
        drop(first);
        let second = EventStream::open(sidecar.grpc_port(), wanted("orders"), |_| {
            Some(Status::Retry)
        })?;
        publish_all(&sidecar, 1..2)?;
        second.wait(2, PATIENCE)?;
        assert_eq!(numbers(&second)[..2], [1, 1]);
        Ok(())
    })
}
