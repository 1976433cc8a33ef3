//! `catena passwd`, with the habits of mosquitto_passwd.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::process::{self, catena, write};
use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use tempfile::tempdir;

#[test]
fn users_are_added_changed_and_deleted() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("users");
    let passwd = |arguments: &[&str]| {
        let told = process::run(
            process::command(folder.path())
                .arg("passwd")
                .args(arguments),
        );
        assert_eq!((told.code, &*told.out, &*told.err), (Some(0), "", ""));
    };
    passwd(&["-b", "users", "anna", "secret"]);
    passwd(&["users", "bert", "-b", "other"]);
    assert_eq!(names(&path), ["anna", "bert"]);
    assert!(verifies(&path, "anna", "secret") && !verifies(&path, "anna", "other"));
    assert_eq!(mode(&path), 0o600);

    // What a group could read is closed by the first change.
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    passwd(&["-b", "users", "anna", "changed"]);
    assert_eq!(names(&path), ["anna", "bert"]);
    assert!(verifies(&path, "anna", "changed") && !verifies(&path, "anna", "secret"));
    assert_eq!(mode(&path), 0o600);

    passwd(&["-D", "users", "anna"]);
    assert_eq!(names(&path), ["bert"]);
    passwd(&["-c", "-b", "users", "carl", "third"]);
    assert_eq!(names(&path), ["carl"]);
    // Nothing is left beside the file.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_password_may_come_through_a_pipe() {
    let folder = tempdir().unwrap();
    let mut child = process::command(folder.path())
        .args(["passwd", "users", "anna", "--stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"from a pipe\nrest")
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(verifies(
        &folder.path().join("users"),
        "anna",
        "from a pipe"
    ));
}

#[test]
fn a_link_stays_one() {
    let folder = tempdir().unwrap();
    write(folder.path().join("real/users"), "# ours\n");
    std::os::unix::fs::symlink("real/users", folder.path().join("users")).unwrap();
    assert_eq!(
        catena(folder.path(), ["passwd", "-b", "users", "anna", "x"]).code,
        Some(0)
    );
    assert!(folder.path().join("users").is_symlink());
    assert_eq!(names(&folder.path().join("real/users")), ["# ours", "anna"]);
}

#[test]
fn a_malformed_file_is_not_changed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("users");
    write(&path, "anna\n#\nbert:plain\n");
    let told = catena(folder.path(), ["passwd", "-b", "users", "carl", "x"]);
    assert_eq!(told.code, Some(1));
    assert_eq!(
        told.err,
        "\
users:1: expected user:hash
users:3: expected a hash that `catena passwd` or mosquitto_passwd makes ($argon2id$, $7$ or $6$); \
passwords in plain text are refused
catena: users is malformed and was not changed
"
    );
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "anna\n#\nbert:plain\n"
    );
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempdir().unwrap();
    let fails = |arguments: &[&str], code, message: &str| {
        let told = process::run(
            process::command(folder.path())
                .arg("passwd")
                .args(arguments),
        );
        assert_eq!(told.code, Some(code), "{}", told.err);
        assert!(told.err.contains(message), "{}", told.err);
    };
    fails(&["-D", "users", "anna"], 1, "there is no file users");
    fails(&["-b", "users", "an:na", "x"], 2, "has a colon");
    fails(&["-b", "users", "anna", ""], 2, "the password is empty");
    fails(&["users", "anna", "x"], 2, "--batch");
    fails(
        &["-b", "absent/users", "anna", "x"],
        1,
        "cannot write absent/users",
    );
    fails(&["--stdin", "users", "anna"], 2, "the password is empty");
    assert_eq!(
        catena(folder.path(), ["passwd", "-b", "users", "anna", "x"]).code,
        Some(0)
    );
    fails(&["-D", "users", "bert"], 1, "users has no user \"bert\"");
}

fn names(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let names = text.lines().map(|line| line.split(':').next().unwrap());
    names.map(str::to_owned).collect()
}

fn verifies(path: &std::path::Path, user: &str, password: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(user))
        .unwrap();
    let hash = line.strip_prefix(':').unwrap();
    Argon2::default()
        .verify_password(password.as_bytes(), hash)
        .is_ok()
}

fn mode(path: &std::path::Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
