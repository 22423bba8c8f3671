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
//!
//! ```
//! # #[cfg(unix)] {
//! use std::ffi::OsString;
//!
//! use session_groups::claude::environment::Environment;
//! use session_groups::runner::process::{
//!     Fact, Launch, Mark, ProcessOptions, Processes, SessionDirectory, directory_names,
//! };
//!
//! let base = tempfile::tempdir()?;
//! let names = directory_names("001-api", ["001-api"]);
//! let directory = SessionDirectory::create(&base.path().join("group"), &names)?;
//! // In place of `claude`: it reads the prompt and prints a result.
//! let script = r#"read prompt; echo '{ "type": "result", "subtype": "success", "num_turns": 1 }'"#;
//! let mut processes = Processes::new(ProcessOptions::default())?;
//! processes.start(&Launch {
//!     program: "/bin/sh".as_ref(),
//!     arguments: &["-c", script].map(OsString::from),
//!     environment: &Environment::of_process(),
//!     project: base.path(),
//!     prompt: "Add a login",
//!     directory: &directory,
//!     attempt: 1,
//!     mark: Mark::new(uuid::Uuid::new_v4()),
//!     label: "group/001-api",
//! })?;
//! let mut output = Vec::new();
//! let ended = loop {
//!     let mut events = processes.wait(None).into_iter();
//!     let ended = events.find_map(|event| match event.fact {
//!         Fact::Output(bytes) => {
//!             output.extend(bytes);
//!             None
//!         }
//!         Fact::Exited(ended) => Some(ended),
//!         _ => None,
//!     });
//!     if let Some(ended) = ended {
//!         break ended;
//!     }
//! };
//! assert!(String::from_utf8(output)?.contains("success"));
//! assert_eq!((ended.exit.code, ended.step), (Some(0), None));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(all(test, unix))]
mod alone;
#[cfg(unix)]
mod ending;
#[cfg(unix)]
mod exit;
mod facts;
mod mark;
mod names;
mod options;
mod program;
mod project;

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod unsupported;

pub use facts::{Ended, Event, Fact, Step, SweepReport};
pub use mark::Mark;
pub use names::{SessionDirectoryNames, directory_names};
pub use options::ProcessOptions;
pub use program::{Program, ProgramSearch};
pub use project::check_project;
#[cfg(unix)]
pub use unix::{
    Adoption, Earlier, Launch, Look, MarkedProcess, Processes, Recorded, SessionDirectory, Waker,
    current_identity, end_marked, find_marked, is_running, look, marked_processes, marks_in_use,
};
#[cfg(not(unix))]
pub use unsupported::{Processes, current_identity, is_running};
