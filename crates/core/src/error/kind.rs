//! Kinds of errors, and their codes.

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
