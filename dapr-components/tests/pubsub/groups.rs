//! Replicas that compete for messages.

use std::collections::BTreeSet;

use catena_sdk::Client;
use catena_sdk_testing::Broker;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};

use crate::sidecar::{Component, Pull, Sidecar, soon, text};

/// A replica: a sidecar whose component has a client ID of its own, and shares its subscriptions.
async fn replica(broker: &Broker, component: &Component, number: u8) -> Sidecar {
    let sidecar = component.sidecar(&format!("pubsub-{number}")).await;
    let client_id = format!("shop-{number}");
    let settings = [
        ("url", &*broker.url()),
        ("consumerID", "shop"),
        ("clientId", &client_id),
        ("sharedSubscription", "true"),
        ("resubscribeTime", "0"),
    ];
    sidecar.init(&settings).await.unwrap();
    sidecar
}

/// Opens a stream, and returns when the broker has its subscription. A publish waits for that.
async fn open(sidecar: &Sidecar, topic: &str, pairs: &[(&str, &str)]) -> Pull {
    let pull = sidecar.pull_with(topic, pairs).await;
    sidecar.publish("nobody", "").await.unwrap();
    pull
}

async fn publish(broker: &Broker, topic: &str, payloads: std::ops::Range<u32>) {
    let client = Client::connect(&broker.url()).await.unwrap();
    for payload in payloads {
        let publish = client.publish((topic, payload.to_string()));
        assert!(!soon(publish).await.unwrap().is_unheard());
    }
    client.close().await;
}

/// Takes so many different messages.
async fn take(pull: &mut Pull, count: usize) -> BTreeSet<u32> {
    let mut taken = BTreeSet::new();
    while taken.len() < count {
        taken.insert(pull.take().await.parse().unwrap());
    }
    taken
}

