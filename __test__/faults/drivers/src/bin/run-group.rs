//! Runs the group of the fault tests: `run-group BASE CLAUDE [PATIENCE]`, the latter in milliseconds. Prints the status with which
//! the run ended, or the code of the error, and its message to the error output.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a program of the tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use session_groups::Result;
use session_groups::model::{GroupId, GroupStatus};
use session_groups::repository::FileGroupRepository;
use session_groups::repository::file::FileOptions;
use session_groups::runner::process::ProcessOptions;
use session_groups::runner::{FileRunStore, Runner, RunnerOptions};

const ID: &str = "20260115-103000-faults";

fn run(base: &Path, claude: PathBuf, patience: Option<Duration>) -> Result<GroupStatus> {
    let repository = FileGroupRepository::new(Some(base), FileOptions::default())?;
    let ms = Duration::from_millis;
    let process = ProcessOptions {
        interrupt_grace: ms(500),
        terminate_grace: ms(400),
        exit_grace: ms(400),
        sweep_grace: ms(300),
        ..ProcessOptions::default()
    };
    let mut options = RunnerOptions {
        claude_path: Some(claude),
        spacing: None,
        process,
        // Faults are counted for each thread: several tries in a row may fail.
        feed_pause: ms(20),
        ..RunnerOptions::default()
    };
    options.store_patience = patience.unwrap_or(options.store_patience);
    options.process.read_patience = patience.unwrap_or(options.process.read_patience);
    let runner = Runner::new(FileRunStore::new(repository, GroupId::new(ID)?), options);
    runner.run(|_| {}).map(|end| end.status)
}

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (base, claude) = (arguments.next().unwrap(), arguments.next().unwrap());
    let patience = arguments.next().and_then(|ms| ms.to_str()?.parse().ok()).map(Duration::from_millis);
    match run(&base, claude, patience) {
        Ok(status) => println!("{}", status.name()),
        Err(error) => {
            println!("{}", error.code());
            eprintln!("{error}");
        }
    }
}
