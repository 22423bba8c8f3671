//! The commands that a run returns.

use super::nanos::Nanos;
use super::session::SessionIndex;
use super::stored::{GroupRecord, SessionRecord};
use super::time::Wall;
use crate::model::GroupStatus;
use crate::model::run::{AttemptKind, GroupCause};

/// A command to whoever carries the run out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// Write these changes durably, then emit the events. Answered by
    /// [`Committed`](super::Input::Committed) or [`CommitFailed`](super::Input::CommitFailed). At most one is open.
    Commit(Commit),
    /// Start a process. Answered by [`Started`](super::Input::Started), [`NotStarted`](super::Input::NotStarted)
    /// or [`Shortage`](super::Input::Shortage).
    Start {
        /// The session.
        session: SessionIndex,
        /// Number of the attempt.
        attempt: u64,
        /// The beginning. A fresh one uses the stored conversation id, if there is one.
        how: AttemptKind,
        /// Maximum amount that the process may spend.
        cap: Option<Nanos>,
    },
    /// Ask the session to interrupt its turn.
    Interrupt(SessionIndex),
    /// Ask the session to stop its background tasks.
    StopTasks(SessionIndex),
    /// Close the session's standard input.
    CloseInput(SessionIndex),
    /// Close the session's standard input and send SIGTERM.
    Terminate(SessionIndex),
    /// Send SIGKILL and sweep.
    Kill(SessionIndex),
    /// End everything that bears the mark of the session's newest attempt.
    Sweep(SessionIndex),
    /// Determine the state of an earlier process. Answered by [`Looked`](super::Input::Looked).
    Look(SessionIndex),
    /// Tell other groups and later runs of the account about its usage limit; `None` if it is lifted.
    ShareLimit(Option<Wall>),
    /// The run is over. No command follows.
    Done(Outcome),
}

/// Number of a commit of this run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub u64);

/// Changes to write in one transaction, and the events that report them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit {
    /// Its number.
    pub id: CommitId,
    /// The group's fields, if they changed.
    pub group: Option<GroupRecord>,
    /// The changed sessions with all fields that the runner writes.
    pub sessions: Vec<SessionChange>,
    /// The events in order.
    pub events: Vec<Event>,
}

/// A changed session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionChange {
    /// The session.
    pub session: SessionIndex,
    /// All fields that the runner writes.
    pub record: SessionRecord,
    /// The reason of a failed session.
    pub failure: Option<Failure>,
    /// A retry takes up the session although its plan file dropped it: its `dropped` is to be removed.
    pub is_revived: bool,
}

/// The reason why a session failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The request was refused.
    Refused,
    /// The maximum number of turns is used up.
    Turns,
    /// Its running time exceeded its timeout.
    Timeout,
    /// It stalled again after a resume.
    Stalled,
    /// It crashed too many times in a row.
    Crashed,
    /// A transient error persisted through all retries.
    Transient,
    /// Its output exceeded the bound.
    OutputLimit,
    /// Its process could not be started.
    CannotStart,
    /// Its conversation no longer exists.
    ConversationGone,
    /// Its own budget is used up.
    OwnBudget,
}

/// An event of the group, to be completed from the stored group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// `group_started`
    GroupStarted,
    /// `group_resumed`
    GroupResumed,
    /// `group_completed`
    GroupCompleted,
    /// `group_paused`
    GroupPaused(GroupCause),
    /// `group_failed`
    GroupFailed {
        /// The cause; `None` if sessions failed.
        cause: Option<GroupCause>,
        /// Number of sessions that failed.
        failed: u32,
        /// Number of sessions that can no longer start.
        unreachable: u32,
    },
    /// `group_session_started`
    SessionStarted(SessionIndex),
    /// `group_session_completed`
    SessionCompleted(SessionIndex),
    /// `group_session_failed`
    SessionFailed(SessionIndex, Failure),
    /// `session_retrying`
    SessionRetrying(SessionIndex),
    /// `session_interrupted`
    SessionInterrupted(SessionIndex),
    /// `session_waiting_limit`
    SessionWaitingLimit(SessionIndex),
    /// `session_limit_lifted`
    LimitLifted,
    /// `session_adopted`
    SessionAdopted(SessionIndex),
    /// `session_unreachable`
    SessionUnreachable(SessionIndex),
    /// `dependency_waiting`
    DependencyWaiting(SessionIndex),
    /// `dependency_resolved`
    DependencyResolved(SessionIndex),
    /// `budget_warning`
    BudgetWarning,
    /// `budget_exceeded`
    BudgetExceeded,
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The group has this status, which is stored.
    Ended(GroupStatus, Option<GroupCause>),
    /// For too long the group could not be stored or the machine lacked something for each start, or the output of a session
    /// cannot be written. When the group runs again, the outputs settle what is not stored.
    WriteFailed,
    /// The group was deleted.
    Deleted,
}
