//! Compiles the component protocol, without a `protoc` on the machine.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const FILES: [&str; 3] = [
    "dapr/proto/components/v1/common.proto",
    "dapr/proto/components/v1/pubsub.proto",
    "dapr/proto/components/v1/state.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let folder = env::var_os("OUT_DIR").ok_or("cargo gives no OUT_DIR")?;
    let encoded = descriptors.encode_to_vec();
    fs::write(PathBuf::from(folder).join("components.bin"), encoded)?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
