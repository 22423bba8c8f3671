//! The processes of Claude Code as the processes of a runner.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::generate::{self, Context, Prepared};
use crate::model::run::ProcessIdentity;
use crate::model::{GroupSession, SessionGroup};
use crate::runner::process::{
    Earlier, Event, Launch, Look, Mark, ProcessOptions, Processes, SessionDirectory, SessionDirectoryNames,
    look, marks_in_use,
};
use crate::runner::sessions::{EarlierAttempt, Found, SessionProcesses, Start, Wake};

/// Processes of Claude Code whose files are in a group's directory.
pub struct ClaudeProcesses {
    processes: Processes,
    program: PathBuf,
    group: PathBuf,
}

impl ClaudeProcesses {
    /// Processes of a program, with their files below a directory. Fails with `IO` if there are no file descriptors left.
    pub fn new(program: &Path, group: &Path, options: ProcessOptions) -> Result<Self> {
        let processes = Processes::new(options)?;
        Ok(Self { processes, program: program.to_owned(), group: group.to_owned() })
    }
}

impl SessionProcesses for ClaudeProcesses {
    fn prepare(
        &self,
        group: &SessionGroup,
        session: &GroupSession,
        names: &SessionDirectoryNames,
        context: &Context<'_>,
    ) -> Result<Prepared> {
        let directory = SessionDirectory::create(&self.group, names)?;
        generate::prepare(group, session, &directory, context)
    }

    fn start(&mut self, start: &Start<'_>) -> Result<Option<ProcessIdentity>> {
        let directory = SessionDirectory::create(&self.group, start.names)?;
        let launch = Launch {
            program: &self.program,
            arguments: start.arguments,
            environment: start.environment,
            project: start.project,
            prompt: start.prompt,
            directory: &directory,
            attempt: start.attempt,
            mark: start.mark,
            label: start.label,
        };
        self.processes.start(&launch).map(Some)
    }

    fn interrupt(&mut self, mark: Mark) {
        self.processes.interrupt(mark);
    }

    fn stop_tasks(&mut self, mark: Mark) {
        self.processes.stop_tasks(mark);
    }

    fn close_input(&mut self, mark: Mark) {
        self.processes.close_input(mark);
    }

    fn terminate(&mut self, mark: Mark) {
        self.processes.terminate(mark);
    }

    fn kill(&mut self, mark: Mark) {
        self.processes.kill(mark);
    }

    fn sweep(&mut self, mark: Mark) {
        self.processes.sweep(mark);
    }

    fn unswept(&self, ended: &[Mark]) -> Vec<Mark> {
        marks_in_use(ended)
    }

    fn find(&mut self, earlier: &EarlierAttempt<'_>) -> Result<Found> {
        let EarlierAttempt { names, attempt, mark, recorded } = *earlier;
        Ok(match look(&Earlier { group: &self.group, names, attempt, mark, recorded })? {
            Look::Alive(adoption) => {
                let identity = adoption.identity()?;
                self.processes.adopt(adoption)?;
                Found::Adopted(identity)
            }
            Look::Gone(None) => Found::Gone { output: None, errors: None },
            Look::Gone(Some(files)) => match files.output() {
                Ok(output) => {
                    // What it has printed does not depend on its error output.
                    let errors = match files.errors() {
                        Err(error) if error.is_of_shortage() => return Err(error),
                        errors => errors.ok(),
                    };
                    files.release_reserve();
                    Found::Gone { output: Some(output), errors }
                }
                // Its runner was killed after it had created the lock, before it created the output and the process.
                Err(error) if recorded.is_none() && error.io_kind() == Some(io::ErrorKind::NotFound) => {
                    Found::Gone { output: None, errors: None }
                }
                Err(error) => return Err(error),
            },
            Look::Unknown(reason) => Found::Unknown(reason),
        })
    }

    fn output(&self, names: &SessionDirectoryNames, attempt: u64) -> Result<Option<File>> {
        let directory = SessionDirectory::of_output(&self.group, names, attempt)?;
        directory.map(|directory| directory.output(attempt)).transpose()
    }

    fn wait(&mut self, deadline: Option<Instant>) -> Vec<Event> {
        self.processes.wait(deadline)
    }

    fn waker(&self) -> Wake {
        let waker = self.processes.waker();
        Arc::new(move || waker.wake())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::process::directory_names;

    /// An earlier runner was killed between the creation of the lock and that of the output.
    #[test]
    fn an_attempt_without_an_output_that_nobody_recorded_never_started() {
        let base = tempfile::tempdir().unwrap();
        let (names, mark) = (directory_names("a", []), Mark::new(uuid::Uuid::new_v4()));
        let directory = SessionDirectory::create(base.path(), &names).unwrap();
        std::fs::write(directory.path().join("1.alive"), mark.to_string()).unwrap();
        let mut processes =
            ClaudeProcesses::new(Path::new("/none"), base.path(), ProcessOptions::default()).unwrap();
        let earlier = EarlierAttempt { names: &names, attempt: 1, mark, recorded: None };
        let found = processes.find(&earlier).unwrap();
        assert!(matches!(found, Found::Gone { output: None, .. }), "{found:?}");
    }
}
