//! Fuzz target: see `catena_fuzz::decode_v3`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| catena_fuzz::decode_v3::run(data));
