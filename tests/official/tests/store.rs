//! Keys, conditions, fences, expiry and notifications, by the published client.

use std::time::Duration;

use anyhow::ensure;
use azure_iot_operations_protocol::common::hybrid_logical_clock::HybridLogicalClock;
use azure_iot_operations_services::state_store::{
    Error, ErrorKind, KeyObservation, Operation, ServiceError, SetCondition, SetOptions,
};
use catena_official::{Broker, Member, PATIENCE, in_time};

const KEY: &[u8] = b"\0key\r\n\xff";

fn key() -> Vec<u8> {
    KEY.to_vec()
}

fn condition(set_condition: SetCondition) -> SetOptions {
    SetOptions {
        set_condition,
        ..SetOptions::default()
    }
}

/// Sets [`KEY`] as said; whether that was done, and the version.
async fn set(
    member: &Member,
    value: &[u8],
    fence: Option<&HybridLogicalClock>,
    options: SetOptions,
) -> Result<(bool, HybridLogicalClock), Error> {
    let store = &member.store;
    let done = store
        .set(key(), value.to_vec(), PATIENCE, fence.cloned(), options)
        .await?;
    Ok((
        done.response,
        done.version.expect("each answer to SET has a version"),
    ))
}

async fn change(observation: &mut KeyObservation) -> anyhow::Result<Operation> {
    let came = in_time(observation.recv_notification()).await?;
    let (notification, _) = came.ok_or_else(|| anyhow::anyhow!("the observation ended"))?;
    ensure!(notification.key == KEY, "of another key");
    Ok(notification.operation)
}

fn plain() -> SetOptions {
    SetOptions::default()
}

#[tokio::test]
async fn what_is_set_can_be_read_and_deleted() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let member = Member::connect("plain", broker.address())?;
    let store = &member.store;
    let absent = store.get(key(), PATIENCE).await?;
    ensure!(absent.response.is_none() && absent.version.is_none());
    for value in [&b""[..], b"$3\r\nabc\r\n", &[0; 65_000]] {
        let (done, version) = set(&member, value, None, plain()).await?;
        let read = store.get(key(), PATIENCE).await?;
        ensure!(done && read.response.as_deref() == Some(value));
        ensure!(read.version == Some(version));
    }
    ensure!(store.del(key(), None, PATIENCE).await?.response == 1);
    ensure!(store.del(key(), None, PATIENCE).await?.response == 0);
    set(&member, b"a", None, plain()).await?;
    ensure!(
        store
            .vdel(key(), b"b".into(), None, PATIENCE)
            .await?
            .response
            == -1
    );
    ensure!(
        store
            .vdel(key(), b"a".into(), None, PATIENCE)
            .await?
            .response
            == 1
    );
    ensure!(
        store
            .vdel(key(), b"a".into(), None, PATIENCE)
            .await?
            .response
            == 0
    );
    member.leave().await
}

#[tokio::test]
async fn conditions_are_kept() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let member = Member::connect("conditions", broker.address())?;
    let cases = [
        (SetCondition::OnlyIfDoesNotExist, "a", true),
        (SetCondition::OnlyIfDoesNotExist, "a", false),
        (SetCondition::OnlyIfEqualOrDoesNotExist, "b", false),
        (SetCondition::OnlyIfEqualOrDoesNotExist, "a", true),
        (SetCondition::Unconditional, "b", true),
        (SetCondition::OnlyIfEqualOrDoesNotExist, "b", true),
    ];
    for (wanted, value, expected) in cases {
        let what = format!("{wanted:?} {value}");
        let (done, _) = set(&member, value.as_bytes(), None, condition(wanted)).await?;
        ensure!(done == expected, what);
    }
    member.store.del(key(), None, PATIENCE).await?;
    let options = condition(SetCondition::OnlyIfEqualOrDoesNotExist);
    ensure!(set(&member, b"c", None, options).await?.0);
    member.leave().await
}

