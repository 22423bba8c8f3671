//! The configuration of a session: from the group's defaults and its own to files and a command line.
//!
//! Instructions, settings and MCP servers reach Claude Code by options that name files in the session's own directory.
//! Nothing is written into the project, and `CLAUDE_CONFIG_DIR` is left alone, since the session would not be logged in
//! with another one.
//!
//! [`check`] finds everything that would keep a session from starting, before anything is started. [`prepare`] writes the
//! files of one session, anew before each start.
//!
//! ```
//! use session_groups::claude::environment::Environment;
//! use session_groups::claude::ClaudeVersion;
//! use session_groups::generate::{Context, check};
//! use session_groups::model::{GroupId, GroupSession, SessionGroup, time::IsoTime};
//!
//! let created_at = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
//! let id = GroupId::new("20260115-103000-auth")?;
//! let mut group = SessionGroup::new(id, "Authentication", "auth", created_at.clone());
//! let mut session = GroupSession::new("001-api", "/projects/api", "Add a login", created_at);
//! session.template = Some("reviewer.md".to_owned());
//! group.sessions.push(session);
//!
//! let environment = Environment::inherit([("HOME".into(), "/home/nobody".into())]);
//! let context = Context::new(ClaudeVersion::new(2, 1, 332), &environment);
//! let problems = check(&group, &context, |_| true);
//! assert_eq!(problems[0].error.code(), "INVALID_TEMPLATE");
//! # Ok::<(), session_groups::Error>(())
//! ```

mod effective;
#[cfg(unix)]
mod files;
mod front_matter;
mod lookup;
mod mcp;
mod settings;
pub mod template;

use std::ffi::OsString;
use std::path::PathBuf;

use uuid::Uuid;

use crate::claude::ClaudeVersion;
use crate::claude::command::{CommandOptions, Conversation, Instructions, has_option};
use crate::claude::environment::Environment;
use crate::error::{Error, Remedy, Result};
use crate::model::number::Usd;
use crate::model::{BudgetAction, GroupSession, SessionGroup};
#[cfg(unix)]
use crate::runner::process::SessionDirectory;
use effective::Effective;

/// The surroundings in which sessions are to start.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The version of Claude Code.
    pub version: ClaudeVersion,
    /// The runner's environment. Values of `{ from }` and the places of templates come from it.
    pub environment: &'a Environment,
    /// Names of variables that a configuration may set although they change what runs.
    pub allow_env: &'a [String],
}

impl<'a> Context<'a> {
    /// Surroundings in which no further variables are allowed.
    pub fn new(version: ClaudeVersion, environment: &'a Environment) -> Self {
        Self { version, environment, allow_env: &[] }
    }
}

/// A reason why a group or one of its sessions cannot start.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Id of the session; `None` if the whole group is concerned.
    pub session: Option<String>,
    /// The error. It names the session.
    pub error: Error,
}

/// Checks everything that sessions need in order to start: their prompts, templates, settings, MCP servers, environment and
/// command lines, and the options that the version of Claude Code lacks. Returns all problems, those of the whole group
/// first. Templates are read; nothing is written.
///
/// `may_start` selects the sessions that may start in this run. Sessions that have ended need not be checked.
pub fn check(
    group: &SessionGroup,
    context: &Context<'_>,
    may_start: impl Fn(&GroupSession) -> bool,
) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    if let Err(error) = check_budget(group, context.version) {
        problems.push(Problem { session: None, error });
    }
    for session in group.sessions.iter().filter(|session| may_start(session)) {
        for error in Draft::problems(group, session, context) {
            let error = error.in_session(group.id.as_str(), &session.id);
            problems.push(Problem { session: Some(session.id.clone()), error });
        }
    }
    problems
}

/// Fails with `CLAUDE_TOO_OLD` if the group's budget needs an option that the version lacks.
fn check_budget(group: &SessionGroup, version: ClaudeVersion) -> Result<()> {
    let is_capped = group.config.on_budget_exceeded != BudgetAction::Warn
        || group.sessions.iter().any(|session| session.max_budget_usd.is_some());
    if !is_capped || has_option(version, "--max-budget-usd") {
        return Ok(());
    }
    let message = format!("Claude Code {version} lacks --max-budget-usd, so that a budget cannot be kept");
    Err(Error::claude_too_old(message).with_remedy(Remedy::UpdateOrLiftBudget))
}

/// Writes the files of a session into its directory, and returns what its process needs. Files of an earlier start are
/// replaced or removed. Fails as [`check`] would, and with `IO`.
#[cfg(unix)]
pub fn prepare(
    group: &SessionGroup,
    session: &GroupSession,
    directory: &SessionDirectory,
    context: &Context<'_>,
) -> Result<Prepared> {
    let named = |error: Error| error.in_session(group.id.as_str(), &session.id);
    let draft = Draft::new(group, session, context).map_err(named)?;
    let files = files::write(directory, &draft)?;
    Ok(draft.into_prepared(files))
}

