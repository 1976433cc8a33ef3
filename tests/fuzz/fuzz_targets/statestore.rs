//! Fuzz target: see `catena_fuzz::statestore`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| catena_fuzz::statestore::run(data));
