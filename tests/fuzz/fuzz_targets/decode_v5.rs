//! Fuzz target: see `catena_fuzz::decode_v5`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| catena_fuzz::decode_v5::run(data));
