//! Replays the committed fuzz corpus through the fuzz target's own code, with its prefixes and
//! single changed bytes.

#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "the targets are public in their own crate")]

#[path = "../../tests/fuzz/src/statestore.rs"]
mod statestore;

use std::fs;
use std::path::Path;

#[test]
fn statestore_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus/statestore");
    let mut files = 0;
    for entry in fs::read_dir(corpus).expect("a corpus is committed") {
        let path = entry.expect("a readable folder").path();
        let data = fs::read(path).expect("a readable file");
        for end in 0..=data.len() {
            statestore::run(&data[..end]);
        }
        for index in 0..data.len() {
            let mut changed = data.clone();
            for value in [0, 0x33, 0x50, 0x81, 0x85, b'9', 0xFF] {
                changed[index] = value;
                statestore::run(&changed);
            }
        }
        files += 1;
    }
    assert!(files > 0, "empty corpus");
}
