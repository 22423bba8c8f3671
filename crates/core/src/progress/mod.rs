//! The progress of a group: that of each session, and the sum of all.
//!
//! ```
//! use session_groups::model::{GroupSession, time::IsoTime};
//! use session_groups::progress::{ProgressAggregator, SessionProgress};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let session = GroupSession::new("001-a", "/projects/a", "Add logging", created_at);
//! let mut aggregator = ProgressAggregator::new(None);
//! aggregator.update_session(SessionProgress::of(&session, 0.0), 0.0);
//! assert_eq!(aggregator.summary(0.0).pending, 1);
//! ```

mod estimate;
mod outline;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::model::number::{Count, Milliseconds, Usd};
use crate::model::record::record;
use crate::model::time;
use crate::model::totals::Totals;
use crate::model::{GroupSession, SessionStatus, TokenUsage};
use crate::progress::estimate::Planned;

pub use outline::{GroupOutline, SessionOutline};

record! {
    /// The progress of one session.
    pub struct SessionProgress {
        /// The session's id.
        id: String,
        /// The directory it works in.
        project_path: String,
        /// Its status.
        status: SessionStatus,
        /// US dollars over all runs.
        cost: Usd,
        /// Tokens over all runs.
        tokens: TokenUsage,
        /// Number of distinct messages, the model's and the tools' results.
        message_count: Count,
        /// The tool that is running now.
        current_tool: Option<String>,
        /// Start of its newest run, in ISO 8601.
        started_at: Option<String>,
        /// Time spent running, over all runs; of an active session, up to now.
        duration_ms: Option<Milliseconds>,
    }
}

impl SessionProgress {
    /// The progress that a stored session shows, at the given time (Unix milliseconds).
    pub fn of(session: &GroupSession, now_ms: f64) -> Self {
        let outline = SessionOutline::from(session);
        Self {
            duration_ms: outline.duration(now_ms).map(Milliseconds::clamped),
            id: outline.id,
            project_path: session.project_path.clone(),
            status: outline.status,
            cost: Usd::clamped(outline.cost),
            tokens: outline.tokens,
            message_count: Count::default(),
            current_tool: None,
            started_at: session.started_at.as_deref().map(str::to_owned),
        }
    }
}

/// How many sessions are where, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_time: Option<f64>,
}

/// How far a group is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupProgress {
    /// The group's id.
    pub group_id: String,
    /// Sessions of the group.
    pub total_sessions: usize,
    /// The counts, which add up to `total_sessions`, the money and the time.
    #[serde(flatten)]
    pub summary: ProgressSummary,
    /// The tracked sessions in the order in which they were first tracked.
    #[serde(serialize_with = "serialize_shared")]
    pub sessions: Vec<Arc<SessionProgress>>,
    /// Milliseconds; unknown before the first session has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_time_remaining: Option<f64>,
}

fn serialize_shared<S: Serializer>(
    sessions: &[Arc<SessionProgress>],
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(sessions.iter().map(AsRef::as_ref))
}

fn summary(totals: &Totals, elapsed_time: Option<f64>) -> ProgressSummary {
    ProgressSummary {
        completed: totals.completed(),
        running: totals.running(),
        pending: totals.pending(),
        failed: totals.failed(),
        total_cost: totals.cost(),
        total_tokens: totals.tokens(),
        elapsed_time,
    }
}

/// Keeps the progress of the sessions of a group and sums it up.
#[derive(Debug, Default)]
pub struct ProgressAggregator {
    /// Unix milliseconds.
    group_start: Option<f64>,
    /// By the order in which they were first tracked.
    sessions: BTreeMap<u64, Tracked>,
    order_of: HashMap<String, u64>,
    next_order: u64,
    totals: Totals,
}

/// A tracked session.
#[derive(Debug)]
struct Tracked {
    progress: Arc<SessionProgress>,
    /// Of an active session, milliseconds spent in earlier runs.
    earlier_ms: f64,
}

impl Tracked {
    fn new(progress: SessionProgress, now_ms: f64) -> Self {
        let current_ms = active_since(&progress).map_or(0.0, |start| (now_ms - start).max(0.0));
        let duration_ms = progress.duration_ms.map_or(0.0, Milliseconds::get);
        let earlier_ms = (duration_ms - current_ms).max(0.0);
        Self { progress: Arc::new(progress), earlier_ms }
    }

