//! The state API.

use catena_tests_dapr::http::Response;
use catena_tests_dapr::{Scene, Sidecar, clock};
use serde_json::{Value, json};

use crate::setting::{PATIENCE, Setting};

const STORE: &str = "/v1.0/state/statestore";

/// The state API of one sidecar.
struct State(Sidecar);

impl State {
    fn save(&self, items: &Value) -> anyhow::Result<Response> {
        self.0.ask_json(("POST", STORE), items)
    }

    fn read(&self, key: &str) -> anyhow::Result<Response> {
        self.0.ask(("GET", &format!("{STORE}/{key}")), &[], b"")
    }

    fn delete(&self, key: &str, etag: Option<&str>) -> anyhow::Result<Response> {
        let headers: Vec<_> = etag.map(|etag| ("if-match", etag)).into_iter().collect();
        self.0
            .ask(("DELETE", &format!("{STORE}/{key}")), &headers, b"")
    }

    fn etag(&self, key: &str) -> anyhow::Result<String> {
        let read = self.read(key)?.expect(200)?;
        Ok(read.header("etag").unwrap_or_default().to_owned())
    }

    fn transact(&self, operations: &Value) -> anyhow::Result<Response> {
        let body = json!({ "operations": operations });
        self.0
            .ask_json(("POST", &format!("{STORE}/transaction")), &body)
    }
}

fn with_state(test: impl FnOnce(&State) -> anyhow::Result<()>) -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_samples(scene)?;
        let state = State(setting.sidecar("shop")?);
        let _process = state.0.start()?;
        test(&state)
    })
}

#[test]
fn values_are_kept_and_deleted() -> anyhow::Result<()> {
    with_state(|state| {
        assert_eq!(state.read("nothing")?.status, 204);
        let values = [
            json!("text"),
            json!(7),
            json!({ "a": [1, null] }),
            json!(""),
        ];
        for (number, value) in values.iter().enumerate() {
            let key = format!("value-{number}");
            state
                .save(&json!([{ "key": key, "value": value }]))?
                .expect(204)?;
            assert_eq!(&state.read(&key)?.expect(200)?.json()?, value);
        }
        state
            .save(&json!([{ "key": "one", "value": { "a": 1 } }]))?
            .expect(204)?;
        let read = state.read("one")?.expect(200)?;
        assert_eq!(read.json()?, json!({ "a": 1 }));
        assert!(read.header("etag").is_some_and(|etag| !etag.is_empty()));
        state.delete("one", None)?.expect(204)?;
        assert_eq!(state.read("one")?.status, 204);
        state.delete("one", None)?.expect(204)?;
        Ok(())
    })
}

#[test]
fn a_wrong_etag_is_a_conflict() -> anyhow::Result<()> {
    with_state(|state| {
        let save = |value: u32, etag: &str| {
            state.save(&json!([{ "key": "one", "value": value, "etag": etag }]))
        };
        state
            .save(&json!([{ "key": "one", "value": 1 }]))?
            .expect(204)?;
        let old = state.etag("one")?;
        save(2, &old)?.expect(204)?;
        let new = state.etag("one")?;
        assert_ne!(old, new);
        save(3, &old)?.expect(409)?;
        save(3, "not-one-of-ours")?.expect(409)?;
        state.delete("one", Some(&old))?.expect(409)?;
        assert_eq!(state.read("one")?.expect(200)?.json()?, json!(2));
        state.delete("one", Some(&new))?.expect(204)?;
        save(4, &new)?.expect(409)?;
        Ok(())
    })
}

#[test]
fn the_first_write_wins_where_that_is_wanted() -> anyhow::Result<()> {
    with_state(|state| {
        let save = |value: u32| {
            let options = json!({ "concurrency": "first-write" });
            state.save(&json!([{ "key": "one", "value": value, "options": options }]))
        };
        save(1)?.expect(204)?;
        save(2)?.expect(409)?;
        assert_eq!(state.read("one")?.expect(200)?.json()?, json!(1));
        state.delete("one", None)?.expect(204)?;
        save(3)?.expect(204)?;
        Ok(())
    })
}

