//! The processes of the machine. What cannot be looked at, for want of a file descriptor or of memory, is an error: it may be
//! there.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;

use std::collections::HashSet;
use std::io;
use std::sync::OnceLock;

use crate::runner::process::Mark;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Process id.
    pub pid: i32,
    /// Process id of the parent.
    pub parent: i32,
    /// Process group.
    pub group: i32,
    /// Session; 0 where it is not known.
    pub session: i32,
    /// Start time, in a unit of the system. Two processes with the same pid differ in it.
    pub start: u64,
    /// Ended, but its parent has not taken notice.
    pub is_zombie: bool,
}

impl Entry {
    /// Returns `true` while it has not ended.
    pub fn runs(&self) -> io::Result<bool> {
        Ok(entry(self.pid)?.is_some_and(|now| now.start == self.start && !now.is_zombie))
    }
}

/// Returns all processes that this user can see.
pub fn list() -> io::Result<Vec<Entry>> {
    pids()?.into_iter().filter_map(|pid| system::entry(pid).transpose()).collect()
}

/// Returns a process by its pid; `None` if there is none.
pub fn entry(pid: i32) -> io::Result<Option<Entry>> {
    system::entry(pid)
}

/// Returns the environment of a process, its variables separated by NUL; `None` if this user may not read it.
pub fn environment(pid: i32) -> io::Result<Option<Vec<u8>>> {
    system::environment(pid)
}

/// Returns whether a process bears a mark; `None` if this user may not read its environment.
pub fn bears(pid: i32, mark: Mark) -> io::Result<Option<bool>> {
    Ok(environment(pid)?.map(|environment| mark.is_in(&environment)))
}

/// Returns the running processes that bear a mark.
pub fn marked(mark: Mark) -> io::Result<Vec<Entry>> {
    let mut marked = Vec::new();
    for entry in list()?.into_iter().filter(|entry| !entry.is_zombie) {
        if bears(entry.pid, mark)? == Some(true) {
            marked.push(entry);
        }
    }
    Ok(marked)
}

/// Returns `true` if a process has inherited the exclusive lock of a file, given by its device and inode. Always `false`
/// where the system does not report that.
pub fn holds_lock(pid: i32, file: (u64, u64)) -> io::Result<bool> {
    system::holds_lock(pid, file)
}

/// Returns the pids of all processes, in no order.
pub fn pids() -> io::Result<Vec<i32>> {
    system::pids()
}

/// Returns the command line of a process, its arguments separated by spaces.
pub fn command_line(pid: i32) -> io::Result<String> {
    let text = system::arguments(pid)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Ok(text.trim_end_matches('\0').replace('\0', " "))
}

/// Returns an identifier of the machine's current boot; empty if there is none.
pub fn boot_id() -> io::Result<String> {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    if let Some(known) = BOOT_ID.get() {
        return Ok(known.clone());
    }
    Ok(system::boot_id()?.map(|id| BOOT_ID.get_or_init(|| id).clone()).unwrap_or_default())
}

/// Returns the pids that must never get a signal: init, this process and its ancestors.
pub fn protected() -> io::Result<HashSet<i32>> {
    let mut protected = HashSet::from([0, 1]);
    let mut pid = rustix::process::getpid().as_raw_nonzero().get();
    while protected.insert(pid) {
        let Some(entry) = entry(pid)? else { break };
        pid = entry.parent;
    }
    Ok(protected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_in_the_table_and_protected() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let own = entry(pid).unwrap().unwrap();
        assert!(list().unwrap().contains(&own));
        assert!(!own.is_zombie && own.start > 0);
        // Its session may be 0: in a container the leader may be outside.
        assert_eq!(own.parent.unsigned_abs(), std::os::unix::process::parent_id());
        let protected = protected().unwrap();
        assert!(protected.contains(&pid) && protected.contains(&own.parent) && protected.contains(&1));
        assert!(command_line(pid).unwrap().contains("session_groups"));
        assert!(!boot_id().unwrap().is_empty());
    }
}
