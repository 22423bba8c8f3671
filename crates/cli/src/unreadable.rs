//! Groups that cannot be read, as lists of groups report them.

use serde::Serialize;
use session_groups::repository::FileGroupRepository;

use crate::error::{Result, Severity, report};
use crate::output::{Output, format};
use crate::words;

/// Maximum number of groups that warnings name.
const MAX_WARNINGS: usize = 5;

/// A group that cannot be read.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// Its id.
    id: String,
    /// The kind of the error, e.g. `CORRUPT`.
    code: &'static str,
    /// The error, for people.
    message: String,
}

/// Returns the groups of a store that cannot be read, by id.
pub fn unreadable(store: &FileGroupRepository) -> Result<Vec<Unreadable>> {
    let found = store.unreadable(|_| true)?.into_iter();
    let unreadable = found.map(|(id, error)| Unreadable {
        id: id.to_string(),
        code: error.code(),
        message: words::message(&error),
    });
    Ok(unreadable.collect())
}

/// Prints a warning for each group that a list lacks because it cannot be read.
pub fn warn(groups: &[Unreadable], output: &mut Output) {
    const HELP: &str = "`session-groups doctor` shows the problems of the store";
    let mut warnings: Vec<String> = groups
        .iter()
        .take(MAX_WARNINGS)
        .map(|group| format!("cannot read group {}: {}", group.id, group.message))
        .collect();
    let more = groups.len().saturating_sub(MAX_WARNINGS);
    if more > 0 {
        warnings.push(format!("cannot read {}", format::counted(more, "more group")));
    }
    for (number, warning) in (1..).zip(&warnings) {
        let help = (number == warnings.len()).then_some(HELP);
        report(output, Severity::Warning, warning, help);
    }
}
