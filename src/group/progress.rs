//! How far the sessions of a group are: one session's progress, and the sum of all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use crate::group::budget::Money;
use crate::group::estimate::{self, Planned};
use crate::group::time;
use crate::group::types::{GroupSession, SessionGroup, SessionStatus, TokenUsage};

/// How far one session is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionProgress {
    /// The session's id.
    pub id: String,
    /// The directory it works in.
    pub project_path: String,
    /// Where it stands.
    pub status: SessionStatus,
    /// Dollars.
    pub cost: f64,
    /// What it has used.
    pub tokens: TokenUsage,
    /// Distinct messages, the model's and the tools' results.
    pub message_count: u64,
    /// The tool that is running now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_tool: Option<String>,
    /// ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Milliseconds: for a session that ended from start to end, for a running one until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
}

impl SessionProgress {
    /// The progress that a stored session shows, at the given time (Unix milliseconds).
    pub fn of(session: &GroupSession, now_ms: f64) -> Self {
        let outline = SessionOutline::from(session);
        Self {
            duration_ms: outline.duration(now_ms),
            id: outline.id,
            project_path: session.project_path.clone(),
            status: outline.status,
            cost: outline.cost,
            tokens: outline.tokens,
            message_count: 0,
            current_tool: None,
            started_at: session.started_at.clone(),
        }
    }
}

/// How many sessions are where, and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressSummary {
    /// Sessions that ended well.
    pub completed: usize,
    /// Sessions that are active.
    pub running: usize,
    /// Sessions that are pending or paused.
    pub pending: usize,
    /// Sessions that ended badly.
    pub failed: usize,
    /// Dollars.
    pub total_cost: f64,
    /// What they have used.
    pub total_tokens: TokenUsage,
    /// Milliseconds since the group's start, when that is known.
    pub elapsed_time: Option<f64>,
}

/// How far a group is.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupProgress {
    /// The group's id.
    pub group_id: String,
    /// Sessions of the group.
    pub total_sessions: usize,
    /// The counts, which add up to `total_sessions`, the money and the time.
    pub summary: ProgressSummary,
    /// The tracked sessions in the order in which they were first tracked.
    pub sessions: Vec<Arc<SessionProgress>>,
    /// Milliseconds; unknown before the first session has completed.
    pub estimated_time_remaining: Option<f64>,
}

/// Sums that change with each session that comes or goes, so that reading them costs nothing.
#[derive(Debug, Clone, Default)]
struct Totals {
    by_status: [usize; SessionStatus::NAMES.len()],
    cost: Money,
    input: u128,
    output: u128,
    cache_read: u128,
    cache_write: u128,
}

impl Totals {
    fn count(&mut self, status: SessionStatus) {
        self.by_status[status as usize] += 1;
    }

    /// The same money and tokens, of no session.
    fn without_counts(self) -> Self {
        Self { by_status: Default::default(), ..self }
    }

    fn spend(&mut self, cost: f64, tokens: &TokenUsage) {
        self.cost += cost;
        self.input += u128::from(tokens.input);
        self.output += u128::from(tokens.output);
        self.cache_read += u128::from(tokens.cache_read.unwrap_or(0));
        self.cache_write += u128::from(tokens.cache_write.unwrap_or(0));
    }

    fn add(&mut self, session: &SessionProgress) {
        self.count(session.status);
        self.spend(session.cost, &session.tokens);
    }

    fn remove(&mut self, session: &SessionProgress) {
        let tokens = &session.tokens;
        self.by_status[session.status as usize] -= 1;
        self.cost -= session.cost;
        self.input -= u128::from(tokens.input);
        self.output -= u128::from(tokens.output);
        self.cache_read -= u128::from(tokens.cache_read.unwrap_or(0));
        self.cache_write -= u128::from(tokens.cache_write.unwrap_or(0));
    }

    fn summary(&self, elapsed_time: Option<f64>) -> ProgressSummary {
        let whole = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
        let some = |sum: u128| (sum > 0).then(|| whole(sum));
        let count = |status: SessionStatus| self.by_status[status as usize];
        ProgressSummary {
            completed: count(SessionStatus::Completed),
            running: count(SessionStatus::Active),
            pending: count(SessionStatus::Pending) + count(SessionStatus::Paused),
            failed: count(SessionStatus::Failed),
            total_cost: self.cost.to_dollars(),
            total_tokens: TokenUsage {
                input: whole(self.input),
                output: whole(self.output),
                cache_read: some(self.cache_read),
                cache_write: some(self.cache_write),
            },
            elapsed_time,
        }
    }
}

