use clap::Args;

use crate::arguments::Global;
use crate::commands::plan_source::Variables;
use crate::commands::run::{Options, Run};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::Output;

/// Show what would be run (not supported on this system yet)
#[derive(Debug, Args)]
pub struct PlanCommand {
    /// The plan file, or the id of a group
    #[arg(value_name = "PLAN|GROUP")]
    target: String,
    #[command(flatten)]
    variables: Variables,
}

impl PlanCommand {
    /// Fails: groups cannot be run here.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        let (target, variables, options) = (self.target, self.variables, Options::of_claude(None));
        show_plan(&Run { target, variables, options, rerun: None, is_dry: false }, global, output)
    }
}

/// Fails: groups cannot be run here.
pub fn show_plan(_: &Run, _: &Global, _: &mut Output) -> Result<Exit> {
    Err(Failure::unexpected("running groups is not supported on this system yet"))
}