/// Also if it has streams of other topics, which keep its sidecar and its connection there.
#[tokio::test]
async fn a_replica_without_a_stream_leaves_its_messages_to_the_others() {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let (one, two) = (
        replica(&broker, &component, 1).await,
        replica(&broker, &component, 2).await,
    );
    let _other_topic = open(&one, "other", &[]).await;
    let mut of_one = open(&one, "jobs", &[]).await;
    let mut of_two = open(&two, "jobs", &[]).await;
    publish(&broker, "jobs", 0..40).await;
    // It has its share, and goes without an answer.
    assert!(text(&of_one.next().await).parse::<u32>().is_ok());
    drop(of_one);
    publish(&broker, "jobs", 40..80).await;
    assert_eq!(take(&mut of_two, 80).await, (0..80).collect());
    // Back again, it takes part.
    let mut of_one = open(&one, "jobs", &[]).await;
    publish(&broker, "jobs", 80..120).await;
    let mut taken = BTreeSet::new();
    let mut counts = [0, 0];
    while taken.len() < 40 {
        let (who, payload) = tokio::select! {
            payload = of_one.take() => (0, payload),
            payload = of_two.take() => (1, payload),
        };
        counts[who] += 1;
        taken.insert(payload.parse::<u32>().unwrap());
    }
    assert_eq!(taken, (80..120).collect());
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// A group whose members are all away keeps its messages.
#[tokio::test]
async fn the_only_replica_finds_what_came_while_it_had_no_stream() {
    let broker = Broker::start().unwrap();
    let mut component = Component::start().await;
    let one = replica(&broker, &component, 1).await;
    let mut pull = open(&one, "jobs", &[]).await;
    publish(&broker, "jobs", 0..40).await;
    let first = pull.take().await;
    assert_eq!(first, "0");
    assert_eq!(text(&pull.next().await), "1");
    pull.half_close().await.unwrap();
    publish(&broker, "jobs", 40..60).await;
    let mut pull = open(&one, "jobs", &[]).await;
    assert_eq!(take(&mut pull, 59).await, (1..60).collect());
    // As well as what came while it was not there at all.
    publish(&broker, "jobs", 60..80).await;
    assert_eq!(text(&pull.next().await), "60");
    component.kill().await;
    publish(&broker, "jobs", 80..100).await;
    component.restart().await;
    let one = replica(&broker, &component, 1).await;
    let mut pull = open(&one, "jobs", &[]).await;
    assert_eq!(take(&mut pull, 40).await, (60..100).collect());
}

/// A broker that is restarted knows nothing of what it had sent: nobody else can have it.
#[tokio::test]
async fn what_a_restarted_broker_has_forgotten_stays_here() {
    let broker = Broker::start().unwrap();
    let address = broker.address();
    let component = Component::start().await;
    let one = replica(&broker, &component, 1).await;
    let mut pull = open(&one, "jobs", &[]).await;
    publish(&broker, "jobs", 0..40).await;
    assert_eq!(text(&pull.next().await), "0");
    // Of two restarts, the stream is there after one, and is closed in the middle of the other.
    drop(broker);
    let broker = Broker::builder().at(address).start().unwrap();
    soon(async { while one.ping().await.is_err() {} }).await;
    pull.half_close().await.unwrap();
    let mut pull = open(&one, "jobs", &[]).await;
    assert_eq!(text(&pull.next().await), "0");
    drop(broker);
    soon(async { while one.ping().await.is_ok() {} }).await;
    pull.half_close().await.unwrap();
    let broker = Broker::builder().at(address).start().unwrap();
    // The group is there again, although no stream is.
    let client = Client::connect(&broker.url()).await.unwrap();
    soon(async { while client.publish(("jobs", "40")).await.unwrap().is_unheard() {} }).await;
    publish(&broker, "jobs", 41..50).await;
    let mut pull = open(&one, "jobs", &[]).await;
    assert_eq!(take(&mut pull, 50).await, (0..50).collect());
}

/// Who leaves a group for good takes nothing with it.
#[tokio::test]
async fn a_subscription_that_is_over_gives_its_messages_back() {
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let (one, two) = (
        replica(&broker, &component, 1).await,
        replica(&broker, &component, 2).await,
    );
    let is_over = [("unsubscribeOnClose", "true")];
    let mut of_one = open(&one, "jobs", &is_over).await;
    let mut of_two = open(&two, "jobs", &is_over).await;
    publish(&broker, "jobs", 0..40).await;
    of_one.next().await;
    of_one.half_close().await.unwrap();
    assert_eq!(take(&mut of_two, 40).await, (0..40).collect());
    // The last one takes the group with it.
    of_two.half_close().await.unwrap();
    let client = Client::connect(&broker.url()).await.unwrap();
    soon(async { while !client.publish(("jobs", "")).await.unwrap().is_unheard() {} }).await;
}

/// A sidecar that is killed has not said that it wants no more.
#[tokio::test]
async fn a_sidecar_that_is_cut_off_keeps_its_subscriptions() {
    const FILTERS: [&str; 2] = ["plain", "$share/group/shared"];
    let broker = Broker::start().unwrap();
    let component = Component::start().await;
    let (url, socket) = (broker.url(), component.socket());
    let settings = [
        ("url", &*url),
        ("consumerID", "app"),
        ("unsubscribeOnClose", "true"),
        ("resubscribeTime", "0"),
    ];
    let (opened, is_open) = oneshot::channel();
    let (cut, is_cut) = oneshot::channel();
    let owned = settings.map(|(name, value)| (name, value.to_owned()));
    let killed = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let sidecar = runtime.block_on(async {
            let sidecar = Sidecar::connect(&socket, Some("pubsub")).await;
            let settings = owned.each_ref().map(|(name, value)| (*name, &**value));
            sidecar.init(&settings).await.unwrap();
            let one = open(&sidecar, FILTERS[0], &[]).await;
            let other = open(&sidecar, FILTERS[1], &[]).await;
            opened.send(()).unwrap();
            is_cut.await.unwrap();
            (sidecar, one, other)
        });
        // The sockets go first, so that nothing is said of the streams.
        drop(runtime);
        drop(sidecar);
    });
    soon(is_open).await.unwrap();
    for topic in ["plain", "shared"] {
        publish(&broker, topic, 0..40).await;
    }
    cut.send(()).unwrap();
    soon(async {
        while !killed.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for topic in ["plain", "shared"] {
        publish(&broker, topic, 40..60).await;
    }
    let sidecar = component.sidecar("pubsub").await;
    sidecar.init(&settings).await.unwrap();
    for filter in FILTERS {
        let mut pull = open(&sidecar, filter, &[]).await;
        assert_eq!(take(&mut pull, 60).await, (0..60).collect());
    }
}

/// A subscription whose connection the broker does not take is not silently without messages.
#[tokio::test]
async fn a_replica_that_cannot_take_part_says_so() {
    let broker = Broker::start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (open_gate, is_open) = watch::channel(false);
    let address = broker.address();
    let gate = tokio::spawn(async move {
        let mut first = true;
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            if std::mem::take(&mut first) || *is_open.borrow() {
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(address).await.unwrap();
                    // How it ends does not matter.
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                });
            }
        }
    });
    let component = Component::start().await;
    let sidecar = component.sidecar("pubsub").await;
    let url = format!("mqtt://127.0.0.1:{port}");
    sidecar.init(&[("url", &url)]).await.unwrap();
    sidecar.ping().await.unwrap();
    let mut pull = sidecar.pull("$share/group/jobs").await;
    soon(async { while sidecar.ping().await.is_ok() {} }).await;
    open_gate.send(true).unwrap();
    soon(async { while sidecar.ping().await.is_err() {} }).await;
    sidecar.publish("jobs", "0").await.unwrap();
    assert_eq!(pull.take().await, "0");
    gate.abort();
}
