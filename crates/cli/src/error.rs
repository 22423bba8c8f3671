//! The failure of a command: its exit code, the error, and what to do about it.

use std::io;

use crate::exit::Exit;
use crate::output::{Line, Output, Tone};
use crate::plan_file::Problem;
use crate::words;

/// The result of a command.
pub type Result<T> = std::result::Result<T, Failure>;

/// Maximum number of problems of a plan that are printed.
const MAX_PROBLEMS: usize = 100;

/// A failure.
#[derive(Debug)]
pub enum Failure {
    /// Something went wrong.
    Error {
        /// The exit code.
        exit: Exit,
        /// The message: the operation, the object and the reason.
        message: String,
        /// The remedy.
        help: Option<String>,
    },
    /// A plan is not valid. The problems have been collected.
    Plan(Vec<Problem>),
    /// Nobody reads stdout any more.
    Closed,
}

impl Failure {
    /// A failure with an exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Error { exit, message: message.into(), help: None }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something unexpected.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Exit::Unexpected, message)
    }

    /// The same failure with a remedy.
    #[must_use]
    pub fn with_help(mut self, remedy: impl Into<String>) -> Self {
        if let Self::Error { help, .. } = &mut self {
            *help = Some(remedy.into());
        }
        self
    }

    /// A failed write to stdout.
    pub fn of_stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::unexpected(format!("cannot write to stdout: {error}")),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Error { exit, .. } => *exit,
            Self::Plan(_) => Exit::Usage,
            Self::Closed => Exit::Success,
        }
    }

    /// Prints the failure to stderr.
    pub fn report(&self, output: &mut Output) {
        match self {
            Self::Error { message, help, .. } => report(output, Severity::Error, message, help.as_deref()),
            Self::Plan(problems) => {
                for problem in problems.iter().take(MAX_PROBLEMS) {
                    report(output, Severity::Error, &problem.located(), problem.help.as_deref());
                }
                let more = problems.len().saturating_sub(MAX_PROBLEMS);
                if more > 0 {
                    report(output, Severity::Error, &format!("{more} more problems are not shown"), None);
                }
            }
            Self::Closed => {}
        }
    }
}

/// The weight of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The command failed.
    Error,
    /// The command goes on.
    Warning,
}

/// Prints `error: …` or `warning: …`, and `help: …` if there is a remedy. Further lines of a message are indented.
pub fn report(output: &mut Output, severity: Severity, message: &str, help: Option<&str>) {
    let (tone, label) = match severity {
        Severity::Error => (Tone::Bad, "error"),
        Severity::Warning => (Tone::Warning, "warning"),
    };
    note(output, tone, label, message);
    if let Some(help) = help {
        note(output, Tone::Hint, "help", help);
    }
}

fn note(output: &mut Output, tone: Tone, label: &str, message: &str) {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    output.note(&Line::new().with(tone, label).plain(": ").plain(first));
    for line in lines {
        output.note(&Line::new().plain("  ").plain(line));
    }
}

impl From<session_groups::Error> for Failure {
    fn from(error: session_groups::Error) -> Self {
        Self::Error { exit: Exit::from(&error), message: words::statement(&error), help: words::help(&error) }
    }
}
