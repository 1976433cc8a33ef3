//! How `catena-dapr` ends and begins again, and what a second initialisation does.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use catena_tests_dapr::clock::{Deadline, Stopwatch};
use catena_tests_dapr::http::Response;
use catena_tests_dapr::{App, Delivery, Mark, Mqtt, Scene, Subscription, clock};
use rumqttc::v5::mqttbytes::v5::PublishProperties;
use rustix::process::Signal;
use serde_json::json;

use crate::pubsub::publish;
use crate::setting::{PATIENCE, Setting, pubsub, state};

/// At SIGTERM, what applications have in hand is waited for and acknowledged.
#[test]
fn answers_that_are_owed_at_the_end_reach_the_broker() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let may_answer = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&may_answer);
        let answer = move |_: &Delivery| {
            let allowed = clock::until("the permission to answer", PATIENCE, || {
                Ok(told.load(Ordering::SeqCst).then_some(()))
            });
            allowed.ok().map(|()| Response::empty(200))
        };
        let orders = [Subscription::new("pubsub", "orders", "orders")];
        let app = App::answering(&orders, Arc::new(answer))?;
        let (sidecar, mut process) = setting.beside("shop", &app)?;
        publish(&sidecar, "orders", &json!(1))?;
        app.wait("orders", 1, PATIENCE)?;

        let Some(mut components) = setting.running_components.take() else {
            return Ok(());
        };
        let log = components.log().clone();
        let mark = log.mark();
        let ending = thread::spawn(move || components.terminate(PATIENCE));
        log.wait(mark, &["waiting for answers"], PATIENCE)?;
        may_answer.store(true, Ordering::SeqCst);
        let ended = ending.join();
        let status = ended.map_err(|_| anyhow::anyhow!("nobody waits for the end"))??;
        assert!(status.success());
        assert_eq!(std::fs::read_dir(setting.components.sockets())?.count(), 0);

        process.kill()?;
        setting.running_components = Some(setting.components.start()?);
        let _process = sidecar.start()?;
        publish(&sidecar, "orders", &json!(2))?;
        let got = app.wait("orders", 2, PATIENCE)?;
        let datas: Vec<_> = got.iter().map(|one| one.data().clone()).collect();
        assert_eq!(datas, [json!(1), json!(2)]);
        Ok(())
    })
}

/// The same, started by another program.
fn by(program: &[&str], command: &Command) -> Command {
    let mut whole = Command::new(program[0]);
    whole.args(&program[1..]).arg(command.get_program());
    whole.args(command.get_args());
    whole
}

/// A socket that is left behind holds up the next sidecar.
#[test]
fn whatever_ends_the_components_removes_the_sockets() -> anyhow::Result<()> {
    // These tests may have been started with `nohup`.
    const ENV: [&str; 2] = ["env", "--default-signal=HUP"];
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        if let Some(mut components) = setting.running_components.take() {
            components.kill()?;
        }
        for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
            let started = setting
                .components
                .start_as(|command| Ok(by(&ENV, &command)));
            let mut components = started?;
            components.signal(signal)?;
            let status = components.wait_end(PATIENCE)?;
            assert!(status.success(), "{signal:?}: {status}");
            let left = std::fs::read_dir(setting.components.sockets())?.count();
            assert_eq!(left, 0, "{signal:?}");
        }
        Ok(())
    })
}

/// Who starts it with `nohup` wants it to outlive its terminal.
#[test]
fn a_hang_up_that_is_ignored_at_the_start_stays_ignored() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_state(scene)?;
        if let Some(mut components) = setting.running_components.take() {
            components.kill()?;
        }
        let mut process = setting.components.start_as(|command| {
            let shell = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
            Ok(by(&shell, &command))
        })?;
        process.signal(Signal::HUP)?;
        let sidecar = setting.sidecar("shop")?;
        let _sidecar_process = sidecar.start()?;
        assert!(process.ended()?.is_none());
        assert!(process.terminate(PATIENCE)?.success());
        Ok(())
    })
}

/// Who does not want to wait for an application that does not answer says so.
#[test]
fn a_second_signal_ends_at_once() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        let orders = [Subscription::new("pubsub", "orders", "orders")];
        let app = App::answering(&orders, Arc::new(|_: &Delivery| None))?;
        let (sidecar, _process) = setting.beside("shop", &app)?;
        publish(&sidecar, "orders", &json!(1))?;
        app.wait("orders", 1, PATIENCE)?;
        let Some(mut components) = setting.running_components.take() else {
            return Ok(());
        };
        let (log, time) = (components.log().clone(), Stopwatch::start());
        let mark = log.mark();
        components.signal(Signal::INT)?;
        log.wait(mark, &["waiting for answers"], PATIENCE)?;
        components.signal(Signal::INT)?;
        assert!(components.wait_end(PATIENCE)?.success());
        // Without the second, it would wait for 20 s.
        assert!(time.elapsed() < Duration::from_secs(10));
        assert_eq!(std::fs::read_dir(setting.components.sockets())?.count(), 0);
        Ok(())
    })
}

