//! Refusals: their reasons reach whoever asked.

use catena_sdk::{Error, Event, Outcome, Publish, Qos, Reason};
use catena_sdk_testing::Broker;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Disconnect, DisconnectProperties, DisconnectReasonCode, Packet,
    PubAck, PubAckProperties, PubAckReason, PubRec, PubRecReason, SubAck, SubscribeReasonCode,
};

use crate::scripted::Scripted;
use crate::{builder, soon};

#[tokio::test]
async fn a_wrong_password_is_refused_for_good() {
    let broker = Broker::builder().user("anna", "s3cret").start().unwrap();
    let right = builder(&broker.url()).credentials("anna", "s3cret");
    right.connect().await.unwrap();
    let in_url = broker.url().replace("mqtt://", "mqtt://anna:s3cret@");
    builder(&in_url).connect().await.unwrap();

    let wrong = builder(&broker.url()).credentials("anna", "secret");
    let error = wrong.clone().connect().await.unwrap_err();
    let Error::ConnectionRefused { reason } = error else {
        panic!("{error:?}");
    };
    assert!(reason.is_refusal() && !error.is_retryable());
    assert_eq!(error.outcome(), Outcome::NotApplied);

    // In the background, the same ends the client, and all that it was asked for.
    let client = wrong.start().unwrap();
    let error = soon(client.publish(("a", "x"))).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionRefused { reason: told } if told == reason));
    let error = soon(client.subscribe("a")).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionRefused { .. }));
}

/// Passwords are replaced: the file is read for each connection anew.
#[tokio::test]
async fn a_password_may_stand_in_a_file() {
    let broker = Broker::builder().user("anna", "s3cret").start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let anna = builder(&broker.url()).credentials_file("anna", &file);
    let client = anna.keep_trying().start().unwrap();
    let mut events = client.events();
    let Some(Event::Disconnected { error }) = soon(events.next()).await else {
        panic!("a wrong password is taken");
    };
    assert!(matches!(error, Error::ConnectionRefused { .. }), "{error}");
    std::fs::write(&file, "s3cret\n").unwrap();
    soon(client.connected()).await.unwrap();
}

/// The broker of the test knows passwords, or nothing.
#[tokio::test]
async fn a_method_that_the_broker_does_not_know_may_be_left_out() {
    let unknown = |error| match error {
        Error::ConnectionRefused { reason } => reason == Reason::BAD_AUTHENTICATION_METHOD,
        _ => false,
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a token").unwrap();
    let with_token = |url: &str| builder(url).authentication_file("K8S-SAT", &file);

    let open = Broker::start().unwrap();
    let (url, address) = (open.url(), open.address());
    let error = with_token(&url).connect().await.unwrap_err();
    assert!(unknown(error));
    let client = with_token(&url).authentication_optional().connect();
    let client = client.await.unwrap();
    let mut events = client.events();
    // Each time anew.
    drop(open);
    let _open = Broker::builder().at(address).start().unwrap();
    let again = async {
        while !matches!(events.next().await, Some(Event::Connected { .. })) {}
        client.publish(("a", "x")).await
    };
    soon(again).await.unwrap();

    let closed = Broker::builder().user("anna", "s3cret").start().unwrap();
    let client = with_token(&closed.url()).authentication_optional();
    assert!(unknown(client.connect().await.unwrap_err()));
}

#[tokio::test]
async fn nobody_there_is_told_at_once_or_waited_for() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let url = format!("mqtt://{address}");
    let error = builder(&url).connect().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_retryable());

    let client = builder(&url).start().unwrap();
    let waiting = client.enqueue(("a", "x")).await.unwrap();
    let _broker = Broker::builder().at(address).start().unwrap();
    soon(waiting).await.unwrap();
}

#[tokio::test]
async fn a_refused_publish_tells_why_and_whether_to_try_again() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    for (reason, code, retryable) in [
        (PubAckReason::NotAuthorized, 0x87, false),
        (PubAckReason::QuotaExceeded, 0x97, true),
    ] {
        let answer = client.enqueue(("a", "x")).await.unwrap();
        let mut ack = PubAck::new(peer.receive_publish().await.pkid, None);
        ack.reason = reason;
        ack.properties = Some(PubAckProperties {
            reason_string: Some("told".to_owned()),
            user_properties: Vec::new(),
        });
        peer.send(Packet::PubAck(ack)).await;
        let error = soon(answer).await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable);
        assert_eq!(error.outcome(), Outcome::NotApplied);
        let Error::Refused { reason, text } = error else {
            panic!("{error:?}");
        };
        assert_eq!((reason.code(), text.as_deref()), (code, Some("told")));
    }
}

