use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use session_groups::claude::ClaudeVersion;
use session_groups::claude::command::{MIN_VERSION, has_option, missing_options};
use session_groups::claude::environment::Environment;
use session_groups::model::number::Positive;
use session_groups::model::{GroupStatus, SessionGroup};
use session_groups::ownership::{self, Owner};
use session_groups::repository::{FileGroupRepository, GroupFilter, GroupRepository};
use session_groups::runner::process::{Program, ProgramSearch};

use crate::arguments::Global;
use crate::error::{Result, Severity, report};
use crate::exit::Exit;
use crate::output::table::{Column, layout_untitled};
use crate::output::{Format, Line, Output, Tone, format};
use crate::selection::{find_group, open_store};
use crate::words;

/// Look for problems: in the store, of runners that died, and of claude
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups doctor\n  session-groups doctor payments")]
pub struct Doctor {
    /// Look at this group alone: its id, a unique beginning or end of it, or `latest`
    group: Option<String>,
    /// Path of claude
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::ExecutablePath)]
    claude: Option<PathBuf>,
}

/// The findings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings {
    store: PathBuf,
    groups: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    claude: Option<Claude>,
    runners: Vec<RunnerFound>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Claude {
    path: PathBuf,
    version: String,
    lacks: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct RunnerFound {
    group: String,
    /// Text for people.
    runner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<Positive>,
}

#[derive(Debug, Serialize)]
struct Problem {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl Problem {
    fn new(kind: &'static str, message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self { kind, message: message.into(), help: help.into() }
    }
}

impl Doctor {
    /// Looks, and prints what was found. Changes nothing.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let store = open_store(global.store.as_deref())?;
        let mut problems = Vec::new();
        let groups = if let Some(name) = &self.group {
            vec![find_group(&store, name)?.group()?]
        } else {
            problems.extend(store_problems(&store)?);
            let documents = store.list(&GroupFilter::default(), None)?;
            // Those that cannot be read are among the problems.
            documents.iter().filter_map(|document| document.group().ok()).collect()
        };
        let runners = runners(&store, &groups, &mut problems);
        left_processes(&store, &groups, &mut problems);
        let claude = self.claude(&groups, &mut problems);
        let groups = groups.len();
        let findings = Findings { store: store.base().to_owned(), groups, claude, runners, problems };
        let exit = if findings.problems.is_empty() { Exit::Success } else { Exit::Unexpected };
        if output.format() == Format::Text {
            print(&findings, output)?;
        } else {
            output.json(&findings)?;
        }
        Ok(exit)
    }

    /// Finds claude, as a run of these groups would.
    fn claude(&self, groups: &[SessionGroup], problems: &mut Vec<Problem>) -> Option<Claude> {
        let environment = Environment::of_process();
        let sessions = groups.iter().flat_map(|group| &group.sessions);
        let projects: Vec<_> = sessions.map(|session| std::path::Path::new(&session.project_path)).collect();
        let search =
            ProgramSearch { path: self.claude.as_deref(), environment: &environment, projects: &projects };
        let found = Program::find(&search)
            .and_then(|program| program.version(&environment).map(|version| (program, version)));
        match found {
            Ok((program, version)) => {
                problems.extend(version_problem(version));
                Some(Claude {
                    path: program.path().to_owned(),
                    version: version.to_string(),
                    lacks: missing_options(version).collect(),
                })
            }
            Err(error) => {
                problems.push(Problem::new("claude", words::statement(&error), words::help(&error)));
                None
            }
        }
    }
}

/// The problem of a version that cannot run groups.
fn version_problem(version: ClaudeVersion) -> Option<Problem> {
    let (problem, help) = if version < MIN_VERSION {
        ("is too old to run groups", format!("update it to {MIN_VERSION} or newer"))
    } else if !has_option(version, "--max-budget-usd") {
        let help = "update it, or set budget.onExceeded of each group to warn";
        ("lacks --max-budget-usd, which groups with a budget need", help.to_owned())
    } else {
        return None;
    };
    Some(Problem::new("claude", format!("Claude Code {version} {problem}"), help))
}

/// The problems of the store's files.
fn store_problems(store: &FileGroupRepository) -> Result<Vec<Problem>> {
    let found = store.verify()?.into_iter();
    Ok(found.map(|problem| Problem::new(problem.kind.name(), problem.message, None)).collect())
}

/// The runners of groups. A group that is stored as running without one is a problem.
fn runners(
    store: &FileGroupRepository,
    groups: &[SessionGroup],
    problems: &mut Vec<Problem>,
) -> Vec<RunnerFound> {
    let mut found = Vec::new();
    for group in groups {
        match ownership::owner(store, &group.id) {
            Owner::Other { name, pid } => {
                found.push(RunnerFound { group: group.id.to_string(), runner: name, pid });
            }
            Owner::None if group.status == GroupStatus::Running => {
                let message = format!("{} is stored as running, but its runner is gone", group.id);
                let help = format!(
                    "`session-groups run {0}` takes it up, `session-groups stop {0}` ends it",
                    group.id
                );
                problems.push(Problem::new("no_runner", message, help));
            }
            Owner::None | Owner::ThisProcess => {}
        }
    }
    found
}

/// Finds processes of sessions whose group no runner has.
#[cfg(unix)]
fn left_processes(store: &FileGroupRepository, groups: &[SessionGroup], problems: &mut Vec<Problem>) {
    use std::collections::HashMap;

    use session_groups::runner::process::{Mark, marked_processes};

    let mut sessions: HashMap<Mark, (&SessionGroup, &str)> = HashMap::new();
    for group in groups {
        for session in &group.sessions {
            let attempts = session.attempts.iter().flatten();
            let marks = attempts.filter_map(|attempt| attempt.uuid.parse::<Mark>().ok());
            sessions.extend(marks.map(|mark| (mark, (group, session.id.as_str()))));
        }
    }
    let processes = marked_processes().unwrap_or_else(|error| {
        let message = format!("the processes of this machine cannot be looked at: {error}");
        let help = "end what keeps many files open, and run `session-groups doctor` again".to_owned();
        problems.push(Problem::new("processes", message, help));
        Vec::new()
    });
    for process in processes {
        let Some((group, session)) = process.marks.iter().find_map(|mark| sessions.get(mark)) else {
            continue;
        };
        if ownership::owner(store, &group.id) != Owner::None {
            continue;
        }
        let message = format!(
            "process {} of session {session:?} of {} runs without a runner: {}",
            process.pid,
            group.id,
            session_groups::json::shortened(&process.command, 100)
        );
        let help = format!(
            "`session-groups run {0}` takes it over, `session-groups stop {0} --now` ends it",
            group.id
        );
        problems.push(Problem::new("process", message, help));
    }
}

#[cfg(not(unix))]
fn left_processes(_: &FileGroupRepository, _: &[SessionGroup], _: &mut Vec<Problem>) {}

fn print(findings: &Findings, output: &mut Output) -> Result<()> {
    const COLUMNS: [Column; 2] = [Column::word("", 0), Column::text("", 0)];
    let home = format::home();
    let path = |path: &PathBuf| format::path(&path.to_string_lossy(), home.as_deref());
    let row = |title: &str, text: String| vec![Line::new().with(Tone::Faint, title), Line::from(text)];
    let mut rows = vec![row(
        "store",
        format!("{}, {}", path(&findings.store), format::counted(findings.groups, "group")),
    )];
    if let Some(claude) = &findings.claude {
        rows.push(row("claude", format!("{} at {}", claude.version, path(&claude.path))));
        if !claude.lacks.is_empty() {
            rows.push(row("lacks", claude.lacks.join(", ")));
        }
    }
    for found in &findings.runners {
        rows.push(row("running", format!("{} by {}", found.group, found.runner)));
    }
    let width = output.width();
    output.lines(&layout_untitled(&COLUMNS, rows, width))?;
    if findings.problems.is_empty() {
        output.line(&Line::new().with(Tone::Good, "no problems"))?;
    }
    for problem in &findings.problems {
        report(output, Severity::Error, &problem.message, problem.help.as_deref());
    }
    Ok(())
}
