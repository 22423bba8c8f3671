//! Commits: nothing happens before it is stored. At most one commit is open; what changes meanwhile goes into the next.

use std::collections::BTreeSet;

use super::command::{Commit, CommitId, SessionChange};
use super::input::CommitFailure;
use super::session::{Phase, SessionIndex};
use super::timers::Timer;
use super::{Command, Event, Outcome, Run, planted};
use crate::model::SessionStatus;
use crate::model::run::AttemptKind;

/// Delays before a failed commit is tried again. The last one repeats.
const RETRY_MS: [u64; 4] = [1_000, 2_000, 5_000, 10_000];

/// What is to be stored, and what is being stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Commits {
    /// Changes that no commit has taken up yet.
    next: Batch,
    /// The open commit.
    open: Option<(CommitId, Batch)>,
    /// Number of commits so far.
    issued: u64,
    /// Number of failures in a row.
    failed: usize,
}

/// Changes that are stored together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Batch {
    has_group: bool,
    sessions: BTreeSet<SessionIndex>,
    events: Vec<Event>,
}

impl Commits {
    /// The group's fields have changed.
    pub fn change_group(&mut self) {
        self.next.has_group = true;
    }

    /// A session's fields have changed.
    pub fn change_session(&mut self, session: SessionIndex) {
        self.next.sessions.insert(session);
    }

    /// Emits an event once the changes so far are stored.
    pub fn report(&mut self, event: Event) {
        self.next.events.push(event);
    }

    /// Returns `true` if everything is stored.
    pub fn is_clean(&self) -> bool {
        self.next.is_empty() && self.open.is_none()
    }

    /// Numbers the open commit 1, so that states after different numbers of commits can be compared.
    #[cfg(test)]
    pub fn renumber(&mut self) {
        self.issued = u64::from(self.open.is_some());
        if let Some((id, _)) = &mut self.open {
            *id = CommitId(1);
        }
    }

    /// Returns `true` while commits fail.
    pub fn are_failing(&self) -> bool {
        self.failed > 0
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        !self.has_group && self.sessions.is_empty() && self.events.is_empty()
    }

    /// Puts back the changes of a commit that failed. They will be stored as they are then.
    fn put_back(&mut self, failed: Self) {
        self.has_group |= failed.has_group;
        self.sessions.extend(failed.sessions);
        self.events.splice(0..0, failed.events);
    }
}

impl Run {
    /// Issues a commit of everything that has changed, unless one is open or a retry is due later.
    pub(super) fn issue_commit(&mut self) {
        let must_wait = self.commits.open.is_some() || self.timers.get(Timer::CommitRetry).is_some();
        if must_wait || self.abandoned.is_some() || self.commits.next.is_empty() {
            return;
        }
        self.commits.issued += 1;
        let id = CommitId(self.commits.issued);
        let batch = std::mem::take(&mut self.commits.next);
        let commit = Commit {
            id,
            group: batch.has_group.then_some(self.group),
            sessions: batch.sessions.iter().map(|&session| self.change(session)).collect(),
            events: batch.events.clone(),
        };
        for &session in &batch.sessions {
            if let Phase::Starting { commit, .. } = &mut self.session_mut(session).phase {
                *commit = Some(id);
            }
        }
        self.commits.open = Some((id, batch));
        self.commands.push_back(Command::Commit(commit));
        if planted!(self, StartBeforeCommit) {
            for session in self.tally.live.clone() {
                self.command_start(session, id);
            }
        }
    }

    fn change(&self, session: SessionIndex) -> SessionChange {
        let entry = self.session(session);
        let is_revived = entry.settings.dropped && entry.is_revived && !planted!(self, RevivalNotStored);
        SessionChange { session, record: entry.record.clone(), failure: entry.failure, is_revived }
    }

    /// A commit is durable: the starts that it records are commanded.
    pub(super) fn committed(&mut self, id: CommitId) {
        if self.commits.open.as_ref().is_none_or(|(open, _)| *open != id) {
            return;
        }
        let batch = self.commits.open.take().map(|(_, batch)| batch);
        self.commits.failed = 0;
        self.timers.stop(Timer::CommitsFailed);
        if self.abandoned.is_none() {
            for session in batch.iter().flat_map(|batch| &batch.sessions) {
                self.command_start(*session, id);
            }
        }
    }

    /// A commit failed: no more starts, and another try later. Everything is given up after a minute.
    pub(super) fn commit_failed(&mut self, id: CommitId, failure: CommitFailure) {
        if planted!(self, FailureCountsAsCommit) {
            return self.committed(id);
        }
        let Some((_, batch)) = self.commits.open.take_if(|(open, _)| *open == id) else { return };
        for &session in &batch.sessions {
            if let Phase::Starting { commit, .. } = &mut self.session_mut(session).phase {
                *commit = None;
            }
        }
        if !planted!(self, FailedCommitForgotten) {
            self.commits.next.put_back(batch);
        }
        if failure == CommitFailure::Deleted {
            self.abandon(Outcome::Deleted);
            return;
        }
        let now = self.now.monotonic;
        if self.commits.failed == 0 {
            self.timers.set(Timer::CommitsFailed, now.after(self.options.give_up_ms));
        }
        let delay_ms = RETRY_MS[self.commits.failed.min(RETRY_MS.len() - 1)];
        self.timers.set(Timer::CommitRetry, now.after(delay_ms));
        self.commits.failed += 1;
    }

    /// Commands a start that this commit has recorded, or withdraws it if it no longer fits.
    fn command_start(&mut self, session: SessionIndex, id: CommitId) {
        let Phase::Starting { commit: Some(recorded), cap } = self.session(session).phase else { return };
        if recorded != id {
            return;
        }
        if !self.may_still_start(session) && !planted!(self, WithdrawalForgotten) {
            self.withdraw(session);
            return;
        }
        let entry = self.session_mut(session);
        entry.phase = Phase::Spawning;
        entry.starts_over = false;
        let Some(attempt) = entry.record.attempts.last() else { return };
        let (attempt, how) = (attempt.n, attempt.how);
        self.commands.push_back(Command::Start { session, attempt, how, cap });
        self.recent_starts.push_back(self.now.monotonic);
        self.reindex(session);
    }

    /// Takes back a start that was not commanded: its attempt never happened.
    pub(super) fn withdraw(&mut self, session: SessionIndex) {
        let is_paused = self.session(session).pause.is_some();
        let status = if is_paused { SessionStatus::Paused } else { SessionStatus::Pending };
        let entry = self.session_mut(session);
        entry.phase = Phase::Idle;
        entry.pause = None;
        entry.record.status = status;
        if entry.record.attempts.pop().is_some_and(|attempt| attempt.how == AttemptKind::Fresh) {
            entry.record.conversation = false;
        }
        self.probe_ended(session);
        self.changed(session);
    }
}
