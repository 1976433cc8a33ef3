//! Fuzz target: see `catena_fuzz::roundtrip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| catena_fuzz::roundtrip::run(data));
