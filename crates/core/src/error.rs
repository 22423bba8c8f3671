//! Every way to fail. The addon turns an [`Error`] into the JavaScript class `SessionGroupsError`.
//!
//! ```
//! use session_groups::model::GroupId;
//!
//! let error = GroupId::new("../x").unwrap_err();
//! assert_eq!(error.code(), "INVALID_ID");
//! assert_eq!(error.group_id(), Some("../x"));
//! ```

mod kind;
mod message;
mod remedy;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use kind::ErrorKind;
pub use remedy::{Remedy, Words};

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: its kind, what it is about, and a message for people, with a remedy where there is one.
#[derive(Debug, Clone)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: ErrorKind,
    /// Beginning of the message, up to the statement.
    context: String,
    statement: Statement,
    remedy: Option<Remedy>,
    group_id: Option<String>,
    path: Option<PathBuf>,
    field: Option<String>,
    /// The revision found by a conflict.
    actual_revision: Option<String>,
    /// The cycles of a circular dependency.
    cycles: Vec<Vec<String>>,
}

/// The reason of a failure.
#[derive(Debug, Clone)]
enum Statement {
    Text(String),
    /// The field that the error is about, and its problem.
    Field(FieldError),
    Io(IoFailure),
    /// A list of errors.
    Several(Vec<Error>),
}

/// A failed call of the operating system.
#[derive(Debug, Clone)]
struct IoFailure {
    /// The operation, e.g. `syncing`.
    action: &'static str,
    source: Arc<io::Error>,
}

/// A problem of one value: its path, what was expected, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, e.g. `sessions[2].status`. Empty for the value as a whole.
    pub field: String,
    /// A sentence without its subject, e.g. `must be a string, but is 5`.
    pub problem: String,
}

