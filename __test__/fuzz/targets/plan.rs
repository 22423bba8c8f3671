#![no_main]
//! See `plan_invariants.rs`.

#[path = "../plan_invariants.rs"]
mod plan_invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plan_invariants::plan(bytes));
