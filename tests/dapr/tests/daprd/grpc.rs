//! Dapr's gRPC API: what a sidecar is asked, and how it calls its application.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use catena_tests_dapr::Scene;
use catena_tests_dapr::grpc::wire::topic_event_response::TopicEventResponseStatus;
use catena_tests_dapr::grpc::wire::{
    BulkPublishRequest, BulkPublishRequestEntry, DeleteBulkStateRequest, DeleteStateRequest, Etag,
    ExecuteStateTransactionRequest, GetBulkStateRequest, GetStateRequest, GetStateResponse,
    PublishEventRequest, SaveStateRequest, StateItem, TopicSubscription,
    TransactionalStateOperation,
};
use catena_tests_dapr::grpc::{Grpc, GrpcApp};
use tonic::{Code, Status};

use crate::setting::{PATIENCE, Setting};

fn item(key: &str, value: &str) -> StateItem {
    StateItem {
        key: key.to_owned(),
        value: value.as_bytes().to_vec(),
        ..StateItem::default()
    }
}

fn with_etag(key: &str, value: &str, etag: &str) -> StateItem {
    let value = value.as_bytes().to_vec();
    StateItem {
        etag: Some(Etag {
            value: etag.to_owned(),
        }),
        value,
        ..item(key, "")
    }
}

fn of(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn save(dapr: &Grpc, states: Vec<StateItem>) -> Result<(), Status> {
    let store_name = "state".to_owned();
    let request = SaveStateRequest { store_name, states };
    let saved = dapr.call(|mut client| async move { client.save_state(request).await });
    saved.map(drop)
}

fn read(dapr: &Grpc, key: &str) -> Result<GetStateResponse, Status> {
    let request = GetStateRequest {
        store_name: "state".to_owned(),
        key: key.to_owned(),
        ..GetStateRequest::default()
    };
    dapr.call(|mut client| async move { client.get_state(request).await })
}

fn delete(dapr: &Grpc, key: &str, etag: &str) -> Result<(), Status> {
    let request = DeleteStateRequest {
        store_name: "state".to_owned(),
        key: key.to_owned(),
        etag: Some(Etag {
            value: etag.to_owned(),
        }),
        ..DeleteStateRequest::default()
    };
    let deleted = dapr.call(|mut client| async move { client.delete_state(request).await });
    deleted.map(drop)
}

fn transact(dapr: &Grpc, operations: Vec<(&str, StateItem)>) -> Result<(), Status> {
    let operations = operations.into_iter();
    let request = ExecuteStateTransactionRequest {
        store_name: "state".to_owned(),
        operations: operations
            .map(|(kind, item)| TransactionalStateOperation {
                operation_type: kind.to_owned(),
                request: Some(item),
            })
            .collect(),
        metadata: HashMap::new(),
    };
    let done =
        dapr.call(|mut client| async move { client.execute_state_transaction(request).await });
    done.map(drop)
}

#[test]
fn state_is_kept_compared_and_deleted() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let dapr = sidecar.grpc()?;

        // Bytes stay what they are: nothing here is JSON.
        let bytes = vec![0, 159, 146, 150];
        let mut raw = item("raw", "");
        raw.value.clone_from(&bytes);
        save(&dapr, vec![raw, item("one", "1")])?;
        assert_eq!(read(&dapr, "raw")?.data, bytes);
        let none = read(&dapr, "nothing")?;
        assert_eq!((none.data.len(), &*none.etag), (0, ""));

        let old = read(&dapr, "one")?.etag;
        save(&dapr, vec![with_etag("one", "2", &old)])?;
        let new = read(&dapr, "one")?;
        assert_eq!(new.data, b"2");
        for etag in [&*old, "not-one-of-ours"] {
            let refused = save(&dapr, vec![with_etag("one", "3", etag)]);
            assert_eq!(refused.unwrap_err().code(), Code::Aborted);
            let refused = delete(&dapr, "one", etag);
            assert_eq!(refused.unwrap_err().code(), Code::Aborted);
        }
        delete(&dapr, "one", &new.etag)?;
        assert!(read(&dapr, "one")?.data.is_empty());

        let mut short = item("short", "1");
        short.metadata = of(&[("ttlInSeconds", "100")]);
        save(&dapr, vec![short])?;
        assert!(read(&dapr, "short")?.metadata.contains_key("ttlExpireTime"));
        Ok(())
    })
}