impl FieldError {
    /// A problem of one field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = if self.field.is_empty() { "it" } else { &self.field };
        write!(f, "{subject} {}", self.problem)
    }
}

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of_statement(kind, Statement::Text(message.into()))
    }

    fn of_statement(kind: ErrorKind, statement: Statement) -> Self {
        Self(Box::new(Parts {
            kind,
            context: String::new(),
            statement,
            remedy: None,
            group_id: None,
            path: None,
            field: None,
            actual_revision: None,
            cycles: Vec::new(),
        }))
    }

    fn about_field(kind: ErrorKind, error: FieldError) -> Self {
        Self::of_statement(kind, Statement::Field(error))
    }

    fn with_context(mut self, context: &str) -> Self {
        self.0.context.insert_str(0, context);
        self
    }

    /// The same error with a remedy.
    #[must_use]
    pub(crate) fn with_remedy(mut self, remedy: impl Into<Remedy>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    fn with_group(mut self, group_id: &str) -> Self {
        self.0.group_id = Some(group_id.to_owned()).filter(|id| !id.is_empty());
        self
    }

    fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// An argument of the wrong type or range.
    pub fn argument(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::invalid_argument(FieldError::new(field, problem))
    }

    /// An argument of the wrong type or range.
    pub fn invalid_argument(error: FieldError) -> Self {
        Self::about_field(ErrorKind::InvalidArgument, error)
    }

    /// A filter or sort of the wrong type or range.
    pub fn filter(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::about_field(ErrorKind::InvalidFilter, FieldError::new(field, problem))
    }

    /// An id that cannot name a group. `reason` is a sentence without its subject.
    pub fn invalid_id(id: &str, reason: &str) -> Self {
        let rule = "Use 1 to 128 of A-Z a-z 0-9 . _ -, a letter or a digit first";
        let message = format!("{id:?} cannot be the id of a group: it {reason}");
        let mut error = Self::new(ErrorKind::InvalidId, message).with_remedy(rule);
        error.0.field = Some("id".to_owned());
        // Even an empty one: it is what was given.
        error.0.group_id = Some(id.to_owned());
        error
    }

    /// A group's status does not permit a change. `problem` is a sentence without its subject.
    pub fn invalid_transition(group_id: &str, problem: &str) -> Self {
        Self::new(ErrorKind::InvalidTransition, format!("group {group_id:?} {problem}")).with_group(group_id)
    }

    /// The status of a group cannot be set, because `runner` runs the group.
    pub fn status_of_runner(group_id: &str, runner: &str) -> Self {
        let problem = format!("is being run by {runner}, which sets the status");
        Self::invalid_transition(group_id, &problem).with_remedy(Remedy::AskRunner)
    }

    /// A value that is not a group was to be stored. `group_id` is empty if the value has no readable id.
    pub fn invalid_group(group_id: &str, error: FieldError) -> Self {
        let context = format!("{} was not stored: ", named(group_id));
        Self::about_field(ErrorKind::InvalidGroup, error).with_context(&context).with_group(group_id)
    }

    /// Two sessions of a group have the same id.
    pub fn repeated_session(error: FieldError) -> Self {
        Self::about_field(ErrorKind::InvalidGroup, error)
    }

    /// Sessions depend on each other in circles. Each session of a cycle depends on the next, and the last on the first.
    pub fn circular_dependency(cycles: Vec<Vec<String>>) -> Self {
        const MAX_SHOWN: usize = 3;
        let shown: Vec<_> = cycles.iter().take(MAX_SHOWN).map(|cycle| circle(cycle)).collect();
        let more = match cycles.len().saturating_sub(MAX_SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let remedy = if cycles.len() > 1 {
            "Remove a dependency from each"
        } else {
            "Remove one of these dependencies"
        };
        let message = format!("Circular dependency detected: {}{more}", shown.join("; "));
        let mut error = Self::new(ErrorKind::CircularDependency, message).with_remedy(remedy);
        error.0.cycles = cycles;
        error
    }

    /// A text that is not an event.
    pub fn invalid_event(error: FieldError) -> Self {
        Self::about_field(ErrorKind::InvalidEvent, error).with_context("not a group event: ")
    }

    /// A stored file is not a group. `field` is known if the text is JSON.
    pub fn corrupt(group_id: &str, path: &Path, field: Option<String>, problem: &str) -> Self {
        let remedy = "Repair the file or delete the group; it is left as it is";
        let message = format!("{} is not a session group: {problem}", path.display());
        let mut error = Self::new(ErrorKind::Corrupt, message).with_group(group_id).with_path(path);
        error = error.with_remedy(remedy);
        error.0.field = field;
        error
    }

    /// A file is not the event feed of a group.
    pub fn corrupt_feed(group_id: &str, path: &Path, problem: &str) -> Self {
        let remedy = "Move it away: further events are then written to a new file";
        let message = format!("{} is not an event feed: {problem}", path.display());
        Self::new(ErrorKind::Corrupt, message).with_group(group_id).with_path(path).with_remedy(remedy)
    }

    /// A file or directory belongs to `owner`, while this process runs as `user`. `remedy` is the command that changes the
    /// owner.
    pub fn foreign_owner(group_id: Option<&str>, path: &Path, owner: &str, user: &str, remedy: &str) -> Self {
        let message =
            format!("cannot use {}: it belongs to {owner}, but this process runs as {user}", path.display());
        let error = Self::new(ErrorKind::ForeignOwner, message).with_group(group_id.unwrap_or_default());
        error.with_path(path).with_remedy(format!("Run it as that user, or change the owner: {remedy}"))
    }

    /// A precondition did not hold. `actual` is the revision found, `None` if there is no such group.
    pub fn conflict(group_id: &str, expected: &str, actual: Option<String>) -> Self {
        let found = match &actual {
            Some(revision) => format!("its revision is {revision}"),
            None => "there is no such group".to_owned(),
        };
        let message = format!("group {group_id:?} was not changed: {expected}, but {found}");
        let mut error = Self::new(ErrorKind::Conflict, message).with_group(group_id);
        error = error.with_remedy("Read it again, then decide");
        error.0.actual_revision = actual;
        error
    }

    /// Other processes held the lock of the group for too long.
    pub fn lock_timeout(group_id: &str, path: PathBuf, holder: &str) -> Self {
        let message = format!("timed out waiting for the lock of group {group_id:?}, held by {holder}");
        let error = Self::new(ErrorKind::LockTimeout, message).with_group(group_id).with_path(path);
        error.with_remedy(Remedy::WaitForLock)
    }

    /// The lock of those who look for the group of a plan file was not free in time.
    pub fn plans_timeout(path: PathBuf) -> Self {
        let message = format!(
            "timed out waiting for another process that looks for the group of a plan file and holds the lock {}",
            path.display()
        );
        Self::new(ErrorKind::LockTimeout, message).with_path(path).with_remedy("Try again")
    }

    /// A newer version wrote the stored group. `consequence` says what this version cannot do with it.
    pub fn newer_schema(group_id: &str, path: &Path, version: f64, consequence: &str) -> Self {
        let message = format!(
            "{} was written by a newer version (schemaVersion {version}): {consequence}",
            path.display()
        );
        let error = Self::new(ErrorKind::NewerSchema, message).with_group(group_id).with_path(path);
        error.with_remedy("Update session-groups")
    }

    /// Everyone may write to the base directory, whose permission bits are `mode`.
    pub fn insecure_store(path: &Path, mode: u32) -> Self {
        let message =
            format!("{} can be written by every user of this machine (mode {mode:04o})", path.display());
        let error = Self::new(ErrorKind::InsecureStore, message).with_path(path);
        error.with_remedy(format!("Run: chmod o-w {}", quoted(path)))
    }

    /// A write failed and changed nothing. `action` is the operation on the path, e.g. `renaming`.
    pub fn not_committed(group_id: &str, path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::of_io(ErrorKind::NotCommitted, group_id, path, action, source)
    }

    /// A change is visible, but an fsync failed.
    pub fn not_durable(group_id: &str, path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::of_io(ErrorKind::NotDurable, group_id, path, action, source)
    }

    /// A read failed.
    pub fn io(group_id: Option<&str>, path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::of_io(ErrorKind::Io, group_id.unwrap_or_default(), path, action, source)
    }

    /// The output of a session cannot be written to its file.
    pub fn output_failed(path: &Path, source: io::Error) -> Self {
        Self::io(None, path, "writing the output of a session to", source)
    }

    /// The output of a session cannot be read from its file.
    pub fn output_unreadable(path: &Path, source: io::Error) -> Self {
        Self::io(None, path, "reading the output of a session from", source)
    }

    /// Returns `true` if something is lacking that may come back: space on the disk or the right to write to it, file
    /// descriptors, memory or processes.
    pub fn is_of_shortage(&self) -> bool {
        self.io_failure().is_some_and(|io| is_shortage(&io.source))
    }

    /// There is no such group.
    pub fn group_not_found(id: &str) -> Self {
        Self::not_found(id, format!("Group not found: {id}"))
    }

    /// There is no such group or session. `message` names it.
    pub fn not_found(group_id: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message).with_group(group_id)
    }

    /// A runner has the group. `owner` names its process.
    pub fn already_running(group_id: &str, owner: &str) -> Self {
        let message = format!("group {group_id:?} is being run by {owner}");
        Self::new(ErrorKind::AlreadyRunning, message).with_group(group_id).with_remedy(Remedy::EndRun)
    }

    /// A template cannot be used. `line` counts from 1. `variable` is empty if the problem is not about one. `problem` is a
    /// sentence without its subject.
    pub fn invalid_template(path: &Path, line: usize, variable: &str, problem: &str) -> Self {
        let subject = if variable.is_empty() { "it".to_owned() } else { format!("{{{{{variable}}}}}") };
        let message = format!("{}:{line}: the template cannot be used: {subject} {problem}", path.display());
        let mut error = Self::new(ErrorKind::InvalidTemplate, message).with_path(path);
        error.0.field = Some(variable.to_owned()).filter(|variable| !variable.is_empty());
        error
    }

    /// A template was not found. `message` says where it was looked for.
    pub fn no_template(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidTemplate, message)
    }

    /// A template cannot be read.
    pub fn unreadable_template(path: &Path, reason: impl fmt::Display) -> Self {
        let message = format!("the template {} cannot be read: {reason}", path.display());
        Self::new(ErrorKind::InvalidTemplate, message).with_path(path)
    }

    /// The same error, said of a session of a group.
    #[must_use]
    pub fn in_session(mut self, group_id: &str, session_id: &str) -> Self {
        if self.io_failure().is_none() {
            self = self.with_context(&format!("session {session_id:?}: "));
        }
        self.with_group(group_id)
    }

    /// Several errors that keep a group from being run, as one of the first one's kind; `None` if there are none.
    pub fn several(group_id: &str, mut errors: Vec<Self>) -> Option<Self> {
        if errors.len() < 2 {
            return errors.pop();
        }
        let context = format!("cannot run group {group_id:?}: there are {} problems", errors.len());
        let error = Self::of_statement(errors[0].kind(), Statement::Several(errors));
        Some(error.with_context(&context).with_group(group_id))
    }

    /// A session cannot work in its project directory. `reason` is a sentence about the directory.
    pub fn unusable_project(project: &Path, reason: impl fmt::Display, remedy: impl Into<Remedy>) -> Self {
        let message = format!("cannot start a session in {}: {reason}", project.display());
        Self::invalid_state(message).with_remedy(remedy)
    }

    /// The call is not possible in the current state. `message` also says what to do.
    pub fn invalid_state(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidState, message)
    }

    /// There is no program `claude` to run. `message` says where it was looked for.
    pub fn claude_not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ClaudeNotFound, message)
    }

    /// The version of Claude Code lacks a required option.
    pub fn claude_too_old(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ClaudeTooOld, message)
    }

    /// Not possible on this platform or with this repository.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A failure of the caller's own code, such as a repository or a process manager that this crate does not know.
    pub fn of_caller(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Io, message)
    }

    fn of_io(kind: ErrorKind, group_id: &str, path: &Path, action: &'static str, source: io::Error) -> Self {
        let statement = Statement::Io(IoFailure { action, source: Arc::new(source) });
        Self::of_statement(kind, statement).with_group(group_id).with_path(path)
    }

    /// The same failed call with another consequence, if this error is of the kind `from`.
    #[must_use]
    pub fn converted(mut self, from: ErrorKind, to: ErrorKind) -> Self {
        if self.0.kind == from {
            self.0.kind = to;
        }
        self
    }

    /// A bug of this package.
    pub fn internal(message: impl fmt::Display) -> Self {
        let message = format!("a bug in session-groups, please report it: {message}");
        Self::new(ErrorKind::Internal, message)
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns `true` if the error is of a kind.
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.0.kind == kind
    }

    /// The code that JavaScript sees as `error.code`.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The group that the error is about.
    pub fn group_id(&self) -> Option<&str> {
        self.0.group_id.as_deref()
    }

    /// The file or directory that the error is about.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Path of the field that the error is about, e.g. `sessions[2].status`.
    pub fn field(&self) -> Option<&str> {
        match &self.0.statement {
            Statement::Field(error) => Some(error.field.as_str()).filter(|field| !field.is_empty()),
            Statement::Several(errors) => errors.first()?.field(),
            Statement::Text(_) | Statement::Io(_) => self.0.field.as_deref(),
        }
    }

    /// The remedy, if there is one apart from the statement.
    pub fn remedy(&self) -> Option<Remedy> {
        match (&self.0.statement, self.0.kind) {
            (Statement::Io(_), ErrorKind::NotDurable) => Some("Check the disk, then save it again".into()),
            (Statement::Io(_), _) => Some("Fix that and try again".into()),
            _ => self.0.remedy.clone(),
        }
    }

    fn io_failure(&self) -> Option<&IoFailure> {
        match &self.0.statement {
            Statement::Io(io) => Some(io),
            _ => None,
        }
    }

    /// For a conflict: the revision found, `Some(None)` if there is no such group.
    pub fn actual_revision(&self) -> Option<Option<&str>> {
        self.is(ErrorKind::Conflict).then_some(self.0.actual_revision.as_deref())
    }

    /// For a circular dependency: the ids of each cycle.
    pub fn cycles(&self) -> &[Vec<String>] {
        &self.0.cycles
    }

    /// The kind of the failed call of the operating system.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.io_failure().map(|io| io.source.kind())
    }
}

