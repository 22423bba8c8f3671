//! The processes of a runner, as its loop needs them: those of Claude Code, or others that take their place.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::claude::environment::Environment;
use crate::error::Result;
use crate::generate::{self, Context, Prepared};
use crate::model::run::ProcessIdentity;
use crate::model::{GroupSession, SessionGroup};
use crate::runner::process::{Event, Mark, SessionDirectoryNames};

/// A process to start.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Arguments of `claude`.
    pub arguments: &'a [OsString],
    /// Environment, without the marks of the attempt.
    pub environment: &'a Environment,
    /// The directory to work in.
    pub project: &'a Path,
    /// The prompt.
    pub prompt: &'a str,
    /// Names of the session's directory.
    pub names: &'a SessionDirectoryNames,
    /// Number of the attempt.
    pub attempt: u64,
    /// Mark of the attempt.
    pub mark: Mark,
    /// The session's name for people: `{group}/{session}`.
    pub label: &'a str,
}

/// An attempt of an earlier runner.
#[derive(Debug, Clone, Copy)]
pub struct EarlierAttempt<'a> {
    /// Names of the session's directory.
    pub names: &'a SessionDirectoryNames,
    /// Number of the attempt.
    pub attempt: u64,
    /// Mark of the attempt.
    pub mark: Mark,
    /// The process, if the earlier runner came to record it.
    pub recorded: Option<&'a ProcessIdentity>,
}

/// What was found of an attempt of an earlier runner.
#[derive(Debug)]
pub enum Found {
    /// Its process lives and is adopted: its events follow, its output from the start. The process may not be found although
    /// its lock is held.
    Adopted(Option<ProcessIdentity>),
    /// It is gone. Its output is whole; `None` if there is none.
    Gone {
        /// What it printed.
        output: Option<File>,
        /// Its error output.
        errors: Option<File>,
    },
    /// That cannot be determined, for this reason. The session must not be started.
    Unknown(String),
}

/// Lets [`SessionProcesses::wait`] return, from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// The processes of one runner. They belong to the thread of its loop.
pub trait SessionProcesses {
    /// Prepares the configuration of a session anew. Fails as [`generate::check`] would, and with `IO`.
    fn prepare(
        &self,
        group: &SessionGroup,
        session: &GroupSession,
        _names: &SessionDirectoryNames,
        context: &Context<'_>,
    ) -> Result<Prepared> {
        generate::prepare_inline(group, session, context)
    }

    /// Starts a process and gives it its prompt. Returns its identity if it is to be recorded. On an error nothing runs.
    fn start(&mut self, start: &Start<'_>) -> Result<Option<ProcessIdentity>>;

    /// Asks a process to end its turn.
    fn interrupt(&mut self, mark: Mark);

    /// Asks the background tasks of a process to end.
    fn stop_tasks(&mut self, mark: Mark);

    /// Closes the input of a process. It finishes its turn.
    fn close_input(&mut self, mark: Mark);

    /// Terminates a process.
    fn terminate(&mut self, mark: Mark);

    /// Kills a process.
    fn kill(&mut self, mark: Mark);

    /// Ends everything that an attempt left whose process is gone. Answered by
    /// [`Fact::Swept`](crate::runner::process::Fact::Swept). After the end of a process that this runner started or adopted,
    /// the same happens by itself.
    fn sweep(&mut self, _mark: Mark) {}

    /// Returns those of several attempts that have ended and still have processes, because their runner was killed before it had
    /// swept them. By default there are none.
    fn unswept(&self, _ended: &[Mark]) -> Vec<Mark> {
        Vec::new()
    }

    /// Looks at an attempt of an earlier runner, and adopts its process if it lives. By default none outlives its runner. Fails if
    /// it cannot be looked at; then nothing is adopted.
    fn find(&mut self, _earlier: &EarlierAttempt<'_>) -> Result<Found> {
        Ok(Found::Gone { output: None, errors: None })
    }

    /// Returns the output of an attempt that has ended; `None` if it has none. Fails with `IO` if it cannot be opened.
    fn output(&self, _names: &SessionDirectoryNames, _attempt: u64) -> Result<Option<File>> {
        Ok(None)
    }

    /// Waits until something has happened, the time has come or the loop was woken. Returns what has happened, for each
    /// process in its order.
    fn wait(&mut self, deadline: Option<Instant>) -> Vec<Event>;

    /// Returns the function that wakes the loop.
    fn waker(&self) -> Wake;

    /// Returns `true` if a process that exits with code 0 and prints nothing has done its work.
    fn silence_is_success(&self) -> bool {
        false
    }

    /// Returns `false` if the processes do not outlive their runner and need no sweep.
    fn are_swept(&self) -> bool {
        true
    }
}
