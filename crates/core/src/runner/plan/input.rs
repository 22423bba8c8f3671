//! The facts that a run takes.

use super::command::CommitId;
use super::nanos::Nanos;
use super::session::SessionIndex;
use super::stored::{Request, StoredGroup};
use super::time::Wall;

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// Nothing happened but the time. The first fact of a run is usually this one.
    TimePassed,
    /// Somebody else changed the stored group.
    GroupChanged(Box<StoredGroup>),
    /// The stored group no longer exists.
    GroupDeleted,
    /// A commit is durable.
    Committed(CommitId),
    /// A commit failed. It may nevertheless have been written.
    CommitFailed(CommitId, CommitFailure),
    /// The process of a session runs.
    Started(SessionIndex),
    /// The process of a session could not be started.
    NotStarted(SessionIndex),
    /// The process of a session could not be started, or an earlier one not looked at, because the machine lacks something for it:
    /// space on the disk for its output, file descriptors, memory or processes.
    Shortage(SessionIndex),
    /// A session printed something that affects its watchdogs.
    Progress(SessionIndex, Progress),
    /// A session printed a result.
    Result(SessionIndex, TurnResult),
    /// An output file of a session exceeds its bound.
    OutputLimit(SessionIndex),
    /// The output of a session cannot be written, or not be read.
    OutputFailed,
    /// The process of a session is gone, and its output has been read to the end.
    Exited {
        /// The session.
        session: SessionIndex,
        /// Money that the attempt is known to have spent.
        cost: Nanos,
    },
    /// The answer to [`Command::Look`](super::Command::Look).
    Looked(SessionIndex, Look),
    /// The account reached a usage limit.
    LimitOpened {
        /// Its end, where known.
        until: Option<Wall>,
    },
    /// The account may be used again.
    LimitClosed,
    /// A request that was not stored, from the process that runs the group. Its number does not count.
    Requested(Box<Request>),
}

/// The reason why a commit failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitFailure {
    /// The group no longer exists.
    Deleted,
    /// Anything else: a full disk, a lock held for too long, a corrupt file.
    Other,
}

/// A change in what a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// An assistant line, a tool result or a part of the model's text.
    Advanced,
    /// A tool or an API retry began (`true`), or the last one ended.
    Busy(bool),
    /// A background task began (`true`), or the last one ended.
    Background(bool),
}

/// A result line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TurnResult {
    /// Its meaning.
    pub verdict: Verdict,
    /// Money that this attempt has spent so far.
    pub cost: Nanos,
}

/// The meaning of a result line, by its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The work is done.
    Success,
    /// The turn was interrupted.
    Interrupted,
    /// The usage limit of the account.
    UsageLimit {
        /// Its end, where known.
        until: Option<Wall>,
    },
    /// A server or network error, after Claude Code's own retries.
    Transient,
    /// Claude Code is not logged in.
    Login,
    /// The account cannot pay.
    Billing,
    /// The request was refused: a bad request, a prompt that is too long, a refusal, the model's output limit.
    Refused,
    /// The cap of this process is spent.
    Cap,
    /// The maximum number of turns is used up.
    Turns,
    /// The conversation to resume does not exist.
    ConversationGone {
        /// `true` if an assistant line was ever seen in it.
        answered: bool,
    },
}

/// The state of an earlier process, from its lock, identity, mark and output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// It lives.
    Alive {
        /// Milliseconds that it has run.
        ran_ms: u64,
    },
    /// It is gone, and its output has a result.
    Settled {
        /// The result.
        result: TurnResult,
        /// Milliseconds that it ran.
        ran_ms: u64,
    },
    /// It is gone without a result.
    Dead {
        /// Money that the attempt is known to have spent.
        cost: Nanos,
        /// Milliseconds that it ran.
        ran_ms: u64,
    },
    /// There never was one: the earlier runner ended between its decision and the start.
    NeverStarted,
    /// It cannot be determined: another host, no permission.
    CannotTell,
}
