//! The command line `session-groups`: groups of Claude Code sessions from a plan file, run, shown and controlled.
//!
//! - [`commands`]: one file per command.
//! - [`plan_file`]: plan files, compiled to groups.
//! - [`view`]: groups and sessions as people see them.
//! - [`output`]: what is printed, and how.
//! - [`exit`], [`error`]: the end of a command.

pub mod arguments;
pub mod commands;
pub mod edit;
pub mod error;
pub mod exit;
pub mod numbers;
pub mod output;
pub mod plan_file;

pub mod running;
pub mod selection;
pub mod suggest;
pub mod unreadable;
pub mod view;
pub mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::Arguments;
use error::Failure;
use exit::Exit;
use output::Output;

/// Runs the program with its command line, the program's name first.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Elsewhere terminals understand colours without being asked.
    #[cfg(windows)]
    let _ = anstyle_query::windows::enable_ansi_colors();
    let command_line: Vec<OsString> = command_line.into_iter().collect();
    let exit = match Arguments::parse(&command_line) {
        Ok(arguments) => run(arguments),
        Err(error) => arguments::report_error(&error, arguments::colour_of(&command_line)),
    };
    ExitCode::from(exit.code())
}

fn run(arguments: Arguments) -> Exit {
    let mut output = Output::new(arguments.global.format(), arguments.global.color);
    let outcome = arguments.run(&mut output);
    let outcome = outcome.and_then(|exit| match output.flush() {
        // A reader that has gone away does not change what the command has done.
        Ok(()) | Err(Failure::Closed) => Ok(exit),
        Err(failure) => Err(failure),
    });
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            let exit = failure.exit();
            failure.report(&mut output);
            // Output from before the failure is still wanted.
            match output.flush() {
                Err(Failure::Closed) | Ok(()) => exit,
                Err(_) => Exit::Unexpected,
            }
        }
    }
}
