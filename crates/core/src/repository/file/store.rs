//! What the repositories on one base directory share: reading its groups, and carrying out the writes that its queue
//! hands over under a group's lock.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result};
use crate::executor;
use crate::json;
use crate::model::GroupId;
use crate::repository::document::Document;
use crate::repository::file::batch::Batch;
use crate::repository::file::cache::Cache;
use crate::repository::file::case_collision::other_than;
use crate::repository::file::dir::Dir;
use crate::repository::file::lock::{self, Lock, Stripe};
use crate::repository::file::queue::{Access, Worker};
use crate::repository::file::scan::{Listing, Suspect};
use crate::repository::file::task::{Ready, Reply, Task};
use crate::repository::file::waiting::First;
use crate::repository::file::write::{self, Commit, ConfirmedDirs, Durability};
use crate::repository::file::{delete, paths, read};
use crate::repository::merge::{Condition, Write, Written};
use crate::repository::query::{GroupFilter, GroupSort};

/// What all repositories on one base directory in this process share.
pub struct Store {
    base: PathBuf,
    /// Whether the disk is known to have the base directory itself.
    base_is_confirmed: AtomicBool,
    confirmed: ConfirmedDirs,
    cache: Cache,
    swept: Swept,
}

impl Store {
    /// The store under a base directory, which need not be there.
    pub fn new(base: PathBuf) -> Self {
        Self {
            base,
            base_is_confirmed: AtomicBool::new(false),
            confirmed: ConfirmedDirs::default(),
            cache: Cache::default(),
            swept: Swept::default(),
        }
    }

    /// Where it lies.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The group as it is now.
    pub fn read(&self, id: &GroupId) -> Result<Option<Document>> {
        match read::open_base(&self.base)? {
            Some(base) => read::read_through(&base, id, &self.cache),
            None => Ok(None),
        }
    }

    /// The groups that match, and those that have to be looked at under their lock.
    pub fn list(
        &self,
        filter: &GroupFilter,
        sort: Option<GroupSort>,
    ) -> Result<(Vec<Document>, Vec<Suspect>)> {
        self.query(|listing| listing.list(filter, sort))
    }

    /// The number of groups that match, and those that have to be looked at under their lock.
    pub fn count(&self, filter: &GroupFilter) -> Result<(usize, Vec<Suspect>)> {
        self.query(|listing| listing.count(filter))
    }

    fn query<T: Default>(&self, ask: impl FnOnce(&Listing<'_>) -> Result<T>) -> Result<(T, Vec<Suspect>)> {
        let Some(base) = read::open_base(&self.base)? else {
            return Ok(Default::default());
        };
        let listing = Listing::new(&base, &self.cache);
        let found = ask(&listing)?;
        Ok((found, listing.into_suspects()))
    }

    /// Remembers that a file was seen to be corrupt under its lock.
    pub fn remember_corrupt(&self, suspect: &Suspect) {
        if let Some(stamp) = suspect.stamp {
            self.cache.put_corrupt(&suspect.id, stamp);
        }
    }

    /// Makes the store if it is not there, and opens it.
    fn open_for_writing(&self, mut base: Option<Dir>, id: &GroupId, durability: Durability) -> Result<Dir> {
        base.as_ref().map_or(Ok(()), read::check_base)?;
        let refused =
            |source: std::io::Error| Error::not_committed(id.as_str(), &self.base.clone(), "making", source);
        if base.is_none() {
            self.base_is_confirmed.store(false, Ordering::Relaxed);
            write::make_base(&self.base).map_err(refused)?;
            base = read::open_base(&self.base)?;
        }
        if durability == Durability::Full && !self.base_is_confirmed.load(Ordering::Relaxed) {
            write::confirm_base(&self.base).map_err(refused)?;
            self.base_is_confirmed.store(true, Ordering::Relaxed);
        }
        base.ok_or_else(|| refused(std::io::ErrorKind::NotFound.into()))
    }
}

/// The lock of a stripe, and the store it is in.
pub struct Held {
    base: Dir,
    lock: Lock,
}

impl Worker for Store {
    type Lock = Held;

