//! Every way to fail, with its code. Nothing here knows how an error is shown: the bindings turn it into the
//! JavaScript class, a Rust program reads it as it is.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What every fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure. [`Error::code`] says which one it is.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// An argument of the wrong type or range.
    #[error("{0}")]
    InvalidArgument(Wrong),
    /// An id that cannot name a group.
    #[error(
        "{id:?} cannot be the id of a group: it {reason}. Use 1 to 128 of A-Z a-z 0-9 . _ -, a letter or a digit first"
    )]
    InvalidId {
        /// The id as it was given.
        id: String,
        /// Which rule it breaks.
        reason: Cow<'static, str>,
    },
    /// Something that is not a `SessionGroup` was to be stored.
    #[error("{} was not stored: {wrong}", named(group_id))]
    InvalidGroup {
        /// The group that stays as it was; empty when what was to be stored has no readable id.
        group_id: String,
        /// The field and what was expected of it.
        wrong: Wrong,
    },
    /// A filter or a sort that makes no sense.
    #[error("{0}")]
    InvalidFilter(Wrong),
    /// A line that is no event.
    #[error("not a group event: {0}")]
    InvalidEvent(Wrong),
    /// A stored file is no `SessionGroup`. The file is left as it is.
    #[error("{} is not a session group: {problem}. Repair the file or delete the group; it is left as it is", path.display())]
    Corrupt {
        /// The group whose file it is.
        group_id: String,
        /// The file.
        path: PathBuf,
        /// The field, where the text is JSON.
        field: Option<String>,
        /// What is wrong, with line and column where there is one.
        problem: String,
    },
    /// A stored file or the store belongs to another user.
    #[error("cannot use {}: it belongs to {owner}, but this process runs as {user}. Run it as that user, or change the owner: {remedy}", path.display())]
    ForeignOwner {
        /// The group that was looked for, where it was one.
        group_id: Option<String>,
        /// The file or directory.
        path: PathBuf,
        /// The user to whom it belongs.
        owner: String,
        /// The user of this process.
        user: String,
        /// The command that changes the owner.
        remedy: String,
    },
    /// A precondition did not hold; nothing changed.
    #[error("group {group_id:?} was not changed: {expected}, but {}. Read it again, then decide", match actual {
        Some(revision) => format!("its revision is {revision}"),
        None => "there is no such group".to_owned(),
    })]
    Conflict {
        /// The group that stays as it was.
        group_id: String,
        /// What the caller asked for.
        expected: String,
        /// The revision found in its place; `None` when there is no such group.
        actual: Option<String>,
    },
    /// Others kept the group's lock for too long.
    #[error("group {group_id:?} is busy: {reason}. Try again, or raise lockTimeoutMs")]
    LockTimeout {
        /// The group that was not written.
        group_id: String,
        /// The lock's file, where a lock was waited for.
        path: Option<PathBuf>,
        /// Who is in the way, as far as it can be told.
        reason: String,
    },
    /// A newer version of this package wrote the stored group.
    #[error("{} was written by a newer version (schemaVersion {version}): {consequence}. Update session-groups", path.display())]
    NewerSchema {
        /// The group that stays as it is.
        group_id: String,
        /// Its file.
        path: PathBuf,
        /// The version found.
        version: f64,
        /// What this version cannot do with it.
        consequence: String,
    },
    /// Everyone may write to the base directory.
    #[error("{} can be written by every user of this machine (mode {mode:04o}). Run: chmod o-w {}", path.display(), path.display())]
    InsecureStore {
        /// The base directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The disk refused; nothing changed.
    #[error("{} was not changed: {action} {} failed: {source}. Fix that and try again", named(group_id), path.display())]
    NotCommitted {
        /// The group that stays as it was.
        group_id: String,
        /// The file or directory that was refused.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The disk's answer.
        source: Arc<std::io::Error>,
    },
    /// The change is visible, but the disk did not confirm it.
    #[error("group {group_id:?} was changed, but may not survive a power failure: {action} {} failed: {source}. Check the disk, then save it again", path.display())]
    NotDurable {
        /// The group that was changed.
        group_id: String,
        /// The directory that was not confirmed.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The disk's answer.
        source: Arc<std::io::Error>,
    },
    /// Reading failed.
    #[error("{action} {} failed: {source}. Fix that and try again", path.display())]
    Io {
        /// The group that was looked for, where it was one.
        group_id: Option<String>,
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The disk's answer.
        source: Arc<std::io::Error>,
    },
    /// A panic: a bug of this package, caught at the border.
    #[error("a bug in session-groups, please report it: {0}")]
    Internal(String),
}

