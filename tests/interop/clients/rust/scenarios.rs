//! The scenarios of `clients/README.md`.

use anyhow::{bail, ensure};
use rumqttc::v5::mqttbytes::v5::PublishProperties;

use crate::Options;
use crate::peer::{Peer, Wish};

/// Runs one scenario.
pub(crate) async fn run(options: &Options, name: &str) -> anyhow::Result<()> {
    match name {
        "qos0" => deliver(options, 0).await,
        "qos1" => deliver(options, 1).await,
        "qos2" => deliver(options, 2).await,
        "retained" => retained(options).await,
        "will" => will(options).await,
        "unsubscribe" => unsubscribe(options).await,
        "shared" => shared(options).await,
        "resume" => resume(options).await,
        "takeover" => takeover(options).await,
        "large" => large(options).await,
        "order" => order(options).await,
        "alias" => alias(options).await,
        "properties" => properties(options).await,
        _ => bail!("no such scenario"),
    }
}

async fn plain(options: &Options, name: &'static str) -> anyhow::Result<Peer> {
    Peer::connect(options, &Wish::plain(name)).await
}

async fn deliver(options: &Options, qos: u8) -> anyhow::Result<()> {
    let mut subscriber = plain(options, "subscriber").await?;
    let mut publisher = plain(options, "publisher").await?;
    let topic = format!("rumqttc/qos{qos}");
    subscriber.subscribe(&topic, qos).await?;
    for number in 0..10 {
        publisher.publish(&topic, number.to_string(), qos).await?;
    }
    for number in 0..10 {
        let found = subscriber.expect(&number.to_string(), qos, false).await?;
        ensure!(
            found.topic == topic,
            "found topic {}, expected {topic}",
            found.topic
        );
    }
    let lower = qos.min(1);
    subscriber.subscribe("rumqttc/lower/#", lower).await?;
    publisher.publish("rumqttc/lower/a", "lower", 2).await?;
    subscriber.expect("lower", lower, false).await?;
    subscriber.disconnect().await?;
    publisher.disconnect().await
}

async fn retained(options: &Options) -> anyhow::Result<()> {
    let mut early = plain(options, "early").await?;
    early.subscribe("rumqttc/retained/+", 1).await?;
    early.retain("rumqttc/retained/a", "kept").await?;
    early.expect("kept", 1, false).await?;
    let mut later = plain(options, "later").await?;
    later.subscribe("rumqttc/retained/#", 1).await?;
    later.expect("kept", 1, true).await?;
    early.retain("rumqttc/retained/a", "").await?;
    early.expect("", 1, false).await?;
    let mut last = plain(options, "last").await?;
    last.subscribe("rumqttc/retained/#", 1).await?;
    early.publish("rumqttc/retained/b", "marker", 1).await?;
    last.expect("marker", 1, false).await?;
    Ok(())
}

async fn will(options: &Options) -> anyhow::Result<()> {
    let mut watcher = plain(options, "watcher").await?;
    watcher.subscribe("rumqttc/will", 1).await?;
    let mut mortal = Wish::plain("mortal");
    mortal.will = Some(("rumqttc/will", "gone"));
    drop(Peer::connect(options, &mortal).await?);
    watcher.expect("gone", 1, false).await?;
    mortal.will = Some(("rumqttc/will", "unwanted"));
    Peer::connect(options, &mortal).await?.disconnect().await?;
    watcher.publish("rumqttc/will", "marker", 1).await?;
    watcher.expect("marker", 1, false).await?;
    Ok(())
}

async fn unsubscribe(options: &Options) -> anyhow::Result<()> {
    let mut peer = plain(options, "leaver").await?;
    peer.subscribe("rumqttc/left", 1).await?;
    peer.subscribe("rumqttc/stays", 1).await?;
    peer.unsubscribe("rumqttc/left").await?;
    peer.publish("rumqttc/left", "unwanted", 1).await?;
    peer.publish("rumqttc/stays", "wanted", 1).await?;
    peer.expect("wanted", 1, false).await?;
    Ok(())
}

async fn shared(options: &Options) -> anyhow::Result<()> {
    let mut members = [plain(options, "one").await?, plain(options, "two").await?];
    for member in &mut members {
        member.subscribe("$share/group/rumqttc/shared", 1).await?;
    }
    let mut publisher = plain(options, "publisher").await?;
    publisher.subscribe("rumqttc/shared", 1).await?;
    for number in 0..20 {
        publisher
            .publish("rumqttc/shared", number.to_string(), 1)
            .await?;
    }
    for number in 0..20 {
        publisher.expect(&number.to_string(), 1, false).await?;
    }
    let mut found = Vec::new();
    for member in &mut members {
        // Once it has got the end, none of the above is under way any more.
        member.subscribe("rumqttc/end", 1).await?;
        member.publish("rumqttc/end", "end", 1).await?;
        loop {
            let payload = String::from_utf8(member.receive().await?.payload)?;
            if payload == "end" {
                break;
            }
            found.push(payload.parse::<u32>()?);
        }
        member.unsubscribe("rumqttc/end").await?;
    }
    found.sort_unstable();
    ensure!(
        found == (0..20).collect::<Vec<_>>(),
        "the group got {found:?}"
    );
    Ok(())
}

