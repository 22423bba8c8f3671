//! The lock of a group's run: a file of its own, `.locks/run-{id}`, held as long as a runner has the group. Its content
//! names the runner, for people and for those who find it held.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::time::Duration;

use crate::model::GroupId;
use crate::repository::file::dir::Dir;
use crate::repository::file::lock::try_lock_file;
use crate::repository::file::paths::LOCKS;

/// Number of tries against those who look if the lock is held, which takes them a few microseconds.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);

/// Maximum size of the content that is read, in bytes.
const MAX_CONTENT: u64 = 4096;

/// The lock of a group's run, free again when this is dropped.
#[derive(Debug)]
pub struct RunLock {
    base: Dir,
    name: String,
    file: File,
}

/// The result of trying to take the lock of a group's run.
#[derive(Debug)]
pub enum TryRunLock {
    /// Nobody else has it.
    Acquired(RunLock),
    /// Another runner has it, which has written this.
    Held(String),
}

impl RunLock {
    /// Takes the lock of a group if no runner holds it, and writes who has it now. `is_runner` tells if what is written there
    /// names a runner that lives; otherwise somebody may only be looking.
    pub(super) fn try_take(
        base: Dir,
        id: &GroupId,
        owner: &str,
        is_runner: impl Fn(&str) -> bool,
    ) -> io::Result<TryRunLock> {
        let name = file_name(id);
        for _ in 0..TRIES {
            if let Some(mut file) = try_lock_file(&base, &name)? {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(owner.as_bytes())?;
                return Ok(TryRunLock::Acquired(Self { base, name, file }));
            }
            if let Some(holder) = content(&base, &name).ok().filter(|holder| is_runner(holder)) {
                return Ok(TryRunLock::Held(holder));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(TryRunLock::Held(content(&base, &name).unwrap_or_default()))
    }

    /// Removes the file of a group that was deleted. The lock is held until then, so nobody else holds it on that file.
    pub fn remove(self) {
        let _ = self.base.open_dir(LOCKS).and_then(|locks| locks.remove_file(&self.name));
    }
}

/// As with `Lock`, closing the file frees its lock later.
impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Returns what the runner of a group has written into its lock; `None` if no runner holds it.
pub(super) fn holder(base: &Dir, id: &GroupId) -> Option<String> {
    let locks = base.open_dir(LOCKS).ok()?;
    is_held(&locks, id).then(|| content(base, &file_name(id)).unwrap_or_default())
}

/// Returns `true` if a runner holds the lock of a group's run. `locks` is the directory of the locks.
pub(super) fn is_held(locks: &Dir, id: &GroupId) -> bool {
    locks.open_file(&file_name(id)).is_ok_and(|file| is_locked(&file))
}

fn is_locked(file: &File) -> bool {
    let tried = file.try_lock_shared();
    // safeguard: a look at the lock of a run does not keep it
    let _ = file.unlock();
    matches!(tried, Err(TryLockError::WouldBlock))
}

fn content(base: &Dir, name: &str) -> io::Result<String> {
    let mut content = String::new();
    base.open_dir(LOCKS)?.open_file(name)?.take(MAX_CONTENT).read_to_string(&mut content)?;
    Ok(content)
}

fn file_name(id: &GroupId) -> String {
    format!("run-{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that was forked off has copies of all open files until it executes its program.
    #[test]
    fn a_look_at_a_lock_does_not_keep_it_although_its_file_is_open_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let (looked_at, other) = (File::create(&path).unwrap(), File::open(&path).unwrap());
        assert!(!is_locked(&looked_at));
        assert!(other.try_lock().is_ok());
        assert!(is_locked(&looked_at));
    }
}
