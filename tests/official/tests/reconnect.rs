//! A connection that is cut after the broker has done what it was asked, and before the client
//! knows: the client connects again and sends again, and gets the first answer.

use std::time::Duration;

use anyhow::ensure;
use azure_iot_operations_services::leased_lock::{lease, lock};
use azure_iot_operations_services::state_store::{Operation, SetCondition, SetOptions};
use catena_official::{Broker, Member, PATIENCE, Proxy, in_time};

const LONG: Duration = Duration::from_secs(60);

struct World {
    _broker: Broker,
    proxy: Proxy,
    /// Its connection goes through the proxy.
    cut: Member,
    /// Its does not.
    steady: Member,
}

impl World {
    /// Both have had an answer, so that their subscriptions stand.
    async fn new() -> anyhow::Result<Self> {
        let broker = Broker::start(&[])?;
        let proxy = Proxy::start(broker.address()).await?;
        let cut = Member::connect("cut", proxy.address())?;
        let steady = Member::connect("steady", broker.address())?;
        for member in [&cut, &steady] {
            member.store.get(b"none".into(), PATIENCE).await?;
        }
        Ok(Self {
            _broker: broker,
            proxy,
            cut,
            steady,
        })
    }

    /// After `count` cuts, both still do their work.
    async fn end(self, count: u32) -> anyhow::Result<()> {
        ensure!(self.proxy.lost() == count, "{} cuts", self.proxy.lost());
        self.cut.leave().await?;
        self.steady.leave().await
    }
}

fn plain() -> SetOptions {
    SetOptions::default()
}

#[tokio::test]
async fn requests_whose_answer_is_lost_are_done_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (store, key) = (&world.cut.store, || b"key".to_vec());
    let fresh = SetOptions {
        set_condition: SetCondition::OnlyIfDoesNotExist,
        ..plain()
    };
    world.proxy.lose_next_answer();
    let set = store.set(key(), b"a".into(), PATIENCE, None, fresh).await?;
    ensure!(set.response, "sent again, it would meet its own key");
    let same = SetOptions {
        set_condition: SetCondition::OnlyIfEqualOrDoesNotExist,
        ..plain()
    };
    world.proxy.lose_next_answer();
    let set = store.set(key(), b"a".into(), PATIENCE, None, same).await?;
    ensure!(set.response, "it has that very value");
    world.proxy.lose_next_answer();
    let read = store.get(key(), PATIENCE).await?;
    ensure!(read.response.as_deref() == Some(&b"a"[..]) && read.version == set.version);
    world.proxy.lose_next_answer();
    ensure!(
        store
            .vdel(key(), b"a".into(), None, PATIENCE)
            .await?
            .response
            == 1
    );
    let set = store
        .set(key(), b"b".into(), PATIENCE, None, plain())
        .await?;
    world.proxy.lose_next_answer();
    let fenced = store
        .set(key(), b"c".into(), PATIENCE, set.version.clone(), plain())
        .await?;
    ensure!(fenced.response);
    world.proxy.lose_next_answer();
    let refused = store.set(key(), b"d".into(), PATIENCE, None, plain()).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("token is required")));
    world.proxy.lose_next_answer();
    ensure!(store.del(key(), set.version, PATIENCE).await?.response == 1);
    world.end(7).await
}

#[tokio::test]
async fn an_observation_ends_with_the_connection_and_can_be_made_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (store, key) = (&world.cut.store, || b"key".to_vec());
    let mut ended = store.observe(key(), PATIENCE).await?.response;
    world.proxy.cut();
    ensure!(in_time(ended.recv_notification()).await?.is_none());
    // Of another connection: nobody is told.
    world
        .steady
        .store
        .set(key(), b"a".into(), PATIENCE, None, plain())
        .await?;
    in_time(world.cut.monitor.connected()).await?;
    let mut observation = store.observe(key(), PATIENCE).await?.response;
    world
        .steady
        .store
        .set(key(), b"b".into(), PATIENCE, None, plain())
        .await?;
    let (notification, _) = in_time(observation.recv_notification())
        .await?
        .expect("one");
    ensure!(notification.operation == Operation::Set(b"b".into()));
    world.proxy.lose_next_answer();
    ensure!(store.unobserve(key(), PATIENCE).await?.response);
    world.end(1).await
}

