//! The stored group as the run sees it: what people set, and what the runner records.
//!
//! [`StoredGroup::from`] reads both from a [`SessionGroup`]. Everything a run remembers across a crash of the runner is in
//! the records; all other state is derived from them.

use std::sync::Arc;

use super::nanos::Nanos;
use super::time::Wall;
use crate::model::number::{Count, Fraction, Usd};
use crate::model::run::{Attempt, AttemptKind, AttemptOutcome, Control, ControlRequest, GroupCause};
use crate::model::time::IsoTime;
use crate::model::{BudgetAction, GroupSession, GroupStatus, SessionGroup, SessionStatus};

/// The fields of a group that affect its run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredGroup {
    /// The limits that people set.
    pub settings: GroupSettings,
    /// The fields that the runner writes.
    pub record: GroupRecord,
    /// The newest request to the runner.
    pub request: Option<Request>,
    /// The sessions in the group's order.
    pub sessions: Vec<StoredSession>,
}

/// The limits of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupSettings {
    /// Maximum number of sessions that run at once.
    pub max_concurrent: u32,
    /// `true` if a session waits for those it depends on.
    pub respect_dependencies: bool,
    /// Number of failures that pause the group; `None` if none does.
    pub error_threshold: Option<u32>,
    /// `true` to never run two sessions in one working directory at once.
    pub exclusive_directories: bool,
    /// The budget of all sessions together.
    pub budget: Nanos,
    /// The reaction when it is spent.
    pub on_budget_exceeded: BudgetAction,
    /// The spent amount from which a warning is due.
    pub warning_at: Nanos,
}

/// The fields of a group that the runner writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupRecord {
    /// The group's status.
    pub status: GroupStatus,
    /// The reason why it is paused or failed.
    pub cause: Option<GroupCause>,
    /// Number of the newest request that was carried out.
    pub control_seen: u64,
    /// `true` once the budget warning of this crossing has been emitted.
    pub budget_warned: bool,
}

/// A request to the runner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Its number.
    pub seq: u64,
    /// The requested action.
    pub action: ControlRequest,
    /// Ids of the sessions it concerns; `None` for the whole group.
    pub sessions: Option<Vec<Arc<str>>>,
    /// `true` to let running sessions finish.
    pub drain: bool,
    /// `true` to terminate running sessions without an interrupt.
    pub now: bool,
    /// `true` to begin a new conversation for retried sessions.
    pub fresh: bool,
}

/// The fields of a session that affect the run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredSession {
    /// The session's id.
    pub id: Arc<str>,
    /// The fields that people set.
    pub settings: Arc<SessionSettings>,
    /// The fields that the runner writes.
    pub record: SessionRecord,
}

/// The fields of a session that people set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionSettings {
    /// Working directory.
    pub directory: Arc<str>,
    /// Ids of the sessions that come first.
    pub depends_on: Vec<Arc<str>>,
    /// The session's own budget over all attempts.
    pub max_budget: Option<Nanos>,
    /// Maximum running time over all attempts, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Maximum time without progress, in milliseconds.
    pub stall_timeout_ms: u64,
    /// Number of times a transient failure is retried.
    pub retries: u32,
    /// `true` if its failure counts as done.
    pub allow_failure: bool,
    /// `true` if its plan file no longer has it.
    pub dropped: bool,
}

/// The fields of a session that the runner writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionRecord {
    /// The session's status.
    pub status: SessionStatus,
    /// Money spent by all attempts.
    pub cost: Nanos,
    /// Milliseconds spent running, over all attempts that ended.
    pub run_ms: u64,
    /// `true` while `claudeSessionId` names a conversation to continue.
    pub conversation: bool,
    /// The time of the next attempt, where known.
    pub waits_until: Option<Wall>,
    /// The newest attempts, oldest first.
    pub attempts: Vec<AttemptRecord>,
}