/// Keeps the progress of the sessions of a group and sums it up.
#[derive(Debug, Default)]
pub struct ProgressAggregator {
    /// Unix milliseconds.
    group_start: Option<f64>,
    /// By the order in which they were first tracked.
    sessions: BTreeMap<u64, Arc<SessionProgress>>,
    order_of: HashMap<String, u64>,
    next_order: u64,
    totals: Totals,
}

impl ProgressAggregator {
    /// An empty one, for a group that started at a time (Unix milliseconds), where that is known.
    pub fn new(group_start: Option<f64>) -> Self {
        Self { group_start, ..Self::default() }
    }

    /// Tracks a session, or replaces what was known of it.
    pub fn update_session(&mut self, progress: SessionProgress) {
        self.totals.add(&progress);
        let order = if let Some(&order) = self.order_of.get(&progress.id) {
            order
        } else {
            let order = self.next_order;
            self.next_order += 1;
            self.order_of.insert(progress.id.clone(), order);
            order
        };
        if let Some(before) = self.sessions.insert(order, Arc::new(progress)) {
            self.totals.remove(&before);
        }
    }

    /// Stops tracking a session; `false` if it was not tracked.
    pub fn remove_session(&mut self, id: &str) -> bool {
        let session = self.order_of.remove(id).and_then(|order| self.sessions.remove(&order));
        session.inspect(|session| self.totals.remove(session)).is_some()
    }

    /// Stops tracking all sessions.
    pub fn clear(&mut self) {
        *self = Self::new(self.group_start);
    }

    /// What is known of a session.
    pub fn session_progress(&self, id: &str) -> Option<&SessionProgress> {
        self.order_of.get(id).and_then(|order| self.sessions.get(order)).map(Arc::as_ref)
    }

    /// All tracked sessions in the order in which they were first tracked.
    pub fn all_sessions(&self) -> impl ExactSizeIterator<Item = &SessionProgress> {
        self.sessions.values().map(Arc::as_ref)
    }

    /// The sums over the tracked sessions, at a cost that does not grow with their number.
    pub fn summary(&self, now_ms: f64) -> ProgressSummary {
        self.totals.summary(self.group_start.map(|start| (now_ms - start).max(0.0)))
    }

    /// How far a group is. What is tracked of a session wins over what the group has stored of it.
    pub fn compute_progress(&self, group: &GroupOutline, now_ms: f64) -> GroupProgress {
        // Money also of what is tracked and is not, or no longer, in the group: it was spent.
        let mut totals = self.totals.clone().without_counts();
        let mut durations = Durations::default();
        let sessions = group.sessions.iter();
        let planned: Vec<Planned<'_>> = sessions
            .map(|session| {
                let state = if let Some(tracked) = self.session_progress(&session.id) {
                    State::of_tracked(tracked)
                } else {
                    totals.spend(session.cost, &session.tokens);
                    State::of_stored(session, now_ms)
                };
                totals.count(state.status);
                if state.status == SessionStatus::Completed {
                    durations.extend(state.duration_ms);
                }
                let spent = state.started_at.map(|start| now_ms - start).or(state.duration_ms);
                let depends_on: &[String] =
                    if group.respects_dependencies { &session.depends_on } else { &[] };
                Planned { id: &session.id, status: state.status, depends_on, spent: spent.unwrap_or(0.0) }
            })
            .collect();
        let start = self.group_start.or(group.started_at);
        GroupProgress {
            group_id: group.id.clone(),
            total_sessions: group.sessions.len(),
            summary: totals.summary(start.map(|start| (group.ended_at.unwrap_or(now_ms) - start).max(0.0))),
            sessions: self.sessions.values().cloned().collect(),
            estimated_time_remaining: durations
                .mean()
                .map(|mean| estimate::time_remaining(&planned, mean, group.max_concurrent)),
        }
    }
}

/// Of a group what its progress depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupOutline {
    /// The group's id.
    pub id: String,
    /// In the order in which they are to start.
    pub sessions: Vec<SessionOutline>,
    /// Unix milliseconds.
    pub started_at: Option<f64>,
    /// Unix milliseconds; `None` while it has not ended.
    pub ended_at: Option<f64>,
    /// How many sessions may run at once.
    pub max_concurrent: u64,
    /// Whether sessions wait for those they depend on.
    pub respects_dependencies: bool,
}

/// Of a stored session what its group's progress depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOutline {
    /// The session's id.
    pub id: String,
    /// The ids of those that it waits for.
    pub depends_on: Vec<String>,
    /// Where it stands.
    pub status: SessionStatus,
    /// Dollars.
    pub cost: f64,
    /// What it has used.
    pub tokens: TokenUsage,
    /// Unix milliseconds.
    pub started_at: Option<f64>,
    /// Unix milliseconds.
    pub completed_at: Option<f64>,
}