    fn try_lock(&self, stripe: Stripe, first: &First) -> Result<Access<Held>> {
        let base = read::open_base(&self.base)?;
        if base.is_none() && !first.makes_a_store {
            return Ok(Access::NoStore);
        }
        let base = self.open_for_writing(base, &first.id, first.durability)?;
        let lock =
            lock::try_lock(&base, stripe).map_err(|source| read::cannot_lock(&base, &first.id, source))?;
        Ok(lock.map_or(Access::Busy, |lock| Access::Held(Held { base, lock })))
    }

    fn carry_out(&self, id: &GroupId, batch: Vec<Ready>, held: &Held) {
        if self.swept.is_due(id) {
            let now = SystemTime::now();
            delete::sweep_group(&held.base, id, now, &held.lock);
            delete::sweep(&held.base, now);
        }
        let mut waiting = VecDeque::from(batch);
        // Again for each batch: a lock is held over several.
        if let Err(error) = read::check_base(&held.base) {
            return waiting.into_iter().for_each(|ready| ready.reply.tell(Err(error.clone())));
        }
        while !waiting.is_empty() {
            match Stored::read(&held.base, id) {
                Ok(stored) => self.write_together(id, &stored, &mut waiting, held),
                Err(error) => self.meet_unreadable(id, &error, &mut waiting, held),
            }
        }
    }

    fn carry_out_without_store(&self, id: &GroupId, ready: Ready) {
        ready.reply.tell(match ready.task {
            Task::Write(write) => write.apply(id, None),
            Task::Save { .. } => Err(Error::internal("a save makes its store")),
            Task::Look => Ok(Written::Missing),
        });
    }

    fn read(&self, id: &GroupId) -> Result<Option<Document>> {
        Self::read(self, id)
    }

    fn read_locked(&self, id: &GroupId, held: &Held) -> Result<Option<Document>> {
        Stored::read(&held.base, id).map(|stored| stored.group)
    }

    fn timed_out(&self, stripe: Stripe, waited_for: &GroupId) -> Error {
        let holder = read::open_base(&self.base).ok().flatten().and_then(|base| lock::holder(&base, stripe));
        let holder = holder.unwrap_or_else(|| "another process".to_owned());
        let path = self.base.join(paths::LOCKS).join(stripe.file_name());
        Error::lock_timeout(waited_for.as_str(), path, &holder)
    }
}

/// What lies on the disk: the group, and the very bytes.
#[derive(Default)]
struct Stored {
    group: Option<Document>,
    bytes: Option<Vec<u8>>,
    /// The directory that is in the way of a group with this id.
    other: Option<String>,
}

impl Stored {
    fn read(base: &Dir, id: &GroupId) -> Result<Self> {
        match Self::read_directory(base, id) {
            Ok(stored) if stored.group.is_some() => Ok(stored),
            none_or_unreadable => match other_than(base, id) {
                Ok(None) => none_or_unreadable,
                Ok(other) => Ok(Self { other, ..Self::default() }),
                Err(error) => none_or_unreadable.and(Err(read::cannot_read(base, id, error))),
            },
        }
    }

    fn read_directory(base: &Dir, id: &GroupId) -> Result<Self> {
        let bytes = read::read_bytes(base, id)?;
        let group = bytes.clone().map(|bytes| read::understand(base, id, bytes)).transpose()?;
        Ok(Self { group, bytes, other: None })
    }
}

impl Store {
    /// Applies the tasks at the front of a batch in memory, writes the result once, and then calls their callbacks. One
    /// that cannot be applied fails alone.
    fn write_together(&self, id: &GroupId, stored: &Stored, waiting: &mut VecDeque<Ready>, held: &Held) {
        let mut batch = Batch::new(id, &self.base, stored.group.clone(), stored.other.as_deref());
        while waiting.front().is_some_and(|ready| batch.takes(&ready.task))
            && let Some(ready) = waiting.pop_front()
        {
            batch.take(ready);
        }
        let Some((durability, group)) = batch.result() else {
            return batch.tell();
        };
        match group.and_then(|group| self.commit(id, stored, group.as_ref(), durability, held)) {
            Ok(None) => batch.tell(),
            Ok(Some(taken_out)) => {
                let deletion = batch.take_deletion();
                batch.tell();
                if let Some((reply, outcome)) = deletion {
                    remove_and_tell(taken_out, reply, outcome);
                }
            }
            Err(error) => {
                batch.fail(&error);
                batch.tell();
            }
        }
    }

