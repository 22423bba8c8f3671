use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use session_groups::manager::NewGroup;
use session_groups::model::number::{Positive, Usd};
use session_groups::model::time::now_ms;
use session_groups::model::{GroupSession, SessionGroup};
use session_groups::repository::{Document, FileGroupRepository};
use session_groups::runner::plan::Retry;
use session_groups::runner::{ChangedLimits, RunnerOptions};

use crate::arguments::Global;
use crate::commands::create::create;
use crate::commands::plan::show_plan;
use crate::commands::plan_source::{self, Variables};
use crate::error::{Failure, Result, Severity, report};
use crate::exit::Exit;
use crate::numbers;
use crate::output::{Output, format};
use crate::plan_file::{Plan, glob};
use crate::running::drive;
use crate::running::take_up::{self, Rerun};
use crate::selection::{find_group, open_store, short_name};
use crate::view::{GroupView, SessionState};

/// Run a plan file or a stored group
///
/// A plan file that was run before takes up its newest unfinished group. Ctrl-C pauses, a second one stops, a third one kills.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  session-groups run payments.group.yaml -j 4 --budget 20\n  session-groups run payments --only 'client-*'"
)]
pub struct Run {
    /// The plan file, or the id of a group, a unique beginning or end of it, or `latest`
    #[arg(value_name = "PLAN|GROUP")]
    pub(super) target: String,
    #[command(flatten)]
    pub(super) variables: Variables,
    /// Run failed, changed or all sessions again
    #[arg(long, value_name = "WHICH")]
    pub(super) rerun: Option<Rerun>,
    /// Show what would be run and start nothing
    #[arg(long = "dry-run")]
    pub(super) is_dry: bool,
    #[command(flatten)]
    pub(super) options: Options,
}

/// The options of a run.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Maximum number of sessions that run at once
    #[arg(short = 'j', long, value_name = "N", value_parser = numbers::positive, allow_negative_numbers = true)]
    pub(super) concurrency: Option<Positive>,
    /// US dollars that all sessions together may cost
    #[arg(long, value_name = "USD", value_parser = numbers::usd, allow_negative_numbers = true)]
    pub(super) budget: Option<Usd>,
    /// Only sessions whose id matches; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(super) only: Vec<String>,
    /// Not the sessions whose id matches; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(super) skip: Vec<String>,
    /// Pause as soon as a session has failed
    #[arg(long)]
    fail_fast: bool,
    /// Pause at a usage limit instead of waiting for its end
    #[arg(long)]
    no_wait_for_limits: bool,
    /// Path of claude
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::ExecutablePath)]
    pub(super) claude: Option<PathBuf>,
}

impl Options {
    /// No options but the path of claude.
    pub fn of_claude(claude: Option<PathBuf>) -> Self {
        Self { claude, ..Self::default() }
    }

    /// The options of the runner of a group.
    pub fn runner_options(&self, group: &SessionGroup) -> Result<RunnerOptions> {
        let fail_fast = self.fail_fast.then_some(true);
        let limits = ChangedLimits {
            max_concurrent: self.concurrency,
            max_budget_usd: self.budget,
            pause_on_error: fail_fast,
            error_threshold: fail_fast.and(Positive::new(1)),
            ..ChangedLimits::default()
        };
        Ok(RunnerOptions {
            limits,
            only: if self.only.is_empty() { None } else { Some(matching(group, &self.only)?) },
            skip: matching(group, &self.skip)?,
            wait_for_limits: !self.no_wait_for_limits,
            claude_path: self.claude.clone(),
            ..RunnerOptions::default()
        })
    }

    /// Fails if a run of a new group would fail for its sessions, so that no group is left of it.
    pub(super) fn check_new(&self, plan: &Plan, file: &str) -> Result<()> {
        let is_matched =
            |pattern: &String| plan.sessions.iter().any(|session| glob::matches(pattern, &session.id));
        let message = match self.only.iter().chain(&self.skip).find(|pattern| !is_matched(pattern)) {
            Some(pattern) => format!("no session matches {pattern:?}"),
            None if plan.sessions.iter().any(|session| self.includes(&session.id)) => return Ok(()),
            None => "--only and --skip leave out all sessions".to_owned(),
        };
        let help = format!("`session-groups plan {}` shows the sessions", format::shell_word(file));
        Err(Failure::new(Exit::NothingToRun, message).with_help(help))
    }

    /// Returns `true` if a session is part of the run.
    fn includes(&self, session: &str) -> bool {
        let matches = |patterns: &[String]| patterns.iter().any(|pattern| glob::matches(pattern, session));
        (self.only.is_empty() || matches(&self.only)) && !matches(&self.skip)
    }
}

