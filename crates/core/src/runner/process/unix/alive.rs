//! The file whose kernel lock is held as long as a process lives. It contains the attempt's UUID, since on a file system
//! without letter case two sessions may come to use one directory.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;

use crate::error::is_shortage;
use crate::repository::file::dir::{Dir, Kind, Stat, has_no_locks};
use crate::runner::process::Mark;
use crate::runner::process::unix::table::{self, Entry};

/// Length of a UUID as text.
const UUID_LENGTH: u64 = 36;

/// The state of an attempt's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// A process of the attempt lives.
    Held,
    /// None does.
    Free,
    /// The file system has no locks.
    Unavailable,
}

/// The file of an attempt, open for looking at its lock. Several processes can look at once.
#[derive(Debug)]
pub struct AliveFile(File);

impl AliveFile {
    /// Opens the file of an attempt; `None` if no such process was started with this directory.
    pub fn open(directory: &Dir, attempt: u64, mark: Mark) -> io::Result<Option<Self>> {
        let mut file = match directory.open_file(&name(attempt)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        check(&file)?;
        let mut content = String::new();
        (&mut file).take(UUID_LENGTH).read_to_string(&mut content)?;
        // Written before the process is started.
        Ok((content == mark.to_string()).then_some(Self(file)))
    }

    /// Opens the file of any attempt with this number; `None` if there is none, or something that is no such file. It is
    /// locked before its UUID is written, so that one without a UUID may just be in the making.
    pub fn open_any(directory: &Dir, attempt: u64) -> io::Result<Option<Self>> {
        let file = match directory.open_file(&name(attempt)) {
            Err(error) if is_shortage(&error) => return Err(error),
            Err(_) => return Ok(None),
            Ok(file) => file,
        };
        let is_complete = check(&file).is_ok() && file.metadata()?.len() >= UUID_LENGTH;
        Ok(is_complete.then_some(Self(file)))
    }

    /// Returns the state of the lock.
    pub fn state(&self) -> io::Result<LockState> {
        match self.0.try_lock_shared() {
            Ok(()) => self.0.unlock().map(|()| LockState::Free),
            Err(TryLockError::WouldBlock) => Ok(LockState::Held),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => Ok(LockState::Unavailable),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Returns the processes that hold the lock, where the system reports them.
    pub fn holders(&self) -> io::Result<Vec<Entry>> {
        let metadata = self.0.metadata()?;
        let file = (metadata.dev(), metadata.ino());
        let mut holders = Vec::new();
        for entry in table::list()?.into_iter().filter(|entry| !entry.is_zombie) {
            if table::holds_lock(entry.pid, file)? {
                holders.push(entry);
            }
        }
        Ok(holders)
    }
}

/// Creates the file of an attempt and locks it. Leaves no file if that fails.
pub fn create(directory: &Dir, attempt: u64, mark: Mark) -> io::Result<File> {
    let file = directory.create_file(&name(attempt))?;
    let locked = lock(&file, mark);
    if locked.is_err() {
        let _ = directory.remove_file(&name(attempt));
    }
    locked.map(|()| file)
}

fn lock(mut file: &File, mark: Mark) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => {}
        // Without locks, a later runner has to rely on the identity of the process.
        Err(TryLockError::Error(error)) if has_no_locks(&error) => {}
        Err(error) => return Err(error.into()),
    }
    write!(file, "{mark}")
}

/// Checks that an open file is a regular one of this user.
pub fn check(file: &File) -> io::Result<()> {
    let stat = Stat::of(file)?;
    if stat.kind() != Kind::File {
        return Err(io::Error::other("it is not a regular file; remove it"));
    }
    if !stat.owned_by_us() {
        return Err(io::Error::other("it belongs to another user; remove it"));
    }
    Ok(())
}

/// Returns the name of an attempt's file.
pub fn name(attempt: u64) -> String {
    format!("{attempt}.alive")
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn the_lock_shows_whether_its_holder_lives() {
        let base = tempfile::tempdir().unwrap();
        let directory = Dir::open(base.path()).unwrap();
        let mark = Mark::new(Uuid::from_u128(1));
        let open = |mark| AliveFile::open(&directory, 1, mark).unwrap();
        assert!(open(mark).is_none());
        let file = create(&directory, 1, mark).unwrap();
        let alive = open(mark).unwrap();
        assert_eq!(alive.state().unwrap(), LockState::Held);
        #[cfg(target_os = "linux")]
        assert!(
            alive.holders().unwrap().iter().any(|holder| holder.pid.unsigned_abs() == std::process::id())
        );
        assert!(open(Mark::new(Uuid::from_u128(2))).is_none());
        assert!(create(&directory, 1, mark).is_err());
        drop(file);
        assert_eq!(alive.state().unwrap(), LockState::Free);
        // The file is still open, but that is not the lock.
        assert!(alive.holders().unwrap().is_empty());
    }
}
