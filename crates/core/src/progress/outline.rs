//! The fields of a group that affect its progress.
//!
//! ```
//! use session_groups::model::{GroupId, SessionGroup, time::IsoTime};
//! use session_groups::progress::GroupOutline;
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let group = SessionGroup::new(GroupId::new("auth").unwrap(), "Authentication", "auth", created_at);
//! assert_eq!(GroupOutline::from(&group).max_concurrent, 3);
//! ```

use crate::model::number::Usd;
use crate::model::time::IsoTime;
use crate::model::{GroupSession, SessionGroup, SessionStatus, TokenUsage};

/// The fields of a group that affect its progress.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupOutline {
    /// The group's id.
    pub id: String,
    /// The sessions in the order in which they are to start.
    pub sessions: Vec<SessionOutline>,
    /// Unix milliseconds.
    pub started_at: Option<f64>,
    /// Unix milliseconds; `None` while it has not ended.
    pub ended_at: Option<f64>,
    /// Maximum number of sessions that run at once.
    pub max_concurrent: u64,
    /// `true` if sessions wait for those they depend on.
    pub respects_dependencies: bool,
}

/// The fields of a stored session that affect its group's progress.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOutline {
    /// The session's id.
    pub id: String,
    /// Ids of the sessions that it waits for.
    pub depends_on: Vec<String>,
    /// Its status.
    pub status: SessionStatus,
    /// US dollars.
    pub cost: f64,
    /// Tokens used.
    pub tokens: TokenUsage,
    /// Unix milliseconds.
    pub started_at: Option<f64>,
    /// Milliseconds spent in the runs that ended, as [`GroupSession::ran_ms`] returns them.
    pub ran_ms: Option<f64>,
}

impl From<&SessionGroup> for GroupOutline {
    fn from(group: &SessionGroup) -> Self {
        Self {
            id: group.id.to_string(),
            sessions: group.sessions.iter().map(SessionOutline::from).collect(),
            started_at: group.started_at.as_ref().map(IsoTime::unix_ms),
            ended_at: group.completed_at.as_ref().filter(|_| group.status.has_ended()).map(IsoTime::unix_ms),
            max_concurrent: group.max_concurrent(),
            respects_dependencies: group.config.concurrency.is_none_or(|rules| rules.respect_dependencies),
        }
    }
}

impl From<&GroupSession> for SessionOutline {
    fn from(session: &GroupSession) -> Self {
        Self {
            id: session.id.clone(),
            depends_on: session.depends_on.clone(),
            status: session.status,
            cost: session.cost.map_or(0.0, Usd::get),
            tokens: session.tokens.unwrap_or_default(),
            started_at: session.started_at.as_ref().map(IsoTime::unix_ms),
            ran_ms: session.ran_ms(),
        }
    }
}

impl SessionOutline {
    /// One whose stored fields do not matter, since it is tracked.
    pub fn of_tracked(id: String, depends_on: Vec<String>) -> Self {
        Self {
            id,
            depends_on,
            status: SessionStatus::Pending,
            cost: 0.0,
            tokens: TokenUsage::default(),
            started_at: None,
            ran_ms: None,
        }
    }

    /// Milliseconds spent running up to now, over all runs.
    pub(super) fn duration(&self, now_ms: f64) -> Option<f64> {
        match self.started_at.filter(|_| self.status == SessionStatus::Active) {
            Some(start) => Some(self.ran_ms.unwrap_or(0.0) + (now_ms - start).max(0.0)),
            None => self.ran_ms,
        }
    }
}
