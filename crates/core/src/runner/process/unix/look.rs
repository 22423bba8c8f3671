//! The look at a process that an earlier runner started.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::model::run::ProcessIdentity;
use crate::runner::process::unix::alive::{AliveFile, LockState};
use crate::runner::process::unix::directory::SessionDirectory;
use crate::runner::process::unix::identity::{State, cannot_look, may_be_hidden, state_of};
use crate::runner::process::unix::pinned::Pinned;
use crate::runner::process::unix::processes::Adoption;
use crate::runner::process::unix::reserve::Reserve;
use crate::runner::process::unix::table::{self, Entry};
use crate::runner::process::unix::tail::Tail;
use crate::runner::process::{Mark, SessionDirectoryNames};

/// An attempt of an earlier runner.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    /// The group's directory.
    pub group: &'a Path,
    /// Names of the session's directory.
    pub names: &'a SessionDirectoryNames,
    /// Number of the attempt.
    pub attempt: u64,
    /// Mark of the attempt.
    pub mark: Mark,
    /// The process, if the earlier runner came to record it.
    pub recorded: Option<&'a ProcessIdentity>,
}

/// The result of a look.
pub enum Look {
    /// The process lives and can be adopted.
    Alive(Adoption),
    /// It has ended. Its output is whole; `None` if there is none, because it was never started.
    Gone(Option<Recorded>),
    /// The state cannot be determined, for this reason. A process that may live must not be started a second time.
    Unknown(String),
}

/// The files of an attempt.
pub struct Recorded {
    pub(super) directory: SessionDirectory,
    pub(super) attempt: u64,
}

impl Recorded {
    /// Opens the output.
    pub fn output(&self) -> Result<File> {
        self.directory.output(self.attempt)
    }

    /// Opens the output and the error output, to be read while they grow.
    pub(super) fn tails(&self) -> Result<(Tail, Tail)> {
        self.directory.tails(self.attempt)
    }

    /// Opens the reserve of the output.
    pub(super) fn reserve(&self) -> Result<Reserve> {
        self.directory.reserve(self.attempt)
    }

    /// Gives back the space that an earlier runner has allocated for the output.
    pub fn release_reserve(&self) {
        // It costs nothing but space.
        if let Ok(reserve) = self.reserve() {
            reserve.release();
        }
    }

    /// Opens the error output.
    pub fn errors(&self) -> Result<File> {
        self.directory.errors(self.attempt)
    }
}

/// Looks at a process of an earlier runner. Starts, stops and changes nothing. Fails with `IO` or `FOREIGN_OWNER` if it cannot be
/// looked at.
pub fn look(earlier: &Earlier<'_>) -> Result<Look> {
    let Earlier { group, names, attempt, mark, recorded } = *earlier;
    let state = recorded.map(state_of).transpose().map_err(cannot_look)?;
    let Some((directory, alive)) = SessionDirectory::of_attempt(group, names, attempt, mark)? else {
        return look_without_files(earlier, state);
    };
    let lock = alive.state().map_err(|source| Error::io(None, directory.path(), "reading", source))?;
    let process = match (lock, state) {
        (LockState::Held, Some(State::Running(entry))) if is_marked(entry, mark)? == Some(true) => {
            Some(entry)
        }
        (LockState::Held, state) => {
            let found = find(mark, &alive).map_err(cannot_look)?;
            if found.is_none() && matches!(state, Some(State::Foreign)) {
                return Ok(unknown(recorded, "it runs on another machine"));
            }
            found
        }
        (_, Some(State::Foreign)) => return Ok(unknown(recorded, "it was started on another machine")),
        (_, Some(State::Running(entry))) => match is_marked(entry, mark)? {
            Some(true) => Some(entry),
            // The pid was reused, within one unit of the start time.
            Some(false) => None,
            None => return Ok(unknown(recorded, "its environment cannot be read")),
        },
        (LockState::Unavailable, None) => oldest_marked(mark).map_err(cannot_look)?,
        (LockState::Unavailable, Some(State::Ended)) => {
            if recorded.map(may_be_hidden).transpose().map_err(cannot_look)? == Some(true) {
                return Ok(unknown(recorded, "it may run in another container"));
            }
            None
        }
        (_, Some(State::Ended) | None) => None,
    };
    let files = Recorded { directory, attempt };
    if lock != LockState::Held && process.is_none() {
        return Ok(Look::Gone(Some(files)));
    }
    let process = process.map_or(Ok(None), Pinned::new).map_err(cannot_look)?;
    Ok(Look::Alive(Adoption { mark, files, alive, process }))
}

/// Looks at a process whose directory has no files of it.
fn look_without_files(earlier: &Earlier<'_>, state: Option<State>) -> Result<Look> {
    Ok(match state {
        Some(State::Running(entry)) if is_marked(entry, earlier.mark)? != Some(false) => {
            unknown(earlier.recorded, "a process with its pid does, but its files are missing")
        }
        Some(State::Foreign) => unknown(earlier.recorded, "it was started on another machine"),
        _ => Look::Gone(None),
    })
}

/// Returns the oldest process that bears the mark, or else holds the lock.
pub(super) fn find(mark: Mark, alive: &AliveFile) -> io::Result<Option<Entry>> {
    Ok(match oldest_marked(mark)? {
        None => alive.holders()?.into_iter().min_by_key(|entry| (entry.start, entry.pid)),
        found => found,
    })
}

/// Returns whether a process bears the mark, `None` if this user may not read its environment. One that has ended since it was
/// found bears none.
fn is_marked(entry: Entry, mark: Mark) -> Result<Option<bool>> {
    let is_marked = table::bears(entry.pid, mark).map_err(cannot_look)?;
    let has_ended = is_marked.is_none() && !entry.runs().map_err(cannot_look)?;
    Ok(if has_ended { Some(false) } else { is_marked })
}

/// Returns the oldest process with a mark: the others were started by it.
fn oldest_marked(mark: Mark) -> io::Result<Option<Entry>> {
    Ok(table::marked(mark)?.into_iter().min_by_key(|entry| (entry.start, entry.pid)))
}

fn unknown(recorded: Option<&ProcessIdentity>, reason: &str) -> Look {
    let process = match recorded {
        Some(process) => format!("process {} of {}", process.pid.get(), process.host),
        None => "its process".to_owned(),
    };
    Look::Unknown(format!("cannot tell if {process} still runs: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_during_the_look_has_ended() {
        let mark = Mark::new(uuid::Uuid::new_v4());
        let mut child = crate::runner::process::alone::sleep_with(mark);
        let entry = table::entry(child.id().try_into().unwrap()).unwrap().unwrap();
        assert_eq!(is_marked(entry, mark).unwrap(), Some(true));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(is_marked(entry, mark).unwrap(), Some(false));
    }
}
