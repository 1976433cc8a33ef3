//! A counter as an actor: it counts calls, each once, however often it is asked to.

use std::time::Duration;

use anyhow::bail;
use catena_tests_dapr::http::{self, Request, Response};
use serde_json::{Value, json};

/// Answers what a sidecar asks of the host of actors.
pub(crate) fn answer(sidecar: u16, request: &Request) -> Response {
    let parts: Vec<_> = request.target.trim_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["dapr", "config"]) => Response::json_of(&json!({
            "entities": ["Counter"],
            "actorIdleTimeout": "1h",
            "drainOngoingCallTimeout": "1s",
            "drainRebalancedActors": true,
        })),
        ("GET", ["healthz"]) | ("DELETE", ["actors", "Counter", _]) => Response::empty(200),
        ("PUT", ["actors", "Counter", actor, "method", "increment"]) => {
            let call = request.json()["call"].as_str().map(str::to_owned);
            let counter = Counter { sidecar, actor };
            match counter.increment(&call.unwrap_or_default()) {
                Ok(count) => Response::json_of(&json!({ "count": count })),
                Err(error) => {
                    println!("cannot increment: {error:#}");
                    Response::empty(500)
                }
            }
        }
        _ => Response::empty(404),
    }
}

struct Counter<'a> {
    sidecar: u16,
    actor: &'a str,
}

impl Counter<'_> {
    /// Counts a call unless it has been counted, and remembers it in the same transaction.
    fn increment(&self, call: &str) -> anyhow::Result<u64> {
        let seen = format!("call-{call}");
        let count = self.read("count")?.as_u64().unwrap_or_default();
        if !self.read(&seen)?.is_null() {
            return Ok(count);
        }
        let count = count + 1;
        let upsert = |key: &str, value: Value| {
            let request = json!({ "key": key, "value": value });
            json!({ "operation": "upsert", "request": request })
        };
        let operations = json!([upsert("count", count.into()), upsert(&seen, true.into())]);
        self.ask(("POST", "state"), operations.to_string().as_bytes())?
            .expect(204)?;
        Ok(count)
    }

    fn read(&self, key: &str) -> anyhow::Result<Value> {
        let response = self.ask(("GET", &format!("state/{key}")), b"")?;
        match response.status {
            200 => response.json(),
            204 => Ok(Value::Null),
            status => bail!("reading {key}: {status}: {}", response.text()),
        }
    }

    fn ask(&self, (method, what): (&str, &str), body: &[u8]) -> anyhow::Result<Response> {
        let target = format!("/v1.0/actors/Counter/{}/{what}", self.actor);
        let headers = [("content-type", "application/json")];
        http::request(self.sidecar, (method, &target), &headers, body, PATIENCE)
    }
}

const PATIENCE: Duration = Duration::from_secs(15);
