//! The runner of a group.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::claude::ClaudeVersion;
use crate::error::{Error, Result};
use crate::feed::Event;
use crate::graph::{DependencyGraph, Node};
use crate::model::run::GroupCause;
use crate::model::{GroupSession, GroupStatus, SessionGroup};
use crate::repository::Document;
use crate::runner::handle::{RunHandle, RunnerState, Shared};
use crate::runner::limits::SharedLimits;
use crate::runner::options::{RunnerOptions, check_named};
use crate::runner::plan::{Outcome, Request, Run};
use crate::runner::sessions::SessionProcesses;
use crate::runner::store::{Claim, RunStore};
use crate::runner::supervisor::{Launcher, Parts, Supervisor};

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
    pub(super) store: Arc<dyn RunStore>,
    pub(super) options: RunnerOptions,
    pub(super) shared: Arc<Shared>,
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

    /// Notes that the run begins, before it does on another thread: from now on, handles take orders for it.
    pub fn begin(&self) {
        self.shared.begin();
    }

    /// Runs the group on a thread of its own. Fails with `IO` if there can be no more threads.
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

    pub(super) fn supervise(
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
            self.check_start(&group, &launcher)?;
        }
        let is_run = decisions.settle.is_none();
        let request_before = group.control;
        let document = if is_run { self.change_limits(document)? } else { document };
        let group = document.group()?;
        // Without a request that came since the group was claimed, which the run finds as the first change.
        let plan = Run::new(&SessionGroup { control: request_before, ..group.clone() }, &decisions)?;
        let limits = SharedLimits::new(&self.limits_directory()?, &self.options.environment);
        let parts = Parts {
            store: Arc::clone(&self.store),
            processes,
            sink: notice,
            launcher,
            limits,
            shared: Arc::clone(&self.shared),
            clock: Arc::clone(&self.options.clock),
            wall_clock: Arc::clone(&self.options.wall_clock),
            feed_pause: self.options.feed_pause,
            renewal: matches!(claim, Claim::Record).then_some(self.options.record_renewal),
        };
        match Supervisor::new(parts, plan, group, document).run()? {
            Outcome::Ended(status, cause) => Ok(RunEnd { status, cause }),
            Outcome::WriteFailed | Outcome::Deleted => Err(Error::internal("a failed write is an error")),
        }
    }

    /// Finds what keeps the group from being run, before anything is started or stored: options that name no session of it,
    /// sessions that depend on each other in a circle, and sessions that cannot be started.
    pub(super) fn check_start(&self, group: &SessionGroup, launcher: &Launcher) -> Result<()> {
        self.check_named_sessions(group)?;
        let stored = group.config.concurrency.unwrap_or_default().respect_dependencies;
        if self.options.limits.respect_dependencies.unwrap_or(stored) {
            DependencyGraph::new(group.sessions.iter().map(Node::from)).check()?;
        }
        launcher.check(group, self.options.retry.is_some(), |session| self.is_in(session))
    }

    fn check_named_sessions(&self, group: &SessionGroup) -> Result<()> {
        let RunnerOptions { only, skip, retry, assume_dead, .. } = &self.options;
        let retried = retry.as_ref().and_then(|retry| retry.sessions.as_deref());
        check_named("only", only.as_deref().unwrap_or_default(), group)?;
        check_named("skip", skip, group)?;
        check_named("sessions", retried.unwrap_or_default(), group)?;
        check_named("assumeDead", assume_dead, group)
    }

    /// Returns `true` if a session is part of this run.
    fn is_in(&self, session: &GroupSession) -> bool {
        let RunnerOptions { only, skip, .. } = &self.options;
        only.as_ref().is_none_or(|only| only.contains(&session.id)) && !skip.contains(&session.id)
    }

    pub(super) fn launcher(&self, version: ClaudeVersion, checks_projects: bool) -> Launcher {
        Launcher {
            environment: self.options.environment.clone(),
            allow_env: self.options.allow_env.clone(),
            version,
            store: self.store.base(),
            checks_projects,
        }
    }

    fn limits_directory(&self) -> Result<PathBuf> {
        self.store.base().map_or_else(|| self.work_dir(), Ok)
    }

    /// The directory for repositories without one: the option, else the state directory of the user.
    pub(super) fn work_dir(&self) -> Result<PathBuf> {
        if let Some(directory) = &self.options.work_dir {
            return std::path::absolute(directory).map_err(|error| {
                Error::argument("workDir", format!("cannot be made an absolute path: {error}"))
            });
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

pub(super) fn finish(shared: &Shared, end: &Result<RunEnd>) {
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
