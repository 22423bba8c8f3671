//! The fields that the runner keeps in a group and its sessions: attempts, requests and reasons.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::types::{as_javascript, names, some_as_javascript, whole};

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

/// A variable of a session's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EnvValue {
    /// The value itself.
    Text(String),
    /// A variable of the runner's environment, whose value is not stored.
    From {
        /// The variable's name.
        from: String,
    },
}

/// One process for a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Number of the attempt, from 1.
    #[serde(deserialize_with = "whole")]
    pub n: u64,
    /// The attempt's mark.
    pub uuid: String,
    /// The beginning.
    pub how: AttemptKind,
    /// Start, in ISO 8601.
    pub started_at: String,
    /// US dollars reserved for it.
    #[serde(serialize_with = "as_javascript")]
    pub reserved_usd: f64,
    /// The conversation's id.
    pub claude_session_id: String,
    /// End, in ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// US dollars spent.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "some_as_javascript")]
    pub cost_usd: Option<f64>,
    /// `true` if the cost is an estimate, because a turn ended without a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<bool>,
    /// The outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AttemptOutcome>,
    /// The error message of an attempt that did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The process, known after its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessIdentity>,
}

/// Identifies a process beyond the reuse of its pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessIdentity {
    /// Process id.
    #[serde(deserialize_with = "whole")]
    pub pid: u64,
    /// Start of the process as the system states it.
    pub start_time: String,
    /// The boot of the machine.
    pub boot_id: String,
    /// The machine's name.
    pub host: String,
}

/// A request to the runner, stored in the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// The requested action.
    pub request: ControlRequest,
    /// Ids of the sessions it concerns; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Vec<String>>,
    /// `true` to let running sessions finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
    /// `true` to terminate running sessions without an interrupt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<bool>,
    /// `true` to begin a new conversation for retried sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<bool>,
    /// The reason given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Time of the request, in ISO 8601.
    pub at: String,
    /// The author of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Number of the request.
    #[serde(deserialize_with = "whole")]
    pub seq: u64,
}

/// The process that runs a group, where the repository has no kernel locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunnerRecord {
    /// The process.
    #[serde(flatten)]
    pub process: ProcessIdentity,
    /// Time at which the record was last renewed, in ISO 8601.
    pub at: String,
}

/// The plan file that a group was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSource {
    /// The file.
    pub path: String,
    /// The plan's name.
    pub name: String,
    /// Values of its variables.
    pub vars: BTreeMap<String, String>,
}
