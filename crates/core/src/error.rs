//! Every way to fail. The addon turns an [`Error`] into the JavaScript class `SessionGroupsError`.
//!
//! ```
//! use session_groups::model::GroupId;
//!
//! let error = GroupId::new("../x").unwrap_err();
//! assert_eq!(error.code(), "INVALID_ID");
//! assert_eq!(error.group_id(), Some("../x"));
//! ```

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Declares the kinds of errors with their codes.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal,)*) => {
        /// Kinds of errors.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// The code that JavaScript sees as `error.code`.
            pub fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }
        }
    };
}

kinds! {
    /// An argument of the wrong type or range.
    InvalidArgument = "INVALID_ARGUMENT",
    /// An id that cannot name a group.
    InvalidId = "INVALID_ID",
    /// A value that is not a `SessionGroup` was to be stored.
    InvalidGroup = "INVALID_GROUP",
    /// A filter or sort of the wrong type or range.
    InvalidFilter = "INVALID_FILTER",
    /// A text that is not an event.
    InvalidEvent = "INVALID_EVENT",
    /// A stored file is not a `SessionGroup`. The file is left as it is.
    Corrupt = "CORRUPT",
    /// A stored file or the store belongs to another user.
    ForeignOwner = "FOREIGN_OWNER",
    /// A precondition did not hold. Nothing changed.
    Conflict = "CONFLICT",
    /// Other processes held the group's lock for too long.
    LockTimeout = "LOCK_TIMEOUT",
    /// A newer version of this package wrote the stored group.
    NewerSchema = "NEWER_SCHEMA",
    /// Everyone may write to the base directory.
    InsecureStore = "INSECURE_STORE",
    /// A write failed. Nothing changed.
    NotCommitted = "NOT_COMMITTED",
    /// The change is visible, but an fsync failed.
    NotDurable = "NOT_DURABLE",
    /// A read failed.
    Io = "IO",
    /// Sessions depend on each other in a circle.
    CircularDependency = "CIRCULAR_DEPENDENCY",
    /// The call is not possible in the current state.
    InvalidState = "INVALID_STATE",
    /// There is no program `claude` to run.
    ClaudeNotFound = "CLAUDE_NOT_FOUND",
    /// The version of Claude Code lacks a required option.
    ClaudeTooOld = "CLAUDE_TOO_OLD",
    /// Not possible on this platform or with this repository.
    Unsupported = "UNSUPPORTED",
    /// The change of a group's status is not possible now.
    InvalidTransition = "INVALID_TRANSITION",
    /// There is no such group or session.
    NotFound = "NOT_FOUND",
    /// Another runner has the group.
    AlreadyRunning = "ALREADY_RUNNING",
    /// A template cannot be used.
    InvalidTemplate = "INVALID_TEMPLATE",
    /// A panic: a bug of this package.
    Internal = "INTERNAL",
}

