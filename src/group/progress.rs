//! How far the sessions of a group are: one session's progress, and the sum of all.

use std::collections::{BTreeMap, HashMap};

use crate::group::budget::Money;
use crate::group::estimate::{self, Planned};
use crate::group::time;
use crate::group::types::{GroupSession, SessionGroup, SessionStatus, TokenUsage};

/// How far one session is.
#[derive(Debug, Clone, PartialEq)]
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
    pub current_tool: Option<String>,
    /// ISO 8601.
    pub started_at: Option<String>,
    /// Milliseconds: for a session that ended from start to end, for a running one until now.
    pub duration_ms: Option<f64>,
}

impl SessionProgress {
    /// The progress that a stored session shows, at the given time (ISO 8601).
    pub fn of(session: &GroupSession, now: &str) -> Self {
        let started = session.started_at.as_deref();
        let until = match session.status {
            SessionStatus::Completed | SessionStatus::Failed => session.completed_at.as_deref(),
            SessionStatus::Active => Some(now),
            SessionStatus::Pending | SessionStatus::Paused => None,
        };
        Self {
            id: session.id.clone(),
            project_path: session.project_path.clone(),
            status: session.status,
            cost: session.cost.unwrap_or(0.0),
            tokens: session.tokens.unwrap_or_default(),
            message_count: 0,
            current_tool: None,
            started_at: session.started_at.clone(),
            duration_ms: started.zip(until).and_then(|(from, to)| time::milliseconds_between(from, to)),
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
    pub sessions: Vec<SessionProgress>,
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
    sessions: BTreeMap<u64, SessionProgress>,
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
        if let Some(before) = self.sessions.insert(order, progress) {
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
        self.order_of.get(id).and_then(|order| self.sessions.get(order))
    }

    /// All tracked sessions in the order in which they were first tracked.
    pub fn all_sessions(&self) -> impl ExactSizeIterator<Item = &SessionProgress> {
        self.sessions.values()
    }

    /// The sums over the tracked sessions, at a cost that does not grow with their number.
    pub fn summary(&self, now_ms: f64) -> ProgressSummary {
        self.totals.summary(self.group_start.map(|start| (now_ms - start).max(0.0)))
    }

    /// How far a group is. What is tracked of a session wins over what the group has stored of it.
    pub fn compute_progress(&self, group: &SessionGroup, now_ms: f64) -> GroupProgress {
        let now = iso(now_ms);
        let group_start = self.group_start.or_else(|| unix_ms(group.started_at.as_deref()?));
        let mut totals = Totals::default();
        // Money also of what is tracked and is not, or no longer, in the group: it was spent.
        for session in self.sessions.values() {
            totals.spend(session.cost, &session.tokens);
        }
        let mut durations = Durations::default();
        let planned: Vec<Planned<'_>> = group
            .sessions
            .iter()
            .map(|session| {
                let tracked = self.session_progress(&session.id);
                let stored = tracked.is_none().then(|| SessionProgress::of(session, &now));
                if let Some(stored) = &stored {
                    totals.spend(stored.cost, &stored.tokens);
                }
                let (status, started_at, duration) =
                    tracked.or(stored.as_ref()).map_or((session.status, None, None), |known| {
                        (known.status, known.started_at.as_deref(), known.duration_ms)
                    });
                totals.count(status);
                if status == SessionStatus::Completed {
                    durations.extend(duration);
                }
                let spent =
                    started_at.and_then(unix_ms).map(|start| now_ms - start).or(duration).unwrap_or(0.0);
                let depends_on: &[String] =
                    if respects_dependencies(group) { &session.depends_on } else { &[] };
                Planned { id: &session.id, status, depends_on, spent }
            })
            .collect();
        GroupProgress {
            group_id: group.id.clone(),
            total_sessions: group.sessions.len(),
            summary: totals.summary(group_start.map(|start| (now_ms - start).max(0.0))),
            sessions: self.sessions.values().cloned().collect(),
            estimated_time_remaining: durations
                .mean()
                .map(|mean| estimate::time_remaining(&planned, mean, group.max_concurrent())),
        }
    }
}

fn respects_dependencies(group: &SessionGroup) -> bool {
    group.config.concurrency.is_none_or(|rules| rules.respect_dependencies)
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

fn unix_ms(text: &str) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    time::instant(text).map(|time| time.timestamp_millis() as f64)
}

fn iso(unix_ms: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "a clock's milliseconds")]
    chrono::DateTime::from_timestamp_millis(unix_ms as i64).map(time::iso).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::validate::tests::GROUP;

    fn group() -> SessionGroup {
        serde_json::from_str(GROUP).unwrap()
    }

    fn progress(id: &str, status: SessionStatus, cost: f64, duration_ms: Option<f64>) -> SessionProgress {
        SessionProgress {
            status,
            cost,
            duration_ms,
            id: id.to_owned(),
            ..SessionProgress::of(&group().sessions[0], "")
        }
    }

    #[test]
    fn counts_add_up_and_tracked_wins_over_stored() {
        let mut aggregator = ProgressAggregator::new(None);
        aggregator.update_session(progress("001-a", SessionStatus::Completed, 0.1, Some(1_000.0)));
        let all = aggregator.compute_progress(&group(), 0.0);
        assert_eq!((all.summary.completed, all.summary.pending, all.total_sessions), (1, 1, 2));
        assert!((all.summary.total_cost - 0.6).abs() < f64::EPSILON);
        assert_eq!(all.estimated_time_remaining, Some(1_000.0));
        assert_eq!(all.summary.elapsed_time, None);
    }

    #[test]
    fn the_estimate_is_unknown_before_the_first_completion() {
        assert_eq!(
            ProgressAggregator::new(None).compute_progress(&group(), 0.0).estimated_time_remaining,
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
