//! The runner of a group.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::claude::ClaudeVersion;
use crate::error::{Error, Result};
use crate::feed::{Commit, Event};
use crate::model::number::Positive;
use crate::model::run::{ControlRequest, GroupCause};
use crate::model::time::IsoTime;
use crate::model::{GroupPatch, GroupSession, GroupStatus, SessionGroup, SessionStatus};
use crate::ownership;
use crate::repository::{Changes, Document};
use crate::runner::handle::{RunHandle, RunnerState, Shared};
use crate::runner::limits::SharedLimits;
use crate::runner::options::{ChangedLimits, RunnerOptions};
use crate::runner::plan::{Outcome, Request, Run};
#[cfg(unix)]
use crate::runner::process::{Program, ProgramSearch};
use crate::runner::sessions::SessionProcesses;
use crate::runner::store::{Claim, RunStore, commit_and_wait};
use crate::runner::supervisor::{Launcher, Parts, Supervisor, json_of, runner_change, with_config};

/// Something that happens during a run.
#[derive(Debug, Clone, Copy)]
pub enum RunNotice<'a> {
    /// An event, after the change that it reports has been stored. `seq` is its number in the feed; `session_progress` and
    /// `group_progress` have none.
    Event {
        /// Its number.
        seq: Option<u64>,
        /// The event.
        event: &'a Event,
    },
    /// Something that a person should know.
    Warning(&'a str),
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// The group's status, which is stored.
    pub status: GroupStatus,
    /// Why the group is paused or failed.
    pub cause: Option<GroupCause>,
}

/// Runs a stored group, see the [module](crate::runner).
pub struct Runner {
    store: Arc<dyn RunStore>,
    options: RunnerOptions,
    shared: Arc<Shared>,
}

impl Runner {
    /// A runner of a group. Nothing happens before [`run`](Self::run).
    pub fn new(store: impl RunStore + 'static, options: RunnerOptions) -> Self {
        Self { store: Arc::new(store), options, shared: Arc::default() }
    }

    /// Returns a handle that controls the run from other threads.
    pub fn handle(&self) -> RunHandle {
        RunHandle(Arc::clone(&self.shared))
    }

    /// Runs the group with processes of Claude Code, on this thread, until it has completed, failed, or been paused or stopped.
    /// What an earlier runner left is taken over first.
    ///
    /// `notice` is called on this thread and must return soon.
    ///
    /// Fails, before anything is started, with `NOT_FOUND`, with `ALREADY_RUNNING` if another runner has the group, with
    /// `INVALID_TRANSITION` if it is archived or deleted, with `INVALID_STATE` for a blank prompt, with `INVALID_ARGUMENT` for
    /// a configuration that cannot be passed on, and with `CLAUDE_NOT_FOUND` or `CLAUDE_TOO_OLD`. Fails later with `NOT_FOUND`
    /// if the group is deleted, and with the error of the store if it cannot be written for a minute; sessions are interrupted
    /// then.
    #[cfg(unix)]
    pub fn run(self, notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        self.run_or_settle(None, notice)
    }

