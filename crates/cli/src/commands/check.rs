use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::commands::plan_source::{self, Variables};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::{Format, Line, Output, Tone, format};
use crate::plan_file::Problem;

/// Check a plan file without starting anything
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups check payments.group.yaml -V branch=main")]
pub struct Check {
    /// The plan file
    plan: PathBuf,
    #[command(flatten)]
    variables: Variables,
    /// Path of claude, whose version is asked
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::ExecutablePath)]
    claude: Option<PathBuf>,
}

/// The JSON form of the outcome.
#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<usize>,
    problems: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    severity: &'static str,
    file: String,
    line: usize,
    column: usize,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn new(severity: &'static str, problem: &'a Problem) -> Self {
        Self {
            severity,
            file: problem.file.display().to_string(),
            line: problem.place.line,
            column: problem.place.column,
            message: &problem.message,
            help: problem.help.as_deref(),
        }
    }
}

impl Check {
    /// Compiles the plan and prints its problems.
    pub fn run(self, output: &mut Output) -> Result<Exit> {
        let is_json = output.format() != Format::Text;
        let checked = plan_source::compile(&self.plan, &self.variables).and_then(|plan| {
            plan_source::check_sessions(&plan, &self.plan, self.claude.as_deref()).map(|()| plan)
        });
        match checked {
            Ok(plan) if is_json => {
                let problems = plan.warnings.iter().map(|problem| Found::new("warning", problem)).collect();
                let sessions = Some(plan.sessions.len());
                output.json(&Report { ok: true, name: Some(&plan.name), sessions, problems })?;
                Ok(Exit::Success)
            }
            Ok(plan) => {
                plan_source::warn(output, &plan.warnings);
                let sessions = format::counted(plan.sessions.len(), "session");
                let budget = format::dollars(plan.config.max_budget_usd.get());
                let summary = format!(
                    ": {sessions}, {} at once, budget {budget}",
                    plan.config.max_concurrent_sessions.get()
                );
                output.line(
                    &Line::new()
                        .with(Tone::Good, "OK")
                        .plain(" ")
                        .with(Tone::Strong, &plan.name)
                        .plain(&summary),
                )?;
                Ok(Exit::Success)
            }
            Err(Failure::Plan(problems)) if is_json => {
                let problems = problems.iter().map(|problem| Found::new("error", problem)).collect();
                output.json(&Report { ok: false, name: None, sessions: None, problems })?;
                Ok(Exit::Usage)
            }
            Err(failure) => Err(failure),
        }
    }
}
