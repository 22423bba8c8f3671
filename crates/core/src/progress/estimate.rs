//! How long the rest of a group takes when it runs as planned.

use std::collections::{BTreeSet, BinaryHeap, HashMap};

use crate::model::SessionStatus;

/// A session as the plan sees it.
pub(super) struct Planned<'a> {
    pub id: &'a str,
    pub status: SessionStatus,
    pub depends_on: &'a [String],
    /// For a running session: the milliseconds it has run.
    pub spent: f64,
}

/// Milliseconds until the last session ends, if each takes `duration` (less what a running one has spent), starts
/// in the order of the plan as soon as those it depends on have completed, and at most `max_concurrent` run at a
/// time. Sessions that can never start take no time.
pub(super) fn time_remaining(sessions: &[Planned<'_>], duration: f64, max_concurrent: u64) -> f64 {
    let mut plan = Plan::new(sessions);
    let mut running = BinaryHeap::new();
    for (index, session) in sessions.iter().enumerate() {
        if session.status == SessionStatus::Active {
            running.push(End { at: (duration - session.spent).max(0.0), index });
        }
    }
    let limit = usize::try_from(max_concurrent).unwrap_or(usize::MAX);
    let mut now = 0.0;
    loop {
        while running.len() < limit
            && let Some(index) = plan.ready.pop_first()
        {
            running.push(End { at: now + duration, index });
        }
        let Some(end) = running.pop() else { return now };
        now = end.at;
        plan.complete(end.index);
    }
}

/// Which sessions may start, and which wait for whom.
struct Plan {
    ready: BTreeSet<usize>,
    waiting_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
}

impl Plan {
    fn new(sessions: &[Planned<'_>]) -> Self {
        let index_of: HashMap<&str, usize> =
            sessions.iter().enumerate().map(|(index, session)| (session.id, index)).collect();
        let mut plan = Self {
            ready: BTreeSet::new(),
            waiting_for: vec![0; sessions.len()],
            dependents: vec![Vec::new(); sessions.len()],
        };
        for (index, session) in sessions.iter().enumerate() {
            if !matches!(session.status, SessionStatus::Pending | SessionStatus::Paused) {
                continue;
            }
            for dependency in session.depends_on {
                match index_of.get(dependency.as_str()) {
                    Some(&on) if sessions[on].status == SessionStatus::Completed => {}
                    Some(&on) => {
                        plan.waiting_for[index] += 1;
                        plan.dependents[on].push(index);
                    }
                    // Nobody will ever complete it, so the session never becomes ready.
                    None => plan.waiting_for[index] += 1,
                }
            }
            if plan.waiting_for[index] == 0 {
                plan.ready.insert(index);
            }
        }
        plan
    }

    fn complete(&mut self, index: usize) {
        for dependent in std::mem::take(&mut self.dependents[index]) {
            self.waiting_for[dependent] -= 1;
            if self.waiting_for[dependent] == 0 {
                self.ready.insert(dependent);
            }
        }
    }
}

/// The end of a running session; the earliest is the greatest, as a `BinaryHeap` gives the greatest first.
struct End {
    at: f64,
    index: usize,
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.at.total_cmp(&self.at).then(other.index.cmp(&self.index))
    }
}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for End {}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionStatus::{Active, Completed, Failed, Pending};

    fn remaining(sessions: &[(&str, SessionStatus, &[&str], f64)], max_concurrent: u64) -> f64 {
        let owned: Vec<Vec<String>> =
            sessions.iter().map(|session| session.2.iter().map(ToString::to_string).collect()).collect();
        let planned: Vec<Planned<'_>> = sessions
            .iter()
            .zip(&owned)
            .map(|(&(id, status, _, spent), depends_on)| Planned { id, status, depends_on, spent })
            .collect();
        time_remaining(&planned, 100.0, max_concurrent)
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "whole milliseconds")]
    fn the_plan_is_followed() {
        assert_eq!(remaining(&[("a", Completed, &[], 0.0)], 3), 0.0);
        assert_eq!(remaining(&[("a", Pending, &[], 0.0), ("b", Pending, &[], 0.0)], 3), 100.0);
        assert_eq!(remaining(&[("a", Pending, &[], 0.0), ("b", Pending, &[], 0.0)], 1), 200.0);
        assert_eq!(remaining(&[("a", Pending, &[], 0.0), ("b", Pending, &["a"], 0.0)], 3), 200.0);
        assert_eq!(remaining(&[("a", Active, &[], 30.0), ("b", Pending, &["a"], 0.0)], 3), 170.0);
        assert_eq!(remaining(&[("a", Active, &[], 500.0)], 3), 0.0);
        assert_eq!(remaining(&[("a", Active, &[], 0.0), ("b", Active, &[], 0.0)], 1), 100.0);
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "whole milliseconds")]
    fn what_can_never_start_takes_no_time() {
        assert_eq!(
            remaining(
                &[("a", Failed, &[], 0.0), ("b", Pending, &["a"], 0.0), ("c", Pending, &["b"], 0.0)],
                3
            ),
            0.0
        );
        assert_eq!(remaining(&[("b", Pending, &["gone"], 0.0)], 3), 0.0);
        assert_eq!(remaining(&[("a", Pending, &["b"], 0.0), ("b", Pending, &["a"], 0.0)], 3), 0.0);
    }
}
