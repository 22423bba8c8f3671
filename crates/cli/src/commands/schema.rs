use clap::Args;

use crate::error::Result;
use crate::exit::Exit;
use crate::output::{Format, Output};
use crate::plan_file;

/// Print the JSON Schema of plan files
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups schema > group.schema.json")]
pub struct Schema {}

impl Schema {
    /// Prints the schema: alone, as editors need it, or in a document like that of every other command.
    pub fn run(output: &mut Output) -> Result<Exit> {
        let schema = plan_file::schema();
        match output.format() {
            Format::Text => output.text(&format!("{schema:#}"))?,
            Format::Json | Format::JsonLines => output.json(&serde_json::json!({ "schema": schema }))?,
        }
        Ok(Exit::Success)
    }
}