/// One process for a session, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptRecord {
    /// Number of the attempt, from 1.
    pub n: u64,
    /// The beginning.
    pub how: AttemptKind,
    /// Money reserved for it.
    pub reserved: Nanos,
    /// Money spent, as far as it was printed.
    pub cost: Nanos,
    /// `true` if its last turn ended without a result, so that more may have been spent.
    pub estimated: bool,
    /// `true` once the process has been recorded.
    pub has_process: bool,
    /// The outcome; `None` while it is open.
    pub outcome: Option<AttemptOutcome>,
}

impl AttemptRecord {
    /// Returns `true` if it was stored, but ended before it became a process. It spent nothing and settled nothing.
    fn never_started(&self) -> bool {
        self.outcome == Some(AttemptOutcome::Killed) && !self.has_process && !self.estimated
    }
}

/// Number of attempts that are stored; older ones are folded into the session's sums.
pub const MAX_STORED_ATTEMPTS: usize = 20;

/// The largest number that an attempt gets. Numbers in JSON are read as in JavaScript, where 2^53 + 1 is 2^53.
const MAX_ATTEMPT_NUMBER: u64 = (1 << 53) - 1;

/// Time without progress after which a session counts as stalled, if it sets none: 15 minutes.
const DEFAULT_STALL_TIMEOUT_MS: u64 = 15 * 60_000;

/// The smallest accepted stall timeout: Claude Code's own retries take up to 190 seconds without a line.
const MIN_STALL_TIMEOUT_MS: u64 = 8 * 60_000;

/// Number of retries of a session that sets none.
const DEFAULT_RETRIES: u32 = 2;

impl SessionRecord {
    /// The record of a session that has not run.
    pub fn new() -> Self {
        Self {
            status: SessionStatus::Pending,
            cost: Nanos::ZERO,
            run_ms: 0,
            conversation: false,
            waits_until: None,
            attempts: Vec::new(),
        }
    }

    /// The newest attempt while it is open.
    pub fn open_attempt(&self) -> Option<&AttemptRecord> {
        self.attempts.last().filter(|attempt| attempt.outcome.is_none())
    }

    /// Number of the next attempt: the one after the newest, or from 1 again after the largest. It is never that of another
    /// stored attempt.
    pub fn next_number(&self) -> u64 {
        let newest = self.attempts.last().map_or(0, |attempt| attempt.n);
        let is_free = |number: &u64| self.attempts.iter().all(|attempt| attempt.n != *number);
        let mut numbers = (newest.saturating_add(1)..=MAX_ATTEMPT_NUMBER).chain(1..=MAX_ATTEMPT_NUMBER);
        numbers.find(is_free).unwrap_or(1)
    }

    /// Money of a turn that ended without a result: its reservation less what it printed. It counts as reserved until the
    /// session's next result or its end.
    pub fn held(&self) -> Nanos {
        match self.attempts.iter().rev().find(|attempt| !attempt.never_started()) {
            Some(last) if last.outcome.is_some() && last.estimated && !self.status.has_ended() => {
                last.reserved - last.cost
            }
            _ => Nanos::ZERO,
        }
    }

    /// Money that no other session may use: the rest of the open attempt's reservation, or the held money.
    pub fn reserved(&self) -> Nanos {
        self.open_attempt().map_or_else(|| self.held(), |attempt| attempt.reserved - attempt.cost)
    }

    /// Number of the newest attempts that had this outcome, back to the one that ended the session, if it was retried since.
    /// Attempts in between that failed in another way do not interrupt the count: a session that fails in turns, or whose
    /// runner dies with it each time, comes to an end as well.
    pub fn in_a_row(&self, outcome: AttemptOutcome) -> u32 {
        use AttemptOutcome::{Completed, OutputLimit, Timeout};
        let ends =
            |attempt: &&AttemptRecord| matches!(attempt.outcome, Some(Completed | Timeout | OutputLimit));
        let newest_first = self.attempts.iter().rev().take_while(|attempt| !ends(attempt));
        let same = newest_first.filter(|attempt| attempt.outcome == Some(outcome)).count();
        u32::try_from(same).unwrap_or(u32::MAX)
    }
}

