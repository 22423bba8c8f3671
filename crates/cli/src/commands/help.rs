use std::ffi::OsString;

use clap::Args;

use crate::arguments::{self, Arguments, Global};
use crate::exit::Exit;

/// Print the help of a command
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  session-groups help run")]
pub struct Help {
    /// The command [default: an overview of all]
    command: Option<OsString>,
}

impl Help {
    /// Prints what `--help` of the command prints.
    pub fn run(self, global: &Global) -> Exit {
        let words = [Some("session-groups".into()), self.command, Some("--help".into())];
        let command_line: Vec<OsString> = words.into_iter().flatten().collect();
        match Arguments::parse(&command_line) {
            Ok(_) => Exit::Success,
            Err(error) => arguments::report_error(&error, global.color),
        }
    }
}