async fn resume(options: &Options) -> anyhow::Result<()> {
    plain(options, "resume").await?.disconnect().await?;
    let lasting = Wish::lasting("resume");
    let mut peer = Peer::connect(options, &lasting).await?;
    ensure!(
        !peer.session_present,
        "a session is present before there was one"
    );
    peer.subscribe("rumqttc/resume", 2).await?;
    peer.disconnect().await?;
    let mut publisher = plain(options, "publisher").await?;
    for number in 0..20_u8 {
        let qos = 1 + number / 10;
        publisher
            .publish("rumqttc/resume", number.to_string(), qos)
            .await?;
    }
    let mut peer = Peer::connect(options, &lasting).await?;
    ensure!(peer.session_present, "the session is gone");
    for number in 0..20_u8 {
        peer.expect(&number.to_string(), 1 + number / 10, false)
            .await?;
    }
    peer.disconnect().await?;
    let peer = plain(options, "resume").await?;
    ensure!(!peer.session_present, "a clean start keeps the session");
    peer.disconnect().await
}

async fn takeover(options: &Options) -> anyhow::Result<()> {
    let lasting = Wish::lasting("taken");
    let mut first = Peer::connect(options, &lasting).await?;
    first.subscribe("rumqttc/taken", 1).await?;
    let mut second = Peer::connect(options, &lasting).await?;
    // rumqttc 0.25 cannot read a DISCONNECT without properties, so it does not say why.
    first.closed().await?;
    ensure!(second.session_present, "the session is gone");
    second.publish("rumqttc/taken", "here", 1).await?;
    second.expect("here", 1, false).await?;
    second.disconnect().await
}

async fn large(options: &Options) -> anyhow::Result<()> {
    let payload: Vec<u8> = (0..1024 * 1024_u32).map(|i| (i * 7 % 251) as u8).collect();
    let mut peer = plain(options, "large").await?;
    peer.subscribe("rumqttc/large", 2).await?;
    for qos in 0..=2 {
        peer.publish("rumqttc/large", payload.clone(), qos).await?;
        let found = peer.receive().await?.payload;
        ensure!(found == payload, "another payload of {} bytes", found.len());
    }
    peer.disconnect().await
}

async fn order(options: &Options) -> anyhow::Result<()> {
    let mut subscriber = plain(options, "subscriber").await?;
    let publisher = plain(options, "publisher").await?;
    subscriber.subscribe("rumqttc/order/+", 2).await?;
    for qos in 0..=2 {
        let topic = format!("rumqttc/order/{qos}");
        for number in 0..1000 {
            publisher
                .send(&topic, number.to_string(), qos, false)
                .await?;
        }
        for number in 0..1000 {
            subscriber.expect(&number.to_string(), qos, false).await?;
        }
    }
    subscriber.disconnect().await?;
    publisher.disconnect().await
}

async fn alias(options: &Options) -> anyhow::Result<()> {
    let mut wish = Wish::plain("subscriber");
    wish.aliases = 5;
    let mut subscriber = Peer::connect(options, &wish).await?;
    let mut publisher = plain(options, "publisher").await?;
    subscriber.subscribe("rumqttc/alias/#", 1).await?;
    for alias in [1, 2] {
        let topic = format!("rumqttc/alias/{alias}");
        for number in 0..10 {
            let properties = PublishProperties {
                topic_alias: Some(alias),
                ..PublishProperties::default()
            };
            let topic = if number == 0 { topic.as_str() } else { "" };
            publisher
                .publish_with(topic, &number.to_string(), properties)
                .await?;
        }
        for number in 0..10 {
            // rumqttc 0.25 hands on the empty topic of a message by alias.
            let found = subscriber
                .expect(&number.to_string(), 1, false)
                .await?
                .topic;
            ensure!(
                found == topic || found.is_empty(),
                "found topic {found}, expected {topic}"
            );
        }
    }
    subscriber.disconnect().await?;
    publisher.disconnect().await
}

async fn properties(options: &Options) -> anyhow::Result<()> {
    let mut peer = plain(options, "properties").await?;
    peer.subscribe("rumqttc/properties", 1).await?;
    let pairs = [("a", "1"), ("b", "2"), ("a", "3")];
    let sent = PublishProperties {
        payload_format_indicator: Some(1),
        message_expiry_interval: Some(100),
        response_topic: Some("rumqttc/answer".to_owned()),
        correlation_data: Some(vec![0, 1, 255].into()),
        user_properties: pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        content_type: Some("text/plain".to_owned()),
        ..PublishProperties::default()
    };
    peer.publish_with("rumqttc/properties", "told", sent.clone())
        .await?;
    let mut found = peer
        .expect("told", 1, false)
        .await?
        .properties
        .unwrap_or_default();
    let left = found.message_expiry_interval;
    ensure!(
        left.is_some_and(|left| (90..=100).contains(&left)),
        "expiry is {left:?}"
    );
    found.message_expiry_interval = Some(100);
    ensure!(found == sent, "found {found:?}, expected {sent:?}");
    peer.disconnect().await
}
