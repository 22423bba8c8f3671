//! How long the rest of a group takes when it runs as planned.

use std::collections::{BTreeSet, BinaryHeap};

use crate::graph::{DependencyGraph, Node, NodeState};
use crate::model::SessionStatus;

/// A session as the plan sees it.
pub(super) struct Planned<'a> {
    pub id: &'a str,
    pub status: SessionStatus,
    pub depends_on: &'a [String],
    /// For a running session: the milliseconds it has run.
    pub spent: f64,
}

impl<'a> Planned<'a> {
    fn node(&self) -> Node<'a> {
        let state = match self.status {
            SessionStatus::Paused => NodeState::Waiting,
            status => status.into(),
        };
        Node { state, ..Node::new(self.id, self.depends_on) }
    }
}

/// Milliseconds until the last session ends, if each takes `duration` (less what a running one has spent), starts
/// in the order of the plan as soon as those it depends on have completed, and at most `max_concurrent` run at a
/// time. Sessions that can never start take no time.
pub(super) fn time_remaining(sessions: &[Planned<'_>], duration: f64, max_concurrent: u64) -> f64 {
    let mut graph = DependencyGraph::new(sessions.iter().map(Planned::node));
    // In the group's order, whereas the graph has the longest chain first.
    let mut ready: BTreeSet<_> = graph.ready().collect();
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
            && let Some(index) = ready.pop_first()
        {
            running.push(End { at: now + duration, index });
        }
        let Some(end) = running.pop() else { return now };
        now = end.at;
        ready.extend(graph.mark(end.index, NodeState::Completed));
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
