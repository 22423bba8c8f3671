//! The options of a run that affect its decisions.

use std::sync::Arc;

use super::nanos::Nanos;
use super::stored::Request;

/// The options of a run that affect its decisions. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunOptions {
    /// Seed of the jitter.
    pub seed: u64,
    /// The smallest reservation that is worth a start.
    pub min_reservation: Nanos,
    /// Ids of the sessions of this run; `None` for all.
    pub only: Option<Vec<Arc<str>>>,
    /// Ids of sessions that are not part of this run.
    pub skip: Vec<Arc<str>>,
    /// Ids of sessions whose earlier process is dead although that cannot be determined.
    pub assume_dead: Vec<Arc<str>>,
    /// `false` to pause the group at a usage limit instead of waiting.
    pub wait_for_limits: bool,
    /// Failed sessions to run again.
    pub retry: Option<Retry>,
    /// A pause or a stop to carry out instead of a run: what an earlier runner left is taken over and stopped, and no
    /// session starts.
    pub settle: Option<Request>,
    /// Limits the starts within a time; `None` without such a limit.
    pub spacing: Option<Spacing>,
    /// Number of times in a row that a crashed session is resumed.
    pub max_crashes: u32,
    /// Time for an interrupted session to print its result.
    pub interrupt_ms: u64,
    /// Time for a terminated session to exit.
    pub terminate_ms: u64,
    /// Time for a session with a result to exit.
    pub exit_ms: u64,
    /// Time for background work after the result.
    pub background_ms: u64,
    /// Time after which failing commits end the run.
    pub give_up_ms: u64,
}

/// Failed sessions to run again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Retry {
    /// Their ids; `None` for all.
    pub sessions: Option<Vec<Arc<str>>>,
    /// `true` to begin new conversations.
    pub fresh: bool,
}

/// Maximum number of starts within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spacing {
    /// Maximum number of starts.
    pub starts: usize,
    /// The time.
    pub window_ms: u64,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            min_reservation: Nanos::cents(5),
            only: None,
            skip: Vec::new(),
            assume_dead: Vec::new(),
            wait_for_limits: true,
            retry: None,
            settle: None,
            spacing: Some(Spacing { starts: 4, window_ms: 500 }),
            max_crashes: 3,
            interrupt_ms: 5_000,
            terminate_ms: 10_000,
            exit_ms: 10_000,
            background_ms: 60_000,
            give_up_ms: 60_000,
        }
    }
}