#[tokio::test]
async fn a_key_expires_by_itself_and_is_told() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let member = Member::connect("expiry", broker.address())?;
    let mut observation = member.store.observe(key(), PATIENCE).await?.response;
    let options = SetOptions {
        expires: Some(Duration::from_millis(300)),
        ..SetOptions::default()
    };
    set(&member, b"a", None, options).await?;
    ensure!(change(&mut observation).await? == Operation::Set(b"a".into()));
    ensure!(change(&mut observation).await? == Operation::Del);
    ensure!(member.store.get(key(), PATIENCE).await?.response.is_none());
    member.leave().await
}

#[tokio::test]
async fn a_fence_keeps_older_tokens_out() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let member = Member::connect("fences", broker.address())?;
    let store = &member.store;
    let (_, older) = set(&member, b"a", None, plain()).await?;
    let (_, newer) = set(&member, b"b", None, plain()).await?;
    set(&member, b"c", Some(&newer), plain()).await?;
    set(&member, b"d", Some(&newer), plain()).await?;
    let missing = |error: &Error| {
        matches!(
            error.kind(),
            ErrorKind::ServiceError(ServiceError::MissingFencingToken)
        )
    };
    let lower = |error: &Error| {
        matches!(
            error.kind(),
            ErrorKind::ServiceError(ServiceError::FencingTokenLowerVersion)
        )
    };
    ensure!(
        set(&member, b"e", None, plain())
            .await
            .is_err_and(|error| missing(&error))
    );
    ensure!(
        set(&member, b"e", Some(&older), plain())
            .await
            .is_err_and(|error| lower(&error))
    );
    ensure!(
        store
            .del(key(), None, PATIENCE)
            .await
            .is_err_and(|error| missing(&error))
    );
    let outdated = store.vdel(key(), b"d".into(), Some(older), PATIENCE).await;
    ensure!(outdated.is_err_and(|error| lower(&error)));
    let ahead = HybridLogicalClock {
        timestamp: newer.timestamp + Duration::from_secs(120),
        ..newer.clone()
    };
    let skew = set(&member, b"e", Some(&ahead), plain())
        .await
        .map_err(|error| error.to_string());
    ensure!(skew.is_err_and(|text| text.contains("too far in the future")));
    ensure!(store.get(key(), PATIENCE).await?.response.as_deref() == Some(&b"d"[..]));
    ensure!(store.del(key(), Some(newer), PATIENCE).await?.response == 1);
    ensure!(
        set(&member, b"f", None, plain()).await?.0,
        "the fence went with the key"
    );
    member.leave().await
}

#[tokio::test]
async fn an_observer_sees_each_change_once_and_in_order() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let writer = Member::connect("writer", broker.address())?;
    let reader = Member::connect("reader/1", broker.address())?;
    let mut observation = reader.store.observe(key(), PATIENCE).await?.response;
    let again = reader.store.observe(key(), PATIENCE).await.map(drop);
    ensure!(again.is_err_and(|error| matches!(error.kind(), ErrorKind::DuplicateObserve)));
    set(&writer, b"a", None, plain()).await?;
    set(&reader, b"", None, plain()).await?;
    set(
        &writer,
        b"no",
        None,
        condition(SetCondition::OnlyIfDoesNotExist),
    )
    .await?;
    writer.store.del(key(), None, PATIENCE).await?;
    writer.store.del(key(), None, PATIENCE).await?;
    ensure!(reader.store.unobserve(key(), PATIENCE).await?.response);
    ensure!(!reader.store.unobserve(key(), PATIENCE).await?.response);
    set(&writer, b"b", None, plain()).await?;
    // All that was told came before the answer that ended it.
    ensure!(change(&mut observation).await? == Operation::Set(b"a".into()));
    ensure!(change(&mut observation).await? == Operation::Set(b"".into()));
    ensure!(change(&mut observation).await? == Operation::Del);
    ensure!(in_time(observation.recv_notification()).await?.is_none());
    writer.leave().await?;
    reader.leave().await
}