/// What was wrong with a value: where it stands, what was expected there, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The path of the field, e.g. `sessions[2].status`; empty for the value as a whole.
    pub field: String,
    /// A sentence without its subject, e.g. `must be a string, but is 5`.
    pub problem: String,
}

impl Wrong {
    /// A problem of one field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    fn field(&self) -> Option<&str> {
        (!self.field.is_empty()).then_some(self.field.as_str())
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let subject = self.field().unwrap_or("it");
        write!(f, "{subject} {}", self.problem)
    }
}

fn named(group_id: &str) -> String {
    if group_id.is_empty() { "the group".to_owned() } else { format!("group {group_id:?}") }
}

impl Error {
    /// An argument of the wrong type or range.
    pub fn argument(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidArgument(Wrong::new(field, problem))
    }

    /// A filter or sort that makes no sense.
    pub fn filter(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidFilter(Wrong::new(field, problem))
    }

    /// The code that JavaScript sees as `error.code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArgument(_) => "INVALID_ARGUMENT",
            Self::InvalidId { .. } => "INVALID_ID",
            Self::InvalidGroup { .. } => "INVALID_GROUP",
            Self::InvalidFilter(_) => "INVALID_FILTER",
            Self::InvalidEvent(_) => "INVALID_EVENT",
            Self::Corrupt { .. } => "CORRUPT",
            Self::ForeignOwner { .. } => "FOREIGN_OWNER",
            Self::Conflict { .. } => "CONFLICT",
            Self::LockTimeout { .. } => "LOCK_TIMEOUT",
            Self::NewerSchema { .. } => "NEWER_SCHEMA",
            Self::InsecureStore { .. } => "INSECURE_STORE",
            Self::NotCommitted { .. } => "NOT_COMMITTED",
            Self::NotDurable { .. } => "NOT_DURABLE",
            Self::Io { .. } => "IO",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// The group it is about, where it is about one.
    pub fn group_id(&self) -> Option<&str> {
        let id = match self {
            // Even an empty one: it is what was given.
            Self::InvalidId { id, .. } => return Some(id),
            Self::InvalidGroup { group_id, .. }
            | Self::Corrupt { group_id, .. }
            | Self::Conflict { group_id, .. }
            | Self::LockTimeout { group_id, .. }
            | Self::NewerSchema { group_id, .. }
            | Self::NotCommitted { group_id, .. }
            | Self::NotDurable { group_id, .. } => Some(group_id),
            Self::ForeignOwner { group_id, .. } | Self::Io { group_id, .. } => group_id.as_ref(),
            _ => None,
        };
        id.map(String::as_str).filter(|id| !id.is_empty())
    }

    /// The file or directory it is about, where it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Corrupt { path, .. }
            | Self::ForeignOwner { path, .. }
            | Self::NewerSchema { path, .. }
            | Self::InsecureStore { path, .. }
            | Self::NotCommitted { path, .. }
            | Self::NotDurable { path, .. }
            | Self::Io { path, .. } => Some(path),
            Self::LockTimeout { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// The path of the field it is about, where it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::InvalidArgument(wrong)
            | Self::InvalidGroup { wrong, .. }
            | Self::InvalidFilter(wrong)
            | Self::InvalidEvent(wrong) => wrong.field(),
            Self::Corrupt { field, .. } => field.as_deref(),
            Self::InvalidId { .. } => Some("id"),
            _ => None,
        }
    }

    /// For a conflict: the revision that was found, `Some(None)` when there was no such group.
    pub fn actual_revision(&self) -> Option<Option<&str>> {
        match self {
            Self::Conflict { actual, .. } => Some(actual.as_deref()),
            _ => None,
        }
    }
}
