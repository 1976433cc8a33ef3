//! Enhanced authentication.
#![expect(clippy::panic, reason = "what takes results apart fails the test")]

use catena_connection::{
    Action, AuthAnswer, AuthenticationStep, Close, Outbox, Session, Settings, WillFate,
};
use catena_mqtt::{Auth, Connect, ConnectProperties, Packet, Qos, ReasonCode, Version};

use crate::driver::{Driver, Step, bytes_of, connect, connect_bytes, packets, publish_bytes};

const METHOD: &str = "steps";

fn auth(reason: ReasonCode, data: &[u8]) -> Vec<u8> {
    auth_with(METHOD, reason, data)
}

fn auth_with(method: &str, reason: ReasonCode, data: &[u8]) -> Vec<u8> {
    let packet = Auth {
        reason,
        authentication_method: Some(method),
        authentication_data: Some(data),
        ..Auth::default()
    };
    bytes_of(Version::V5, &Packet::Auth(packet))
}

/// A connection that has sent CONNECT with our method.
fn begin() -> (Driver, Step) {
    let mut driver = Driver::new(Settings {
        authentication_methods: vec![Box::from(METHOD)],
        reason_strings: true,
        ..Settings::default()
    });
    let properties = ConnectProperties {
        authentication_method: Some(METHOD),
        authentication_data: Some(b"one"),
        ..Default::default()
    };
    let step = driver.send(&connect_bytes(&Connect {
        properties,
        ..connect(Version::V5)
    }));
    (driver, step)
}

/// The broker's judgement: actions and what is sent.
fn judge(
    driver: &mut Driver,
    answer: AuthAnswer<'_>,
) -> (Vec<Action<'static>>, Result<(), Close>, Vec<u8>) {
    let mut actions = Vec::new();
    let (bytes, stats) = (&mut driver.bytes, &mut driver.stats);
    let mut out = Outbox {
        bytes,
        actions: &mut actions,
        stats,
    };
    let outcome = driver
        .connection
        .handle_auth(&driver.settings, answer, &mut out);
    (actions, outcome, driver.take_sent())
}

#[track_caller]
fn assert_step(step: &Step, expected: AuthenticationStep, expected_data: &[u8]) {
    match &step.actions[..] {
        [Action::Authenticate { step, method, data }] => {
            assert_eq!((*step, *method), (expected, METHOD));
            assert_eq!(*data, Some(expected_data));
        }
        other => panic!("not one step: {other:?}"),
    }
}

#[track_caller]
fn assert_auth(sent: &[u8], reason: ReasonCode, data: &[u8]) {
    match packets(Version::V5, sent)[..] {
        [Packet::Auth(auth)] => {
            assert_eq!(auth.reason, reason);
            // [MQTT-4.12.0-5]
            assert_eq!(auth.authentication_method, Some(METHOD));
            assert_eq!(auth.authentication_data, Some(data));
            // [MQTT-3.15.2-2] [MQTT-3.15.2-3]: none is ever sent.
            assert!(auth.reason_string.is_none() && auth.user_properties.is_empty());
        }
        ref other => panic!("not one AUTH: {other:?}"),
    }
}

/// A connection that was opened with our method.
fn open() -> Driver {
    let (mut driver, _) = begin();
    let (actions, outcome, _) = judge(&mut driver, AuthAnswer::Success { data: None });
    assert!(outcome.is_ok() && matches!(actions[..], [Action::Connect(_)]));
    driver.accept(&Session::default());
    driver
}

#[test]
fn an_exchange_of_two_steps_opens_the_connection() {
    // [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.15.2-1] [MQTT-3.2.0-1]
    let (mut driver, step) = begin();
    assert_step(&step, AuthenticationStep::Begin, b"one");
    let (actions, outcome, sent) = judge(&mut driver, AuthAnswer::Continue { data: Some(b"two") });
    assert!(actions.is_empty() && outcome.is_ok());
    assert_auth(&sent, ReasonCode::ContinueAuthentication, b"two");
    let step = driver.send(&auth(ReasonCode::ContinueAuthentication, b"three"));
    assert_step(&step, AuthenticationStep::Continue, b"three");
    let (actions, outcome, sent) = judge(
        &mut driver,
        AuthAnswer::Success {
            data: Some(b"four"),
        },
    );
    assert!(outcome.is_ok() && sent.is_empty());
    let [Action::Connect(action)] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(action.authentication_method.as_deref(), Some(METHOD));
    let connack = driver.accept(&Session::default());
    let [Packet::ConnAck(connack)] = &packets(Version::V5, &connack)[..] else {
        panic!()
    };
    assert_eq!(connack.properties.authentication_method, Some(METHOD));
    assert_eq!(
        connack.properties.authentication_data,
        Some(b"four".as_slice())
    );
}

