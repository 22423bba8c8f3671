//! Plan files named on the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Failure, Result, Severity, report};
use crate::output::Output;
use crate::plan_file::{self, Disk, Files, Plan, Problem, Source};

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
    /// The variables by their names. Of two values for one name the last counts.
    pub fn by_name(&self) -> BTreeMap<String, String> {
        self.variables.iter().cloned().collect()
    }
}

/// Reads and compiles a plan file. Fails with all of its problems.
pub fn compile(path: &Path, variables: &Variables) -> Result<Plan> {
    let text = Disk.read(path).map_err(|reason| {
        let failure = Failure::usage(format!("the plan file {} {reason}", path.display()));
        failure.with_help("name a file such as payments.group.yaml")
    })?;
    let real = real_path(path)?;
    let source = Source { path: &real, shown: path, text: &text };
    plan_file::compile(&source, &variables.by_name(), &Disk).map_err(Failure::Plan)
}

fn real_path(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|error| Failure::unexpected(format!("cannot resolve {}: {error}", path.display())))
}

/// Prints the warnings of a plan.
pub fn warn(output: &mut Output, warnings: &[Problem]) {
    for warning in warnings {
        report(output, Severity::Warning, &warning.located(), warning.help.as_deref());
    }
}
