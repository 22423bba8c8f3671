//! What the processes of sessions are started with.

use std::path::{Path, PathBuf};

use crate::claude::ClaudeVersion;
use crate::claude::environment::Environment;
use crate::error::Result;
use crate::generate::{Context, check};
use crate::model::{GroupSession, SessionGroup, SessionStatus};
use crate::runner::process::check_project;

/// The surroundings of all processes of a run.
pub struct Launcher {
    /// Environment of the runner.
    pub environment: Environment,
    /// Variables that configurations may set although they can change what runs.
    pub allow_env: Vec<String>,
    /// Version of Claude Code.
    pub version: ClaudeVersion,
    /// The directory of all groups, which no session may work above.
    pub store: Option<PathBuf>,
    /// `true` if the processes are those of Claude Code, whose directories must exist.
    pub checks_projects: bool,
}

impl Launcher {
    /// The surroundings, for generated configuration.
    pub fn context(&self) -> Context<'_> {
        Context { version: self.version, environment: &self.environment, allow_env: &self.allow_env }
    }

    /// Finds what keeps sessions from being started, before any of them is. Fails with the first problem.
    pub fn check(&self, group: &SessionGroup, is_in: impl Fn(&GroupSession) -> bool) -> Result<()> {
        let may_start = |session: &GroupSession| session.status != SessionStatus::Completed && is_in(session);
        let problem = check(group, &self.context(), may_start).into_iter().next();
        problem.map_or(Ok(()), |problem| Err(problem.error))
    }

    /// Returns the directory in which a session is to work. Fails with `INVALID_STATE` if it cannot.
    pub fn project(&self, session: &GroupSession) -> Result<PathBuf> {
        let project = Path::new(&session.project_path);
        if self.checks_projects {
            check_project(project, self.store.as_deref())
        } else {
            Ok(project.to_owned())
        }
    }
}
