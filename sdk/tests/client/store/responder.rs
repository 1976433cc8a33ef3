//! Answers as a state store does, as far as the tests here need it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catena_hlc::{Millis, Stamp};
use catena_rpc::{names, topics};
use catena_sdk::{Client, Message, Messages, Publish};
use catena_store::{
    Command, DeleteCondition, Notification, Registration, Reply, Set, SetCondition, Write,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// A responder, running until it is dropped.
pub(crate) struct Responder {
    state: Arc<Mutex<State>>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct State {
    values: HashMap<Vec<u8>, Value>,
    observers: BTreeSet<(Vec<u8>, String)>,
    last: u64,
}

struct Value {
    value: Vec<u8>,
    version: u64,
    expiry: Option<Instant>,
}

impl Responder {
    pub(crate) async fn start(url: &str) -> Self {
        let client = Client::connect(url).await.unwrap();
        let requests = client.subscribe(topics::INVOKE).await.unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let mut task = JoinSet::new();
        task.spawn(serve(client, requests, Arc::clone(&state)));
        Self { state, _task: task }
    }

    /// Forgets who observes, as a store does when connections end.
    pub(crate) fn forget_observers(&self) {
        self.state.lock().unwrap().observers.clear();
    }
}

async fn serve(client: Client, mut requests: Messages, state: Arc<Mutex<State>>) {
    loop {
        let next = state.lock().unwrap().next_expiry();
        let far = Instant::now() + Duration::from_secs(3600);
        let publishes = tokio::select! {
            request = requests.next() => {
                let Some(request) = request else { return };
                state.lock().unwrap().answer(&request)
            }
            () = sleep_until(next.unwrap_or(far)) => state.lock().unwrap().expire(),
        };
        for publish in publishes {
            client.publish(publish).await.unwrap();
        }
    }
}

fn stamp(version: u64) -> String {
    let stamp = Stamp {
        wall: Millis::new(version),
        counter: 0,
        node: "StateStore",
    };
    stamp.to_string()
}

impl State {
    fn next_expiry(&self) -> Option<Instant> {
        self.values.values().filter_map(|it| it.expiry).min()
    }

    fn expire(&mut self) -> Vec<Publish> {
        let now = Instant::now();
        let due = |value: &Value| value.expiry.is_some_and(|expiry| expiry <= now);
        let keys = self.values.iter().filter(|(_, value)| due(value));
        let keys: Vec<Vec<u8>> = keys.map(|(key, _)| key.clone()).collect();
        let mut publishes = Vec::new();
        for key in keys {
            self.values.remove(&key);
            publishes.append(&mut self.notify(&key, &Notification::Delete));
        }
        publishes
    }

    /// Notifications, then the response.
    fn answer(&mut self, request: &Message) -> Vec<Publish> {
        let mut payload = Vec::new();
        let mut version = None;
        let client = request.properties().user(names::SOURCE).unwrap();
        let mut publishes = Vec::new();
        match Command::parse(request.payload()) {
            Err(refusal) => Reply::Refused(refusal.text()).encode(&mut payload),
            Ok(Command::Get { key }) => match self.values.get(key) {
                Some(value) => {
                    version = Some(value.version);
                    Reply::Value(&value.value).encode(&mut payload);
                }
                None => Reply::Null.encode(&mut payload),
            },
            Ok(Command::Write(Write::Set(set))) => {
                let reply = self.set(&set, &mut version, &mut publishes);
                reply.encode(&mut payload);
            }
            Ok(Command::Write(Write::Delete(delete))) => {
                let there = self.values.get(delete.key);
                let reply = match (there, delete.condition) {
                    (None, _) => 0,
                    (Some(value), DeleteCondition::Value(wanted)) if value.value != wanted => -1,
                    (Some(_), _) => {
                        self.values.remove(delete.key);
                        publishes = self.notify(delete.key, &Notification::Delete);
                        1
                    }
                };
                Reply::Number(reply).encode(&mut payload);
            }
            Ok(Command::KeyNotify(notify)) => {
                assert_eq!(notify.registration, Registration::Start);
                let observer = (notify.key.to_vec(), client.to_owned());
                self.observers.insert(observer);
                Reply::Ok.encode(&mut payload);
            }
            Ok(other) => panic!("{other:?}"),
        }
        let response = request.response(payload).unwrap();
        let mut response = response.user_property(names::STATUS, "200");
        if let Some(version) = version {
            response = response.user_property(names::TIMESTAMP, stamp(version));
        }
        publishes.push(response);
        publishes
    }

    fn set(
        &mut self,
        set: &Set<'_>,
        version: &mut Option<u64>,
        publishes: &mut Vec<Publish>,
    ) -> Reply<'static> {
        self.last += 1;
        *version = Some(self.last);
        let there = self.values.get(set.key);
        let applied = match set.condition {
            SetCondition::Always => true,
            SetCondition::Absent => there.is_none(),
            SetCondition::AbsentOrEqual => there.is_none_or(|it| it.value == set.value),
            SetCondition::Version(_) => panic!("nobody asks for it"),
        };
        if !applied {
            return Reply::Number(-1);
        }
        let lifetime = { set.lifetime }.map(|time| Duration::from_millis(time.millis()));
        let value = Value {
            value: set.value.to_vec(),
            version: self.last,
            expiry: lifetime.map(|time| Instant::now() + time),
        };
        self.values.insert(set.key.to_vec(), value);
        *publishes = self.notify(set.key, &Notification::Set(set.value));
        Reply::Ok
    }

    fn notify(&self, key: &[u8], notification: &Notification<'_>) -> Vec<Publish> {
        let mut payload = Vec::new();
        notification.encode(&mut payload);
        let observers = self
            .observers
            .iter()
            .filter(|(observed, _)| observed == key);
        let publish = |client: &str| {
            let mut topic = String::new();
            topics::notification(client, key, &mut topic).unwrap();
            let publish = Publish::new(topic, payload.clone());
            publish.user_property(names::TIMESTAMP, stamp(self.last))
        };
        observers.map(|(_, client)| publish(client)).collect()
    }
}
