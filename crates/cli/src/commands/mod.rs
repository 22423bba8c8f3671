//! The commands, one file for each: its arguments with their help, and what it does.

mod check;
mod completions;
mod plan_source;
mod schema;

use clap::Subcommand;

use crate::arguments::Arguments;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::Output;

/// A command with its arguments.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each is documented by its arguments")]
pub enum Command {
    Check(check::Check),
    Schema(schema::Schema),
    Completions(completions::Completions),
}

/// Carries out a command.
pub fn run(arguments: Arguments, output: &mut Output) -> Result<Exit> {
    match arguments.command {
        Command::Check(command) => command.run(output),
        Command::Schema(_) => schema::Schema::run(output),
        Command::Completions(command) => command.run(output),
    }
}
