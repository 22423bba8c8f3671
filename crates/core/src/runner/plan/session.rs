//! One session within a run: what it is doing, and what that makes it for the plan.

use std::sync::Arc;

use super::command::{CommitId, Failure};
use super::input::Verdict;
use super::nanos::Nanos;
use super::process::Force;
use super::stored::{SessionRecord, SessionSettings, StoredSession};
use super::time::Monotonic;

/// Position of a session in the group. Positions stay the same while a run lasts; added sessions come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionIndex(pub u32);

impl SessionIndex {
    /// The position as an index of a slice.
    pub fn get(self) -> usize {
        self.0 as usize
    }

    pub(super) fn of(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

/// A session within a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
pub(super) struct Session {
    pub id: Arc<str>,
    pub settings: Arc<SessionSettings>,
    /// The fields to be stored.
    pub record: SessionRecord,
    /// The reason of the failure that `record` reports.
    pub failure: Option<Failure>,
    pub phase: Phase,
    /// Number of sessions that it still waits for.
    pub unmet: u32,
    /// A request pauses this session alone, once its attempt has ended.
    pub pause: Option<Force>,
    /// The next attempt begins a conversation although one is stored.
    pub starts_over: bool,
    /// A retry revived it although its plan file dropped it.
    pub is_revived: bool,
    /// Options exclude it from this run.
    pub is_excluded: bool,
    /// It disappeared from the stored group.
    pub is_removed: bool,
    /// Its unreachability has been reported.
    pub is_told_unreachable: bool,
    /// Running time of earlier attempts that its timeout does not count, because it was retried since.
    pub forgiven_ms: u64,
    /// What `Run::reindex` has counted for it.
    pub counted: Counted,
}

impl Session {
    pub fn new(stored: &StoredSession) -> Self {
        Self {
            id: Arc::clone(&stored.id),
            settings: Arc::clone(&stored.settings),
            record: stored.record.clone(),
            failure: None,
            phase: Phase::Idle,
            unmet: 0,
            pause: None,
            starts_over: false,
            is_revived: false,
            is_excluded: false,
            is_removed: false,
            is_told_unreachable: false,
            forgiven_ms: 0,
            counted: Counted::default(),
        }
    }

    /// Its process, while one runs.
    pub fn process(&self) -> Option<&Process> {
        match &self.phase {
            Phase::Running(process) => Some(process),
            _ => None,
        }
    }

    /// Its process, while one runs.
    pub fn process_mut(&mut self) -> Option<&mut Process> {
        match &mut self.phase {
            Phase::Running(process) => Some(process),
            _ => None,
        }
    }
}

/// What a session is doing. All but `Idle` and `Unknown` occupy a slot.
///
/// `Idle` → `Starting` (decided) → `Spawning` (its commit succeeded) → `Running` → `Idle`. After a crash of the runner:
/// `Looking` → `Running` (alive), `Idle` (gone) or `Unknown` (cannot tell).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    /// No process.
    Idle,
    /// A start is decided.
    Starting {
        /// The commit that records it, once that has been issued.
        commit: Option<CommitId>,
        /// Maximum amount that the process may spend.
        cap: Option<Nanos>,
    },
    /// The start is commanded.
    Spawning,
    /// A process runs.
    Running(Process),
    /// An earlier process is being looked at.
    Looking,
    /// An earlier process may run; nobody can tell.
    Unknown,
}

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts, each named")]
pub(super) struct Process {
    /// Another runner started it; it cannot be interrupted, only terminated.
    pub is_adopted: bool,
    /// It was gone when this runner looked at it.
    pub was_gone: bool,
    pub stage: Stage,
    /// The reason why it is being stopped.
    pub stop: Option<StopReason>,
    /// The newest result.
    pub verdict: Option<Verdict>,
    /// A tool or an API retry is under way, so it does not stall.
    pub is_busy: bool,
    /// Background work is open.
    pub has_background: bool,
    /// A turn has begun whose result is not known, so that more may have been spent than was printed.
    pub has_open_turn: bool,
    /// The machine slept while it ran.
    pub slept: bool,
    /// Time since which this runner knows it.
    pub since: Monotonic,
    /// Milliseconds that it ran under an earlier runner.
    pub ran_before_ms: u64,
}

/// How far a process is on its way to its end.
///
/// `Working` → (result) `Background` while tasks are open → `Closing` → exit. A stop goes `Interrupted` → `Terminated` →
/// `Killed`; an interrupted process that prints its result goes to `Closing`. Each stage but `Working` and `Killed` has a
/// time limit, after which the next stage begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    /// The turn is in progress.
    Working,
    /// The result is known; background tasks are open.
    Background,
    /// Asked to interrupt its turn.
    Interrupted,
    /// The result is known and standard input is closed.
    Closing,
    /// Got SIGTERM.
    Terminated,
    /// Got SIGKILL.
    Killed,
}

/// The reason why a process is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum StopReason {
    /// The session or the group pauses, stops, or is abandoned.
    Pause,
    /// No progress for too long.
    Stall,
    /// Running for too long.
    Timeout,
    /// Too much output.
    OutputLimit,
}

/// What a session is for the plan. It is derived from everything else and never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Standing {
    /// It may start as soon as there is room.
    Ready,
    /// It may start at a known time.
    Scheduled,
    /// It waits for other sessions.
    Blocked,
    /// It occupies a slot.
    Live,
    /// It may have a process that nobody can determine.
    Unknown,
    /// It is paused.
    Paused,
    /// It is not part of this run.
    Excluded,
    /// It does not count: its plan file dropped it, or it was removed.
    Gone,
    /// It completed.
    Completed,
    /// It failed, which its dependants do not mind.
    Tolerated,
    /// It failed.
    Failed,
}

impl Standing {
    pub const COUNT: usize = 11;
}

/// A session's contribution to the sums of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Counted {
    /// `None` before it is counted.
    pub standing: Option<Standing>,
    pub cost: Nanos,
    pub reserved: Nanos,
    /// Sessions that depend on it need not wait.
    pub is_satisfied: bool,
    /// Its start is decided but not commanded.
    pub is_starting: bool,
}
