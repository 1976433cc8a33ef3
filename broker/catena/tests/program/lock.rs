//! `catena state lock` against a broker.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::limits::strict;
use crate::process::{Told, command, run};

fn broker() -> (TempDir, Broker) {
    strict(&["spec.catena.systemTopics.mode=Disabled"])
}

/// `catena state` with these words, the place of the broker, and these words.
fn asking(broker: &Broker, folder: &Path, words: &[&str], last: &[&str]) -> Command {
    let port = broker.address.port().to_string();
    let mut command = command(folder);
    command.arg("state").args(words);
    command.args(["-h", "127.0.0.1", "-p", &port]).args(last);
    command
}

fn ask(broker: &Broker, folder: &Path, words: &[&str]) -> Told {
    run(&mut asking(broker, folder, words, &[]))
}

/// Runs a line of shell while holding the lock `l`.
fn locked(broker: &Broker, folder: &Path, words: &[&str], line: &str) -> Told {
    let words = [&["lock", "l"], words].concat();
    run(&mut asking(
        broker,
        folder,
        &words,
        &["--", "sh", "-c", line],
    ))
}

/// A command that holds the lock `l`, says so, and waits for the end of its standard input.
struct Holding {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Holding {
    fn start(broker: &Broker, folder: &Path, words: &[&str], line: &str) -> Self {
        let words = [&["lock", "l"], words].concat();
        let line = format!("{line}; echo holding; read -r line; exit 5");
        let mut command = asking(broker, folder, &words, &["--", "sh", "-c", &line]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        out.read_line(&mut said).unwrap();
        assert_eq!(said, "holding\n");
        Self { child, out }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What else the command said, what the lock said, and the exit code.
    fn ended(mut self) -> (String, String, Option<i32>) {
        let (mut said, mut errors) = (String::new(), String::new());
        self.out.read_to_string(&mut said).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut errors).unwrap();
        (said, errors, self.child.wait().unwrap().code())
    }
}

#[test]
fn a_command_runs_with_the_lock_and_its_code_is_passed_on() {
    let (folder, broker) = broker();
    let line = "echo $CATENA_LOCK $CATENA_LOCK_HOLDER $CATENA_FENCING_TOKEN; exit 42";
    let told = locked(&broker, folder.path(), &["--holder", "me"], line);
    assert_eq!(told.code, Some(42), "{told:?}");
    let words: Vec<&str> = told.out.split_whitespace().collect();
    assert_eq!(words[..2], ["l", "me"]);
    assert!(words[2].ends_with(":StateStore"), "{words:?}");
    // Released.
    assert_eq!(ask(&broker, folder.path(), &["get", "l"]).code, Some(1));
    let told = locked(&broker, folder.path(), &[], "kill -9 $$");
    assert_eq!(told.code, Some(137), "{told:?}");
}

/// The key has the holder, as the leased lock of the published clients has it, and its version is
/// a fencing token.
#[test]
fn the_lock_is_acquired_and_released_by_itself() {
    let (folder, broker) = broker();
    let ask = |words: &[&str]| ask(&broker, folder.path(), words);
    let acquire = ["lock", "l", "--acquire", "--holder", "me", "--ttl", "1h"];
    let told = ask(&acquire);
    assert_eq!(told.code, Some(0), "{told:?}");
    let token = told.out.trim().to_owned();
    let told = ask(&["get", "l", "--with-version"]);
    assert_eq!(told.out, format!("{token}\nme"));
    // Another holder is refused, the same one renews.
    let told = ask(&["lock", "l", "--acquire", "--holder", "you"]);
    assert_eq!((told.code, &*told.out), (Some(1), ""));
    assert_eq!(told.err, "error: another holds the lock\n");
    let told = ask(&["lock", "l", "--acquire", "--holder", "you", "--json"]);
    let object = "{\"event\":\"notAcquired\",\"holder\":\"you\",\"lock\":\"l\"}\n";
    assert_eq!((told.code, &*told.out), (Some(1), object));
    let told = ask(&[&acquire[..], &["--json"]].concat());
    let facts: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(
        (&facts["event"], &facts["lock"]),
        (&"acquired".into(), &"l".into())
    );
    assert_eq!(
        (&facts["holder"], &facts["ttlMs"]),
        (&"me".into(), &3_600_000.into())
    );
    assert!(facts["fencingToken"].as_str().unwrap() > token.as_str());
    // Only the holder releases, once.
    assert_eq!(
        ask(&["lock", "l", "--release", "--holder", "you"]).code,
        Some(1)
    );
    let release = ["lock", "l", "--release", "--holder", "me", "--json"];
    let told = ask(&release);
    let object = "{\"event\":\"released\",\"holder\":\"me\",\"lock\":\"l\"}\n";
    assert_eq!((told.code, &*told.out), (Some(0), object));
    let told = ask(&release);
    let object = "{\"event\":\"notReleased\",\"holder\":\"me\",\"lock\":\"l\"}\n";
    assert_eq!((told.code, &*told.out), (Some(1), object));
}

#[test]
fn a_held_lock_is_waited_for() {
    let (folder, broker) = broker();
    let holding = Holding::start(&broker, folder.path(), &[], "true");
    let told = locked(&broker, folder.path(), &["--json"], "echo never");
    assert_eq!((told.code, &*told.out), (Some(1), ""));
    let object: Value = serde_json::from_str(told.err.lines().next().unwrap()).unwrap();
    assert_eq!(object["event"], "notAcquired");
    let told = locked(
        &broker,
        folder.path(),
        &["--failure-code", "77"],
        "echo never",
    );
    assert_eq!((told.code, &*told.out), (Some(77), ""));
    let told = locked(
        &broker,
        folder.path(),
        &["--timeout", "200ms"],
        "echo never",
    );
    assert_eq!((told.code, &*told.out), (Some(27), ""));

    let words = ["lock", "l", "--wait", "-d"];
    let mut waiting = asking(&broker, folder.path(), &words, &["--", "echo", "mine"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has tried and was told to wait.
    let mut errors = BufReader::new(waiting.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("packet 2") {
        assert!(errors.read_line(&mut told).unwrap() > 0, "{told}");
    }
    let drain = std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
    // Its input ends.
    drop({ holding }.child.stdin.take());
    let output = waiting.wait_with_output().unwrap();
    drain.join().unwrap().unwrap();
    assert_eq!(
        (output.status.code(), &*output.stdout),
        (Some(0), &b"mine\n"[..])
    );
}

#[test]
fn a_signal_goes_to_the_command_and_the_lock_is_released() {
    let (folder, broker) = broker();
    for (signal, name, code) in [(Signal::TERM, "TERM", 3), (Signal::INT, "INT", 4)] {
        let line = format!("trap 'echo told {name}; exit {code}' {name}");
        let holding = Holding::start(&broker, folder.path(), &["--ttl", "1h"], &line);
        holding.signal(signal);
        let (said, errors, ended) = holding.ended();
        assert_eq!(
            (said, ended),
            (format!("told {name}\n"), Some(code)),
            "{errors}"
        );
        assert_eq!(ask(&broker, folder.path(), &["get", "l"]).code, Some(1));
    }
}

/// The lock is renewed while the command runs; when its key is taken away, the command gets
/// SIGTERM.
#[test]
fn the_command_is_told_that_the_lock_is_lost() {
    let (folder, broker) = broker();
    let words = ["--ttl", "15s", "--json", "--holder", "me"];
    let line = "trap 'echo told; exit 3' TERM";
    let holding = Holding::start(&broker, folder.path(), &words, line);
    let renewals = ["watch", "l", "-C", "1", "-W", "60"];
    let told = ask(&broker, folder.path(), &renewals);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.out.lines().all(|line| line.ends_with(" l me")),
        "{told:?}"
    );
    assert_eq!(
        ask(&broker, folder.path(), &["set", "l", "you"]).code,
        Some(0)
    );
    let (said, errors, code) = holding.ended();
    assert_eq!((&*said, code), ("told\n", Some(9)), "{errors}");
    let lines: Vec<&str> = errors.lines().collect();
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
    assert_eq!(
        (event(lines[0]), event(lines[1])),
        ("acquired".into(), "lost".into())
    );
    assert_eq!(lines[2], "error: the lock was lost: another holds it");
    // What another holds is left alone.
    assert_eq!(ask(&broker, folder.path(), &["get", "l"]).out, "you");
}

#[test]
fn what_cannot_run_or_connect_is_told_by_the_code() {
    let (folder, broker) = broker();
    let mut missing = asking(&broker, folder.path(), &["lock", "l"], &["--", "./missing"]);
    let told = run(&mut missing);
    assert_eq!(told.code, Some(127), "{told:?}");
    assert_eq!(ask(&broker, folder.path(), &["get", "l"]).code, Some(1));
    assert_eq!(ask(&broker, folder.path(), &["lock", "l"]).code, Some(2));
    let both = ["lock", "l", "--acquire", "--release", "--holder", "me"];
    assert_eq!(ask(&broker, folder.path(), &both).code, Some(2));
    let nobody = ["lock", "l", "--acquire"];
    assert_eq!(ask(&broker, folder.path(), &nobody).code, Some(2));
    // The port of a broker that is gone.
    let mut late = asking(&broker, folder.path(), &["lock", "l"], &["--", "true"]);
    broker.signal(Signal::TERM);
    assert_eq!(broker.ended(), Some(0));
    assert_eq!(run(&mut late).code, Some(3));
}
