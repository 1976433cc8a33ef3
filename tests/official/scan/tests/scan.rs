//! All keys of a pattern are listed, page by page, also over a cut.

#[path = "../../src/broker.rs"]
mod broker;
#[path = "../../src/member.rs"]
mod member;
#[path = "../../src/proxy.rs"]
mod proxy;

use anyhow::ensure;
use azure_iot_operations_services::state_store::SetOptions;

use broker::Broker;
use member::{Member, PATIENCE};
use proxy::Proxy;

/// More than fit on a page.
const KEYS: u32 = 300;

#[tokio::test]
async fn the_keys_of_a_pattern_are_listed_page_by_page() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let proxy = Proxy::start(broker.address()).await?;
    let member = Member::connect("scan", proxy.address())?;
    let store = &member.store;
    let name = |number: u32| format!("s/{number:03}").into_bytes();
    for number in 0..KEYS {
        let options = SetOptions::default();
        store
            .set(name(number), b"x".into(), PATIENCE, None, options)
            .await?;
    }
    store
        .set(
            b"t/000".into(),
            b"x".into(),
            PATIENCE,
            None,
            SetOptions::default(),
        )
        .await?;
    let cases = [
        ("s/*", 0..KEYS),
        ("s/00?", 0..10),
        ("[a-s]/29[0-4]", 290..295),
        ("u*", 0..0),
    ];
    for (pattern, expected) in cases {
        let (mut pages, mut found) = (0, Vec::new());
        let mut pager = store.list_keys(pattern.into(), PATIENCE)?;
        proxy.lose_next_answer();
        while let Some(keys) = pager.next().await? {
            pages += 1;
            found.extend(keys);
        }
        found.sort();
        ensure!(
            found == expected.map(name).collect::<Vec<_>>(),
            "{pattern}: {found:?}"
        );
        ensure!(pages > 1 || pattern != "s/*", "all on one page");
    }
    ensure!(proxy.lost() == 4);
    member.leave().await
}

#[tokio::test]
async fn what_is_cut_is_cut_for_good_and_told() -> anyhow::Result<()> {
    let broker = Broker::start(&[])?;
    let proxy = Proxy::start(broker.address()).await?;
    let member = Member::connect("monitor", proxy.address())?;
    member.store.get(b"none".into(), PATIENCE).await?;
    proxy.cut();
    member::in_time(member.monitor.disconnected()).await?;
    ensure!(
        member
            .store
            .list_keys(b"*".into(), PATIENCE)?
            .next()
            .await?
            .is_some()
    );
    member.leave().await
}