#[test]
fn an_unknown_method_is_refused() {
    // [MQTT-4.12.0-1]
    let properties = ConnectProperties {
        authentication_method: Some("unknown"),
        ..Default::default()
    };
    let bytes = connect_bytes(&Connect {
        properties,
        ..connect(Version::V5)
    });
    let step = Driver::new(Settings::default()).send(&bytes);
    let expected = (
        ReasonCode::BadAuthenticationMethod,
        vec![0x20, 3, 0, 0x8C, 0],
    );
    assert_eq!(step.closed(), expected);
}

#[test]
fn the_broker_may_refuse_at_any_step() {
    // [MQTT-4.12.0-4]
    for steps in 0..2 {
        let (mut driver, _) = begin();
        for _ in 0..steps {
            assert!(
                judge(&mut driver, AuthAnswer::Continue { data: None })
                    .1
                    .is_ok()
            );
            driver
                .send(&auth(ReasonCode::ContinueAuthentication, b"x"))
                .outcome
                .unwrap();
        }
        let reason = ReasonCode::NotAuthorized;
        let (_, outcome, sent) = judge(&mut driver, AuthAnswer::Failure { reason });
        assert_eq!(outcome.unwrap_err().reason, reason);
        assert!(matches!(&packets(Version::V5, &sent)[..],
            [Packet::ConnAck(connack)] if connack.reason == reason));
    }
}

#[test]
fn before_connack_only_auth_and_disconnect_are_taken() {
    // [MQTT-3.1.2-30]: while the broker judges, while the client is to answer, and before CONNACK.
    let publish = publish_bytes(Version::V5, Qos::AtMostOnce, 0);
    let continued = |driver: &mut Driver| {
        assert!(judge(driver, AuthAnswer::Continue { data: None }).1.is_ok());
    };
    let succeeded = |driver: &mut Driver| {
        assert!(judge(driver, AuthAnswer::Success { data: None }).1.is_ok());
    };
    let nothing = |_: &mut Driver| {};
    let before: [&dyn Fn(&mut Driver); 3] = [&nothing, &continued, &succeeded];
    for prepare in before {
        let (mut driver, _) = begin();
        prepare(&mut driver);
        let step = driver.send(&publish);
        assert!(step.actions.is_empty());
        let (reason, sent) = step.closed();
        assert_eq!(reason, ReasonCode::ProtocolError);
        assert!(matches!(
            &packets(Version::V5, &sent)[..],
            [Packet::ConnAck(_)]
        ));
    }
    let (mut driver, _) = begin();
    continued(&mut driver);
    let step = driver.send(b"\xe0\x00");
    assert!(matches!(step.actions[..], [Action::Disconnect { .. }]));
    assert!(driver.connection.is_closed() && step.sent.is_empty());
}

#[test]
fn a_step_of_the_wrong_kind_is_refused() {
    // [MQTT-4.12.0-3]
    for (bytes, reason) in [
        (
            auth(ReasonCode::Reauthenticate, b""),
            ReasonCode::ProtocolError,
        ),
        (auth(ReasonCode::Success, b""), ReasonCode::ProtocolError),
        (
            auth_with("other", ReasonCode::ContinueAuthentication, b""),
            ReasonCode::ProtocolError,
        ),
    ] {
        let (mut driver, _) = begin();
        assert!(
            judge(&mut driver, AuthAnswer::Continue { data: None })
                .1
                .is_ok()
        );
        assert_eq!(driver.send(&bytes).closed().0, reason);
    }
}