/// The ids of the sessions that match one of several patterns. Each pattern must match one.
pub fn matching(group: &SessionGroup, patterns: &[String]) -> Result<Vec<String>> {
    let ids = || group.sessions.iter().map(|session| session.id.as_str());
    if let Some(pattern) = patterns.iter().find(|pattern| !ids().any(|id| glob::matches(pattern, id))) {
        let failure = Failure::new(Exit::NothingToRun, format!("no session matches {pattern:?}"));
        return Err(failure.with_help(format!("`session-groups show {}` shows the sessions", group.id)));
    }
    let is_matched = |id: &&str| patterns.iter().any(|pattern| glob::matches(pattern, id));
    Ok(ids().filter(is_matched).map(str::to_owned).collect())
}

impl Run {
    /// Runs the group to its end.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        if self.is_dry {
            return show_plan(&self, global, output);
        }
        let store = open_store(global.store.as_deref())?;
        let document = if is_plan(&self.target) {
            self.group_of_plan(&store, output)?
        } else {
            let found = find_group_or_plan(&store, &self.target)?;
            self.variables.check_none(&self.target)?;
            found
        };
        let group = document.group()?;
        let mut options = self.options.runner_options(&group)?;
        if self.rerun.is_some() {
            options.retry = Some(Retry::default());
        }
        self.check_work(&group, &store)?;
        drive(&store, document.id(), options, output)
    }

    /// The group of a plan file: the newest unfinished one, brought up to date, or a new one.
    fn group_of_plan(&self, store: &FileGroupRepository, output: &mut Output) -> Result<Document> {
        let path = Path::new(&self.target);
        // The runner warns of shared directories.
        let plan = plan_source::compile(path, &self.variables)?;
        plan_source::check_sessions(&plan, path, self.options.claude.as_deref())?;
        // If several processes begin at once, one of them creates the group.
        let _lock = store.lock_plans()?;
        let Some(unfinished) = take_up::unfinished(store, &plan)? else {
            take_up::check_unreadable(store, &plan)?;
            self.options.check_new(&plan, &self.target)?;
            return create_from(store, &plan);
        };
        let (document, differences) = take_up::merge(store, &unfinished, &plan, self.rerun)?;
        for sentence in differences.sentences() {
            report(output, Severity::Warning, &sentence, None);
        }
        Ok(document)
    }

    /// Fails if there is nothing to run.
    fn check_work(&self, group: &SessionGroup, store: &FileGroupRepository) -> Result<()> {
        let view = GroupView::of(group, now_ms());
        let retries = self.rerun.is_some();
        let can_run = |(_, state): &(&GroupSession, &SessionState)| match state {
            SessionState::Failed | SessionState::NotReached { .. } => retries,
            SessionState::Completed | SessionState::Dropped => false,
            _ => true,
        };
        let states = view.sessions.iter().map(|session| &session.state);
        let mut runnable = group.sessions.iter().zip(states).filter(can_run).peekable();
        let is_any_runnable = runnable.peek().is_some();
        if runnable.any(|(session, _)| self.options.includes(&session.id)) {
            return Ok(());
        }
        let name = short_name(group, store);
        let failure = Failure::new(Exit::NothingToRun, format!("there is nothing to run in {}", group.id));
        Err(if is_any_runnable {
            failure.with_help("--only and --skip leave out each session that could run")
        } else if group.sessions.is_empty() {
            failure.with_help(format!("add sessions with `session-groups add {name}`"))
        } else if view.failed() > 0 {
            failure.with_help(format!("`session-groups retry {name}` runs failed sessions again"))
        } else {
            failure.with_help("all sessions of this run have completed; `--rerun all` runs a plan again")
        })
    }
}

/// Stores a new group made from a plan.
pub fn create_from(store: &FileGroupRepository, plan: &Plan) -> Result<Document> {
    create(store, &NewGroup::named(&plan.name), |group| {
        let planned = plan.group(group.id.clone(), &group.slug, &group.created_at);
        *group = planned;
    })
}

/// Returns `true` if a name on the command line means a plan file.
pub fn is_plan(target: &str) -> bool {
    let path = Path::new(target);
    let has_ending = path
        .extension()
        .is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
    has_ending || target.contains(std::path::MAIN_SEPARATOR) || path.is_file()
}

/// Endings that people leave out of the name of a plan file.
const ENDINGS: &[&str] = &[".group.yaml", ".group.yml", ".yaml", ".yml", ".json"];

/// Finds a group. If there is none, but a plan file of this name without its ending, the failure names the file.
pub fn find_group_or_plan(store: &FileGroupRepository, name: &str) -> Result<Document> {
    find_group(store, name).map_err(|failure| {
        let files = || ENDINGS.iter().map(|ending| format!("{name}{ending}"));
        match files().find(|file| Path::new(file).is_file()) {
            Some(file) if failure.exit() == Exit::NotFound => {
                failure.with_help(format!("the plan file is named {file:?}"))
            }
            _ => failure,
        }
    })
}

/// Ids as the runner's options have them.
pub fn shared(ids: &[String]) -> Vec<Arc<str>> {
    ids.iter().map(|id| Arc::from(id.as_str())).collect()
}