/// A service told to end at the same moment may have something to save yet.
#[test]
fn a_sidecar_that_uses_state_is_not_left_alone_at_the_end() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::of_samples(scene)?;
        let sidecar = setting.sidecar("shop")?;
        let mut process = sidecar.start()?;
        let save = |number: u32| {
            let items = json!([{ "key": "k", "value": number }]);
            let saved = sidecar.ask_json(("POST", "/v1.0/state/statestore"), &items)?;
            saved.expect(204)
        };
        let Some(mut components) = setting.running_components.take() else {
            return Ok(());
        };
        save(0)?;
        components.signal(Signal::TERM)?;
        // Longer than a sidecar that says nothing is waited for.
        let time = Deadline::after(Duration::from_secs(8));
        let mut saved = 1;
        clock::until("the end of the time", PATIENCE, || {
            save(saved)?;
            saved += 1;
            Ok(time.is_over().then_some(()))
        })?;
        let counted = setting
            .components
            .counter("catena_dapr_state_calls_total")?;
        assert_eq!(counted, u64::from(saved));
        process.kill()?;
        assert!(components.wait_end(PATIENCE)?.success());
        Ok(())
    })
}

/// A sidecar that finds the socket of a crash waits there, and goes on when somebody listens.
#[test]
fn a_sidecar_goes_on_when_the_components_are_back_from_a_crash() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let mut setting = Setting::new(scene)?;
        if let Some(mut components) = setting.running_components.take() {
            components.kill()?;
        }
        assert!(setting.components.sockets().join("catena.sock").exists());
        let sidecar = setting.sidecar("shop")?;
        let mut process = sidecar.launch()?;
        process.wait_line(&["Starting Dapr Runtime"], PATIENCE)?;
        setting.running_components = Some(setting.components.start()?);
        sidecar.wait_ready(&mut process)?;
        publish(&sidecar, "orders", &json!(1))
    })
}

/// What a client sees first of a topic: what is retained there, if anything is.
fn retained(setting: &Setting<'_>, name: &str) -> anyhow::Result<String> {
    let mut client = Mqtt::connect(setting.broker.port, name)?;
    client.subscribe("orders")?;
    let mut other = Mqtt::connect(setting.broker.port, "other")?;
    other.publish("orders", "nothing", PublishProperties::default())?;
    Ok(String::from_utf8_lossy(&client.message()?.payload).into_owned())
}

/// Two documents of one type are two instances, each with its session and settings; and a sidecar
/// that is started again with other settings has those.
#[test]
fn two_components_have_sessions_and_settings_of_their_own() -> anyhow::Result<()> {
    Scene::play(|scene| {
        let setting = Setting::of_state(scene)?;
        let port = setting.broker.port;
        let first = |retain: &str| {
            let first = pubsub("first", port).with("consumerID", "first");
            first.with("retain", retain).write(scene, "resources")
        };
        first("true")?;
        let second = pubsub("second", port).with("consumerID", "second");
        second.write(scene, "resources")?;
        let plain = state("plain", port).with("keyPrefix", "none");
        plain.with("partitionBy", "key").write(scene, "resources")?;
        let orders = ["first", "second"].map(|name| Subscription::new(name, "orders", name));
        let app = App::start(&orders.map(|one| one.with("rawPayload", "true")))?;
        let (sidecar, mut process) = setting.beside("shop", &app)?;
        let publish = |through: &str, text: &str| {
            let target = format!("/v1.0/publish/{through}/orders?metadata.rawPayload=true");
            let answer = sidecar.ask(("POST", &target), &[], text.as_bytes())?;
            answer.expect(204)
        };

        publish("first", "one")?;
        publish("second", "two")?;
        for name in ["first", "second"] {
            let got = app.wait(name, 2, PATIENCE)?;
            let datas = got.iter().map(|one| one.event["data_base64"].clone());
            assert_eq!(datas.collect::<Vec<_>>(), ["b25l", "dHdv"], "{name}");
        }
        // Only the one of them has what it publishes retained.
        assert_eq!(retained(&setting, "before")?, "one");
        let kept = |store: &str, value: u32| {
            let target = format!("/v1.0/state/{store}");
            let items = json!([{ "key": "k", "value": value }]);
            sidecar.ask_json(("POST", &target), &items)?.expect(204)
        };
        kept("state", 1)?;
        kept("plain", 2)?;
        let read = sidecar.ask(("GET", "/v1.0/state/state/k"), &[], b"")?;
        assert_eq!(read.expect(200)?.json()?, json!(1));

        process.kill()?;
        first("false")?;
        let _process = sidecar.start()?;
        publish("first", "three")?;
        clock::until("messages after the second Init", PATIENCE, || {
            let came = |name: &str| {
                let all = app.deliveries(name).into_iter();
                all.filter(|one| one.event["data_base64"] == "dGhyZWU=")
                    .count()
            };
            Ok((came("first") == 1 && came("second") == 1).then_some(()))
        })?;
        assert_eq!(retained(&setting, "after")?, "one");
        // Neither has fought an instance of its own for the client ID.
        let lines = setting.components.log().since(Mark::default());
        assert!(!lines.iter().any(|line| line.contains("same client ID")));
        Ok(())
    })
}
