//! Leases, locks, and who leads, by the published clients.

use std::time::Duration;

use anyhow::ensure;
use azure_iot_operations_protocol::common::hybrid_logical_clock::HybridLogicalClock;
use azure_iot_operations_services::leased_lock::{ErrorKind, lease, lock};
use azure_iot_operations_services::state_store::{Operation, SetOptions};
use catena_official::{Broker, Member, PATIENCE, in_time};

const LONG: Duration = Duration::from_secs(60);

fn order(token: &HybridLogicalClock) -> (std::time::SystemTime, u64) {
    (token.timestamp, token.counter)
}

fn lease_of(member: &Member, holder: &str) -> anyhow::Result<lease::Client> {
    Ok(lease::Client::new(
        member.store.clone(),
        b"lease".into(),
        holder.into(),
    )?)
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_is_given_back() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let (one, other) = pair(&broker)?;
    let (first, second) = (lease_of(&one, "one")?, lease_of(&other, "other")?);
    let mut watched = second.observe(PATIENCE).await?;
    let token = first.acquire(LONG, PATIENCE, None).await?;
    let renewed = first.acquire(LONG, PATIENCE, None).await?;
    ensure!(order(&renewed) > order(&token));
    let refused = second.acquire(LONG, PATIENCE, None).await;
    ensure!(refused.is_err_and(|error| matches!(error.kind(), ErrorKind::LeaseAlreadyHeld)));
    ensure!(second.get_holder(PATIENCE).await?.as_deref() == Some(&b"one"[..]));
    first.release(PATIENCE).await?;
    for expected in ["one", "one", ""] {
        let came = in_time(watched.recv_notification()).await?;
        let (notification, _) = came.ok_or_else(|| anyhow::anyhow!("the observation ended"))?;
        let free = expected.is_empty();
        let expected = Operation::Set(expected.into());
        ensure!(notification.operation == if free { Operation::Del } else { expected });
    }
    let later = second.acquire(LONG, PATIENCE, None).await?;
    ensure!(order(&later) > order(&renewed));
    one.leave().await?;
    other.leave().await
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_ends_and_one_that_is_does_not() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let (one, other) = pair(&broker)?;
    let (first, second) = (lease_of(&one, "one")?, lease_of(&other, "other")?);
    let mut watched = second.observe(PATIENCE).await?;
    let (life, renewal) = (Duration::from_millis(1_500), Duration::from_millis(300));
    first.acquire(life, PATIENCE, Some(renewal)).await?;
    // More renewals than fit into the life of one lease.
    for _ in 0..7 {
        let came = in_time(watched.recv_notification()).await?;
        let operation = came.map(|(notification, _)| notification.operation);
        ensure!(operation == Some(Operation::Set(b"one".into())));
    }
    first.release(PATIENCE).await?;
    first
        .acquire(Duration::from_millis(300), PATIENCE, None)
        .await?;
    let mut ends = 0;
    while ends < 2 {
        let came = in_time(watched.recv_notification()).await?;
        let (notification, _) = came.ok_or_else(|| anyhow::anyhow!("the observation ended"))?;
        ends += u32::from(notification.operation == Operation::Del);
    }
    second.acquire(LONG, PATIENCE, None).await?;
    one.leave().await?;
    other.leave().await
}

#[tokio::test]
async fn who_waits_for_a_lock_gets_it_when_it_is_free() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let (one, other) = pair(&broker)?;
    let first = lock::Client::new(one.store.clone(), b"lock".into(), b"one".into())?;
    let second = lock::Client::new(other.store.clone(), b"lock".into(), b"other".into())?;
    let token = first.lock(LONG, PATIENCE, None).await?;
    let waits = tokio::spawn(async move { second.lock(LONG, PATIENCE, None).await });
    first.unlock(PATIENCE).await?;
    let later = in_time(waits).await???;
    ensure!(order(&later) > order(&token));
    one.leave().await?;
    other.leave().await
}

/// The crates have no client for elections: who holds the lease leads, and its token proves it.
#[tokio::test]
async fn who_led_before_cannot_write_once_another_leads() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let (one, other) = pair(&broker)?;
    let (first, second) = (lease_of(&one, "one")?, lease_of(&other, "other")?);
    let (a, b) = tokio::join!(
        first.acquire(LONG, PATIENCE, None),
        second.acquire(LONG, PATIENCE, None)
    );
    ensure!(a.is_ok() != b.is_ok(), "one wins");
    let ((leader, lead), (follower, follow), token) = match a {
        Ok(token) => ((first, &one), (second, &other), token),
        Err(_) => ((second, &other), (first, &one), b?),
    };
    let write = async |member: &Member, token: &HybridLogicalClock| {
        let (key, options) = (b"state".to_vec(), SetOptions::default());
        member
            .store
            .set(key, b"x".into(), PATIENCE, Some(token.clone()), options)
            .await
    };
    write(lead, &token).await?;
    leader.release(PATIENCE).await?;
    let successor = follower.acquire(LONG, PATIENCE, None).await?;
    write(follow, &successor).await?;
    let late = write(lead, &token).await.map_err(|error| error.to_string());
    ensure!(late.is_err_and(|text| text.contains("lower version")));
    one.leave().await?;
    other.leave().await
}

fn pair(broker: &Broker) -> anyhow::Result<(Member, Member)> {
    let one = Member::connect("one", broker.address())?;
    Ok((one, Member::connect("other", broker.address())?))
}
