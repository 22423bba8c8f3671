use clap::Args;

use crate::error::Result;
use crate::exit::Exit;
use crate::output::Output;
use crate::plan_file;

/// Print the JSON Schema of plan files
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups schema > group.schema.json")]
pub struct Schema {}

impl Schema {
    /// Prints the schema.
    pub fn run(output: &mut Output) -> Result<Exit> {
        output.text(&format!("{:#}", plan_file::schema()))?;
        Ok(Exit::Success)
    }
}
