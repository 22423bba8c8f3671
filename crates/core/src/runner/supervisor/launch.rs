//! The command lines of sessions: arguments, environment, prompt.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::claude::ClaudeVersion;
use crate::claude::command::{CommandOptions, Conversation};
use crate::claude::environment::Environment;
use crate::claude::input;
use crate::error::{Error, Result};
use crate::model::config::SessionConfig;
use crate::model::number::{Positive, Usd};
use crate::model::{BudgetAction, GroupSession, SessionGroup, SessionStatus};
use crate::runner::process::check_project;

/// Makes command lines.
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

/// A command line.
pub struct CommandLine {
    pub arguments: Vec<OsString>,
    pub environment: Environment,
    pub project: PathBuf,
}

impl Launcher {
    /// Makes the command line of a session.
    pub fn command_line(
        &self,
        group: &SessionGroup,
        session: &GroupSession,
        conversation: Conversation,
        cap: Option<Usd>,
    ) -> Result<CommandLine> {
        let project = Path::new(&session.project_path);
        let project = if self.checks_projects {
            check_project(project, self.store.as_deref())?
        } else {
            project.to_owned()
        };
        let options = CommandOptions { max_budget_usd: cap, ..options(group, session, conversation) };
        let mut environment = self.environment.clone();
        if let Some(configured) = config(group, session).and_then(|config| config.env.as_ref()) {
            environment.configure(configured, &self.allow_env)?;
        }
        Ok(CommandLine { arguments: options.arguments(self.version)?, environment, project })
    }

    /// Finds what keeps sessions from being started, before any of them is. Fails with `INVALID_STATE` for a blank prompt,
    /// with `INVALID_ARGUMENT` for a configuration that cannot be passed on, and with `CLAUDE_TOO_OLD`.
    pub fn check(&self, group: &SessionGroup, sessions: &[&GroupSession]) -> Result<()> {
        let has_caps = group.config.on_budget_exceeded != BudgetAction::Warn;
        for session in sessions.iter().filter(|session| session.status != SessionStatus::Completed) {
            let of_session = |error: Error| error.in_session(&session.id);
            if session.attempts.is_none() {
                input::user_message(&session.prompt).map_err(of_session)?;
            }
            let conversation = Conversation::Fresh(Uuid::nil());
            let cap = has_caps.then_some(Usd::clamped(1.0));
            let options = CommandOptions { max_budget_usd: cap, ..options(group, session, conversation) };
            options.arguments(self.version).map_err(of_session)?;
            if let Some(configured) = config(group, session).and_then(|config| config.env.as_ref()) {
                self.environment.clone().configure(configured, &self.allow_env).map_err(of_session)?;
            }
        }
        Ok(())
    }
}

/// The session's configuration, or the group's for sessions without one.
fn config<'a>(group: &'a SessionGroup, session: &'a GroupSession) -> Option<&'a SessionConfig> {
    session.config.as_ref().or(group.config.session_defaults.as_ref())
}

fn options(group: &SessionGroup, session: &GroupSession, conversation: Conversation) -> CommandOptions {
    let model = session.model.as_ref().unwrap_or(&group.config.model);
    let mut options = CommandOptions::new(conversation, model);
    options.max_turns = session.max_turns.map(Positive::get);
    options.additional_args = group.config.additional_args.clone().unwrap_or_default();
    if let Some(config) = config(group, session) {
        options.permission_mode.clone_from(&config.permission_mode);
        options.allowed_tools = config.allowed_tools.clone().unwrap_or_default();
        options.disallowed_tools = config.disallowed_tools.clone().unwrap_or_default();
        options.append_system_prompt.clone_from(&config.append_system_prompt);
    }
    options
}
