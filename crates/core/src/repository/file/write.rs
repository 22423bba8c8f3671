//! Writing one group: a complete file, confirmed by the disk, renamed over the old one. There is no other way to
//! write, and the caller must hold the group's lock.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::executor;
use crate::model::GroupId;
use crate::repository::file::dir::{Dir, Identity};
use crate::repository::file::lock::Lock;
use crate::repository::file::paths::{META, SESSIONS, temporary_name};

/// The durability of an acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// The end of any process, not a power failure.
    Process,
    /// A power failure, too.
    Full,
}

/// Group directories whose own entry in the base directory is known to be on the disk. Another process may have made
/// one and died before it could see to that.
#[derive(Debug, Default)]
pub struct SyncedDirs(Mutex<HashMap<GroupId, Identity>>);

impl SyncedDirs {
    fn contains(&self, id: &GroupId, directory: &Identity) -> bool {
        self.synced().get(id) == Some(directory)
    }

    /// Forgets a group that is gone.
    pub fn forget(&self, id: &GroupId) {
        self.synced().remove(id);
    }

    fn insert(&self, id: &GroupId, directory: Identity) {
        /// One more fsync costs little.
        const MAX_GROUPS: usize = 10_000;
        let mut confirmed = self.synced();
        if confirmed.len() >= MAX_GROUPS {
            confirmed.clear();
        }
        confirmed.insert(id.clone(), directory);
    }

    fn synced(&self) -> MutexGuard<'_, HashMap<GroupId, Identity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The base directory that is known to be on the disk with those above it. Another one may take its place.
#[derive(Debug, Default)]
pub struct SyncedBase(Mutex<Option<BaseIdentity>>);

/// Device and inode of a base directory, and its identity where the file system keeps one.
type BaseIdentity = (u64, u64, Option<Identity>);

impl SyncedBase {
    /// Waits until the disk has a base directory and those above it, whoever made them: a process that made one may have
    /// died before it could see to that.
    pub fn ensure(&self, base: &Dir) -> io::Result<()> {
        let identity = identity_of(base)?;
        if *self.synced() != Some(identity) {
            sync_above_base(base)?;
            *self.synced() = Some(identity);
        }
        Ok(())
    }

    #[cfg(test)]
    pub fn contains(&self, base: &Dir) -> io::Result<bool> {
        Ok(*self.synced() == Some(identity_of(base)?))
    }

    fn synced(&self) -> MutexGuard<'_, Option<BaseIdentity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identity_of(base: &Dir) -> io::Result<BaseIdentity> {
    let fingerprint = base.own_stat()?.fingerprint();
    Ok((fingerprint.device, fingerprint.inode, base.identity()))
}

/// One write, up to its acknowledgement.
pub struct Commit<'a> {
    /// The base directory.
    pub base: &'a Dir,
    /// The group.
    pub id: &'a GroupId,
    /// Required durability.
    pub durability: Durability,
    /// Directories that are on the disk.
    pub synced: &'a SyncedDirs,
}