/// Returns `true` for an error of the system that says that something is lacking; see [`Error::is_of_shortage`].
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    #[cfg(unix)]
    let codes = [libc::EMFILE, libc::ENFILE, libc::EAGAIN];
    #[cfg(not(unix))]
    let codes: [i32; 0] = [];
    let is_listed = error.raw_os_error().is_some_and(|code| codes.contains(&code));
    is_listed || matches!(error.kind(), OutOfMemory | QuotaExceeded | ReadOnlyFilesystem | StorageFull)
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.io_failure()?.source.as_ref())
    }
}

/// A path as an argument of a shell command.
pub(crate) fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+:@%,=".contains(character);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// A cycle as a message shows it, e.g. `a -> b -> a`.
fn circle(cycle: &[String]) -> String {
    const MAX_SHOWN: usize = 10;
    let mut shown: Vec<&str> = cycle.iter().take(MAX_SHOWN).map(String::as_str).collect();
    let more = format!("({} more)", cycle.len().saturating_sub(MAX_SHOWN));
    if cycle.len() > MAX_SHOWN {
        shown.push(&more);
    }
    shown.extend(cycle.first().map(String::as_str));
    shown.join(" -> ")
}

fn named(group_id: &str) -> String {
    if group_id.is_empty() { "the group".to_owned() } else { format!("group {group_id:?}") }
}
