//! Replays the committed fuzz corpus through the fuzz targets' own code.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![expect(unreachable_pub, reason = "the targets are public in their own crate")]

#[path = "../../../tests/fuzz/src/decode_v3.rs"]
mod decode_v3;
#[path = "../../../tests/fuzz/src/decode_v5.rs"]
mod decode_v5;
#[path = "../../../tests/fuzz/src/roundtrip.rs"]
mod roundtrip;

use std::fs;
use std::path::Path;

#[test]
fn decode_v3_corpus() {
    replay("decode_v3", decode_v3::run);
}

#[test]
fn decode_v5_corpus() {
    replay("decode_v5", decode_v5::run);
}

#[test]
fn roundtrip_corpus() {
    replay("roundtrip", roundtrip::run);
}

/// Runs the target on each file of its corpus. There has to be one.
fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fuzz/corpus")
        .join(target);
    let mut files = 0;
    for entry in fs::read_dir(corpus).expect("a corpus is committed") {
        let path = entry.expect("a readable folder").path();
        run(&fs::read(path).expect("a readable file"));
        files += 1;
    }
    assert!(files > 0, "empty corpus of {target}");
}
