//! Replays the committed fuzz corpus through the fuzz target's own code, and its prefixes.

#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "the targets are public in their own crate")]

#[path = "../../../tests/fuzz/src/connection.rs"]
mod connection;
#[path = "../../../tests/fuzz/src/sent.rs"]
mod sent;

use std::fs;
use std::path::Path;

/// [MQTT-4.13.1-1] [MQTT3-4.8.0-1]: whatever comes, the connection goes on or ends in order.
#[test]
fn connection_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/connection");
    let mut files = 0;
    for entry in fs::read_dir(corpus).expect("a corpus is committed") {
        let path = entry.expect("a readable folder").path();
        let data = fs::read(path).expect("a readable file");
        for end in 0..=data.len() {
            connection::run(&data[..end]);
        }
        for index in 0..data.len() {
            let mut changed = data.clone();
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                changed[index] = value;
                connection::run(&changed);
            }
        }
        files += 1;
    }
    assert!(files > 0, "empty corpus");
}