    /// Runs the group on a thread of its own. Fails with `IO` if there can be no more threads.
    #[cfg(unix)]
    pub fn spawn(
        self,
        notice: impl FnMut(RunNotice<'_>) + Send + 'static,
    ) -> Result<JoinHandle<Result<RunEnd>>> {
        self.shared.begin();
        let name = format!("run {}", self.store.id());
        let shared = Arc::clone(&self.shared);
        thread::Builder::new().name(name).spawn(move || self.run(notice)).map_err(|source| {
            shared.end(RunnerState::Idle, None);
            Error::io(None, Path::new("a thread"), "starting", source)
        })
    }

    /// Runs the group with other processes than those of Claude Code. `version` is the version whose options they take.
    pub fn run_with(
        self,
        processes: &mut dyn SessionProcesses,
        version: ClaudeVersion,
        mut notice: impl FnMut(RunNotice<'_>),
    ) -> Result<RunEnd> {
        let shared = Arc::clone(&self.shared);
        shared.begin();
        let end = self.claimed(|claim, group, document| {
            let launcher = self.launcher(version, false);
            let prepared = (processes, launcher);
            self.supervise(prepared, None, claim, (group, document), &mut notice)
        });
        finish(&shared, &end);
        end
    }

    /// Takes over what an earlier runner left and carries a pause or stop out, without starting anything.
    #[cfg(unix)]
    pub(super) fn settle(self, request: Request, notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        self.run_or_settle(Some(request), notice)
    }

    /// Ends what an earlier runner left of the group, then calls a function while no runner can have the group.
    #[cfg(unix)]
    pub(super) fn end_and<T>(self, then: impl FnOnce() -> Result<T>) -> Result<T> {
        self.claimed(|claim, group, document| {
            let lives = |session: &GroupSession| {
                let open = session.attempts.iter().flatten().any(|attempt| attempt.outcome.is_none());
                session.status == SessionStatus::Active || open
            };
            if group.sessions.iter().any(lives) {
                let (seq, action) = (0, ControlRequest::Stop);
                let stop = Request { seq, action, sessions: None, drain: false, now: true, fresh: false };
                self.supervise_claude(Some(stop), claim, (group, document), &mut |_| {})?;
            }
            then()
        })
    }

    #[cfg(unix)]
    fn run_or_settle(self, settle: Option<Request>, mut notice: impl FnMut(RunNotice<'_>)) -> Result<RunEnd> {
        let shared = Arc::clone(&self.shared);
        shared.begin();
        let end = self.claimed(|claim, group, document| {
            self.supervise_claude(settle, claim, (group, document), &mut notice)
        });
        finish(&shared, &end);
        end
    }

    /// Runs or settles the group with processes of Claude Code. What is settled starts none.
    #[cfg(unix)]
    fn supervise_claude(
        &self,
        settle: Option<Request>,
        claim: &Claim,
        (group, document): (SessionGroup, Document),
        notice: &mut dyn FnMut(RunNotice<'_>),
    ) -> Result<RunEnd> {
        let (program, version) = match &settle {
            Some(_) => (PathBuf::new(), crate::claude::command::MIN_VERSION),
            None => self.program(&group)?,
        };
        let launcher = self.launcher(version, true);
        let directory = self.directory()?;
        let options = self.options.process.clone();
        let mut processes = super::ClaudeProcesses::new(&program, &directory, options)?;
        self.supervise((&mut processes, launcher), settle, claim, (group, document), notice)
    }

    /// Claims the group, and releases it at the end.
    fn claimed<T>(&self, run: impl FnOnce(&Claim, SessionGroup, Document) -> Result<T>) -> Result<T> {
        let claim = self.store.claim()?;
        let found = self.store.load().and_then(|found| self.existing(found));
        let end = found.and_then(|document| {
            let document = if let Claim::Record = claim { self.record()? } else { document };
            let group = document.group()?;
            let end = run(&claim, group, document);
            if let Claim::Record = claim {
                self.remove_record();
            }
            end
        });
        // The group is gone: so is its lock.
        if let (Claim::Lock(lock), Ok(None)) = (claim, self.store.load()) {
            lock.remove();
        }
        end
    }

    fn existing(&self, found: Option<Document>) -> Result<Document> {
        found.ok_or_else(|| Error::group_not_found(self.store.id().as_str()))
    }

    /// Writes the record of this process as the group's runner, unless another one has the group.
    fn record(&self) -> Result<Document> {
        let now = IsoTime::of_unix_ms((self.options.clock)());
        let record = ownership::record(now.clone())?;
        let id = self.store.id().clone();
        let change = move |document: &Document| {
            if let Some(stored) = document.group()?.runner {
                ownership::check_record(&id, &stored, now.unix_ms())?;
            }
            Ok(Commit::new(Changes::from(runner_change(Some(record))).made_at(now.unix_ms())))
        };
        commit_and_wait(&*self.store, Box::new(change)).map(|committed| committed.group)
    }

    fn remove_record(&self) {
        let at = (self.options.clock)();
        let changes = Changes::from(runner_change(None)).made_at(at);
        // Without it, the next runner finds that this process has ended.
        let _ = commit_and_wait(&*self.store, Box::new(move |_| Ok(Commit::new(changes))));
    }

    fn supervise(
        &self,
        (processes, launcher): (&mut dyn SessionProcesses, Launcher),
        settle: Option<Request>,
        claim: &Claim,
        (group, document): (SessionGroup, Document),
        notice: &mut dyn FnMut(RunNotice<'_>),
    ) -> Result<RunEnd> {
        let mut decisions = self.options.decisions();
        decisions.settle = settle;
        // Before anything is written, to find what is wrong.
        Run::new(&group, &decisions)?;
        if decisions.settle.is_none() {
            launcher.check(&group, |session| self.is_in(session))?;
        }
        let document = self.change_limits(document)?;
        let group = document.group()?;
        let plan = Run::new(&group, &decisions)?;
        let limits = SharedLimits::new(&self.limits_directory()?, &self.options.environment);
        let parts = Parts {
            store: Arc::clone(&self.store),
            processes,
            sink: notice,
            launcher,
            limits,
            shared: Arc::clone(&self.shared),
            clock: Arc::clone(&self.options.clock),
            has_record: matches!(claim, Claim::Record),
        };
        match Supervisor::new(parts, plan, group, document).run()? {
            Outcome::Ended(status, cause) => Ok(RunEnd { status, cause }),
            Outcome::StoreFailed | Outcome::Deleted => Err(Error::internal("a lost store is an error")),
        }
    }

    /// Returns `true` if a session is part of this run.
    fn is_in(&self, session: &GroupSession) -> bool {
        let RunnerOptions { only, skip, .. } = &self.options;
        only.as_ref().is_none_or(|only| only.contains(&session.id)) && !skip.contains(&session.id)
    }

    /// Stores the limits that the options change.
    fn change_limits(&self, document: Document) -> Result<Document> {
        let limits = self.options.limits;
        if limits == ChangedLimits::default() {
            return Ok(document);
        }
        let at = (self.options.clock)();
        let change = move |document: &Document| {
            let config = with_limits(document, &limits)?;
            Ok(Commit::new(Changes::from(GroupPatch::default()).with("config", config).made_at(at)))
        };
        commit_and_wait(&*self.store, Box::new(change)).map(|committed| committed.group)
    }

    #[cfg(unix)]
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

    fn launcher(&self, version: ClaudeVersion, checks_projects: bool) -> Launcher {
        Launcher {
            environment: self.options.environment.clone(),
            allow_env: self.options.allow_env.clone(),
            version,
            store: self.store.base(),
            checks_projects,
        }
    }

    /// The directory for the files of the group's sessions.
    fn directory(&self) -> Result<PathBuf> {
        match self.store.directory() {
            Some(directory) => Ok(directory),
            None => Ok(self.work_dir()?.join(self.store.id().as_str())),
        }
    }

    fn limits_directory(&self) -> Result<PathBuf> {
        self.store.base().map_or_else(|| self.work_dir(), Ok)
    }

    /// The directory for repositories without one: the option, else the state directory of the user.
    fn work_dir(&self) -> Result<PathBuf> {
        if let Some(directory) = &self.options.work_dir {
            return std::path::absolute(directory)
                .map_err(|error| Error::argument("workDir", format!("must be a path, but {error}")));
        }
        let environment = &self.options.environment;
        let directory =
            |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = directory("XDG_STATE_HOME").or_else(|| Some(directory("HOME")?.join(".local/state")));
        let missing =
            || Error::argument("workDir", "must be given: neither XDG_STATE_HOME nor HOME names a directory");
        Ok(state.ok_or_else(missing)?.join("session-groups/runs"))
    }
}

/// Returns the configuration of a group with the changed limits, as JSON.
fn with_limits(document: &Document, limits: &ChangedLimits) -> Result<String> {
    let rules = document.group()?.config.concurrency.is_some();
    let mut members = Vec::new();
    members.extend(limits.max_budget_usd.map(|value| ("maxBudgetUsd", json_of(&value))));
    members.extend(limits.on_budget_exceeded.map(|value| ("onBudgetExceeded", json_of(&value))));
    members.extend(limits.warning_threshold.map(|value| ("warningThreshold", json_of(&value))));
    members.extend(limits.max_concurrent.map(|value| ("maxConcurrentSessions", json_of(&value))));
    let has_rules = limits.respect_dependencies.is_some()
        || limits.pause_on_error.is_some()
        || limits.error_threshold.is_some();
    if has_rules || rules {
        members.push(("concurrency", concurrency(document, limits)?));
    }
    Ok(with_config(document, members))
}

/// The finer rules, which repeat the number of sessions and win over the plain one.
fn concurrency(document: &Document, limits: &ChangedLimits) -> Result<String> {
    let group = document.group()?;
    let mut rules = group.config.concurrency.unwrap_or_default();
    let current = Positive::clamped(group.max_concurrent());
    rules.max_concurrent = limits.max_concurrent.unwrap_or(current);
    rules.respect_dependencies = limits.respect_dependencies.unwrap_or(rules.respect_dependencies);
    rules.pause_on_error = limits.pause_on_error.unwrap_or(rules.pause_on_error);
    rules.error_threshold = limits.error_threshold.unwrap_or(rules.error_threshold);
    Ok(json_of(&rules))
}

fn finish(shared: &Shared, end: &Result<RunEnd>) {
    let (state, cause) = match end {
        Ok(RunEnd { status: GroupStatus::Paused, cause }) => (RunnerState::Paused, *cause),
        Ok(RunEnd { cause: Some(GroupCause::Stopped), .. }) => {
            (RunnerState::Stopped, Some(GroupCause::Stopped))
        }
        Ok(RunEnd { cause, .. }) => (RunnerState::Completed, *cause),
        Err(_) => (RunnerState::Completed, None),
    };
    shared.end(state, cause);
}
