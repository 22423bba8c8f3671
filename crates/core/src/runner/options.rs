//! The options of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::claude::environment::Environment;
use crate::error::{Error, Result};
use crate::model::number::{Fraction, Positive, Usd};
use crate::model::time;
use crate::model::{BudgetAction, SessionGroup};
use crate::ownership;
use crate::runner::plan::{self, Nanos, Retry, Spacing};
use crate::runner::process::ProcessOptions;

/// The clock of stored and emitted times: Unix milliseconds. Timers and usage limits do not use it.
pub type Clock = Arc<dyn Fn() -> f64 + Send + Sync>;

/// Changes of the group's limits, stored before the run begins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ChangedLimits {
    /// Maximum number of sessions at the same time.
    pub max_concurrent: Option<Positive>,
    /// US dollars that all sessions together may cost.
    pub max_budget_usd: Option<Usd>,
    /// The reaction when they are spent.
    pub on_budget_exceeded: Option<BudgetAction>,
    /// The part of the budget at which a warning is due.
    pub warning_threshold: Option<Fraction>,
    /// `false` to start sessions without waiting for those they depend on.
    pub respect_dependencies: Option<bool>,
    /// `false` to go on however many sessions fail.
    pub pause_on_error: Option<bool>,
    /// Number of failures that pause the group.
    pub error_threshold: Option<Positive>,
}

/// The options of a run.
#[derive(Clone)]
pub struct RunnerOptions {
    /// Changes of the group's limits.
    pub limits: ChangedLimits,
    /// Ids of the sessions of this run; `None` for all.
    pub only: Option<Vec<String>>,
    /// Ids of sessions that are not part of this run.
    pub skip: Vec<String>,
    /// Failed sessions to run again; `None` to leave them failed.
    pub retry: Option<Retry>,
    /// Ids of sessions whose earlier process is dead, although that cannot be determined.
    pub assume_dead: Vec<String>,
    /// `false` to pause the group at a usage limit instead of waiting. Default: `true`.
    pub wait_for_limits: bool,
    /// The smallest reservation that is worth a start. Default: $0.05.
    pub min_reservation: Usd,
    /// Maximum number of starts within a time. Default: 4 in 0.5 s; `None` for no such limit.
    pub spacing: Option<Spacing>,
    /// Number of times in a row that a crashed session is resumed. Default: 3.
    pub max_crashes: u32,
    /// Seed of the jitter of retries. By default a new one for each run.
    pub seed: Option<u64>,
    /// Path of `claude`. By default `SESSION_GROUPS_CLAUDE`, else found in PATH.
    pub claude_path: Option<PathBuf>,
    /// Time for which commits may fail before the run gives up. Default: 60 s.
    pub store_patience: Duration,
    /// Time until events that could not be appended to the feed for lack of something are appended again; further tries take up to
    /// ten times as long. Default: 1 s.
    pub feed_pause: Duration,
    /// Time between two renewals of the record by which other processes know the runner, where the repository has no locks.
    /// Default: 10 s. After a minute without one, other machines take the runner for dead.
    pub record_renewal: Duration,
    /// Directory for the files of sessions, where the repository has none of the group. By default
    /// `$XDG_STATE_HOME/session-groups/runs/{group}`.
    pub work_dir: Option<PathBuf>,
    /// Variables that configurations may set although they can change what runs.
    pub allow_env: Vec<String>,
    /// Environment of the sessions. By default that of this process.
    pub environment: Environment,
    /// Clock of stored and emitted times. By default that of the system.
    pub clock: Clock,
    /// Clock of usage limits, by which a sleep of the machine is noticed, too. By default that of the system.
    pub wall_clock: Clock,
    /// Times of the stop ladder, and the bound of output files.
    pub process: ProcessOptions,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        let decisions = plan::RunOptions::default();
        Self {
            limits: ChangedLimits::default(),
            only: None,
            skip: Vec::new(),
            retry: None,
            assume_dead: Vec::new(),
            wait_for_limits: decisions.wait_for_limits,
            min_reservation: decisions.min_reservation.into(),
            spacing: decisions.spacing,
            max_crashes: decisions.max_crashes,
            seed: None,
            claude_path: None,
            store_patience: Duration::from_millis(decisions.give_up_ms),
            feed_pause: Duration::from_secs(1),
            record_renewal: Duration::from_millis(ownership::RENEWAL_MS),
            work_dir: None,
            allow_env: Vec::new(),
            environment: Environment::of_process(),
            clock: Arc::new(time::now_ms),
            wall_clock: Arc::new(time::now_ms),
            process: ProcessOptions::default(),
        }
    }
}

impl RunnerOptions {
    /// The options that affect decisions.
    pub(super) fn decisions(&self) -> plan::RunOptions {
        let ids = |ids: &Vec<String>| ids.iter().map(|id| id.as_str().into()).collect();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        plan::RunOptions {
            seed: self.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0),
            min_reservation: Nanos::from(self.min_reservation),
            only: self.only.as_ref().map(ids),
            skip: ids(&self.skip),
            assume_dead: ids(&self.assume_dead),
            wait_for_limits: self.wait_for_limits,
            retry: self.retry.clone(),
            settle: None,
            spacing: self.spacing,
            max_crashes: self.max_crashes,
            interrupt_ms: milliseconds(self.process.interrupt_grace),
            terminate_ms: milliseconds(self.process.terminate_grace),
            exit_ms: milliseconds(self.process.exit_grace),
            background_ms: milliseconds(self.process.background_grace),
            give_up_ms: milliseconds(self.store_patience),
        }
    }
}

/// Fails with `INVALID_ARGUMENT` if an option names a session that the group does not have.
pub(super) fn check_named(option: &str, ids: &[impl AsRef<str>], group: &SessionGroup) -> Result<()> {
    let has = |id: &str| group.sessions.iter().any(|session| session.id == id);
    check_ids(option, ids, group.id.as_str(), has)
}

/// Does the same for any group, of which `has` tells whether it has a session of an id.
pub(super) fn check_ids(
    option: &str,
    ids: &[impl AsRef<str>],
    group_id: &str,
    has: impl Fn(&str) -> bool,
) -> Result<()> {
    match ids.iter().map(AsRef::as_ref).find(|id| !has(id)) {
        None => Ok(()),
        Some(id) => {
            let problem = format!("names {id:?}, which is no session of group {group_id:?}");
            Err(Error::argument(option, problem))
        }
    }
}
