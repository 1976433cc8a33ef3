//! What `--help` says.

use std::process::Command;

fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_catena"))
        .args(words)
        .arg("--help")
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn clients_explain_themselves() {
    insta::assert_snapshot!("pub", help(&["pub"]));
    insta::assert_snapshot!("sub", help(&["sub"]));
    insta::assert_snapshot!("rr", help(&["rr"]));
    insta::assert_snapshot!("bench", help(&["bench"]));
}
