//! Makes states at different times comparable: all times are moved to the time at which worlds begin, and what only counts
//! time or commits is forgotten.

use std::hash::{Hash, Hasher};

use xxhash_rust::xxh3::xxh3_128;

use super::super::limits::LimitState;
use super::super::session::Phase;
use super::super::*;
use super::world::{START, World};

impl World {
    /// Moves the world to the time at which worlds begin.
    pub fn rebase(&mut self) {
        self.renumber_commits();
        if self.now == START {
            return;
        }
        let ahead = self.now;
        let monotonic =
            |at: Monotonic| Monotonic((at.0 + START.monotonic.0).saturating_sub(ahead.monotonic.0));
        let wall = |at: Wall| START.wall.max(Wall((at.0 + START.wall.0).saturating_sub(ahead.wall.0)));
        self.now = START;
        self.run.rebase(&monotonic, &wall);
        for session in &mut self.stored.sessions {
            forget_time(&mut session.record, &wall);
        }
        if let Some((commit, _)) = &mut self.commit {
            commit.sessions.iter_mut().for_each(|change| forget_time(&mut change.record, &wall));
        }
        self.truth.starts.iter_mut().for_each(|at| *at = monotonic(*at));
        self.truth.starts.retain(|at| START.monotonic.since(*at) < 500);
        self.truth.troubles.iter_mut().for_each(|(at, _)| *at = monotonic(*at));
        self.truth.troubles.retain(|(at, _)| START.monotonic.since(*at) < 120_000);
        self.truth.limited_until = self.truth.limited_until.map(wall);
        self.shared_limit = self.shared_limit.map(wall);
    }

    fn renumber_commits(&mut self) {
        let renumber = |id: &mut CommitId| *id = CommitId(1);
        if let Some((commit, _)) = &mut self.commit {
            renumber(&mut commit.id);
        }
        self.run.commits.renumber();
        for session in &mut self.run.sessions {
            if let Phase::Starting { commit: Some(id), .. } = &mut session.phase {
                renumber(id);
            }
        }
    }

    /// A hash that is the same for equal states alone.
    pub fn fingerprint(&self, buffer: &mut Vec<u8>) -> u128 {
        buffer.clear();
        let mut bytes = Bytes(std::mem::take(buffer));
        let World { run, stored, bounds, commit, processes, truth, outcome, shared_limit, .. } = self;
        (run, stored, bounds, commit, processes, truth, outcome, shared_limit).hash(&mut bytes);
        *buffer = bytes.0;
        xxh3_128(buffer)
    }
}

impl Run {
    fn rebase(&mut self, monotonic: &impl Fn(Monotonic) -> Monotonic, wall: &impl Fn(Wall) -> Wall) {
        self.now = START;
        self.timers.shift(monotonic);
        self.recent_starts.iter_mut().for_each(|at| *at = monotonic(*at));
        self.shortage_since = self.shortage_since.map(monotonic);
        let window_ms = self.options.spacing.map_or(0, |spacing| spacing.window_ms);
        self.recent_starts.retain(|at| START.monotonic.since(*at) < window_ms);
        self.failures.troubles.iter_mut().for_each(|(at, _)| *at = monotonic(*at));
        self.failures.troubles.retain(|(at, _)| START.monotonic.since(*at) < 120_000);
        if let LimitState::Closed(until) = &mut self.limit.state {
            *until = wall(*until);
        }
        for session in &mut self.sessions {
            forget_time(&mut session.record, wall);
            session.forgiven_ms = 0;
            if let Phase::Running(process) = &mut session.phase {
                process.since = START.monotonic;
            }
        }
    }
}

fn forget_time(record: &mut SessionRecord, wall: &impl Fn(Wall) -> Wall) {
    record.run_ms = 0;
    record.waits_until = record.waits_until.map(wall);
}

/// The fingerprint of a world.
pub fn fingerprint_of(world: &World) -> u128 {
    world.fingerprint(&mut Vec::new())
}

/// Collects what a value hashes, so that it is hashed in one go.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    #[allow(clippy::cast_possible_truncation, reason = "lengths are small")]
    fn write_usize(&mut self, number: usize) {
        self.0.extend_from_slice(&(number as u32).to_le_bytes());
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a variant's number")]
    fn write_isize(&mut self, number: isize) {
        self.0.push(number as u8);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Takes the low half of a fingerprint as its hash.
#[derive(Default)]
pub struct Taken(u64);

impl Hasher for Taken {
    fn write(&mut self, _: &[u8]) {}

    #[allow(clippy::cast_possible_truncation, reason = "half of it is enough")]
    fn write_u128(&mut self, fingerprint: u128) {
        self.0 = fingerprint as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