    /// Milliseconds spent running up to now, over all runs.
    fn duration(&self, now_ms: f64) -> Option<f64> {
        match active_since(&self.progress) {
            Some(start) => Some(self.earlier_ms + (now_ms - start).max(0.0)),
            None => self.progress.duration_ms.map(Milliseconds::get),
        }
    }
}

/// The start of the current run, in Unix milliseconds.
fn active_since(progress: &SessionProgress) -> Option<f64> {
    let start = progress.started_at.as_deref().filter(|_| progress.status == SessionStatus::Active);
    start.and_then(time::unix_ms)
}

impl ProgressAggregator {
    /// An empty one, for a group that started at a time (Unix milliseconds), where that is known.
    pub fn new(group_start: Option<f64>) -> Self {
        Self { group_start, ..Self::default() }
    }

    /// Tracks a session, or replaces what was known of it, with its progress at the given time (Unix milliseconds).
    pub fn update_session(&mut self, progress: SessionProgress, now_ms: f64) {
        self.totals.add(progress.status, progress.cost.get(), &progress.tokens);
        let order = if let Some(&order) = self.order_of.get(&progress.id) {
            order
        } else {
            let order = self.next_order;
            self.next_order += 1;
            self.order_of.insert(progress.id.clone(), order);
            order
        };
        if let Some(before) = self.sessions.insert(order, Tracked::new(progress, now_ms)) {
            self.forget(&before);
        }
    }

    /// Stops tracking a session; `false` if it was not tracked.
    pub fn remove_session(&mut self, id: &str) -> bool {
        let session = self.order_of.remove(id).and_then(|order| self.sessions.remove(&order));
        session.inspect(|session| self.forget(session)).is_some()
    }

    /// Subtracts a session that is no longer tracked from the totals.
    fn forget(&mut self, session: &Tracked) {
        let SessionProgress { status, cost, tokens, .. } = &*session.progress;
        self.totals.remove(*status, cost.get(), tokens);
    }

    /// Stops tracking all sessions.
    pub fn clear(&mut self) {
        *self = Self::new(self.group_start);
    }

    /// What is known of a session.
    pub fn session_progress(&self, id: &str) -> Option<&SessionProgress> {
        self.tracked(id).map(|session| session.progress.as_ref())
    }

    fn tracked(&self, id: &str) -> Option<&Tracked> {
        self.order_of.get(id).and_then(|order| self.sessions.get(order))
    }

    /// All tracked sessions in the order in which they were first tracked.
    pub fn all_sessions(&self) -> impl ExactSizeIterator<Item = &SessionProgress> {
        self.sessions.values().map(|session| session.progress.as_ref())
    }

    /// The sums over the tracked sessions, at a cost that does not grow with their number.
    pub fn summary(&self, now_ms: f64) -> ProgressSummary {
        summary(&self.totals, self.group_start.map(|start| (now_ms - start).max(0.0)))
    }

