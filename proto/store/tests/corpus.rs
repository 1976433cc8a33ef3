//! Replays the committed fuzz corpus through the fuzz target's own code, with its prefixes and
//! single changed bytes.

#![expect(unreachable_pub, reason = "the targets are public in their own crate")]

#[path = "../../../tests/fuzz/src/resp3.rs"]
mod resp3;

use std::fs;
use std::path::Path;

#[test]
fn resp3_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/resp3");
    let mut files = 0;
    for entry in fs::read_dir(corpus).expect("a corpus is committed") {
        let path = entry.expect("a readable folder").path();
        let data = fs::read(path).expect("a readable file");
        for end in 0..=data.len() {
            resp3::run(&data[..end]);
        }
        for index in 0..data.len() {
            let mut changed = data.clone();
            for value in [0, b'\r', b'*', b'$', b'-', b'0', b'9', 0xFF] {
                changed[index] = value;
                resp3::run(&changed);
            }
        }
        files += 1;
    }
    assert!(files > 0, "empty corpus");
}
