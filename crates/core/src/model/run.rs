//! The fields that the runner keeps in a group and its sessions: attempts, requests and reasons.
//!
//! ```
//! use session_groups::model::run::Control;
//!
//! let request = r#"{ "request": "pause", "at": "2026-01-15T10:30:00Z", "seq": 1 }"#;
//! assert!(session_groups::model::from_json::<Control>(request).is_ok());
//! ```

use std::collections::BTreeMap;

use crate::model::number::{Count, Positive, Usd};
use crate::model::record::{names, record};
use crate::model::time::IsoTime;

names! {
    /// The beginning of an attempt.
    AttemptKind {
        /// As a new conversation.
        Fresh = "fresh",
        /// As the continuation of an earlier one.
        Resume = "resume",
    }
}

names! {
    /// The outcome of an attempt.
    AttemptOutcome {
        /// The work is done.
        Completed = "completed",
        /// The result was an error.
        Failed = "failed",
        /// Interrupted by a pause or a stop.
        Interrupted = "interrupted",
        /// Killed after it did not react to an interrupt.
        Killed = "killed",
        /// Ended without a result.
        Crashed = "crashed",
        /// Stopped by its share of the budget.
        Cap = "cap",
        /// Stopped by a usage limit of the account.
        Limited = "limited",
        /// Without any progress for `stall_timeout_ms`.
        Stalled = "stalled",
        /// Longer than `timeout_ms`.
        Timeout = "timeout",
        /// With more output than is allowed.
        OutputLimit = "output_limit",
    }
}

names! {
    /// A request to the runner of a group.
    ControlRequest {
        /// Interrupt the running sessions.
        Pause = "pause",
        /// Continue with all sessions.
        Resume = "resume",
        /// End the run.
        Stop = "stop",
        /// Run failed sessions again.
        Retry = "retry",
    }
}

names! {
    /// The reason why a group is paused or failed.
    GroupCause {
        /// By request.
        Manual = "manual",
        /// The budget is spent.
        BudgetExceeded = "budget_exceeded",
        /// Too many sessions failed.
        ErrorThreshold = "error_threshold",
        /// Stopped by request.
        Stopped = "stopped",
        /// A usage limit of the account.
        UsageLimit = "usage_limit",
        /// Claude Code is not logged in.
        Login = "login",
        /// The account cannot pay.
        Billing = "billing",
        /// It cannot be determined whether an earlier process still runs.
        UnknownProcess = "unknown_process",
        /// A conversation to be resumed no longer exists.
        ConversationGone = "conversation_gone",
        /// Several sessions failed in the same way within a short time.
        MassFailure = "mass_failure",
        /// The remaining sessions wait for sessions that cannot complete.
        Unreachable = "unreachable",
    }
}

record! {
    /// One process for a session.
    pub struct Attempt {
        /// Number of the attempt, from 1.
        n: Positive,
        /// The mark of the attempt's processes.
        uuid: String,
        /// The beginning.
        how: AttemptKind,
        /// Start.
        started_at: IsoTime,
        /// US dollars reserved for it.
        reserved_usd: Usd,
        /// The conversation's id.
        claude_session_id: String,
        /// End.
        ended_at: Option<IsoTime>,
        /// US dollars spent.
        cost_usd: Option<Usd>,
        /// `true` if the cost is an estimate, because a turn ended without a result.
        estimated: Option<bool>,
        /// The outcome.
        outcome: Option<AttemptOutcome>,
        /// The error message of an attempt that did not complete.
        error: Option<String>,
        /// The process, recorded after its start.
        process: Option<ProcessIdentity>,
    }
}

record! {
    /// Identifies a process beyond the reuse of its pid.
    pub struct ProcessIdentity {
        /// Process id.
        pid: Positive,
        /// Start of the process as the system states it.
        start_time: String,
        /// The boot of the machine.
        boot_id: String,
        /// The machine's name.
        host: String,
    }
}

record! {
    /// A request to the runner, stored in the group.
    pub struct Control {
        /// The requested action.
        request: ControlRequest,
        /// Ids of the sessions it concerns; all when absent.
        sessions: Option<Vec<String>>,
        /// `true` to let running sessions finish.
        drain: Option<bool>,
        /// `true` to terminate running sessions without an interrupt.
        now: Option<bool>,
        /// `true` to begin a new conversation for retried sessions.
        fresh: Option<bool>,
        /// The reason given.
        reason: Option<String>,
        /// Time of the request.
        at: IsoTime,
        /// The author of the request.
        by: Option<String>,
        /// Number of the request.
        seq: Count,
    }
}

record! {
    /// The process that runs a group, where the repository has no kernel locks.
    pub struct RunnerRecord {
        /// Process id.
        pid: Positive,
        /// Start of the process as the system states it.
        start_time: String,
        /// The boot of the machine.
        boot_id: String,
        /// The machine's name.
        host: String,
        /// Time at which the record was last renewed.
        at: IsoTime,
    }
}

record! {
    /// The plan file that a group was made from.
    pub struct PlanSource {
        /// The file.
        path: String,
        /// The plan's name.
        name: String,
        /// Values of its variables.
        vars: BTreeMap<String, String>,
    }
}
