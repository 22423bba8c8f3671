//! A group without its sessions: the fields that a list on a screen needs.
//!
//! ```
//! use session_groups::model::{GroupId, GroupSummary, SessionGroup, time::IsoTime};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00.000Z").unwrap();
//! let group = SessionGroup::new(GroupId::new("auth").unwrap(), "Authentication", "auth", created_at);
//! let summary = GroupSummary::from(group);
//! assert_eq!((&*summary.name, summary.total_sessions.get()), ("Authentication", 0));
//! ```

use crate::json::{Json, JsonString};
use crate::model::number::{Count, Usd};
use crate::model::record::record;
use crate::model::run::GroupCause;
use crate::model::time::IsoTime;
use crate::model::totals::Totals;
use crate::model::{GroupId, GroupStatus, SessionGroup, TokenUsage};

record! {
    /// A group with the number of its sessions, their cost and their tokens in place of the sessions.
    pub struct GroupSummary {
        /// The group's id.
        id: GroupId,
        /// The name for people.
        name: JsonString,
        /// The name as it stands in the id.
        slug: JsonString,
        /// Its status.
        status: GroupStatus,
        /// Time of creation.
        created_at: IsoTime,
        /// Time of the last change.
        updated_at: IsoTime,
        /// Number of sessions: the sum of the four counts.
        total_sessions: Count,
        /// Number of completed sessions.
        completed: Count,
        /// Number of active sessions.
        running: Count,
        /// Number of pending and paused sessions.
        pending: Count,
        /// Number of failed sessions.
        failed: Count,
        /// US dollars that all sessions cost.
        total_cost: Usd,
        /// Tokens used by all sessions.
        total_tokens: TokenUsage,
        /// US dollars that all sessions together may cost.
        max_budget_usd: Usd,
        /// Start of the first run.
        started_at: Option<IsoTime>,
        /// Time at which it ended.
        completed_at: Option<IsoTime>,
        /// The description for people.
        description: Option<JsonString>,
        /// The reason why the group is paused or failed.
        cause: Option<GroupCause>,
        /// Of a running group in a file repository: `true` if a runner has it, `false` if it has lost its runner.
        live: Option<bool>,
    }
}

impl From<SessionGroup> for GroupSummary {
    fn from(group: SessionGroup) -> Self {
        Self::new(group, || None)
    }
}

impl GroupSummary {
    /// Summarizes a group that was read from JSON, where its strings may have lone surrogates.
    pub(crate) fn of_json(group: SessionGroup, json: Json<'_>) -> Self {
        Self::new(group, || Some(json))
    }

    fn new<'a>(group: SessionGroup, json: impl Fn() -> Option<Json<'a>>) -> Self {
        let string = |key, text| JsonString::new(text, || json()?.get(key));
        let mut totals = Totals::default();
        for session in &group.sessions {
            let cost = session.cost.map_or(0.0, Usd::get);
            totals.add(session.status, cost, &session.tokens.unwrap_or_default());
        }
        Self {
            id: group.id,
            name: string("name", group.name),
            slug: string("slug", group.slug),
            status: group.status,
            created_at: group.created_at,
            updated_at: group.updated_at,
            started_at: group.started_at,
            completed_at: group.completed_at,
            description: group.description.map(|text| string("description", text)),
            total_sessions: count(group.sessions.len()),
            completed: count(totals.completed()),
            running: count(totals.running()),
            pending: count(totals.pending()),
            failed: count(totals.failed()),
            total_cost: Usd::clamped(totals.cost()),
            total_tokens: totals.tokens(),
            max_budget_usd: group.config.max_budget_usd,
            cause: group.cause,
            live: None,
        }
    }
}

fn count(sessions: usize) -> Count {
    u64::try_from(sessions).unwrap_or(u64::MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::GROUP;

    #[test]
    fn a_summary_is_written_in_the_order_of_its_fields() {
        let group: SessionGroup = serde_json::from_str(GROUP).unwrap();
        let text = serde_json::to_string(&GroupSummary::from(group)).unwrap();
        let expected = r#"{"id":"20260115-103000-auth","name":"Auth","slug":"auth","status":"created","createdAt":"2026-01-15T10:30:00.000Z","updatedAt":"2026-01-15T10:30:00.000Z","totalSessions":2,"completed":0,"running":0,"pending":2,"failed":0,"totalCost":0.5,"totalTokens":{"input":1,"output":2},"maxBudgetUsd":10}"#;
        assert_eq!(text, expected);
    }
}
