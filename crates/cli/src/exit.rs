//! Exit codes.

use session_groups::error::{Error, ErrorKind};
use session_groups::model::GroupStatus;
use session_groups::model::run::GroupCause;

/// The end of a command, as other programs see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All sessions completed, or the command did what it was asked for.
    Success,
    /// Something unexpected: I/O, a damaged store, a bug.
    Unexpected,
    /// Wrong usage or an invalid plan.
    Usage,
    /// There is no such group or session.
    NotFound,
    /// There is nothing to run.
    NothingToRun,
    /// The group is in the wrong state, or another runner has it.
    WrongState,
    /// Some sessions failed or were not reached, or too many failed.
    SomeFailed,
    /// The budget is spent.
    Budget,
    /// A person has to do something first.
    NeedsPerson,
    /// Paused or stopped by request.
    ByRequest,
    /// A usage limit is not over yet.
    UsageLimit,
    /// Ended by a signal, of that number.
    Signal(u8),
}

impl Exit {
    /// The exit code.
    ///
    /// ```
    /// use session_groups_cli::exit::Exit;
    ///
    /// assert_eq!([Exit::Usage.code(), Exit::UsageLimit.code(), Exit::Signal(2).code()], [2, 75, 130]);
    /// ```
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::NothingToRun => 4,
            Self::WrongState => 5,
            Self::SomeFailed => 10,
            Self::Budget => 11,
            Self::NeedsPerson => 12,
            Self::ByRequest => 13,
            Self::UsageLimit => 75,
            Self::Signal(number) => 128_u8.saturating_add(number),
        }
    }

    /// The exit for a group at the end of its run.
    pub fn of_group(status: GroupStatus, cause: Option<GroupCause>) -> Self {
        match (status, cause) {
            (GroupStatus::Completed | GroupStatus::Archived, _) => Self::Success,
            (_, Some(GroupCause::BudgetExceeded)) => Self::Budget,
            (_, Some(GroupCause::UsageLimit)) => Self::UsageLimit,
            (
                _,
                Some(
                    GroupCause::Login
                    | GroupCause::Billing
                    | GroupCause::UnknownProcess
                    | GroupCause::ConversationGone
                    | GroupCause::MassFailure,
                ),
            ) => Self::NeedsPerson,
            (_, Some(GroupCause::Manual | GroupCause::Stopped)) | (GroupStatus::Paused, None) => {
                Self::ByRequest
            }
            (_, Some(GroupCause::ErrorThreshold | GroupCause::Unreachable) | None) => Self::SomeFailed,
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidArgument
            | ErrorKind::InvalidId
            | ErrorKind::InvalidGroup
            | ErrorKind::InvalidFilter
            | ErrorKind::InvalidTemplate
            | ErrorKind::CircularDependency => Self::Usage,
            ErrorKind::InvalidState
            | ErrorKind::InvalidTransition
            | ErrorKind::AlreadyRunning
            | ErrorKind::Conflict => Self::WrongState,
            ErrorKind::NotFound => Self::NotFound,
            _ => Self::Unexpected,
        }
    }
}
