//! The progress of running sessions: at most once a second for each, and of the group when it has changed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::model::event::{GroupProgressEvent, SessionProgressEvent};
use crate::model::number::Count;
use crate::model::time::IsoTime;
use crate::progress::SessionProgress;
use crate::runner::plan::SessionIndex;
use crate::runner::supervisor::book::Book;
use crate::runner::supervisor::events::counts;

/// Time between two reports of a session.
const PAUSE: Duration = Duration::from_secs(1);

/// What was reported, and what is to be.
#[derive(Default)]
pub struct Reports {
    sessions: BTreeMap<SessionIndex, Report>,
    group: Option<([Count; 4], u64)>,
}

#[derive(Default)]
struct Report {
    /// Time of the last report.
    last: Option<Instant>,
    has_changed: bool,
    /// What was reported last: messages, tool, cost.
    told: Option<(Count, Option<String>, u64)>,
}

impl Reports {
    /// Notes that a session has printed something.
    pub fn changed(&mut self, session: SessionIndex) {
        self.sessions.entry(session).or_default().has_changed = true;
    }

    /// Forgets a session whose process has ended.
    pub fn forget(&mut self, session: SessionIndex) {
        self.sessions.remove(&session);
    }

    /// Time at which the next report is due.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let waiting = self.sessions.values().filter(|report| report.has_changed);
        waiting.map(|report| report.last.map_or(now, |last| last + PAUSE)).min()
    }

    /// Takes the sessions whose reports are due.
    pub fn take_due(&mut self, now: Instant) -> Vec<SessionIndex> {
        let is_due = |report: &Report| report.last.is_none_or(|last| now >= last + PAUSE);
        let mut due = Vec::new();
        for (session, report) in &mut self.sessions {
            if report.has_changed && is_due(report) {
                report.has_changed = false;
                report.last = Some(now);
                due.push(*session);
            }
        }
        due
    }

    /// Returns the event of a session, unless nothing in it has changed.
    pub fn session(
        &mut self,
        session: SessionIndex,
        progress: &SessionProgress,
        group_id: &str,
        now: &IsoTime,
    ) -> Option<SessionProgressEvent> {
        let told = (progress.message_count, progress.current_tool.clone(), progress.cost.get().to_bits());
        let report = self.sessions.entry(session).or_default();
        if report.told.as_ref() == Some(&told) {
            return None;
        }
        report.told = Some(told);
        Some(SessionProgressEvent {
            timestamp: now.clone(),
            group_id: group_id.to_owned(),
            session_id: progress.id.clone(),
            message_count: progress.message_count,
            current_tool: progress.current_tool.clone(),
            cost_usd: Some(progress.cost),
        })
    }

    /// Returns the event of the group, unless nothing in it has changed.
    pub fn group(&mut self, book: &Book, now: &IsoTime) -> Option<GroupProgressEvent> {
        let counts = counts(book);
        let total_cost_usd = book.total_cost();
        let told = (counts, total_cost_usd.get().to_bits());
        if self.group == Some(told) {
            return None;
        }
        self.group = Some(told);
        let [completed, running, pending, failed] = counts;
        let (timestamp, group_id) = (now.clone(), book.group.id.to_string());
        Some(GroupProgressEvent { timestamp, group_id, completed, running, pending, failed, total_cost_usd })
    }
}