impl Default for SessionRecord {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&SessionGroup> for StoredGroup {
    fn from(group: &SessionGroup) -> Self {
        Self {
            settings: GroupSettings::from(group),
            record: GroupRecord {
                status: group.status,
                cause: group.cause,
                control_seen: group.control_seen.map_or(0, Count::get),
                budget_warned: group.budget_warned.unwrap_or(false),
            },
            request: group.control.as_ref().map(Request::from),
            sessions: group.sessions.iter().map(StoredSession::from).collect(),
        }
    }
}

impl From<&SessionGroup> for GroupSettings {
    fn from(group: &SessionGroup) -> Self {
        let config = &group.config;
        let rules = config.concurrency.unwrap_or_default();
        let threshold = u32::try_from(rules.error_threshold.get()).unwrap_or(u32::MAX);
        Self {
            max_concurrent: u32::try_from(group.max_concurrent()).unwrap_or(u32::MAX),
            respect_dependencies: rules.respect_dependencies,
            error_threshold: rules.pause_on_error.then_some(threshold),
            exclusive_directories: config.exclusive_directories.unwrap_or(false),
            budget: config.max_budget_usd.into(),
            on_budget_exceeded: config.on_budget_exceeded,
            warning_at: part_of(config.max_budget_usd, config.warning_threshold),
        }
    }
}

/// A part of an amount.
fn part_of(amount: Usd, part: Fraction) -> Nanos {
    Usd::clamped(amount.get() * part.get()).into()
}

impl From<&Control> for Request {
    fn from(control: &Control) -> Self {
        let ids = |ids: &Vec<String>| ids.iter().map(|id| id.as_str().into()).collect();
        Self {
            seq: control.seq.get(),
            action: control.request,
            sessions: control.sessions.as_ref().map(ids),
            drain: control.drain.unwrap_or(false),
            now: control.now.unwrap_or(false),
            fresh: control.fresh.unwrap_or(false),
        }
    }
}

impl From<&GroupSession> for StoredSession {
    fn from(session: &GroupSession) -> Self {
        let milliseconds = |time: f64| crate::model::number::to_whole(time.round());
        let stall =
            session.stall_timeout_ms.map_or(DEFAULT_STALL_TIMEOUT_MS, |time| milliseconds(time.get()));
        let settings = SessionSettings {
            directory: session.project_path.as_str().into(),
            depends_on: session.depends_on.iter().map(|id| id.as_str().into()).collect(),
            max_budget: session.max_budget_usd.map(Nanos::from),
            timeout_ms: session.timeout_ms.map(|time| milliseconds(time.get())),
            stall_timeout_ms: stall.max(MIN_STALL_TIMEOUT_MS),
            retries: session.retries.map_or(DEFAULT_RETRIES, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
            allow_failure: session.allow_failure.unwrap_or(false),
            dropped: session.dropped.unwrap_or(false),
        };
        let attempts = session.attempts.iter().flatten().map(AttemptRecord::from).collect();
        let record = SessionRecord {
            status: session.status,
            cost: session.cost.map_or(Nanos::ZERO, Nanos::from),
            run_ms: session.ran_ms().map_or(0, milliseconds),
            conversation: session.claude_session_id.is_some(),
            waits_until: session.waits_until.as_ref().map(|time| Wall(milliseconds(IsoTime::unix_ms(time)))),
            attempts,
        };
        Self { id: session.id.as_str().into(), settings: Arc::new(settings), record }
    }
}

impl From<&Attempt> for AttemptRecord {
    fn from(attempt: &Attempt) -> Self {
        let closed = attempt.ended_at.is_some().then_some(AttemptOutcome::Crashed);
        Self {
            n: attempt.n.get(),
            how: attempt.how,
            reserved: attempt.reserved_usd.into(),
            cost: attempt.cost_usd.map_or(Nanos::ZERO, Nanos::from),
            estimated: attempt.estimated.unwrap_or(false),
            has_process: attempt.process.is_some(),
            outcome: attempt.outcome.or(closed),
        }
    }
}
