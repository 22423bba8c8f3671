//! Jitter without randomness: a hash of the seed, the session and the attempt.

use xxhash_rust::xxh3::xxh3_64;

use super::Run;
use super::session::SessionIndex;

impl Run {
    /// A number below `range` that depends only on the seed, the session and its newest attempt.
    pub(super) fn jitter(&self, session: SessionIndex, range: u64) -> u64 {
        let attempt = self.session(session).record.attempts.last().map_or(0, |attempt| attempt.n);
        jitter(self.options.seed, session.0, attempt, range)
    }
}

/// A number below `range` that depends only on the other arguments.
pub(super) fn jitter(seed: u64, session: u32, attempt: u64, range: u64) -> u64 {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&session.to_le_bytes());
    bytes[12..].copy_from_slice(&attempt.to_le_bytes());
    xxh3_64(&bytes) % range.max(1)
}