#[tokio::test]
async fn a_key_expires_while_its_owner_is_cut_off() -> anyhow::Result<()> {
    let world = World::new().await?;
    let key = || b"key".to_vec();
    let mut observation = world.steady.store.observe(key(), PATIENCE).await?.response;
    let options = SetOptions {
        expires: Some(Duration::from_millis(500)),
        ..plain()
    };
    world.proxy.lose_next_answer();
    let set = world
        .cut
        .store
        .set(key(), b"a".into(), PATIENCE, None, options)
        .await?;
    ensure!(set.response);
    let mut operations = Vec::new();
    while operations.last() != Some(&Operation::Del) {
        let (notification, _) = in_time(observation.recv_notification())
            .await?
            .expect("more");
        operations.push(notification.operation);
    }
    ensure!(
        operations == [Operation::Set(b"a".into()), Operation::Del],
        "{operations:?}"
    );
    ensure!(
        world
            .cut
            .store
            .get(key(), PATIENCE)
            .await?
            .response
            .is_none()
    );
    world.end(1).await
}

#[tokio::test]
async fn a_lease_is_acquired_renewed_and_released_over_cuts() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ours = lease::Client::new(world.cut.store.clone(), b"lease".into(), b"cut".into())?;
    let theirs = lease::Client::new(world.steady.store.clone(), b"lease".into(), b"st".into())?;
    world.proxy.lose_next_answer();
    let token = ours.acquire(LONG, PATIENCE, None).await?;
    ensure!(theirs.acquire(LONG, PATIENCE, None).await.is_err());
    world.proxy.lose_next_answer();
    let renewed = ours.acquire(LONG, PATIENCE, None).await?;
    ensure!((renewed.timestamp, renewed.counter) > (token.timestamp, token.counter));
    world.proxy.lose_next_answer();
    ours.release(PATIENCE).await?;
    theirs.acquire(LONG, PATIENCE, None).await?;
    ensure!(theirs.get_holder(PATIENCE).await?.as_deref() == Some(&b"st"[..]));
    world.end(3).await
}

#[tokio::test]
async fn a_leader_that_was_cut_off_cannot_write_after_its_successor() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (store, key) = (&world.cut.store, || b"decision".to_vec());
    let ours = lease::Client::new(store.clone(), b"leader".into(), b"cut".into())?;
    let theirs = lease::Client::new(world.steady.store.clone(), b"leader".into(), b"st".into())?;
    world.proxy.lose_next_answer();
    let token = Some(ours.acquire(LONG, PATIENCE, None).await?);
    world.proxy.lose_next_answer();
    let led = store
        .set(key(), b"ours".into(), PATIENCE, token.clone(), plain())
        .await?;
    ensure!(led.response);
    ours.release(PATIENCE).await?;
    let newer = Some(theirs.acquire(LONG, PATIENCE, None).await?);
    world
        .steady
        .store
        .set(key(), b"theirs".into(), PATIENCE, newer, plain())
        .await?;
    world.proxy.lose_next_answer();
    let late = store
        .set(key(), b"late".into(), PATIENCE, token, plain())
        .await;
    ensure!(late.is_err_and(|error| error.to_string().contains("lower version")));
    let decision = store.get(key(), PATIENCE).await?.response;
    ensure!(decision.as_deref() == Some(&b"theirs"[..]));
    world.end(3).await
}

#[tokio::test]
async fn who_waits_for_a_lock_gets_it_though_it_was_cut_off() -> anyhow::Result<()> {
    let world = World::new().await?;
    let theirs = lock::Client::new(world.steady.store.clone(), b"lock".into(), b"st".into())?;
    let ours = lock::Client::new(world.cut.store.clone(), b"lock".into(), b"cut".into())?;
    theirs.lock(LONG, PATIENCE, None).await?;
    let waits = tokio::spawn(async move { ours.lock(LONG, PATIENCE, None).await });
    world.proxy.cut();
    in_time(world.cut.monitor.disconnected()).await?;
    in_time(world.cut.monitor.connected()).await?;
    theirs.unlock(PATIENCE).await?;
    in_time(waits).await???;
    let holder = world.steady.store.get(b"lock".into(), PATIENCE).await?;
    ensure!(holder.response.as_deref() == Some(&b"cut"[..]));
    world.end(0).await
}
