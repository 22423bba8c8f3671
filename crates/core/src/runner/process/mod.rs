//! Processes of Claude Code: started, observed, ended, and found again after a crash of the runner.
//!
//! [`Processes`] belongs to one thread, the loop of a runner. Commands are method calls; what happens comes out of
//! [`Processes::wait`], which is also where that thread sleeps. There is no thread per process.
//!
//! Rules that hold for every process:
//!
//! - Its output goes to files, which are read as they grow. A runner that dies loses no line.
//! - It has a session of its own, a mark in its environment that its tools inherit, and an open file with a kernel lock
//!   that is free as soon as it is gone. A later runner finds it by these.
//! - It is asked to end before it is terminated, and terminated before it is killed. After its end a sweep ends what it
//!   left behind.
//!
//! The host must ignore SIGPIPE, as Rust programs, Node and Bun do.

#[cfg(unix)]
mod ending;
#[cfg(unix)]
mod exit;
mod mark;
mod names;
mod options;
mod program;
mod project;

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod unsupported;

#[cfg(unix)]
pub use ending::Step;
pub use mark::Mark;
pub use names::{SessionDirectoryNames, directory_names};
pub use options::ProcessOptions;
pub use program::{Program, ProgramSearch};
pub use project::check_project;
#[cfg(unix)]
pub use unix::{
    Adoption, Earlier, Ended, Event, Fact, Launch, Look, Processes, Recorded, SessionDirectory, SweepReport,
    Waker, current_identity, find_marked, look,
};
#[cfg(not(unix))]
pub use unsupported::Processes;
