//! Fuzz target: see `catena_fuzz::resp3`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| catena_fuzz::resp3::run(data));
