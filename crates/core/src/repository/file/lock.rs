//! One writer at a time: the kernel's advisory locks on a fixed number of files that are never removed. A process
//! that dies, however it dies, leaves no lock behind, and deleting a group deletes no lock.

use std::fs::{File, TryLockError};
use std::io::{self, Read};

use crate::model::GroupId;
use crate::repository::file::dir::{Dir, Stat, has_no_locks};
use crate::repository::file::paths::LOCKS;

/// Number of locks that all groups share.
pub const STRIPES: u64 = 64;

/// The name of the lock of those who look for the group of a plan file, in `.locks`.
pub const PLANS: &str = "plans";

/// The lock that a group uses: the same one in every process and every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stripe(u64);

impl Stripe {
    /// The group's stripe.
    pub fn of(id: &GroupId) -> Self {
        // Two ids can name one directory if file names have no case.
        Self(xxhash_rust::xxh3::xxh3_64(id.as_str().to_ascii_lowercase().as_bytes()) % STRIPES)
    }

    /// Its number, from 0 to `STRIPES`.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or_default()
    }

    /// The name of its file in `.locks`.
    pub fn file_name(self) -> String {
        format!("{:02x}", self.0)
    }
}

/// The lock of a stripe, and the store it is in.
pub struct StoreGuard {
    /// The base directory.
    pub base: Dir,
    /// The lock.
    pub lock: Lock,
}

/// The result of trying a lock.
pub enum TryLock {
    /// Nobody else has it.
    Acquired(StoreGuard),
    /// Somebody else has it.
    WouldBlock,
    /// There is no store.
    NoStore,
}

/// A lock that is held until this is dropped.
pub struct Lock {
    file: File,
}

impl Lock {
    /// Fails when the file system has given up. On XFS (seen with Linux 6.18) an fsync of a directory succeeds even then,
    /// though nothing of it was written; reading a file does not.
    pub fn check_file_system(&self) -> io::Result<()> {
        // safeguard: the question whether the file system still works after an fsync
        (&self.file).read(&mut [0; 1]).map(drop)
    }
}

/// Closing the file frees its lock later: on Windows when the system gets round to it, elsewhere when a process that was
/// forked off meanwhile has closed its copy.
impl Drop for Lock {
    fn drop(&mut self) {
        // safeguard: a lock is free at once
        let _ = self.file.unlock();
    }
}

/// Number of times that a lock is taken whose file is not the one in the store afterwards. Files are removed by hand at
/// most, and not so often.
const MAX_ATTEMPTS: usize = 100;

/// Takes a lock if nobody holds it; `None` if somebody does.
pub fn try_lock(base: &Dir, stripe: Stripe) -> io::Result<Option<Lock>> {
    try_lock_file(base, &stripe.file_name()).map(|file| file.map(|file| Lock { file }))
}

/// Takes the lock of those who look for the group of a plan file if nobody holds it; `None` if somebody does.
pub fn try_lock_plans(base: &Dir) -> io::Result<Option<Lock>> {
    try_lock_file(base, PLANS).map(|file| file.map(|file| Lock { file }))
}

/// Takes the lock of a file in `.locks` if nobody holds it; `None` if somebody does.
pub(super) fn try_lock_file(base: &Dir, name: &str) -> io::Result<Option<File>> {
    take_stable(|| {
        let file = match lock_dir(base)?.open_lock(name) {
            // Someone is just removing `.locks` by hand.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Attempt::Again),
            file => file?,
        };
        // safeguard: the lock
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy),
            Err(TryLockError::Error(error)) => return Err(explain(error)),
        }
        // A lock on a file that is no longer the one in the store excludes nobody.
        let held = Stat::of(&file)?.fingerprint().inode;
        let is_same =
            // safeguard: the check that the locked file is the one in the store
            base.stat(&format!("{LOCKS}/{name}"))?.is_some_and(|there| there.fingerprint().inode == held);
        Ok(if is_same { Attempt::Held(file) } else { Attempt::Again })
    })
}

enum Attempt<T = Lock> {
    Held(T),
    Busy,
    Again,
}

fn take_stable<T>(mut attempt: impl FnMut() -> io::Result<Attempt<T>>) -> io::Result<Option<T>> {
    for _ in 0..MAX_ATTEMPTS {
        match attempt()? {
            Attempt::Held(lock) => return Ok(Some(lock)),
            Attempt::Busy => return Ok(None),
            Attempt::Again => {}
        }
    }
    Err(io::Error::other(
        "the locked file was never the one in the store: this file system's inode numbers are not stable, or the file is \
         replaced all the time; use a local file system",
    ))
}

/// All locks are made at once, so that a disk without a free inode later does not keep a group from being deleted.
fn lock_dir(base: &Dir) -> io::Result<Dir> {
    let (locks, made) = base.open_or_make_dir(LOCKS)?;
    if made {
        // safeguard: all locks made at once
        for stripe in 0..STRIPES {
            locks.open_lock(&Stripe(stripe).file_name())?;
        }
    }
    Ok(locks)
}

fn explain(error: io::Error) -> io::Error {
    if has_no_locks(&error) {
        return io::Error::new(
            error.kind(),
            "this file system has no locks, so several writers would undo each other's work; use a local one",
        );
    }
    error
}

/// Returns the process that seems to hold a lock, for a message. Only Linux reports it.
pub fn holder(base: &Dir, stripe: Stripe) -> Option<String> {
    let inode = base.open_dir(LOCKS).ok()?.stat(&stripe.file_name()).ok()??.fingerprint().inode;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let is_flock = words.next() == Some("FLOCK");
        let pid = words.nth(2)?;
        let file = words.next()?;
        (is_flock && file.rsplit(':').next() == Some(&inode.to_string())).then(|| pid.to_owned())
    })?;
    if pid == std::process::id().to_string() {
        return Some("this process".to_owned());
    }
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(match name.trim() {
        "" => format!("process {pid}"),
        name => format!("process {pid} ({name})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that was forked off has copies of all open files until it executes its program.
    #[test]
    fn a_lock_is_free_at_once_although_its_file_is_open_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let base = Dir::open(directory.path()).unwrap();
        let stripe = Stripe(0);
        let lock = try_lock(&base, stripe).unwrap().unwrap();
        let _copy = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(try_lock(&base, stripe).unwrap().is_some());
    }

    #[test]
    fn a_lock_that_is_never_the_one_in_the_store_is_an_error_and_not_a_loop() {
        let mut attempts = 0;
        let error = take_stable(|| {
            attempts += 1;
            Ok(Attempt::<Lock>::Again)
        });
        assert!(error.err().is_some_and(|error| error.to_string().contains("not stable")));
        assert_eq!(attempts, MAX_ATTEMPTS);
    }
}
