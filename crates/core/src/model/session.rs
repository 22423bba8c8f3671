//! One session of a group: a run of Claude Code in a directory.
//!
//! ```
//! use session_groups::model::{GroupSession, time::IsoTime};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
//! let session = GroupSession::new("001-a", "/projects/a", "Add logging", created_at);
//! assert_eq!(session.ran_ms(), None);
//! ```

use serde_json::{Map, Value};

use crate::model::config::{self, SessionConfig};
use crate::model::number::{Count, Milliseconds, Positive, Usd};
use crate::model::record::{Shape, record};
use crate::model::run::Attempt;
use crate::model::status::SessionStatus;
use crate::model::time::IsoTime;

record! {
    /// Tokens, counted in whole ones.
    #[derive(Copy, Default)]
    pub struct TokenUsage {
        /// Tokens read by the model.
        input: Count,
        /// Tokens written by the model.
        output: Count,
        /// Tokens read from the prompt cache.
        cache_read: Option<Count>,
        /// Tokens written to the prompt cache.
        cache_write: Option<Count>,
    }
}

record! {
    /// One session of a group: a run of Claude Code in a directory.
    pub struct GroupSession patched by SessionPatch {
        /// Unique in its group, e.g. `001-auth-service`.
        fixed id: String,
        /// The directory it works in.
        project_path: String,
        /// The request to the model.
        prompt: String,
        /// Its status.
        status: SessionStatus,
        /// Ids of sessions of the same group that come first.
        depends_on: Vec<String>,
        /// Time of creation.
        created_at: IsoTime,
        /// The template it was made from.
        template: Option<String>,
        /// The id Claude Code gave it.
        claude_session_id: Option<String>,
        /// Start of its newest run.
        started_at: Option<IsoTime>,
        /// End of its newest run.
        completed_at: Option<IsoTime>,
        /// US dollars over all runs.
        cost: Option<Usd>,
        /// Tokens over all runs.
        tokens: Option<TokenUsage>,
        /// Overrides the group's `session_defaults`.
        config: Option<SessionConfig>,
        /// Milliseconds spent running, over all runs that ended.
        recent run_ms: Option<Milliseconds>,
        /// Reason why the session failed.
        recent error: Option<String>,
        /// Names of the tools whose use was refused in the newest run.
        recent denied_tools: Option<Vec<String>>,
        /// Usage counters of earlier runs, which the accounting of later runs needs. Opaque to everything else.
        recent usage_counters: Option<Map<String, Value>>,
        /// Overrides the group's model.
        recent model: Option<String>,
        /// US dollars this session may cost, over all runs.
        recent max_budget_usd: Option<Usd>,
        /// Maximum number of turns of a run.
        recent max_turns: Option<Positive>,
        /// Maximum running time.
        recent timeout_ms: Option<Milliseconds>,
        /// Maximum time without progress.
        recent stall_timeout_ms: Option<Milliseconds>,
        /// Number of times a transient failure is retried.
        recent retries: Option<Count>,
        /// `true` to start the sessions that depend on this one even if it fails.
        recent allow_failure: Option<bool>,
        /// The newest attempts to run it.
        recent attempts: Option<Vec<Attempt>>,
        /// Time at which it is due to start again.
        recent waits_until: Option<IsoTime>,
        /// `true` if the plan file no longer contains it.
        recent dropped: Option<bool>,
    }
}

pub(super) static SHAPE: Shape =
    Shape { recent: GroupSession::RECENT, parts: &[("config", &config::SESSION_SHAPE)] };

impl GroupSession {
    /// A pending session that has not run and depends on no other.
    pub fn new(id: &str, project_path: &str, prompt: &str, created_at: IsoTime) -> Self {
        let (id, project_path, prompt) = (id.to_owned(), project_path.to_owned(), prompt.to_owned());
        Self::of_required(id, project_path, prompt, SessionStatus::Pending, Vec::new(), created_at)
    }

    /// Milliseconds spent in the runs that ended: `run_ms`, or for an ended session stored without it, the time from
    /// its start to its end. `None` when neither is known.
    pub fn ran_ms(&self) -> Option<f64> {
        let unix_ms = |time: &Option<IsoTime>| time.as_ref().map(IsoTime::unix_ms);
        let run_ms = self.run_ms.map(Milliseconds::get);
        ran_ms(self.status, run_ms, unix_ms(&self.started_at), unix_ms(&self.completed_at))
    }

    /// Returns the session as it was before its open attempt, which may have booked a part of its cost already. The output of the
    /// attempt counts from there on.
    #[must_use]
    pub fn before_attempt(&self) -> Self {
        let newest = self.attempts.as_ref().and_then(|attempts| attempts.last());
        let open = newest.filter(|attempt| attempt.ended_at.is_none() && attempt.outcome.is_none());
        let cost = match (self.cost, open.and_then(|attempt| attempt.cost_usd)) {
            (Some(cost), Some(booked)) => Some(Usd::clamped(cost.get() - booked.get())),
            (cost, _) => cost,
        };
        Self { cost, ..self.clone() }
    }
}

/// The problem of a session's id that is the id of the session at the position `first`, too.
pub(crate) fn repeated_id(id: &str, first: usize) -> String {
    format!("must be unique, but {id:?} is the id of sessions[{first}] too")
}

/// [`GroupSession::ran_ms`] for times in Unix milliseconds.
pub fn ran_ms(
    status: SessionStatus,
    run_ms: Option<f64>,
    started_at: Option<f64>,
    completed_at: Option<f64>,
) -> Option<f64> {
    let newest_run = || started_at.zip(completed_at).map(|(start, end)| (end - start).max(0.0));
    run_ms.or_else(|| if status.has_ended() { newest_run() } else { None })
}