#[test]
fn many_keys_and_transactions() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        let dapr = sidecar.grpc()?;

        let done = vec![
            ("upsert", item("a", "1")),
            ("upsert", item("b", "1")),
            ("delete", item("a", "")),
            ("upsert", item("c", "1")),
        ];
        transact(&dapr, done)?;
        let stale = with_etag("b", "2", "not-one-of-ours");
        let refused = transact(&dapr, vec![("upsert", item("c", "2")), ("upsert", stale)]);
        // Whatever it is that a transaction fails with, a sidecar says `Internal`, and quotes us.
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Internal, "{refused:?}");
        for part in ["Aborted", "shop||b", "is not there with this ETag"] {
            assert!(refused.message().contains(part), "{refused:?}");
        }

        let keys = ["a", "b", "c"].map(str::to_owned).to_vec();
        let bulk = || {
            let request = GetBulkStateRequest {
                store_name: "state".to_owned(),
                keys: keys.clone(),
                ..GetBulkStateRequest::default()
            };
            dapr.call(|mut client| async move { client.get_bulk_state(request).await })
        };
        let mut found: Vec<_> = { bulk()?.items.into_iter() }
            .map(|item| (item.key, String::from_utf8_lossy(&item.data).into_owned()))
            .collect();
        found.sort();
        let wanted = [("a", ""), ("b", "1"), ("c", "1")];
        assert_eq!(found, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())));

        let request = DeleteBulkStateRequest {
            store_name: "state".to_owned(),
            states: keys.iter().map(|key| item(key, "")).collect(),
        };
        dapr.call(|mut client| async move { client.delete_bulk_state(request).await })?;
        assert!(bulk()?.items.iter().all(|item| item.data.is_empty()));
        Ok(())
    })
}

fn publish(dapr: &Grpc, topic: &str, data: &[u8], kind: &str, raw: bool) -> Result<(), Status> {
    let request = PublishEventRequest {
        pubsub_name: "pubsub".to_owned(),
        topic: topic.to_owned(),
        data: data.to_vec(),
        data_content_type: kind.to_owned(),
        metadata: if raw {
            of(&[("rawPayload", "true")])
        } else {
            HashMap::new()
        },
    };
    let published = dapr.call(|mut client| async move { client.publish_event(request).await });
    published.map(drop)
}

fn publish_many(dapr: &Grpc, topic: &str, datas: &[String]) -> Result<(), Status> {
    let entries = datas.iter().map(|data| BulkPublishRequestEntry {
        entry_id: data.clone(),
        event: data.clone().into_bytes(),
        content_type: "text/plain".to_owned(),
        metadata: HashMap::new(),
    });
    let request = BulkPublishRequest {
        pubsub_name: "pubsub".to_owned(),
        topic: topic.to_owned(),
        entries: entries.collect(),
        metadata: HashMap::new(),
    };
    let answer = dapr.call(|mut client| async move { client.bulk_publish_event(request).await })?;
    assert_eq!(answer.failed_entries, []);
    Ok(())
}

fn subscription(topic: &str, metadata: &[(&str, &str)]) -> TopicSubscription {
    TopicSubscription {
        pubsub_name: "pubsub".to_owned(),
        topic: topic.to_owned(),
        metadata: of(metadata),
    }
}

/// The application is called by gRPC: it takes, fails once, and drops.
#[test]
fn events_are_published_and_taken() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::new(scene)?;
        let failures = AtomicU32::new(0);
        let subscriptions = vec![
            subscription("orders/+", &[]),
            subscription("raw", &[("rawPayload", "true")]),
        ];
        let app = GrpcApp::answering(subscriptions, move |event| {
            let fails = event.data == b"fails once" && failures.fetch_add(1, Ordering::SeqCst) == 0;
            match &*event.data {
                _ if fails => TopicEventResponseStatus::Retry,
                b"unwanted" => TopicEventResponseStatus::Drop,
                _ => TopicEventResponseStatus::Success,
            }
        })?;
        let sidecar = setting.sidecar("shop")?.with_grpc_app(app.port());
        let _process = sidecar.start()?;
        let dapr = sidecar.grpc()?;

        publish(&dapr, "orders/1", b"{\"a\":1}", "application/json", false)?;
        let first = app.wait(1, PATIENCE)?;
        let event = &first[0];
        assert_eq!((&*event.topic, &*event.source), ("orders/1", "shop"));
        assert_eq!(event.data_content_type, "application/json");
        assert_eq!(event.data, b"{\"a\":1}");

        publish(&dapr, "raw", &[0, 255], "application/octet-stream", true)?;
        let got = app.wait(2, PATIENCE)?;
        assert_eq!((&*got[1].topic, &*got[1].data), ("raw", &[0, 255][..]));

        for data in ["unwanted", "fails once"] {
            publish(&dapr, "orders/2", data.as_bytes(), "text/plain", false)?;
        }
        let numbers: Vec<_> = (0..50).map(|number| number.to_string()).collect();
        publish_many(&dapr, "orders/3", &numbers)?;
        // One drops out at once, the other comes twice.
        let all = app.wait(2 + 1 + 2 + numbers.len(), PATIENCE)?;
        let count = |data: &str| {
            let same = all.iter().filter(|one| one.data == data.as_bytes());
            same.count()
        };
        assert_eq!((count("unwanted"), count("fails once")), (1, 2));
        let bulk = all.iter().filter(|one| one.topic == "orders/3");
        let bulk: Vec<_> = bulk.map(|one| String::from_utf8_lossy(&one.data)).collect();
        assert_eq!(bulk, numbers);
        Ok(())
    })
}