    /// How far a group is. What is tracked of a session wins over what the group has stored of it.
    pub fn compute_progress(&self, group: &GroupOutline, now_ms: f64) -> GroupProgress {
        // Money also of what is tracked and is not, or no longer, in the group: it was spent.
        let mut totals = self.totals.clone().without_counts();
        let mut durations = Durations::default();
        let sessions = group.sessions.iter();
        let planned: Vec<Planned<'_>> = sessions
            .map(|session| {
                let (status, duration) = if let Some(tracked) = self.tracked(&session.id) {
                    (tracked.progress.status, tracked.duration(now_ms))
                } else {
                    totals.spend(session.cost, &session.tokens);
                    (session.status, session.duration(now_ms))
                };
                totals.count(status);
                if status == SessionStatus::Completed {
                    durations.extend(duration);
                }
                let depends_on: &[String] =
                    if group.respects_dependencies { &session.depends_on } else { &[] };
                Planned { id: &session.id, status, depends_on, spent: duration.unwrap_or(0.0) }
            })
            .collect();
        let start = self.group_start.or(group.started_at);
        GroupProgress {
            group_id: group.id.clone(),
            total_sessions: group.sessions.len(),
            summary: summary(&totals, start.map(|start| (group.ended_at.unwrap_or(now_ms) - start).max(0.0))),
            sessions: self.sessions.values().map(|session| Arc::clone(&session.progress)).collect(),
            estimated_time_remaining: durations
                .mean()
                .map(|mean| estimate::time_remaining(&planned, mean, group.max_concurrent)),
        }
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
    use crate::model::SessionGroup;
    use crate::model::tests::GROUP;

    fn group() -> SessionGroup {
        serde_json::from_str(GROUP).unwrap()
    }

    fn outline() -> GroupOutline {
        GroupOutline::from(&group())
    }

    fn progress(id: &str, status: SessionStatus, cost: f64, duration_ms: Option<f64>) -> SessionProgress {
        SessionProgress {
            status,
            cost: Usd::clamped(cost),
            duration_ms: duration_ms.map(Milliseconds::clamped),
            id: id.to_owned(),
            ..SessionProgress::of(&group().sessions[0], 0.0)
        }
    }

    #[test]
    fn counts_add_up_and_tracked_wins_over_stored() {
        let mut aggregator = ProgressAggregator::new(None);
        aggregator.update_session(progress("001-a", SessionStatus::Completed, 0.1, Some(1_000.0)), 0.0);
        let all = aggregator.compute_progress(&outline(), 0.0);
        assert_eq!((all.summary.completed, all.summary.pending, all.total_sessions), (1, 1, 2));
        assert!((all.summary.total_cost - 0.6).abs() < f64::EPSILON);
        assert_eq!(all.estimated_time_remaining, Some(1_000.0));
        assert_eq!(all.summary.elapsed_time, None);
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "whole milliseconds")]
    fn durations_count_all_runs() {
        const START: f64 = 1_768_473_000_000.0;
        let [started_at, completed_at] =
            ["2026-01-15T10:30:00Z", "2026-01-15T10:30:05Z"].map(time::IsoTime::parse);
        let session = |status, run_ms: Option<f64>| {
            let run_ms = run_ms.and_then(Milliseconds::new);
            let (started_at, completed_at) = (started_at.clone(), completed_at.clone());
            GroupSession { status, started_at, completed_at, run_ms, ..group().sessions[0].clone() }
        };
        let duration = |status, run_ms| {
            SessionProgress::of(&session(status, run_ms), START + 10_000.0).duration_ms.map(Milliseconds::get)
        };
        for ended in [SessionStatus::Completed, SessionStatus::Failed] {
            assert_eq!(duration(ended, Some(600_000.0)), Some(600_000.0));
            assert_eq!(duration(ended, None), Some(5_000.0));
        }
        for waiting in [SessionStatus::Pending, SessionStatus::Paused] {
            assert_eq!(duration(waiting, Some(600_000.0)), Some(600_000.0));
            assert_eq!(duration(waiting, None), None);
        }
        assert_eq!(duration(SessionStatus::Active, Some(600_000.0)), Some(610_000.0));
        assert_eq!(duration(SessionStatus::Active, None), Some(10_000.0));
        assert_eq!(session(SessionStatus::Active, None).ran_ms(), None);
    }

    #[test]
    fn the_estimate_counts_earlier_runs() {
        const START: f64 = 1_768_473_000_000.0;
        let mut aggregator = ProgressAggregator::new(None);
        // Worked for 600 s, was killed, was resumed for 10 s.
        aggregator.update_session(progress("001-a", SessionStatus::Completed, 0.1, Some(610_000.0)), START);
        let running = SessionProgress {
            started_at: Some("2026-01-15T10:30:00Z".to_owned()),
            ..progress("002-b", SessionStatus::Active, 0.1, Some(310_000.0))
        };
        // Tracked 10 s after its second run began: 300 s are of the first.
        aggregator.update_session(running, START + 10_000.0);
        let remaining = |now_ms| aggregator.compute_progress(&outline(), now_ms).estimated_time_remaining;
        assert_eq!(remaining(START + 10_000.0), Some(300_000.0));
        assert_eq!(remaining(START + 60_000.0), Some(250_000.0));
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
            aggregator.update_session(progress(&format!("s{index}"), SessionStatus::Active, 0.1, None), 0.0);
            aggregator
                .update_session(progress(&format!("s{index}"), SessionStatus::Completed, 0.3, None), 0.0);
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
