//! Plan files named on the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use session_groups::claude::ClaudeVersion;
use session_groups::claude::environment::Environment;
use session_groups::error::ErrorKind;
use session_groups::generate::{self, Context};
use session_groups::model::GroupId;
use session_groups::model::time::IsoTime;
use session_groups::runner::process::{Program, ProgramSearch};

use crate::error::{Failure, Result, Severity, report};
use crate::output::Output;
use crate::plan_file::{self, Disk, Files, Place, Plan, Problem, Source};
use crate::words;

/// The variables of a plan.
#[derive(Debug, Clone, Default, Args)]
pub struct Variables {
    /// Value of a variable of the plan: ${{ vars.KEY }}
    #[arg(short = 'V', value_name = "KEY=VALUE", value_parser = parse_variable)]
    variables: Vec<(String, String)>,
}

fn parse_variable(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

impl Variables {
    /// Fails if there are any: those of a stored group have been replaced.
    pub fn check_none(&self, group: &str) -> Result<()> {
        if self.variables.is_empty() {
            return Ok(());
        }
        let failure =
            Failure::usage(format!("-V sets a variable of a plan file, but {group:?} is a stored group"));
        Err(failure.with_help("name the plan file, or leave -V out"))
    }

    /// The variables by their names. Of two values for one name the last counts.
    pub fn by_name(&self) -> BTreeMap<String, String> {
        self.variables.iter().cloned().collect()
    }
}

/// Reads and compiles a plan file. Fails with all of its problems.
pub fn compile(path: &Path, variables: &Variables) -> Result<Plan> {
    let text = Disk.read(path).map_err(|reason| {
        let failure = Failure::usage(format!("the plan file {} {reason}", path.display()));
        // A file that is there and cannot be read is the right one.
        let is_wrong_name = !path.exists() || path.is_dir();
        if is_wrong_name { failure.with_help("name a file such as payments.group.yaml") } else { failure }
    })?;
    let real = real_path(path)?;
    let source = Source { path: &real, shown: path, text: &text };
    let plan = plan_file::compile(&source, &variables.by_name(), &Disk).map_err(Failure::Plan)?;
    match plan.unused_variables.first() {
        None => Ok(plan),
        Some(name) => {
            let failure = Failure::usage(format!("{} does not use the variable {name:?}", path.display()));
            Err(failure
                .with_help(format!("write ${{{{ vars.{name} }}}} in the plan, or leave out -V {name}=…")))
        }
    }
}

fn real_path(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Failure::unexpected(format!("cannot resolve {}: {error}", path.display())))
}

/// Checks what sessions need in order to start: their templates, settings, MCP servers and options of claude. Fails with all
/// problems. Without a `claude` its version is not checked.
pub fn check_sessions(plan: &Plan, path: &Path, claude: Option<&Path>) -> Result<()> {
    let environment = Environment::of_process();
    let projects: Vec<&Path> = plan.sessions.iter().map(|session| Path::new(&session.project_path)).collect();
    let search = ProgramSearch { path: claude, environment: &environment, projects: &projects };
    let version = Program::find(&search).and_then(|program| program.version(&environment));
    let version = version.unwrap_or(ClaudeVersion::new(u32::MAX, 0, 0));
    let group = plan.group(GroupId::new("plan")?, "plan", &IsoTime::now());
    let found = generate::check(&group, &Context::new(version, &environment), |_| true);
    let mut problems: Vec<Problem> = Vec::new();
    for found in found {
        let problem = located(plan, path, &found);
        // A problem of the defaults is one of each session.
        if !problems
            .iter()
            .any(|known| known.place == problem.place && found.error.is(ErrorKind::InvalidTemplate))
        {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::Plan(problems)) }
}

/// A problem of a session at its place in the plan.
fn located(plan: &Plan, path: &Path, found: &generate::Problem) -> Problem {
    let index = plan.sessions.iter().position(|session| Some(&session.id) == found.session.as_ref());
    let places = index.map(|index| &plan.places[index]);
    let is_template = found.error.is(ErrorKind::InvalidTemplate);
    let template = places.and_then(|places| places.template).filter(|_| is_template);
    let place = template.or(places.map(|places| places.key)).unwrap_or(Place::START);
    Problem {
        file: path.into(),
        place,
        message: words::statement(&found.error),
        help: words::help(&found.error),
    }
}

/// Prints the warnings of a plan.
pub fn warn(output: &mut Output, warnings: &[Problem]) {
    for warning in warnings {
        report(output, Severity::Warning, &warning.located(), warning.help.as_deref());
    }
}
