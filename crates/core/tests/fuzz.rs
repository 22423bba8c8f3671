//! The corpus of the fuzzers, and parts and mixtures of it, held against what must hold for any bytes.

#![allow(clippy::unwrap_used, reason = "a failing test panics")]

#[path = "../../../__test__/fuzz/invariants.rs"]
mod invariants;

use proptest::test_runner::{Config, TestRunner};

/// Parts of two files of a target's corpus, one behind the other, with one byte changed.
fn try_corpus(target: &str, holds: fn(&[u8])) {
    let dir =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../__test__/fuzz/corpus").join(target);
    let files = std::fs::read_dir(dir).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let files: Vec<Vec<u8>> = files.collect();
    for file in &files {
        holds(file);
    }
    let mixture = (0..files.len(), 0.0..=1.0, 0..files.len(), 0.0..=1.0, proptest::num::u8::ANY);
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a small file"
    )]
    let cut = |file: &[u8], at: f64| (file.len() as f64 * at) as usize;
    let result = runner.run(&mixture, |(first, end, second, start, byte)| {
        let (first, second) = (&files[first], &files[second]);
        let end = cut(first, end);
        let mut bytes = [&first[..end], &second[cut(second, start)..]].concat();
        if let Some(at) = bytes.get_mut(end / 2) {
            *at = byte;
        }
        holds(&bytes);
        Ok(())
    });
    result.unwrap();
}

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
