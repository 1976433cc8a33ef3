//! What a sidecar is told when the broker is away, silent, or full.

use std::time::{Duration, Instant};

use catena_dapr::instances::Flavour;
use catena_sdk_testing::Broker;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Code;

use crate::fixture::{Fixture, Process, properties};
use crate::store::{Failed, Header, Store, delete, first_write, get, metadata, one, set};

/// No call may take longer, on however busy a machine.
const NEVER: Duration = Duration::from_secs(60);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(NEVER, work).await.expect("it hangs")
}

/// Every kind of call, and what it is told.
async fn all_fail(store: &Store, http_code: u16) {
    let mut first = set("k", "1");
    first.options = first_write();
    let errors = [
        store.get(get("k")).await.map(drop),
        store.set(set("k", "1")).await,
        store.set(first).await,
        store.delete(delete("k")).await,
        store.bulk_get(vec![get("k"), get("l")], 0).await.map(drop),
        store.bulk_set(vec![set("k", "1"), set("l", "1")]).await,
        store.bulk_delete(vec![delete("k"), delete("l")]).await,
        store
            .transact(vec![one(set("k", "1"))], metadata([("partitionKey", "p")]))
            .await,
    ];
    for (index, result) in errors.into_iter().enumerate() {
        assert_eq!(result.unwrap_err().http_code(), http_code, "{index}");
    }
}

/// Until the broker is found again.
async fn until_served(store: &Store) {
    while let Err(failed) = store.set(set("k", "1")).await {
        assert_eq!(failed.http_code(), 503, "{failed:?}");
    }
}

#[tokio::test]
async fn a_broker_that_goes_is_told_at_once_and_one_that_comes_back_is_used() {
    let fixture = Fixture::start().await;
    let Fixture {
        broker,
        process: _process,
        store,
    } = fixture;
    store.set(set("k", "1")).await.unwrap();
    let address = broker.address();
    broker.stop().unwrap();
    in_time(all_fail(&store, 503)).await;
    let Err(Failed::Kit { code, .. }) = store.ping().await else {
        panic!("no kit error");
    };
    assert_eq!(code, Code::Unavailable);
    // A thousand items do not wait one after the other.
    let items = (0..1_000).map(|n| set(&n.to_string(), "1")).collect();
    let failed = in_time(store.bulk_set(items)).await.unwrap_err();
    assert_eq!(failed.http_code(), 503);

    let _broker = Broker::builder().at(address).start().unwrap();
    in_time(until_served(&store)).await;
    store.ping().await.unwrap();
    assert_eq!(store.value("k").await.unwrap(), b"1");
    // The broker's memory is new, and so are versions: the old ETag is nobody's.
    let tag = store.etag("k").await;
    let mut change = set("k", "2");
    change.etag = crate::store::etag(&tag);
    store.set(change.clone()).await.unwrap();
    assert!(store.set(change).await.unwrap_err().is_mismatch());
}

#[tokio::test]
async fn a_broker_that_is_not_there_fails_init_in_time_unless_it_may_come_later() {
    let address = Broker::start().unwrap().address();
    let url = format!("mqtt://{address}");
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Name("statestore")).await;
    let began = Instant::now();
    let status = in_time(store.init(properties(&url, &[])))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(began.elapsed() < NEVER);

    let later = process.store(Header::Name("later")).await;
    let items = [("connectPolicy", "background")];
    let features = in_time(later.init(properties(&url, &items))).await.unwrap();
    assert!(features.iter().any(|feature| feature == "TRANSACTIONAL"));
    in_time(all_fail(&later, 503)).await;
    let _broker = Broker::builder().at(address).start().unwrap();
    in_time(until_served(&later)).await;
}

/// A way to a broker that can be blocked while connections stay.
struct Tunnel {
    url: String,
    open: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Tunnel {
    async fn to(broker: &Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        let (open, is_open) = watch::channel(true);
        let target = broker.address();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut carriers = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                carriers.spawn(carry(near, target, is_open.clone()));
            }
        });
        Self {
            url,
            open,
            _tasks: tasks,
        }
    }
}

