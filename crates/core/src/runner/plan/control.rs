//! Requests to the runner, which anyone writes into the stored group: pause, resume, stop, retry.

use std::sync::Arc;

use super::process::Force;
use super::session::{Phase, SessionIndex, Standing};
use super::stored::Request;
use super::timers::Timer;
use super::{Run, planted};
use crate::model::run::{ControlRequest, GroupCause};
use crate::model::{GroupStatus, SessionStatus};

impl Request {
    /// Returns `true` if it asks for more work, which a run that only settles what an earlier one left cannot do.
    pub fn is_for_work(&self) -> bool {
        matches!(self.action, ControlRequest::Resume | ControlRequest::Retry)
    }

    /// What happens to running sessions.
    fn force(&self) -> Force {
        match (self.drain, self.now) {
            (true, _) => Force::Drain,
            (false, true) => Force::Terminate,
            (false, false) => Force::Interrupt,
        }
    }
}

impl Run {
    /// Carries out a request, once. One that needs another run is left to that run.
    pub(super) fn requested(&mut self, request: &Request) {
        if request.seq <= self.group.control_seen || self.needs_another_run(request) {
            return;
        }
        if !planted!(self, RequestRepeated) {
            self.group.control_seen = request.seq;
        }
        self.commits.change_group();
        self.carry_out(request);
    }

    pub(super) fn needs_another_run(&self, request: &Request) -> bool {
        self.options.settle.is_some() && request.is_for_work()
    }

    /// Carries out a request, whatever its number.
    pub(super) fn carry_out(&mut self, request: &Request) {
        if self.needs_another_run(request) {
            return;
        }
        let sessions = request.sessions.as_deref();
        match (request.action, sessions) {
            (ControlRequest::Pause, None) => {
                self.halt(GroupCause::Manual, GroupStatus::Paused, request.force());
            }
            (ControlRequest::Pause, Some(ids)) => self.pause_sessions(ids, request.force()),
            (ControlRequest::Stop, _) => {
                self.halt(GroupCause::Stopped, GroupStatus::Failed, request.force());
            }
            (ControlRequest::Resume, None) => self.resume_group(),
            (ControlRequest::Resume, Some(ids)) => self.resume_sessions(Some(ids)),
            (ControlRequest::Retry, ids) => {
                if self.halt.is_some() {
                    self.resume_group();
                }
                self.retry(ids, request.fresh);
            }
        }
    }

    /// Pauses single sessions. The others go on.
    fn pause_sessions(&mut self, ids: &[Arc<str>], force: Force) {
        for session in self.named(Some(ids)) {
            let entry = self.session_mut(session);
            match entry.phase {
                Phase::Idle if entry.record.status == SessionStatus::Pending => {
                    entry.record.status = SessionStatus::Paused;
                    self.timers.stop(Timer::Retry(session));
                    self.changed(session);
                }
                Phase::Idle | Phase::Unknown => {}
                _ => {
                    entry.pause = Some(force);
                    self.hold_back(session);
                }
            }
        }
    }

    /// Takes up the group: sessions start again, failures are counted anew, and unknown processes are looked at again.
    fn resume_group(&mut self) {
        self.halt = None;
        self.failures.count = 0;
        self.failures.troubles.clear();
        self.is_told_exceeded = false;
        for session in self.indices() {
            if self.session(session).phase == Phase::Unknown {
                self.look(session);
            }
        }
        self.resume_sessions(None);
    }

    /// Takes up paused sessions. One that is being interrupted goes on after that.
    fn resume_sessions(&mut self, ids: Option<&[Arc<str>]>) {
        for session in self.named(ids) {
            let entry = self.session_mut(session);
            entry.pause = None;
            if entry.counted.standing == Some(Standing::Paused) {
                entry.record.status = SessionStatus::Pending;
                self.changed(session);
            }
        }
    }

    /// Runs failed and dropped sessions again.
    fn retry(&mut self, ids: Option<&[Arc<str>]>, fresh: bool) {
        for session in self.named(ids) {
            let entry = self.session_mut(session);
            let is_dropped = entry.counted.standing == Some(Standing::Gone) && !entry.is_removed;
            let is_failed = entry.phase == Phase::Idle && entry.record.status == SessionStatus::Failed;
            let is_named = ids.is_some();
            if !(is_failed || is_dropped && is_named) {
                continue;
            }
            entry.is_revived |= entry.settings.dropped;
            entry.failure = None;
            entry.forgiven_ms = entry.record.run_ms;
            entry.record.conversation &= !fresh;
            entry.record.status = SessionStatus::Pending;
            entry.record.waits_until = None;
            self.forget_unreachable(session);
            self.changed(session);
        }
    }

    /// Retries what the options of the run name.
    pub(super) fn retry_by_options(&mut self) {
        let options = Arc::clone(&self.options);
        if let Some(retry) = &options.retry {
            self.retry(retry.sessions.as_deref(), retry.fresh);
        }
    }

    /// The sessions with these ids; all sessions for `None`. Unknown ids are ignored.
    fn named(&self, ids: Option<&[Arc<str>]>) -> Vec<SessionIndex> {
        let is_named =
            |session: &SessionIndex| ids.is_none_or(|ids| ids.contains(&self.session(*session).id));
        self.indices().filter(is_named).collect()
    }
}