/// A failure: its kind, what it is about, and a message for people.
#[derive(Debug, Clone)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: ErrorKind,
    message: String,
    group_id: Option<String>,
    path: Option<PathBuf>,
    field: Option<String>,
    /// The revision found by a conflict.
    actual_revision: Option<String>,
    /// The cycles of a circular dependency.
    cycles: Vec<Vec<String>>,
    io: Option<IoFailure>,
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
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            group_id: None,
            path: None,
            field: None,
            actual_revision: None,
            cycles: Vec::new(),
            io: None,
        }))
    }

    fn about_field(kind: ErrorKind, message: String, field: FieldError) -> Self {
        let mut error = Self::new(kind, message);
        error.0.field = Some(field.field).filter(|field| !field.is_empty());
        error
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
        Self::about_field(ErrorKind::InvalidArgument, error.to_string(), error)
    }

    /// A filter or sort of the wrong type or range.
    pub fn filter(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let error = FieldError::new(field, problem);
        Self::about_field(ErrorKind::InvalidFilter, error.to_string(), error)
    }

    /// An id that cannot name a group. `reason` is a sentence without its subject.
    pub fn invalid_id(id: &str, reason: &str) -> Self {
        let rule = "Use 1 to 128 of A-Z a-z 0-9 . _ -, a letter or a digit first";
        let message = format!("{id:?} cannot be the id of a group: it {reason}. {rule}");
        let mut error = Self::new(ErrorKind::InvalidId, message);
        error.0.field = Some("id".to_owned());
        // Even an empty one: it is what was given.
        error.0.group_id = Some(id.to_owned());
        error
    }

    /// A group's status does not permit a change. `problem` is a sentence without its subject.
    pub fn invalid_transition(group_id: &str, problem: &str) -> Self {
        Self::new(ErrorKind::InvalidTransition, format!("group {group_id:?} {problem}")).with_group(group_id)
    }

    /// A value that is not a group was to be stored. `group_id` is empty if the value has no readable id.
    pub fn invalid_group(group_id: &str, error: FieldError) -> Self {
        let message = format!("{} was not stored: {error}", named(group_id));
        Self::about_field(ErrorKind::InvalidGroup, message, error).with_group(group_id)
    }

    /// Two sessions of a group have the same id.
    pub fn repeated_session(error: FieldError) -> Self {
        Self::about_field(ErrorKind::InvalidGroup, error.to_string(), error)
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
        let message = format!("Circular dependency detected: {}{more}. {remedy}", shown.join("; "));
        let mut error = Self::new(ErrorKind::CircularDependency, message);
        error.0.cycles = cycles;
        error
    }

    /// A text that is not an event.
    pub fn invalid_event(error: FieldError) -> Self {
        Self::about_field(ErrorKind::InvalidEvent, format!("not a group event: {error}"), error)
    }

    /// A stored file is not a group. `field` is known if the text is JSON.
    pub fn corrupt(group_id: &str, path: &Path, field: Option<String>, problem: &str) -> Self {
        let remedy = "Repair the file or delete the group; it is left as it is";
        let message = format!("{} is not a session group: {problem}. {remedy}", path.display());
        let mut error = Self::new(ErrorKind::Corrupt, message).with_group(group_id).with_path(path);
        error.0.field = field;
        error
    }

    /// A file is not the event feed of a group.
    pub fn corrupt_feed(group_id: &str, path: &Path, problem: &str) -> Self {
        let remedy = "Move it away: further events are then written to a new file";
        let message = format!("{} is not an event feed: {problem}. {remedy}", path.display());
        Self::new(ErrorKind::Corrupt, message).with_group(group_id).with_path(path)
    }

    /// A file or directory belongs to `owner`, while this process runs as `user`. `remedy` is the command that changes the
    /// owner.
    pub fn foreign_owner(group_id: Option<&str>, path: &Path, owner: &str, user: &str, remedy: &str) -> Self {
        let message = format!(
            "cannot use {}: it belongs to {owner}, but this process runs as {user}. Run it as that user, or change the owner: {remedy}",
            path.display()
        );
        Self::new(ErrorKind::ForeignOwner, message).with_group(group_id.unwrap_or_default()).with_path(path)
    }

    /// A precondition did not hold. `actual` is the revision found, `None` if there is no such group.
    pub fn conflict(group_id: &str, expected: &str, actual: Option<String>) -> Self {
        let found = match &actual {
            Some(revision) => format!("its revision is {revision}"),
            None => "there is no such group".to_owned(),
        };
        let message = format!(
            "group {group_id:?} was not changed: {expected}, but {found}. Read it again, then decide"
        );
        let mut error = Self::new(ErrorKind::Conflict, message).with_group(group_id);
        error.0.actual_revision = actual;
        error
    }

    /// Other processes held the lock of the group for too long.
    pub fn lock_timeout(group_id: &str, path: PathBuf, holder: &str) -> Self {
        let message = format!(
            "timed out waiting for the lock of group {group_id:?}, held by {holder}. Try again, or raise lockTimeoutMs"
        );
        Self::new(ErrorKind::LockTimeout, message).with_group(group_id).with_path(path)
    }

    /// The lock of those who look for the group of a plan file was not free in time.
    pub fn plans_timeout(path: PathBuf) -> Self {
        let message = format!(
            "timed out waiting for another process that looks for the group of a plan file and holds the lock {}. Try again",
            path.display()
        );
        Self::new(ErrorKind::LockTimeout, message).with_path(path)
    }

    /// A newer version wrote the stored group. `consequence` says what this version cannot do with it.
    pub fn newer_schema(group_id: &str, path: &Path, version: f64, consequence: &str) -> Self {
        let message = format!(
            "{} was written by a newer version (schemaVersion {version}): {consequence}. Update session-groups",
            path.display()
        );
        Self::new(ErrorKind::NewerSchema, message).with_group(group_id).with_path(path)
    }

    /// Everyone may write to the base directory, whose permission bits are `mode`.
    pub fn insecure_store(path: &Path, mode: u32) -> Self {
        let message = format!(
            "{} can be written by every user of this machine (mode {mode:04o}). Run: chmod o-w {}",
            path.display(),
            quoted(path)
        );
        Self::new(ErrorKind::InsecureStore, message).with_path(path)
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

    /// Returns `true` if something is lacking that may come back: space on the disk or the right to write to it, file
    /// descriptors, memory or processes.
    pub fn is_of_shortage(&self) -> bool {
        self.0.io.as_ref().is_some_and(|io| is_shortage(&io.source))
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
        let message = format!("group {group_id:?} is being run by {owner}. Stop that run first");
        Self::new(ErrorKind::AlreadyRunning, message).with_group(group_id)
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
        if self.0.io.is_none() {
            self.0.message = format!("session {session_id:?}: {}", self.0.message);
        }
        self.with_group(group_id)
    }

    /// Several errors that keep a group from being run, as one of the first one's kind; `None` if there are none.
    pub fn several(group_id: &str, mut errors: Vec<Self>) -> Option<Self> {
        const MAX_SHOWN: usize = 20;
        if errors.len() < 2 {
            return errors.pop();
        }
        let mut lines = vec![format!("cannot run group {group_id:?}: there are {} problems", errors.len())];
        lines.extend(errors.iter().take(MAX_SHOWN).map(|error| format!("- {error}")));
        if let more @ 1.. = errors.len().saturating_sub(MAX_SHOWN) {
            lines.push(format!("- and {more} more"));
        }
        let first = errors.swap_remove(0);
        let mut error = Self::new(first.kind(), lines.join("\n")).with_group(group_id);
        error.0.field = first.0.field;
        Some(error)
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
        let mut error = Self::new(kind, "").with_group(group_id).with_path(path);
        error.0.io = Some(IoFailure { action, source: Arc::new(source) });
        error
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
        self.0.field.as_deref()
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
        self.0.io.as_ref().map(|io| io.source.kind())
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(IoFailure { action, source }) = &self.0.io else {
            return f.write_str(&self.0.message);
        };
        let path = self.path().unwrap_or(Path::new("")).display();
        let group = named(self.group_id().unwrap_or_default());
        let failed = format!("{action} {path} failed: {source}");
        match self.0.kind {
            ErrorKind::NotCommitted => write!(f, "{group} was not changed: {failed}. Fix that and try again"),
            ErrorKind::NotDurable => write!(
                f,
                "{group} was changed, but may not survive a power failure: {failed}. Check the disk, then save it again"
            ),
            _ => write!(f, "{failed}. Fix that and try again"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let io = self.0.io.as_ref()?;
        Some(io.source.as_ref())
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
