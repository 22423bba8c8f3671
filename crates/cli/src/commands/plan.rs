use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use session_groups::Error;
use session_groups::claude::ClaudeVersion;
use session_groups::claude::command::Conversation;
use session_groups::claude::environment::Environment;
use session_groups::generate::{self, Context};
use session_groups::manager::NewGroup;
use session_groups::manager::rules;
use session_groups::model::config::ConcurrencyConfig;
use session_groups::model::number::Usd;
use session_groups::model::run::AttemptKind;
use session_groups::model::time::IsoTime;
use session_groups::model::{GroupSession, SessionGroup, SessionStatus};
use session_groups::runner::check_projects;
use session_groups::runner::plan::{Retry, RunOptions};
use session_groups::runner::process::{Program, ProgramSearch, SessionDirectory, directory_names};
use session_groups::runner::{PlannedStart, planned_starts, remaining_waves};

use crate::arguments::Global;
use crate::commands::plan_source::{self, Variables};
use crate::commands::run::{Options, Run, find_group_or_plan, is_plan, matching, shared};
use crate::error::{Failure, Result, Severity, report};
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone, format};
use crate::running::take_up;
use crate::selection::open_store;

/// Show what would be run: waves, commands, files and budgets
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups plan payments.group.yaml -V branch=main")]
pub struct PlanCommand {
    /// The plan file, or the id of a group, a unique beginning or end of it, or `latest`
    #[arg(value_name = "PLAN|GROUP")]
    target: String,
    #[command(flatten)]
    variables: Variables,
    /// Path of claude
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::ExecutablePath)]
    claude: Option<PathBuf>,
}

impl PlanCommand {
    /// Prints the plan of a run.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let (target, variables) = (self.target, self.variables);
        let options = Options::of_claude(self.claude);
        show_plan(&Run { target, variables, options, rerun: None, is_dry: false }, global, output)
    }
}

/// The plan of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionPlan {
    group: String,
    name: String,
    is_stored: bool,
    claude: PathBuf,
    version: String,
    max_concurrent: u64,
    max_budget_usd: f64,
    waves: Vec<Vec<String>>,
    sessions: Vec<PlannedSession>,
}

/// A session that would be started.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedSession {
    id: String,
    is_resumed: bool,
    depends_on: Vec<String>,
    project: String,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_budget_usd: Option<f64>,
    command: Vec<String>,
    files: Vec<String>,
}

/// The id in place of a conversation's, which is chosen at the start.
const CONVERSATION: &str = "CONVERSATION";

/// Prints what would be run.
pub fn show_plan(run: &Run, global: &Global, output: &mut Output) -> Result<Exit> {
    let Run { target, variables, options, .. } = run;
    let claude = options.claude.as_deref();
    let store = open_store(global.store.as_deref())?;
    let (mut group, is_stored) = if is_plan(target) {
        let plan = plan_source::compile(Path::new(target), variables)?;
        plan_source::check_sessions(&plan, Path::new(target), claude)?;
        plan_source::warn(output, &plan.warnings);
        if let Some(stored) = take_up::unfinished(&store, &plan)? {
            let (merged, differences) = take_up::merged(&stored.group()?, &plan, run.rerun);
            for sentence in differences.sentences() {
                report(output, Severity::Warning, &sentence, None);
            }
            (merged, true)
        } else {
            options.check_new(&plan, target)?;
            let now = IsoTime::now();
            let new = rules::create(&NewGroup::named(&plan.name), 1, &now)?.group.group()?;
            (plan.group(new.id, &new.slug, &now), false)
        }
    } else {
        let found = find_group_or_plan(&store, target)?;
        variables.check_none(target)?;
        (found.group()?, true)
    };
    change_limits(&mut group, options);
    let decisions = decisions(run, &group)?;
    let environment = Environment::of_process();
    let projects: Vec<&Path> =
        group.sessions.iter().map(|session| Path::new(&session.project_path)).collect();
    let program =
        Program::find(&ProgramSearch { path: claude, environment: &environment, projects: &projects })?;
    let version = program.version(&environment)?;
    let directory = store.base().join(group.id.as_str());
    let plan = Planner {
        group: &group,
        directory: &directory,
        program: &program,
        version,
        environment: &environment,
        options: &decisions,
    }
    .plan(is_stored)?;
    if output.format() == Format::Text {
        print(&plan, output)?;
        let start = if run.is_dry {
            "Leave out --dry-run to start it.".to_owned()
        } else {
            format!("`session-groups run {target}` starts it.")
        };
        output.line(&Line::from(format!("Nothing was started. {start}")))?;
    } else {
        output.json(&plan)?;
    }
    Ok(Exit::Success)
}

/// Changes the limits of a group as a run with the options would.
fn change_limits(group: &mut SessionGroup, options: &Options) {
    let config = &mut group.config;
    config.max_budget_usd = options.budget.unwrap_or(config.max_budget_usd);
    if let Some(max_concurrent) = options.concurrency {
        config.max_concurrent_sessions = max_concurrent;
        config.concurrency = config.concurrency.map(|rules| ConcurrencyConfig { max_concurrent, ..rules });
    }
}

/// The options of a run that affect what is started.
fn decisions(run: &Run, group: &SessionGroup) -> Result<RunOptions> {
    let ids = |patterns| matching(group, patterns).map(|ids| shared(&ids));
    let Options { only, skip, .. } = &run.options;
    Ok(RunOptions {
        only: if only.is_empty() { None } else { Some(ids(only)?) },
        skip: ids(skip)?,
        retry: run.rerun.map(|_| Retry::default()),
        ..RunOptions::default()
    })
}

struct Planner<'a> {
    group: &'a SessionGroup,
    /// Directory of the group.
    directory: &'a Path,
    program: &'a Program,
    version: ClaudeVersion,
    environment: &'a Environment,
    options: &'a RunOptions,
}

