//! The names in a store: `{base}/{id}/meta.json`, and the store's own, which begin with a dot, as no id can.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::repository::working_copy::LARGEST_GROUP;

/// The group itself.
pub const META: &str = "meta.json";
/// The directory of a runner's files about the group's sessions.
pub const SESSIONS: &str = "sessions";
/// The newest events of a group.
pub const EVENTS: &str = "events.jsonl";
/// The events before those.
pub const OLD_EVENTS: &str = "events.1.jsonl";
/// The locks of all groups.
pub const LOCKS: &str = ".locks";
/// Groups that were deleted and are not yet removed.
pub const TRASH: &str = ".trash";

/// The largest group that is stored or read, in bytes.
pub const MAX_FILE_BYTES: u64 = LARGEST_GROUP as u64;

/// A name for a temporary file beside `meta.json`, never used before.
pub fn temporary_name() -> String {
    format!(".{META}.{}.tmp", uuid::Uuid::new_v4().simple())
}

/// Returns whether a name in a group's directory is that of a temporary file.
pub fn is_temporary(name: &str) -> bool {
    name.strip_prefix(".meta.json.").is_some_and(|rest| rest.strip_suffix(".tmp").is_some())
}

/// Returns the default base directory: `~/.local/claude-code-agent/session-groups`.
pub fn default_base() -> Result<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| {
        Error::argument(
            "baseDir",
            "must be given: there is no home directory to take the default from (HOME, on Windows USERPROFILE)",
        )
    })?;
    Ok(default_base_in(&home))
}

/// Returns the default base directory in a home directory.
pub fn default_base_in(home: &Path) -> PathBuf {
    home.join(".local").join("claude-code-agent").join("session-groups")
}

/// The base directory as an absolute path without `.` and `..`, as `path.resolve` makes it, so that a later change of
/// directory does not move the store.
pub fn absolute(base: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(base)
        .map_err(|source| Error::argument("baseDir", format!("cannot be made an absolute path: {source}")))?;
    let mut resolved = PathBuf::new();
    for component in absolute.components() {
        if component == Component::ParentDir {
            resolved.pop();
        } else {
            resolved.push(component);
        }
    }
    Ok(resolved)
}
