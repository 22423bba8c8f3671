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

use crate::arguments::Arguments;
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
}

/// Carries out a command.
pub fn run(arguments: Arguments, output: &mut Output) -> Result<Exit> {
    let global = &arguments.global;
    match arguments.command {
        Command::Run(command) => command.run(global, output),
        Command::Plan(command) => command.run(global, output),
        Command::Check(command) => command.run(output),
        Command::Create(command) => command.run(global, output),
        Command::Add(command) => command.run(global, output),
        Command::Set(command) => command.run(global, output),
        Command::List(command) => command.run(global, output),
        Command::Show(command) => command.run(global, output),
        Command::Status(_) => status::Status::run(global, output),
        #[cfg(unix)]
        Command::Logs(command) => command.run(global, output),
        #[cfg(unix)]
        Command::Watch(command) => command.run(global, output),
        Command::Events(command) => command.run(global, output),
        Command::Pause(command) => command.run(global, output),
        Command::Resume(command) => command.run(global, output),
        Command::Stop(command) => command.run(global, output),
        Command::Retry(command) => command.run(global, output),
        Command::Archive(command) => command.run(global, output),
        Command::Delete(command) => command.run(global, output),
        Command::Doctor(command) => command.run(global, output),
        Command::Schema(_) => schema::Schema::run(output),
        Command::Completions(command) => command.run(output),
    }
}
