//! The fields of stored groups that affect progress. They can be read from a group of which the other fields are missing or
//! invalid.
//!
//! ```
//! use session_groups::model::from_older_json;
//! use session_groups::progress::GroupOutline;
//!
//! let text = r#"{ "id": "g", "sessions": [], "config": { "maxConcurrentSessions": 2 } }"#;
//! assert_eq!(from_older_json::<GroupOutline>(text).unwrap().max_concurrent, 2);
//! ```

use serde::{Deserialize, Deserializer};

use crate::model::number::{Milliseconds, Positive, Usd};
use crate::model::record::record;
use crate::model::session::ran_ms;
use crate::model::time::IsoTime;
use crate::model::{GroupSession, GroupStatus, Model, SessionGroup, SessionStatus, Shape, TokenUsage};

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

// The same fields as they are stored.

record! {
    /// A group.
    pub struct StoredGroup {
        id: String,
        sessions: Vec<StoredSession>,
        config: StoredConfig,
        /// Any text, so that an unknown status is one that has not ended.
        status: Option<String>,
        started_at: Option<IsoTime>,
        completed_at: Option<IsoTime>,
    }
}

record! {
    /// A session.
    pub struct StoredSession {
        id: String,
        depends_on: Vec<String>,
        status: SessionStatus,
        started_at: Option<IsoTime>,
        completed_at: Option<IsoTime>,
        cost: Option<Usd>,
        tokens: Option<TokenUsage>,
        recent run_ms: Option<Milliseconds>,
    }
}

record! {
    /// The configuration of a group.
    pub struct StoredConfig {
        max_concurrent_sessions: Positive,
        concurrency: Option<StoredConcurrency>,
    }
}

record! {
    /// The concurrency of a group.
    pub struct StoredConcurrency {
        max_concurrent: Positive,
        respect_dependencies: bool,
    }
}

impl<'de> Deserialize<'de> for GroupOutline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <StoredGroup as Deserialize>::deserialize(deserializer).map(Self::from)
    }
}

impl Model for GroupOutline {
    const SHAPE: &'static Shape = &Shape { recent: &[], parts: &[("sessions", &SESSION_SHAPE)] };
}

static SESSION_SHAPE: Shape = Shape { recent: StoredSession::RECENT, parts: &[] };

impl From<StoredGroup> for GroupOutline {
    fn from(group: StoredGroup) -> Self {
        let StoredConfig { max_concurrent_sessions, concurrency } = group.config;
        let status = group.status.as_deref().and_then(GroupStatus::from_name);
        let completed_at = group.completed_at.filter(|_| status.is_some_and(GroupStatus::has_ended));
        Self {
            id: group.id,
            sessions: group.sessions.into_iter().map(SessionOutline::from).collect(),
            started_at: group.started_at.as_ref().map(IsoTime::unix_ms),
            ended_at: completed_at.as_ref().map(IsoTime::unix_ms),
            max_concurrent: concurrency
                .as_ref()
                .map_or(max_concurrent_sessions, |rules| rules.max_concurrent)
                .get(),
            respects_dependencies: concurrency.is_none_or(|rules| rules.respect_dependencies),
        }
    }
}

impl From<StoredSession> for SessionOutline {
    fn from(session: StoredSession) -> Self {
        let unix_ms = |time: &Option<IsoTime>| time.as_ref().map(IsoTime::unix_ms);
        let (started_at, completed_at) = (unix_ms(&session.started_at), unix_ms(&session.completed_at));
        let run_ms = session.run_ms.map(Milliseconds::get);
        Self {
            id: session.id,
            depends_on: session.depends_on,
            status: session.status,
            cost: session.cost.map_or(0.0, Usd::get),
            tokens: session.tokens.unwrap_or_default(),
            started_at,
            ran_ms: ran_ms(session.status, run_ms, started_at, completed_at),
        }
    }
}
