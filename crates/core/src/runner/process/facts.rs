//! What happens to processes, as their runner learns it.

use std::path::PathBuf;

use crate::claude::Exit;
use crate::runner::process::Mark;

/// A fact about a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The mark of its attempt.
    pub mark: Mark,
    /// The fact.
    pub fact: Fact,
}

/// Facts about a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The next bytes of its output, for a `ClaudeStream`. Every byte comes once, in order, before the exit.
    Output(Vec<u8>),
    /// One of its output files has become too large. It is interrupted, or terminated if it was adopted.
    OutputLimit,
    /// Its output can no longer be written, or soon cannot. It goes on until it is interrupted.
    OutputFailed {
        /// The file.
        path: PathBuf,
        /// Number of the system's error.
        os_error: i32,
    },
    /// Its output cannot be read, and could not be for a while. It is still read as soon as that is possible; the exit no longer
    /// waits for that.
    OutputUnreadable {
        /// The file.
        path: PathBuf,
        /// Number of the system's error.
        os_error: i32,
    },
    /// It has ended, and all of its output was read, unless that is unreadable.
    Exited(Ended),
    /// Everything that it left behind has ended.
    Swept(SweepReport),
}

/// The end of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Exit code or signal. Neither is known for an adopted process.
    pub exit: Exit,
    /// The last step of the stop ladder that was taken; `None` if it ended by itself.
    pub step: Option<Step>,
    /// The end of its error output, at most 64 KiB.
    pub errors: Vec<u8>,
}

/// The outcome of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Number of processes that were ended.
    pub ended: usize,
    /// Pids of processes that were left alone by request.
    pub kept: Vec<i32>,
    /// Pids of processes that could not be ended.
    pub left: Vec<i32>,
}

/// Steps of the stop ladder, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// An interrupt, which the program answers with a result.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}
