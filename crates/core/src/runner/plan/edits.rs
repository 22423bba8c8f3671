//! Changes that others make to the stored group while it runs.
//!
//! Settings and new sessions take effect. The fields that the runner writes are its own: the next commit restores them, and a
//! foreign value never causes a start.
//!
//! An edit may concern any session, so it costs time in proportion to all of them: 6 ms for 10,000 sessions.

use std::collections::HashMap;
use std::sync::Arc;

use super::dependencies::Dependencies;
use super::session::{Phase, Session, SessionIndex};
use super::stored::{StoredGroup, StoredSession};
use super::{Event, Run, planted};
use crate::model::SessionStatus;

impl Run {
    /// Takes over the settings of the changed group, and restores what is the runner's own.
    pub(super) fn group_changed(&mut self, stored: StoredGroup) {
        if stored.record != self.group {
            self.commits.change_group();
        }
        self.settings = stored.settings;
        let index_of: HashMap<Arc<str>, SessionIndex> =
            self.indices().map(|session| (Arc::clone(&self.session(session).id), session)).collect();
        let mut is_stored = vec![false; self.sessions.len()];
        let mut added = Vec::new();
        for session in &stored.sessions {
            if let Some(&index) = index_of.get(&session.id) {
                is_stored[index.get()] = true;
                self.session_changed(index, session);
            } else {
                added.push(SessionIndex::of(self.sessions.len()));
                self.sessions.push(Session::new(session));
            }
        }
        for (index, _) in is_stored.iter().enumerate().filter(|(_, is_stored)| !**is_stored) {
            self.session_disappeared(SessionIndex::of(index));
        }
        self.dependencies = Arc::new(Dependencies::of(&self.sessions));
        self.recount();
        for &session in &added {
            self.session_added(session);
        }
        self.report_waiting(added);
        if let Some(request) = &stored.request {
            self.requested(request);
        }
    }

    fn session_changed(&mut self, index: SessionIndex, stored: &StoredSession) {
        let is_believed = planted!(self, ForeignRecordBelieved);
        let entry = self.session_mut(index);
        entry.is_removed = false;
        entry.is_revived &= stored.settings.dropped;
        if entry.settings != stored.settings {
            entry.settings = Arc::clone(&stored.settings);
        }
        if entry.record != stored.record {
            if is_believed {
                entry.record = stored.record.clone();
                entry.phase = Phase::Idle;
            }
            // A start must be stored as it is after this change.
            if let Phase::Starting { commit, .. } = &mut entry.phase {
                *commit = None;
            }
            self.commits.change_session(index);
        }
    }

    /// A start that is not commanded is withdrawn. A session with an open attempt is put back by the next commit. Any other one is no longer part of the group.
    fn session_disappeared(&mut self, index: SessionIndex) {
        let is_forgotten = planted!(self, RemovedSessionForgotten);
        if matches!(self.session(index).phase, Phase::Starting { .. }) {
            self.withdraw(index);
        }
        let entry = self.session_mut(index);
        if entry.record.open_attempt().is_some() && !is_forgotten {
            self.commits.change_session(index);
        } else {
            entry.is_removed = true;
            if is_forgotten {
                entry.phase = Phase::Idle;
            }
        }
    }

    /// An added session is part of the run, unless the options name the sessions that are.
    fn session_added(&mut self, index: SessionIndex) {
        let is_in = self.options.only.as_ref().is_none_or(|only| only.contains(&self.session(index).id));
        let is_skipped = self.options.skip.contains(&self.session(index).id);
        self.session_mut(index).is_excluded = !is_in || is_skipped;
        self.take_over(index);
        self.reindex(index);
    }

    /// Reports those of these sessions that wait for others.
    pub(super) fn report_waiting(&mut self, sessions: impl IntoIterator<Item = SessionIndex>) {
        for session in sessions {
            let waits = self.session(session).unmet > 0 && self.settings.respect_dependencies;
            if waits && self.session(session).record.status == SessionStatus::Pending {
                self.commits.report(Event::DependencyWaiting(session));
            }
        }
    }

    /// Reports the sessions that can no longer start, if some have begun to wait.
    pub(super) fn report_unreachable_sessions(&mut self) {
        if !std::mem::take(&mut self.must_look_for_unreachable) {
            return;
        }
        let mut told = Vec::with_capacity(self.sessions.len());
        for session in &mut self.sessions {
            told.push(std::mem::take(&mut session.is_told_unreachable));
        }
        for session in self.unreachable() {
            self.session_mut(session).is_told_unreachable = true;
            if !told[session.get()] {
                self.commits.report(Event::SessionUnreachable(session));
            }
        }
    }
}
