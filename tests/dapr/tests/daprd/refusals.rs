//! What applications are told by HTTP and gRPC when the state store refuses or is away.

use catena_tests_dapr::grpc::wire::{SaveStateRequest, StateItem};
use catena_tests_dapr::http::Response;
use catena_tests_dapr::{Broker, Scene, Sidecar, clock};
use serde_json::json;
use tonic::Code;

use crate::setting::{PATIENCE, Setting};

fn save(sidecar: &Sidecar, key: &str) -> anyhow::Result<Response> {
    let items = json!([{ "key": key, "value": 1 }]);
    sidecar.ask_json(("POST", "/v1.0/state/state"), &items)
}

fn save_by_grpc(sidecar: &Sidecar, key: &str) -> anyhow::Result<Code> {
    let request = SaveStateRequest {
        store_name: "state".to_owned(),
        states: vec![StateItem {
            key: key.to_owned(),
            value: vec![1],
            ..StateItem::default()
        }],
    };
    let dapr = sidecar.grpc()?;
    let saved = dapr.call(|mut client| async move { client.save_state(request).await });
    Ok(saved.map_or_else(|status| status.code(), |_| Code::Ok))
}

#[test]
fn a_store_that_is_full_or_away_is_told_by_status_and_text() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let broker = Broker::new(scene)?.with("spec.catena.partitions=1");
        let broker = broker.with("spec.catena.limits.stateStore.keys=2");
        let mut setting = Setting::of_state_with(scene, broker)?;
        let sidecar = setting.sidecar("shop")?;
        let _process = sidecar.start()?;
        for key in ["a", "b"] {
            save(&sidecar, key)?.expect(204)?;
        }
        // The sidecar has an error code of its own for each call, and quotes our text.
        let full = save(&sidecar, "c")?.expect(507)?.json()?;
        assert_eq!(full["errorCode"], "ERR_STATE_SAVE");
        let full = full["message"].to_string();
        assert!(full.contains("the quota has been exceeded"), "{full}");
        assert_eq!(save_by_grpc(&sidecar, "c")?, Code::ResourceExhausted);
        // What is there can be changed.
        save(&sidecar, "a")?.expect(204)?;
        assert_eq!(save_by_grpc(&sidecar, "b")?, Code::Ok);

        if let Some(broker) = setting.running_broker.take() {
            broker.kill()?;
        }
        // What is under way when a connection breaks may have been done, which is told otherwise.
        let away = clock::until("a broker that is away", PATIENCE, || {
            let response = save(&sidecar, "a")?;
            assert!([503, 504].contains(&response.status), "{response:?}");
            Ok((response.status == 503).then_some(response))
        })?;
        assert!(away.text().contains("check host and port"), "{away:?}");
        assert_eq!(save_by_grpc(&sidecar, "a")?, Code::Unavailable);
        Ok(())
    })
}
