//! What the processes of sessions are started with.

use std::path::{Path, PathBuf};

use crate::claude::ClaudeVersion;
use crate::claude::environment::Environment;
use crate::error::{Error, Result};
use crate::generate::{Context, check};
use crate::model::{GroupSession, SessionGroup, SessionStatus};
use crate::runner::process::check_project;
use crate::runner::projects::check_projects;

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

    /// Finds what keeps sessions from being started, before any of them is. `are_retried` tells whether failed sessions run
    /// again. Fails with all problems.
    pub fn check(
        &self,
        group: &SessionGroup,
        are_retried: bool,
        is_in: impl Fn(&GroupSession) -> bool,
    ) -> Result<()> {
        let may_start = |session: &GroupSession| session.status != SessionStatus::Completed && is_in(session);
        let mut problems = check(group, &self.context(), may_start);
        if self.checks_projects {
            problems.extend(check_projects(group, self.store.as_deref(), |session| match session.status {
                SessionStatus::Pending | SessionStatus::Paused => is_in(session),
                SessionStatus::Failed => are_retried && is_in(session),
                // An earlier runner has started it there.
                SessionStatus::Active | SessionStatus::Completed => false,
            }));
        }
        let errors = problems.into_iter().map(|problem| problem.error).collect();
        Error::several(group.id.as_str(), errors).map_or(Ok(()), Err)
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