impl Planner<'_> {
    fn plan(&self, is_stored: bool) -> Result<ExecutionPlan> {
        let context = Context::new(self.version, self.environment);
        let may_start = |session: &GroupSession| session.status != SessionStatus::Completed;
        let mut problems = generate::check(self.group, &context, may_start);
        problems.extend(check_projects(self.group, self.directory.parent(), |session| {
            matches!(session.status, SessionStatus::Pending | SessionStatus::Paused)
        }));
        let errors = problems.into_iter().map(|problem| problem.error).collect();
        if let Some(error) = Error::several(self.group.id.as_str(), errors) {
            return Err(error.into());
        }
        let starts = planned_starts(self.group, self.options)?;
        // The files are generated for real, in a directory that is removed again.
        let temporary = tempfile::tempdir()
            .map_err(|error| Failure::unexpected(format!("cannot create a temporary directory: {error}")))?;
        let sessions = starts.iter().map(|start| {
            self.session(&self.group.sessions[start.session], start, temporary.path(), &context)
        });
        Ok(ExecutionPlan {
            group: self.group.id.to_string(),
            name: self.group.name.clone(),
            is_stored,
            claude: self.program.path().to_owned(),
            version: self.version.to_string(),
            max_concurrent: self.group.max_concurrent(),
            max_budget_usd: self.group.config.max_budget_usd.get(),
            waves: self.waves(&starts),
            sessions: sessions.collect::<Result<_>>()?,
        })
    }

    /// The sessions that can run at the same time, as far as they are started at all.
    fn waves(&self, starts: &[PlannedStart]) -> Vec<Vec<String>> {
        let started: HashSet<_> =
            starts.iter().map(|start| self.group.sessions[start.session].id.as_str()).collect();
        // Failed sessions that are to run again count as not started.
        let mut group = self.group.clone();
        for start in starts {
            group.sessions[start.session].status = SessionStatus::Pending;
        }
        let mut waves = remaining_waves(&group);
        for wave in &mut waves {
            wave.retain(|id| started.contains(id.as_str()));
        }
        waves.retain(|wave| !wave.is_empty());
        waves
    }

    fn session(
        &self,
        session: &GroupSession,
        start: &PlannedStart,
        temporary: &Path,
        context: &Context<'_>,
    ) -> Result<PlannedSession> {
        let names = directory_names(&session.id, self.group.sessions.iter().map(|other| other.id.as_str()));
        let directory = SessionDirectory::create(temporary, &names)?;
        let prepared = generate::prepare(self.group, session, &directory, context)?;
        let conversation = uuid::Uuid::nil();
        let conversation = match start.how {
            AttemptKind::Fresh => Conversation::Fresh(conversation),
            AttemptKind::Resume => Conversation::Resume(conversation),
        };
        let arguments = prepared.arguments(conversation, start.cap)?;
        let real = |text: String| {
            let (from, to) = (temporary.to_string_lossy(), self.directory.to_string_lossy());
            text.replace(from.as_ref(), &to).replace(&uuid::Uuid::nil().to_string(), CONVERSATION)
        };
        let program = self.program.path().to_string_lossy().into_owned();
        let arguments = arguments.into_iter().map(|argument| real(argument.to_string_lossy().into_owned()));
        Ok(PlannedSession {
            id: session.id.clone(),
            is_resumed: start.how == AttemptKind::Resume,
            depends_on: session.depends_on.clone(),
            project: session.project_path.clone(),
            model: session.model.as_ref().unwrap_or(&self.group.config.model).clone(),
            max_budget_usd: start.cap.map(Usd::get),
            command: std::iter::once(program).chain(arguments).collect(),
            files: generated_files(directory.path()).into_iter().map(real).collect(),
        })
    }
}

/// Paths of the generated files of a session.
fn generated_files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory.join("config")).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect();
    files.sort();
    files
}

fn print(plan: &ExecutionPlan, output: &mut Output) -> Result<()> {
    let home = format::home();
    let path = |path: &str| format::path(path, home.as_deref());
    let sessions = format::counted(plan.sessions.len(), "session");
    let waves = format::counted(plan.waves.len(), "wave");
    let summary = format!(
        ": {sessions} in {waves}, at most {} at once, budget {}",
        plan.max_concurrent,
        format::dollars(plan.max_budget_usd)
    );
    output.line(&Line::new().with(Tone::Strong, &plan.name).plain(&summary))?;
    let claude = format!("claude {} at {}", plan.version, path(&plan.claude.to_string_lossy()));
    output.line(&Line::new().with(Tone::Faint, &claude))?;
    for session in &plan.sessions {
        let wave = plan.waves.iter().position(|wave| wave.contains(&session.id)).map_or(0, |index| index + 1);
        let mut line = Line::from(format!("{wave:>3}  ")).with(Tone::Strong, &session.id);
        line = line.plain(&format!("  {}  {}", session.model, path(&session.project)));
        if let Some(cap) = session.max_budget_usd {
            line = line.plain(&format!("  at most {}", format::dollars(cap)));
        }
        if session.is_resumed {
            line = line.with(Tone::Warning, "  resumed");
        }
        if !session.depends_on.is_empty() {
            line = line.with(Tone::Faint, &format!("  after {}", session.depends_on.join(", ")));
        }
        output.line(&line)?;
        let command: Vec<_> = session.command.iter().map(|argument| format::shell_word(argument)).collect();
        output.line(&Line::new().plain("     ").with(Tone::Hint, &command.join(" ")))?;
        for file in &session.files {
            output.line(&Line::new().plain("     ").with(Tone::Faint, &format!("writes {}", path(file))))?;
        }
    }
    Ok(())
}
