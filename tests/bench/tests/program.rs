//! The program as its users run it: one short run of Catena alone.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

use catena_bench::record::Record;

/// The program of Catena: the one that `CATENA_BIN` names, or else the workspace's, built first.
fn catena() -> PathBuf {
    if let Some(path) = env::var_os("CATENA_BIN") {
        return PathBuf::from(path);
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "catena"])
        .status();
    assert!(built.is_ok_and(|status| status.success()), "catena builds");
    PathBuf::from(env!("CARGO_BIN_EXE_catena-bench")).with_file_name("catena")
}

#[test]
fn a_short_sitting_of_catena_alone_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_catena-bench"));
        command.stdin(Stdio::null()).current_dir(folder.path());
        command
    };
    let output = program()
        .args(["--scenarios", "p2p-q1-64", "--reps", "1", "--seconds", "1"])
        .args(["--peers", "none", "--unpinned", "--out", "out", "--catena"])
        .arg(catena())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        told.contains("Nothing was lost, doubled or out of order"),
        "{told}"
    );
    assert!(told.contains("p2p-q1-64"), "{told}");

    let path = folder.path().join("out/record.json");
    let record = Record::read(&path).unwrap();
    let run = record.runs.first().unwrap();
    assert!(run.number("delivered").unwrap() > 0.0, "{run:?}");
    assert!(run.number("broker_cpu_s_per_million").is_some(), "{run:?}");

    // A report can be made again from the record, in both forms.
    let again = program().args(["--markdown", "--from"]).arg(&path).output();
    let page = fs::read(folder.path().join("out/report.md")).unwrap();
    assert_eq!(again.unwrap().stdout, page);
}

#[test]
fn the_state_store_is_measured_as_well() {
    let output = Command::new(env!("CARGO_BIN_EXE_catena-bench"))
        .args(["--scenarios", "state-set-w1", "--reps", "1"])
        .args([
            "--seconds",
            "1",
            "--peers",
            "none",
            "--unpinned",
            "--catena",
        ])
        .arg(catena())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(told.contains("Processor time of the store"), "{told}");
}

#[test]
fn what_cannot_start_is_a_fault() {
    let output = Command::new(env!("CARGO_BIN_EXE_catena-bench"))
        .args(["--scenarios", "p2p-q0-64", "--reps", "1", "--unpinned"])
        // It takes the flags of a broker for nothing and ends at once.
        .args(["--peers", "none", "--catena", "/bin/true"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("FAULTS:\n- p2p-q0-64 of catena, run 1: catena ended at once"),
        "{told}"
    );
}
