#![no_main]
//! See `src/fuzz.rs` of the package.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| session_groups::fuzz::stored(bytes));
