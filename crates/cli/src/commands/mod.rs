//! The commands, one file for each: its arguments with their help, and what it does.

mod add;
mod archive;
mod check;
mod completions;
mod confirm;
mod control;
mod create;
mod delete;
mod doctor;
mod events;
mod help;
mod list;
#[cfg(unix)]
mod logs;
#[cfg_attr(not(unix), path = "no_plan.rs")]
mod plan;
mod plan_source;
mod run;
mod schema;
mod set;
mod show;
mod status;
#[cfg(unix)]
mod watch;

use clap::Subcommand;

use crate::arguments::Global;
use crate::error::Result;
use crate::exit::Exit;
use crate::output::Output;

/// A command with its arguments.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each is documented by its arguments")]
pub enum Command {
    Run(Box<run::Run>),
    Plan(plan::PlanCommand),
    Check(check::Check),
    Create(create::Create),
    Add(Box<add::Add>),
    Set(set::Set),
    List(list::List),
    Show(show::Show),
    Status(status::Status),
    #[cfg(unix)]
    Logs(logs::Logs),
    #[cfg(unix)]
    Watch(watch::Watch),
    Events(events::Events),
    Pause(control::Pause),
    Resume(control::Resume),
    Stop(control::Stop),
    Retry(control::RetryCommand),
    Archive(archive::Archive),
    Delete(delete::Delete),
    Doctor(doctor::Doctor),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Help(help::Help),
}

impl Command {
    /// Carries out the command.
    pub fn run(self, global: &Global, output: &mut Output) -> Result<Exit> {
        match self {
            Self::Run(command) => command.run(global, output),
            Self::Plan(command) => command.run(global, output),
            Self::Check(command) => command.run(output),
            Self::Create(command) => command.run(global, output),
            Self::Add(command) => command.run(global, output),
            Self::Set(command) => command.run(global, output),
            Self::List(command) => command.run(global, output),
            Self::Show(command) => command.run(global, output),
            Self::Status(_) => status::Status::run(global, output),
            #[cfg(unix)]
            Self::Logs(command) => command.run(global, output),
            #[cfg(unix)]
            Self::Watch(command) => command.run(global, output),
            Self::Events(command) => command.run(global, output),
            Self::Pause(command) => command.run(global, output),
            Self::Resume(command) => command.run(global, output),
            Self::Stop(command) => command.run(global, output),
            Self::Retry(command) => command.run(global, output),
            Self::Archive(command) => command.run(global, output),
            Self::Delete(command) => command.run(global, output),
            Self::Doctor(command) => command.run(global, output),
            Self::Schema(_) => schema::Schema::run(output),
            Self::Completions(command) => command.run(output),
            Self::Help(command) => Ok(command.run(global)),
        }
    }
}