    /// Stores a group in place of what is stored. Returns what is left to remove when there is no group any more.
    fn commit(
        &self,
        id: &GroupId,
        stored: &Stored,
        group: Option<&Document>,
        durability: Durability,
        held: &Held,
    ) -> Result<Option<PathBuf>> {
        let commit = Commit { base: &held.base, id, durability, confirmed: &self.confirmed };
        let text = group.map(|group| json::pretty(group.text()));
        match (text.as_deref().map(str::as_bytes), &stored.bytes) {
            (None, None) => Ok(None),
            (None, Some(_)) => self.take_out(id, durability, held).map(Some),
            (Some(new), Some(old)) if new == old => commit.confirm(&held.lock).map(|()| None),
            (Some(new), _) => commit.put(new, &held.lock).map(|()| None),
        }
    }

    fn take_out(&self, id: &GroupId, durability: Durability, held: &Held) -> Result<PathBuf> {
        self.confirmed.forget(id);
        self.swept.forget(id);
        delete::take_out(&held.base, id, durability, &held.lock)
    }

    /// Carries out tasks where the stored group cannot be read, up to a deletion: nothing else is allowed, and only when
    /// the group is this user's.
    fn meet_unreadable(&self, id: &GroupId, error: &Error, waiting: &mut VecDeque<Ready>, held: &Held) {
        while let Some(ready) = waiting.pop_front() {
            let Ready { task, durability, reply } = ready;
            if !matches!(task, Task::Write(Write::Delete { condition: Condition::None }))
                || !read::may_be_deleted(error)
            {
                reply.tell(Err(error.clone()));
                continue;
            }
            return match self.take_out(id, durability, held) {
                Ok(path) => remove_and_tell(path, reply, Ok(Written::Removed)),
                Err(error) => reply.tell(Err(error)),
            };
        }
    }
}

/// Removes what was taken out, which may take its time and needs no lock, and then acknowledges the deletion.
fn remove_and_tell(taken_out: PathBuf, reply: Reply<Written>, outcome: Result<Written>) {
    executor::run(move || {
        delete::remove(&taken_out);
        reply.tell(outcome);
    });
}

/// Time of the last search for the leftovers of each group.
#[derive(Default)]
struct Swept(Mutex<HashMap<GroupId, Instant>>);

impl Swept {
    /// Returns whether they have not been looked for in the last hour, and notes that they are now.
    fn is_due(&self, id: &GroupId) -> bool {
        const EVERY: Duration = Duration::from_secs(60 * 60);
        /// To look once too often costs little.
        const MOST_GROUPS: usize = 10_000;
        let mut swept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if swept.get(id).is_some_and(|last| now.duration_since(*last) <= EVERY) {
            return false;
        }
        if swept.len() >= MOST_GROUPS {
            swept.clear();
        }
        swept.insert(id.clone(), now);
        true
    }

    fn forget(&self, id: &GroupId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_looked_for_once_and_the_list_of_groups_stays_short() {
        let swept = Swept::default();
        for number in 0..25_000 {
            let id = GroupId::new(&format!("g{number}")).unwrap();
            assert!(swept.is_due(&id));
            assert!(!swept.is_due(&id));
        }
        assert!(swept.0.lock().unwrap().len() <= 10_000);
    }
}
