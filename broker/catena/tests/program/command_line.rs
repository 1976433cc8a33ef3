//! The command line as a whole: help, completions, manual pages, wrong flags.

use crate::process::{self, catena};
use tempfile::tempdir;

#[test]
fn help_tells_what_there_is() {
    for (name, arguments) in [
        ("catena", vec!["--help"]),
        ("run", vec!["run", "--help"]),
        ("check", vec!["check", "--help"]),
        ("config-show", vec!["config", "show", "--help"]),
        ("passwd", vec!["passwd", "--help"]),
        ("state", vec!["state", "--help"]),
        ("completions", vec!["completions", "--help"]),
        ("man", vec!["man", "--help"]),
    ] {
        let folder = tempdir().unwrap();
        let told = process::run(process::command(folder.path()).args(arguments));
        assert_eq!((told.code, &*told.err), (Some(0), ""), "{name}");
        insta::assert_snapshot!(name, told.out);
    }
}

#[test]
fn the_version_is_told_in_two_ways() {
    let folder = tempdir().unwrap();
    let expected = format!("catena {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in ["version", "--version"] {
        let told = catena(folder.path(), [arguments]);
        assert_eq!((told.code, &told.out), (Some(0), &expected));
    }
}

#[test]
fn wrong_flags_end_with_2_and_say_what_is_right() {
    let folder = tempdir().unwrap();
    let told = catena(folder.path(), ["check", "--worker", "2"]);
    assert_eq!((told.code, &*told.out), (Some(2), ""));
    assert!(told.err.contains("--workers"), "{}", told.err);

    let told = catena(folder.path(), []);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("Usage: catena <COMMAND>"), "{}", told.err);

    let told = catena(folder.path(), ["check", "--listen", "example.org:1883"]);
    assert_eq!(told.code, Some(2));
    assert_eq!(
        told.err,
        "catena: --listen: found \"example.org:1883\", expected an IP address with a port, \
         such as 127.0.0.1:1883 or [::1]:1883, or a port\n"
    );

    let told = catena(folder.path(), ["check", "--set", "limits.connections=5"]);
    assert_eq!(told.code, Some(2));
    assert!(
        told.err.contains("spec.catena.limits.connections=500"),
        "{}",
        told.err
    );
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let told = catena(folder.path(), ["completions", shell]);
        assert_eq!(told.code, Some(0));
        for word in ["passwd", "export", "if-absent", "failure-code"] {
            assert!(told.out.contains(word), "{shell}: {word}");
        }
    }
    assert!(catena(folder.path(), ["man"]).out.contains(".TH catena 1"));
    assert_eq!(catena(folder.path(), ["man", "pages"]).code, Some(0));
    for page in [
        "catena.1",
        "catena-check.1",
        "catena-config-show.1",
        "catena-passwd.1",
        "catena-state-get.1",
        "catena-state-lock.1",
        "catena-state-import.1",
    ] {
        assert!(folder.path().join("pages").join(page).exists(), "{page}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempdir().unwrap();
    let mut command = process::command(folder.path());
    let mut child = command
        .args(["completions", "zsh"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
