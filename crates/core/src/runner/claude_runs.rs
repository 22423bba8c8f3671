//! Runs with processes of Claude Code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::claude::ClaudeVersion;
use crate::claude::command::MIN_VERSION;
use crate::error::Result;
use crate::model::run::{Attempt, ControlRequest};
use crate::model::{GroupSession, SessionGroup, SessionStatus};
use crate::repository::Document;
use crate::runner::plan::{Request, check_runnable};
use crate::runner::process::{Mark, Program, ProgramSearch, end_marked, marks_in_use};
use crate::runner::runner::finish;
use crate::runner::store::Claim;
use crate::runner::{ClaudeProcesses, ExecutionPlan, RunEnd, RunNotice, Runner};

impl Runner {
    /// Runs the group with processes of Claude Code, on this thread, until it has completed, failed, or been paused or stopped.
    /// What an earlier runner left is taken over first.
    ///
    /// `notice` is called on this thread and must return soon.
    ///
    /// Fails, before anything is started, with `NOT_FOUND`, with `ALREADY_RUNNING` if another runner has the group, with
    /// `CIRCULAR_DEPENDENCY`, with `INVALID_TRANSITION` if it is archived or deleted, with `INVALID_STATE` for a blank prompt,
    /// with `INVALID_ARGUMENT` for a configuration that cannot be passed on, and with `CLAUDE_NOT_FOUND` or `CLAUDE_TOO_OLD`.
    /// Fails later with `NOT_FOUND` if the group is deleted, with the error of the store if it cannot be written for a minute,
    /// and with `IO` if the output of a session cannot be written, or for a minute not be read; sessions are interrupted then.
    pub fn run(self, notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        self.run_or_settle(None, notice)
    }

    /// Takes over what an earlier runner left and carries a pause or stop out, without starting anything. Fails like
    /// [`run`](Self::run).
    pub fn settle(self, request: Request, notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        self.run_or_settle(Some(request), notice)
    }

    /// Returns what [`run`](Self::run) would do with the stored group, or with one that is not stored. Starts nothing but
    /// `claude --version`, and stores nothing. Fails like a run before its start.
    pub fn plan(self, unstored: Option<SessionGroup>) -> Result<ExecutionPlan> {
        let group = self.to_plan(unstored)?;
        let (program, version) = self.program(&group)?;
        self.preview(&group, &program.to_string_lossy(), &self.launcher(version, true))
    }

    /// Ends what an earlier runner left running of the group. Fails with `NOT_FOUND`, and with `ALREADY_RUNNING` if a runner
    /// has the group.
    pub fn end_processes(self) -> Result<()> {
        self.end_and(|| Ok(()))
    }

    /// Ends what an earlier runner left of the group, then calls a function while no runner can have the group.
    pub(super) fn end_and<T>(self, then: impl FnOnce() -> Result<T>) -> Result<T> {
        self.claimed(|claim, group, document| {
            let has_ended = |attempt: &Attempt| attempt.outcome.is_some();
            let open = Mark::of_attempts(&group.sessions, |attempt| !has_ended(attempt));
            let ended = Mark::of_attempts(&group.sessions, has_ended);
            let is_active = |session: &GroupSession| session.status == SessionStatus::Active;
            if !open.is_empty() || group.sessions.iter().any(is_active) {
                let (seq, action) = (0, ControlRequest::Stop);
                let stop = Request { seq, action, sessions: None, drain: false, now: true, fresh: false };
                self.supervise_claude(Some(stop), claim, (group, document), &mut |_| {})?;
                // Also those whose files are in a directory of which nobody has told.
                end_marked(&open, self.options.process.sweep_grace);
            }
            end_marked(&marks_in_use(&ended), self.options.process.sweep_grace);
            then()
        })
    }

    fn run_or_settle(self, settle: Option<Request>, mut notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        let shared = Arc::clone(&self.shared);
        shared.begin();
        let end = self.claimed(|claim, group, document| {
            check_runnable(&group)?;
            self.supervise_claude(settle, claim, (group, document), &mut notice)
        });
        finish(&shared, &end);
        end
    }

    /// Runs or settles the group with processes of Claude Code. What is settled starts none.
    fn supervise_claude(
        &self,
        settle: Option<Request>,
        claim: &Claim,
        (group, document): (SessionGroup, Document),
        notice: &mut dyn FnMut(RunNotice<'_>),
    ) -> Result<RunEnd> {
        let (program, version) = match &settle {
            Some(_) => (PathBuf::new(), MIN_VERSION),
            None => self.program(&group)?,
        };
        let launcher = self.launcher(version, true);
        let directory = self.directory()?;
        let options = self.options.process.clone();
        let mut processes = ClaudeProcesses::new(&program, &directory, options)?;
        self.supervise((&mut processes, launcher), settle, claim, (group, document), notice)
    }

    fn program(&self, group: &SessionGroup) -> Result<(PathBuf, ClaudeVersion)> {
        let projects: Vec<&Path> =
            group.sessions.iter().map(|session| Path::new(&session.project_path)).collect();
        let search = ProgramSearch {
            path: self.options.claude_path.as_deref(),
            environment: &self.options.environment,
            projects: &projects,
        };
        let program = Program::find(&search)?;
        let version = program.version(&self.options.environment)?;
        Ok((program.path().to_owned(), version))
    }

    /// The directory for the files of the group's sessions.
    fn directory(&self) -> Result<PathBuf> {
        match self.store.directory() {
            Some(directory) => Ok(directory),
            None => Ok(self.work_dir()?.join(self.store.id().as_str())),
        }
    }
}
