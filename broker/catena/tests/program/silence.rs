//! Clients at a peer that takes their connection and says nothing.

use std::net::TcpListener;
use std::process::{Child, Stdio};

use tempfile::tempdir;

use crate::process::command;

/// A connection that is given up without `-W` has another exit code.
#[test]
fn no_client_waits_for_a_silent_peer_longer_than_it_is_told_to() {
    let folder = tempdir().unwrap();
    // The system takes the connections.
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let start = |line: &str| -> Child {
        let mut command = command(folder.path());
        command.args(line.split(' '));
        command.env("CATENA_HOST", "127.0.0.1");
        command.env("CATENA_PORT", &port);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let lines = [
        "state get a -W 0.5",
        "state set a 1 -W 0.5",
        "state del a -W 0.5",
        "state vdel a 1 -W 0.5",
        "state watch a -W 0.5",
        "state lock a --timeout 500ms -- true",
        "state lock a --timeout 500ms --acquire --holder me",
        "sub -t a -W 0.5",
        "rr -t a -m 1 -W 0.5",
    ];
    let children: Vec<Child> = lines.iter().map(|line| start(line)).collect();
    for (child, line) in children.into_iter().zip(lines) {
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let expected = "error: timed out: the broker did not answer\n";
        assert_eq!(
            (output.status.code(), &*errors),
            (Some(27), expected),
            "{line}"
        );
    }
}