impl Commit<'_> {
    /// Stores the bytes as the group. When this returns `Ok` they are there; on `NOT_COMMITTED` nothing changed, on
    /// `NOT_DURABLE` they are visible.
    pub fn put(&self, bytes: &[u8], held: &Lock) -> Result<()> {
        let group = self.base.open_or_make_dir(self.id.as_str());
        let (group, made) =
            group.map_err(self.refused("making", &self.base.path().join(self.id.as_str())))?;
        let stored = self.put_in(&group, bytes, held);
        if made && stored.as_ref().is_err_and(|error| error.is(ErrorKind::NotCommitted)) {
            // Nothing changed: a directory without a group in it would be a leftover.
            let _ = group.remove_dir(SESSIONS);
            drop(group);
            // safeguard: the directory made for a group is removed when its write fails
            let _ = self.base.remove_dir(self.id.as_str());
        }
        stored
    }

    fn put_in(&self, group: &Dir, bytes: &[u8], held: &Lock) -> Result<()> {
        self.ensure_entry_durable(group)?;
        // Whatever has its name is the runner's business.
        let sessions = group.stat(SESSIONS).and_then(|there| match there {
            Some(_) => Ok(false),
            None => group.make_dir(SESSIONS),
        });
        sessions.map_err(self.refused("making", &group.path().join(SESSIONS)))?;
        let name = temporary_name();
        let renamed = self
            .write_temporary(group, &name, bytes)
            .map_err(self.refused("writing", &group.path().join(&name)))
            .and_then(|()| {
                group.rename(&name, group, META).map_err(self.refused("renaming", &group.path().join(META)))
            });
        if renamed.is_err() {
            // safeguard: the temporary file is removed when a write fails
            let _ = group.remove_file(&name);
        }
        renamed?;
        self.sync_after(group, held)
    }

    /// The bytes are stored already, perhaps by someone who did not wait for the disk: waits for it.
    pub fn ensure_durable(&self, held: &Lock) -> Result<()> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        let not_durable = |source| self.not_durable(&self.base.path().join(self.id.as_str()), source);
        let group = self.base.open_dir(self.id.as_str()).map_err(not_durable)?;
        // safeguard: fsync of a file that was stored without one
        group.sync_file(META).map_err(not_durable)?;
        let entry = self.ensure_entry_durable(&group);
        entry.map_err(|error| error.converted(ErrorKind::NotCommitted, ErrorKind::NotDurable))?;
        self.sync_after(&group, held)
    }

    /// Sees to it that the group's directory is on the disk before something in it is acknowledged.
    fn ensure_entry_durable(&self, group: &Dir) -> Result<()> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        let identity = group.identity();
        if identity.is_some_and(|identity| self.synced.contains(self.id, &identity)) {
            return Ok(());
        }
        // safeguard: fsync of the base directory for a group’s own entry
        self.base.sync().map_err(self.refused("syncing", self.base.path()))?;
        if let Some(identity) = identity {
            self.synced.insert(self.id, identity);
        }
        Ok(())
    }

    fn write_temporary(&self, group: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = group.create_file(name)?;
        file.write_all(bytes)?;
        let length = file.metadata()?.len();
        // safeguard: the comparison of the written size
        if length != bytes.len() as u64 {
            return Err(io::Error::other(format!("{length} of {} bytes were written", bytes.len())));
        }
        // Never tried again on this descriptor: after an error a second call can report success for lost data.
        // safeguard: fsync of the file before it is renamed
        if self.durability == Durability::Full { executor::block(|| file.sync_all()) } else { Ok(()) }
    }

    fn sync_after(&self, group: &Dir, held: &Lock) -> Result<()> {
        if self.durability == Durability::Process {
            return Ok(());
        }
        // safeguard: fsync of the group’s directory after the rename
        executor::block(|| group.sync())
            .and_then(|()| held.check_file_system())
            .map_err(|source| self.not_durable(group.path(), source))
    }

    fn not_durable(&self, path: &Path, source: io::Error) -> Error {
        Error::not_durable(self.id.as_str(), path, "syncing", source)
    }

    fn refused(&self, action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let (group_id, path) = (self.id.to_string(), path.to_owned());
        move |source| Error::not_committed(&group_id, &path, action, source)
    }
}

/// Makes the base directory and the directories above it that are not there.
pub fn make_base(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    make_base(parent)?;
    let name = name.to_str().ok_or(io::ErrorKind::InvalidInput)?;
    Dir::open(parent)?.make_dir(name).map(drop)
}

fn sync_above_base(base: &Dir) -> io::Result<()> {
    let device = base.own_stat()?.fingerprint().device;
    for above in base.path().ancestors().skip(1) {
        let above = match Dir::open(above) {
            // Not ours, so we have not made anything in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            above => above?,
        };
        if above.own_stat()?.fingerprint().device != device {
            // Another file system, which may not even know how to do this; nothing was made in it.
            break;
        }
        // safeguard: fsync of the directories above the base
        above.sync_best_effort()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_confirmed_directories_stays_short() {
        let here = Dir::open(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
        let Some(identity) = here.identity() else { return };
        let confirmed = SyncedDirs::default();
        for number in 0..25_000 {
            let id = GroupId::new(&format!("g{number}")).unwrap();
            confirmed.insert(&id, identity);
            assert!(confirmed.contains(&id, &identity));
        }
        assert!(confirmed.synced().len() <= 10_000);
    }
}
