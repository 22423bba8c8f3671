//! The corpus of the fuzzers, and parts and mixtures of it, held against what must hold for any bytes.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

#[path = "../../../__test__/fuzz/invariants.rs"]
mod invariants;

#[path = "../../../__test__/fuzz/try_corpus.rs"]
mod try_corpus;

use try_corpus::try_corpus;

#[test]
fn any_stored_bytes() {
    try_corpus("stored", invariants::stored);
}

#[test]
fn any_id() {
    try_corpus("id", invariants::id);
}

#[test]
fn any_changes() {
    try_corpus("changes", invariants::changes);
}

#[test]
fn any_stream() {
    try_corpus("stream", invariants::stream);
}