#[tokio::test]
async fn refusals_at_qos_2_do_not_use_up_what_may_be_in_flight() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let connecting = builder(&url).in_flight_max(2).connect();
    let (client, mut peer) = tokio::join!(connecting, broker.connected(false));
    let client = client.unwrap();
    for round in 0..40 {
        let publish = Publish::new("a", "x").qos(Qos::ExactlyOnce);
        let answer = client.enqueue(publish).await.unwrap();
        let mut ack = PubRec::new(peer.receive_publish().await.pkid, None);
        ack.reason = PubRecReason::NotAuthorized;
        peer.send(Packet::PubRec(ack)).await;
        let error = soon(answer).await.unwrap_err();
        assert!(matches!(error, Error::Refused { reason, .. } if reason.code() == 0x87));
        if round % 2 == 1 {
            peer = broker.connected(true).await;
        }
    }
}

#[tokio::test]
async fn a_refused_subscription_tells_why() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let (client, mut peer) = tokio::join!(builder(&url).connect(), broker.connected(false));
    let client = client.unwrap();
    let answering = async {
        match peer.receive().await {
            Packet::Subscribe(subscribe) => {
                peer.send(Packet::SubAck(SubAck {
                    pkid: subscribe.pkid,
                    return_codes: vec![SubscribeReasonCode::NotAuthorized],
                    properties: None,
                }))
                .await;
            }
            other => panic!("{other:?}"),
        }
    };
    let (refused, ()) = tokio::join!(client.subscribe("a"), answering);
    let error = refused.unwrap_err();
    assert!(matches!(error, Error::Refused { reason, .. } if reason == Reason::NOT_AUTHORIZED));
    // The filter is free again.
    let (granted, _) = tokio::join!(client.subscribe("a"), peer.grant());
    granted.unwrap();
}

#[tokio::test]
async fn a_busy_broker_is_tried_again_and_a_taken_session_is_not() {
    let broker = Scripted::start().await;
    let url = broker.url();
    let client = builder(&url).start().unwrap();
    let mut events = client.events();
    let mut peer = broker.connecting().await;
    let busy = ConnAck {
        session_present: false,
        code: ConnectReturnCode::ServerBusy,
        properties: None,
    };
    peer.send(Packet::ConnAck(busy)).await;
    let mut peer = broker.connected(false).await;
    let answer = client.enqueue(("a", "x")).await.unwrap();
    peer.receive_publish().await;
    let mut taken = Disconnect::new(DisconnectReasonCode::SessionTakenOver);
    taken.properties = Some(DisconnectProperties {
        session_expiry_interval: None,
        reason_string: Some("another one came".to_owned()),
        user_properties: Vec::new(),
        server_reference: None,
    });
    peer.send(Packet::Disconnect(taken)).await;
    let error = soon(answer).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    let ended = soon(async {
        loop {
            if let Some(Event::Ended { error }) = events.next().await {
                return error;
            }
        }
    });
    let Some(Error::ConnectionRefused { reason }) = ended.await else {
        panic!("it did not end for that");
    };
    assert_eq!(reason, Reason::SESSION_TAKEN_OVER);
}

#[tokio::test]
async fn whoever_keeps_trying_gets_in_once_the_broker_lets_it() {
    let broker = Broker::builder().user("anna", "other").start().unwrap();
    let address = broker.address();
    let client = builder(&broker.url()).credentials("anna", "s3cret");
    let client = client.keep_trying().start().unwrap();
    let mut events = client.events();
    while client.trouble().is_none() {
        soon(events.next()).await.unwrap();
    }
    assert!(!client.is_connected());
    let trouble = client.trouble().unwrap();
    assert!(
        matches!(trouble, Error::ConnectionRefused { .. }),
        "{trouble:?}"
    );
    drop(broker);
    let broker = Broker::builder().user("anna", "s3cret").at(address);
    let _broker = broker.start().unwrap();
    soon(client.connected()).await.unwrap();
    soon(client.publish(("a", "x"))).await.unwrap();
    assert!(client.is_connected() && client.trouble().is_none());
    client.close().await;
    assert!(!client.is_connected() && client.connected().await.is_err());
}

#[tokio::test]
async fn a_token_is_read_for_each_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let broker = Scripted::start().await;
    let missing = builder(&broker.url()).authentication_file("K8S-SAT", &file);
    let error = missing.clone().connect().await.unwrap_err();
    assert!(error.to_string().contains("token"), "{error}");
    std::fs::write(&file, "eyJh\n").unwrap();
    let (client, peer) = tokio::join!(missing.connect(), broker.connected(false));
    let connect = peer.connect.properties.clone().unwrap();
    assert_eq!(connect.authentication_method.as_deref(), Some("K8S-SAT"));
    assert_eq!(connect.authentication_data.as_deref(), Some(&b"eyJh"[..]));
    client.unwrap().close().await;
}
