//! The states of sessions and groups, and what happens when a budget is spent.
//!
//! ```
//! use session_groups::model::GroupStatus;
//!
//! assert_eq!(GroupStatus::from_name("failed").map(GroupStatus::is_terminal), Some(true));
//! ```

use crate::model::record::names;

names! {
    /// Status of a session.
    SessionStatus {
        /// Not started.
        Pending = "pending",
        /// Running.
        Active = "active",
        /// Started, and stopped for now.
        Paused = "paused",
        /// Ended well.
        Completed = "completed",
        /// Ended badly.
        Failed = "failed",
    }
}

names! {
    /// Status of a group: created → running → completed, failed or paused; paused → running;
    /// completed → archived; any → deleted.
    GroupStatus {
        /// Not started.
        Created = "created",
        /// At least one session may run.
        Running = "running",
        /// Stopped for now.
        Paused = "paused",
        /// Every session ended.
        Completed = "completed",
        /// Given up.
        Failed = "failed",
        /// Completed and put away.
        Archived = "archived",
        /// Marked as deleted.
        Deleted = "deleted",
    }
}

names! {
    /// The reaction to a spent budget.
    BudgetAction {
        /// Running sessions are stopped.
        Stop = "stop",
        /// Only an event tells.
        Warn = "warn",
        /// No further session starts.
        Pause = "pause",
    }
}

impl SessionStatus {
    /// Returns `true` for completed and failed: the session's newest run has ended.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl GroupStatus {
    /// Returns `true` for completed, failed and deleted: no session of the group will run again.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Deleted)
    }

    /// Returns `true` if its time has stopped: terminal, or archived after that.
    pub fn has_ended(self) -> bool {
        self.is_terminal() || self == Self::Archived
    }
}