#[test]
fn what_has_a_time_to_live_goes() -> anyhow::Result<()> {
    with_state(|state| {
        let save = |key: &str, ttl: Value| {
            let metadata = json!({ "ttlInSeconds": ttl });
            state.save(&json!([{ "key": key, "value": 1, "metadata": metadata }]))
        };
        save("long", "100".into())?.expect(204)?;
        let read = state.read("long")?.expect(200)?;
        let expiry = read.header("metadata.ttlexpiretime");
        assert!(expiry.is_some_and(|time| time.ends_with('Z')), "{read:?}");

        // Without a time to live, an earlier one is taken away.
        state
            .save(&json!([{ "key": "long", "value": 2 }]))?
            .expect(204)?;
        let read = state.read("long")?.expect(200)?;
        assert_eq!(read.header("metadata.ttlexpiretime"), None);

        save("short", "1".into())?.expect(204)?;
        clock::until("the end of a value", PATIENCE, || {
            Ok((state.read("short")?.status == 204).then_some(()))
        })?;
        let refused = save("never", "soon".into())?;
        assert!(refused.status >= 400, "{refused:?}");
        Ok(())
    })
}

#[test]
fn many_keys_at_once() -> anyhow::Result<()> {
    with_state(|state| {
        let items: Vec<_> = (0..20)
            .map(|number| json!({ "key": format!("key-{number}"), "value": number }))
            .collect();
        state.save(&items.into())?.expect(204)?;
        let keys: Vec<_> = (0..21).map(|number| format!("key-{number}")).collect();
        let body = json!({ "keys": keys, "parallelism": 4 });
        let read = state
            .0
            .ask_json(("POST", &format!("{STORE}/bulk")), &body)?;
        let read = read.expect(200)?.json()?;
        for number in 0..20 {
            let key = format!("key-{number}");
            let mut all = read.as_array().into_iter().flatten();
            let found = all.find(|item| item["key"] == key);
            assert_eq!(found.map(|item| &item["data"]), Some(&json!(number)));
        }
        // One conflict of two: the other is saved.
        let items = json!([
            { "key": "key-1", "value": 100, "etag": "not-one-of-ours" },
            { "key": "key-2", "value": 100 },
        ]);
        state.save(&items)?.expect(409)?;
        assert_eq!(state.read("key-1")?.expect(200)?.json()?, json!(1));
        assert_eq!(state.read("key-2")?.expect(200)?.json()?, json!(100));
        Ok(())
    })
}

#[test]
fn a_transaction_is_done_whole_or_not_at_all() -> anyhow::Result<()> {
    with_state(|state| {
        state
            .save(&json!([{ "key": "old", "value": 1 }, { "key": "kept", "value": 1 }]))?
            .expect(204)?;
        let upsert = |key: &str, value: u32, etag: Option<&str>| {
            let request = json!({ "key": key, "value": value, "etag": etag });
            json!({ "operation": "upsert", "request": request })
        };
        let delete = json!({ "operation": "delete", "request": { "key": "old" } });
        let done = json!([upsert("new", 1, None), delete, upsert("new", 2, None)]);
        state.transact(&done)?.expect(204)?;
        assert_eq!(state.read("new")?.expect(200)?.json()?, json!(2));
        assert_eq!(state.read("old")?.status, 204);

        let etag = Some("not-one-of-ours");
        let refused = json!([upsert("new", 3, None), upsert("kept", 3, etag)]);
        let refused = state.transact(&refused)?;
        // A sidecar knows no conflict of a transaction, and quotes us.
        assert_eq!(refused.status, 500, "{refused:?}");
        assert!(refused.text().contains("is not there with this ETag"));
        assert_eq!(state.read("new")?.expect(200)?.json()?, json!(2));
        assert_eq!(state.read("kept")?.expect(200)?.json()?, json!(1));
        Ok(())
    })
}
