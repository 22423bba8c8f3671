//! The program `session-groups`; see the library of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    session_groups_cli::main(std::env::args_os())
}