/// Returns what the process of a session needs, with texts in place of files. For hosts that start processes themselves.
/// Fails as [`check`] would.
pub fn prepare_inline(
    group: &SessionGroup,
    session: &GroupSession,
    context: &Context<'_>,
) -> Result<Prepared> {
    let named = |error: Error| error.in_session(group.id.as_str(), &session.id);
    let draft = Draft::new(group, session, context).map_err(named)?;
    let text = |text: &Option<String>| text.as_ref().map(PathBuf::from);
    let files =
        Files { settings: text(&draft.settings), mcp_config: text(&draft.mcp_config), instructions: None };
    Ok(draft.into_prepared(files))
}

/// What the process of a session needs, except for its conversation and its share of the budget.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The environment of the process.
    pub environment: Environment,
    /// The options; the conversation in them is a placeholder.
    options: CommandOptions,
    version: ClaudeVersion,
}

impl Prepared {
    /// Returns the arguments of the program. `cap` is the amount that this process may spend.
    pub fn arguments(&self, conversation: Conversation, cap: Option<Usd>) -> Result<Vec<OsString>> {
        let options = CommandOptions { conversation, max_budget_usd: cap, ..self.options.clone() };
        options.arguments(self.version)
    }
}

/// Paths of the written files; `None` for each that is not needed.
#[derive(Debug, Default)]
struct Files {
    instructions: Option<PathBuf>,
    settings: Option<PathBuf>,
    mcp_config: Option<PathBuf>,
}

/// The contents of the files of a session, checked.
struct Draft {
    instructions: Option<String>,
    settings: Option<String>,
    mcp_config: Option<String>,
    environment: Environment,
    options: CommandOptions,
    version: ClaudeVersion,
}

impl Draft {
    /// Fails with the first problem.
    fn new(group: &SessionGroup, session: &GroupSession, context: &Context<'_>) -> Result<Self> {
        let mut problems = Vec::new();
        let draft = Self::build(group, session, context, &mut problems);
        match problems.into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(draft),
        }
    }

    fn problems(group: &SessionGroup, session: &GroupSession, context: &Context<'_>) -> Vec<Error> {
        let mut problems = Vec::new();
        Self::build(group, session, context, &mut problems);
        problems
    }

    /// Builds as much as possible, and collects all problems.
    fn build(
        group: &SessionGroup,
        session: &GroupSession,
        context: &Context<'_>,
        problems: &mut Vec<Error>,
    ) -> Self {
        let config = Effective::of(group, session);
        if session.prompt.trim().is_empty() {
            problems.push(
                Error::invalid_state("the prompt is blank").with_remedy("Set a prompt before the group runs"),
            );
        }
        let instructions = template::instructions(group, session, &config, context.environment);
        let instructions = instructions.unwrap_or_else(|error| {
            problems.push(error);
            None
        });
        problems.extend(settings::problems(&config, context.allow_env));
        problems.extend(mcp::problems(&config.mcp_servers));
        let mut environment = context.environment.clone();
        if let Err(error) = environment.configure(&config.env, context.allow_env) {
            problems.push(error);
        }
        let draft = Self {
            settings: settings::text(&config),
            mcp_config: mcp::text(&config.mcp_servers),
            options: config.options(group, session),
            instructions,
            environment,
            version: context.version,
        };
        if let Err(error) = draft.check_arguments() {
            problems.push(error);
        }
        draft
    }

    /// Checks the command line with placeholders.
    fn check_arguments(&self) -> Result<()> {
        let path = |text: &Option<String>| text.as_ref().map(|_| PathBuf::from("/"));
        let files = Files {
            instructions: path(&self.instructions),
            settings: path(&self.settings),
            mcp_config: path(&self.mcp_config),
        };
        self.options_with(files).arguments(self.version).map(drop)
    }

    fn options_with(&self, files: Files) -> CommandOptions {
        let instructions = self.instructions.clone().zip(Some(files.instructions));
        CommandOptions {
            instructions: instructions.map(|(text, file)| Instructions { file, text }),
            settings: files.settings,
            mcp_config: files.mcp_config,
            ..self.options.clone()
        }
    }

    fn into_prepared(self, files: Files) -> Prepared {
        let options = self.options_with(files);
        Prepared { environment: self.environment, options, version: self.version }
    }
}

/// The conversation of options that are not used to start a process yet.
const NO_CONVERSATION: Conversation = Conversation::Fresh(Uuid::nil());

#[cfg(test)]
mod tests;