/// Carries bytes both ways, but none while it is not open.
async fn carry(
    mut near: TcpStream,
    target: std::net::SocketAddr,
    mut is_open: watch::Receiver<bool>,
) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    loop {
        tokio::select! {
            biased;
            _ = is_open.wait_for(|open| !*open) => {}
            _ = copy_bidirectional(&mut near, &mut far) => return,
        }
        if is_open.wait_for(|open| *open).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_broker_that_is_silent_makes_calls_fail_in_their_time() {
    let broker = Broker::start().unwrap();
    let tunnel = Tunnel::to(&broker).await;
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Empty).await;
    let items = [("requestTimeout", "200ms")];
    store.init(properties(&tunnel.url, &items)).await.unwrap();
    tunnel.open.send_replace(false);
    in_time(all_fail_or_are_unanswered(&store)).await;
    tunnel.open.send_replace(true);
    let served = async { while store.set(set("k", "2")).await.is_err() {} };
    in_time(served).await;
    let read = async {
        loop {
            if let Ok(found) = store.get(get("k")).await {
                return found.data.to_vec();
            }
        }
    };
    assert_eq!(in_time(read).await, b"2");
}

/// The connection is there, so that each call waits for its answer.
async fn all_fail_or_are_unanswered(store: &Store) {
    let failed = store.get(get("k")).await.unwrap_err();
    assert_eq!(failed.http_code(), 504);
    let failed = store.set(set("k", "1")).await.unwrap_err();
    let Failed::Kit {
        code,
        http_code,
        text,
        ..
    } = failed
    else {
        panic!("{failed:?}");
    };
    assert_eq!((code, http_code), (Code::DeadlineExceeded, 504));
    assert!(text.contains("may have been done"), "{text}");
    let failed = store
        .bulk_set(vec![set("k", "1"), set("l", "1")])
        .await
        .unwrap_err();
    assert_eq!(failed.http_code(), 504);
    let found = store.bulk_get(vec![get("k"), get("l")], 0).await.unwrap();
    assert!(found.iter().all(|item| !item.error.is_empty()));
    let operations = vec![one(set("k", "1"))];
    let failed = store
        .transact(operations, metadata([("partitionKey", "p")]))
        .await;
    assert_eq!(failed.unwrap_err().http_code(), 504);
}

#[tokio::test]
async fn a_store_that_is_full_says_so() {
    let broker = Broker::builder()
        .set("spec.catena.partitions", "1")
        .set("spec.catena.limits.stateStore.keys", "2");
    let fixture = Fixture::with(broker.start().unwrap(), Header::Name("statestore")).await;
    let store = &fixture.store;
    store
        .bulk_set(vec![set("a", "1"), set("b", "1")])
        .await
        .unwrap();
    let failed = store.set(set("c", "1")).await.unwrap_err();
    assert_eq!(failed.http_code(), 507);
    assert_eq!(failed.tag(), Some("ERR_STATE_QUOTA_EXCEEDED"));
    let operations = vec![one(set("c", "1"))];
    let failed = store
        .transact(operations, metadata([("partitionKey", "p")]))
        .await;
    assert_eq!(failed.unwrap_err().http_code(), 507);
    store.set(set("a", "2")).await.unwrap();
    store.delete(delete("b")).await.unwrap();
    store.set(set("c", "1")).await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_told_by_init() {
    let broker = Broker::builder().user("anna", "s3cret").start().unwrap();
    let process = Process::start(Flavour::Catena);
    let store = process.store(Header::Empty).await;
    let wrong = [("username", "anna"), ("password", "wrong")];
    let status = in_time(store.init(properties(&broker.url(), &wrong)))
        .await
        .unwrap_err();
    let codes = [Code::Unauthenticated, Code::PermissionDenied];
    assert!(codes.contains(&status.code()), "{status}");
    let right = [("username", "anna"), ("password", "s3cret")];
    in_time(store.init(properties(&broker.url(), &right)))
        .await
        .unwrap();
    store.set(set("k", "1")).await.unwrap();
}