#[test]
fn a_client_that_does_not_answer_is_timed_out() {
    let (mut driver, _) = begin();
    driver.elapse(20_000);
    // The broker's own time does not count.
    assert!(driver.timeout().is_ok());
    assert!(
        judge(&mut driver, AuthAnswer::Continue { data: None })
            .1
            .is_ok()
    );
    assert!(driver.timeout().is_err());
}

#[test]
fn without_a_method_there_is_no_auth() {
    // [MQTT-4.12.0-6] [MQTT-4.12.0-7]
    for reason in [
        ReasonCode::Reauthenticate,
        ReasonCode::ContinueAuthentication,
    ] {
        let mut driver = Driver::open(Version::V5);
        driver
            .send(&auth(reason, b"x"))
            .assert_disconnected(ReasonCode::ProtocolError);
    }
    // Whatever is in it, a length that cannot be among it.
    for bytes in [&b"\xf0\x00"[..], b"\xf0\x01\x00", b"\xf0\xff\xff\xff\xff"] {
        Driver::open(Version::V5)
            .send(bytes)
            .assert_disconnected(ReasonCode::ProtocolError);
    }
    let connack = Driver::new(Settings::default()).connect(&connect(Version::V5));
    let [Packet::ConnAck(connack)] = &packets(Version::V5, &connack)[..] else {
        panic!()
    };
    assert_eq!(connack.properties.authentication_method, None);
    let step = Driver::open(Version::V311).send(&auth(ReasonCode::Reauthenticate, b"x"));
    assert!(step.sent.is_empty() && step.outcome.is_err());
}

#[test]
fn a_client_may_authenticate_again_while_messages_flow() {
    // [MQTT-4.12.1-1]
    let mut driver = open();
    let step = driver.send(&auth(ReasonCode::Reauthenticate, b"one"));
    assert_step(&step, AuthenticationStep::Again, b"one");
    let step = driver.send(&publish_bytes(Version::V5, Qos::AtMostOnce, 0));
    assert_eq!(step.actions.len(), 1);
    let (_, _, sent) = judge(&mut driver, AuthAnswer::Continue { data: Some(b"two") });
    assert_auth(&sent, ReasonCode::ContinueAuthentication, b"two");
    let step = driver.send(&auth(ReasonCode::ContinueAuthentication, b"three"));
    assert_step(&step, AuthenticationStep::Continue, b"three");
    let (_, _, sent) = judge(
        &mut driver,
        AuthAnswer::Success {
            data: Some(b"four"),
        },
    );
    assert_auth(&sent, ReasonCode::Success, b"four");
    // And again.
    driver
        .send(&auth(ReasonCode::Reauthenticate, b"one"))
        .outcome
        .unwrap();
}

#[test]
fn a_failed_re_authentication_ends_the_connection() {
    // [MQTT-4.12.1-2]
    let mut driver = open();
    driver
        .send(&auth(ReasonCode::Reauthenticate, b"one"))
        .outcome
        .unwrap();
    let reason = ReasonCode::NotAuthorized;
    let (_, outcome, sent) = judge(&mut driver, AuthAnswer::Failure { reason });
    assert_eq!(outcome.unwrap_err().will, WillFate::Publish);
    assert!(matches!(packets(Version::V5, &sent)[..],
        [Packet::Disconnect(disconnect)] if disconnect.reason == reason));
}

#[test]
fn a_re_authentication_keeps_to_its_rules() {
    // [MQTT-4.12.1-1]
    for (bytes, reason) in [
        (
            auth(ReasonCode::ContinueAuthentication, b""),
            ReasonCode::ProtocolError,
        ),
        (
            auth_with("other", ReasonCode::Reauthenticate, b""),
            ReasonCode::ProtocolError,
        ),
    ] {
        assert_eq!(open().send(&bytes).closed().0, reason);
    }
    let mut driver = open();
    driver
        .send(&auth(ReasonCode::Reauthenticate, b""))
        .outcome
        .unwrap();
    let step = driver.send(&auth(ReasonCode::Reauthenticate, b""));
    assert_eq!(step.closed().0, ReasonCode::ProtocolError);
}
