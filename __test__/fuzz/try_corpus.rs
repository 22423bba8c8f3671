//! The corpus of a fuzzer, and parts and mixtures of it, held against its invariants by `cargo test`.

#![allow(missing_docs, clippy::unwrap_used, clippy::missing_panics_doc, reason = "a failing test panics")]

use proptest::test_runner::{Config, TestRunner};

/// Parts of two files of a target's corpus, one behind the other, with one byte changed.
pub fn try_corpus(target: &str, holds: fn(&[u8])) {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../__test__/fuzz/corpus");
    let dir = std::path::Path::new(corpus).join(target);
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