impl From<&SessionGroup> for GroupOutline {
    fn from(group: &SessionGroup) -> Self {
        Self {
            id: group.id.clone(),
            sessions: group.sessions.iter().map(SessionOutline::from).collect(),
            started_at: group.started_at.as_deref().and_then(time::unix_ms),
            ended_at: group
                .completed_at
                .as_deref()
                .filter(|_| group.status.has_ended())
                .and_then(time::unix_ms),
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
            cost: session.cost.unwrap_or(0.0),
            tokens: session.tokens.unwrap_or_default(),
            started_at: session.started_at.as_deref().and_then(time::unix_ms),
            completed_at: session.completed_at.as_deref().and_then(time::unix_ms),
        }
    }
}

impl SessionOutline {
    /// One of which more is tracked than what is stored.
    pub fn of_tracked(id: String, depends_on: Vec<String>) -> Self {
        Self {
            id,
            depends_on,
            status: SessionStatus::Pending,
            cost: 0.0,
            tokens: TokenUsage::default(),
            started_at: None,
            completed_at: None,
        }
    }

    /// Milliseconds: of a session that ended from start to end, of a running one until now.
    fn duration(&self, now_ms: f64) -> Option<f64> {
        let until = match self.status {
            SessionStatus::Completed | SessionStatus::Failed => self.completed_at,
            SessionStatus::Active => Some(now_ms),
            SessionStatus::Pending | SessionStatus::Paused => None,
        };
        Some((until? - self.started_at?).max(0.0))
    }
}

/// What is known of a session, from either source.
struct State {
    status: SessionStatus,
    started_at: Option<f64>,
    duration_ms: Option<f64>,
}

impl State {
    fn of_tracked(session: &SessionProgress) -> Self {
        let started_at = match session.status {
            // Only of a running one it matters how long it has been.
            SessionStatus::Active => session.started_at.as_deref().and_then(time::unix_ms),
            _ => None,
        };
        Self { status: session.status, started_at, duration_ms: session.duration_ms }
    }

    fn of_stored(session: &SessionOutline, now_ms: f64) -> Self {
        Self { status: session.status, started_at: session.started_at, duration_ms: session.duration(now_ms) }
    }
}

#[derive(Default)]
struct Durations {
    sum: f64,
    count: f64,
}

impl Durations {
    fn extend(&mut self, duration: Option<f64>) {
        if let Some(duration) = duration {
            self.sum += duration;
            self.count += 1.0;
        }
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::validate::tests::GROUP;

    fn group() -> SessionGroup {
        serde_json::from_str(GROUP).unwrap()
    }

    fn outline() -> GroupOutline {
        GroupOutline::from(&group())
    }

    fn progress(id: &str, status: SessionStatus, cost: f64, duration_ms: Option<f64>) -> SessionProgress {
        SessionProgress {
            status,
            cost,
            duration_ms,
            id: id.to_owned(),
            ..SessionProgress::of(&group().sessions[0], 0.0)
        }
    }

    #[test]
    fn counts_add_up_and_tracked_wins_over_stored() {
        let mut aggregator = ProgressAggregator::new(None);
        aggregator.update_session(progress("001-a", SessionStatus::Completed, 0.1, Some(1_000.0)));
        let all = aggregator.compute_progress(&outline(), 0.0);
        assert_eq!((all.summary.completed, all.summary.pending, all.total_sessions), (1, 1, 2));
        assert!((all.summary.total_cost - 0.6).abs() < f64::EPSILON);
        assert_eq!(all.estimated_time_remaining, Some(1_000.0));
        assert_eq!(all.summary.elapsed_time, None);
    }

    #[test]
    fn the_estimate_is_unknown_before_the_first_completion() {
        assert_eq!(
            ProgressAggregator::new(None).compute_progress(&outline(), 0.0).estimated_time_remaining,
            None
        );
    }

    #[test]
    fn replacing_and_removing_leave_no_trace_in_the_sums() {
        let mut aggregator = ProgressAggregator::new(Some(1_000.0));
        for index in 0..100 {
            aggregator.update_session(progress(&format!("s{index}"), SessionStatus::Active, 0.1, None));
            aggregator.update_session(progress(&format!("s{index}"), SessionStatus::Completed, 0.3, None));
        }
        let summary = aggregator.summary(3_000.0);
        assert_eq!((summary.completed, summary.running, summary.elapsed_time), (100, 0, Some(2_000.0)));
        assert!((summary.total_cost - 30.0).abs() < f64::EPSILON);
        for index in 0..100 {
            assert!(aggregator.remove_session(&format!("s{index}")));
        }
        assert_eq!(aggregator.summary(0.0).total_cost.to_bits(), 0.0_f64.to_bits());
        assert!(!aggregator.remove_session("s0"));
    }
}
